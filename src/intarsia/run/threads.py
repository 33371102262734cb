"""How many threads a run takes where nobody said.

Threads wait for each other after every operation. Where another program takes a core, all of them together can be
slower than one alone: beside a program on both of two cores a picture took 3.5 times as long, and 1.9 times with one
thread."""

import contextlib
import threading
import time
from collections.abc import Iterator

import torch

from intarsia.encoders import load
from intarsia.errors import notice

SIDE = 224  # of the picture that is looked at: passes of a few ms, as most of a run's are
PASSES = 4  # by each number of threads, less one to warm up; the quickest counts
PLAIN = 0.8  # of the time of all threads, below which one is quicker beyond chance

# State of the module, which the house otherwise has none of: the number of threads is torch's, one for the whole
# process, so runs that know nothing of each other have to share what is known of it.
_lock, _counts = threading.Lock(), {"running": 0, "before": 0}


@contextlib.contextmanager
def kept_threads() -> Iterator[None]:
    """Within it the number of threads may change; when the last of those within it at a time is left, it is what it was
    before the first."""
    with _lock:
        if not _counts["running"]:
            _counts["before"] = torch.get_num_threads()
        _counts["running"] += 1
    try:
        yield
    finally:
        with _lock:
            _counts["running"] -= 1
            if not _counts["running"]:
                torch.set_num_threads(_counts["before"])


def choose_threads() -> None:
    """Sets torch's number of threads to one if that is quicker now; tells so. Takes a fifth of a second."""
    most = torch.get_num_threads()
    if most == 1:
        return
    alone, together = seconds(1), seconds(most)
    busy = alone < PLAIN * together
    torch.set_num_threads(1 if busy else most)
    if busy:
        notice(f"the processor is busy: 1 thread is quicker than {most} now, so this run takes one (`threads`).")


def seconds(threads: int) -> float:
    """Of a pass to the encoder's taps and back."""
    torch.set_num_threads(threads)
    encoder = load("compact", device="cpu")
    image, spent = torch.linspace(0, 1, 3 * SIDE * SIDE).view(3, SIDE, SIDE).requires_grad_(), []
    for _ in range(1 + PASSES):
        began = time.perf_counter()
        with torch.enable_grad():
            features = encoder(image, ["relu1_1", "relu4_1"])
            torch.stack([one.float().sum() for one in features.values()]).sum().backward()
        spent.append(time.perf_counter() - began)
    return min(spent[1:])
