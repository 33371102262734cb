"""How many threads a run takes where nobody said.

Threads wait for each other after every operation. Where another program takes a core, all of them together can be
slower than one alone: beside a program on both of two cores a picture took 3.5 times as long, and 1.9 times with one
thread."""

import statistics
import time

import torch

from intarsia.encoders import load
from intarsia.errors import notice

SIDE = 224  # of the picture that is looked at: passes of a few ms, as most of a run's are
PASSES = 3  # by each number of threads, less one to warm up


def choose_threads() -> None:
    """Sets torch's number of threads to one if that is quicker now; tells so. Takes a fifth of a second."""
    most = torch.get_num_threads()
    if most == 1:
        return
    alone, together = seconds(1), seconds(most)
    torch.set_num_threads(1 if alone < together else most)
    if alone < together:
        notice(f"the processor is busy: 1 thread is quicker than {most} now, so this run takes one (`threads`).")


def seconds(threads: int) -> float:
    """Of a pass to the encoder's taps and back."""
    torch.set_num_threads(threads)
    encoder = load("compact", device="cpu")
    image, spent = torch.rand(3, SIDE, SIDE), []
    for _ in range(1 + PASSES):
        began = time.perf_counter()
        features = encoder(image.requires_grad_(), ["relu1_1", "relu4_1"])
        torch.stack([one.float().sum() for one in features.values()]).sum().backward()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent[1:])
