"""A process that paints pictures of a batch, one after the other. Lines of JSON come in and go out.

In: first the setup (recipe, threads, depth, quality), then tasks (source, target, replace). Out: `ready`, or `fatal`
where no picture could be painted at all; then for each task `step` now and then, and `done` or `failed`; `download` of
weights.

When nobody writes to it any more, it ends: at once if it is idle, else between two steps, with nothing half-written.
"""

import errno
import hashlib
import json
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch

from intarsia import picture, swatches
from intarsia.batch.remembering import Remembering
from intarsia.encoders import Encoder
from intarsia.engine import Frame
from intarsia.errors import IntarsiaError, OutputError, UsageError, explained, listening
from intarsia.recipe import Files, Job, Recipe
from intarsia.sizes import size_of
from intarsia.weights import Progress

EVERY = 0.3  # seconds between two messages of how far a picture is
Say = Callable[..., None]


class Task(NamedTuple):
    """target: the file to write; replace: whether one that is there may go."""

    source: str
    target: str
    replace: bool


class Painted(NamedTuple):
    """sum: sha256 of the file written; inputs: of the files read, by name, as in the recipe inside it."""

    sum: str
    inputs: dict[str, str]


@dataclass(frozen=True, eq=False)
class Painter:
    """What all pictures share: settings, the loaded encoder, and the styles, read and encoded once."""

    recipe: Recipe
    encoder: Encoder
    files: Files
    depth: int = 8
    quality: int = 95

    @classmethod
    def open(cls, recipe: Recipe, depth: int = 8, quality: int = 95, on_progress: Progress | None = None) -> "Painter":
        """recipe: with any content. Raises what reading styles and loading weights does."""
        files = Files(recipe, {})
        for name in (*recipe.styles, *recipe.style_map):
            if swatches.parse(name) is None:  # whose size goes by the picture
                files.read(name)
        encoder = Remembering.of(recipe.build_method().networks.load_encoder(on_progress))
        return cls(recipe, encoder, files, depth, quality)

    def job(self, source: str, target: str) -> Job:
        """Raises OutputError where the target's format cannot hold the result, before it is painted."""
        job = Job.open(self.recipe.model_copy(update={"content": source}), files=self.files)
        try:
            picture.check_size(target, size_of(job.content))
        except UsageError as error:  # of this picture alone
            raise OutputError(str(error)) from error
        return job

    def frames(self, job: Job) -> Iterator[Frame]:
        return job.frames(encoder=self.encoder)

    def save(self, job: Job, frame: Frame, task: Task) -> Painted:
        """Raises OutputError, also where a file has come that was not there when the batch began."""
        target = Path(task.target)
        if not task.replace and os.path.lexists(target):
            raise OutputError(f"{target} has appeared since the batch began. Move it away, or say --overwrite.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{target.parent}: the folder cannot be made ({error.strerror}).") from error
        job.result(frame).save(target, depth=self.depth, quality=self.quality)
        return Painted(hashlib.sha256(target.read_bytes()).hexdigest(), job.recipe.inputs)


def main() -> None:
    lines, say = _connected()
    gone = threading.Event()
    inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_hear, args=(lines, inbox, gone), daemon=True).start()
    if (setup := inbox.get()) is None or (painter := _prepared(setup, say)) is None:
        return
    say("ready")
    while (message := inbox.get()) is not None:
        _work(painter, Task(**message), say, gone)


def _prepared(setup: dict[str, Any], say: Say) -> Painter | None:
    torch.set_num_threads(setup["threads"])
    try:
        recipe = Recipe.from_json(setup["recipe"])
        with listening(lambda text: None):  # who gathered the batch has read the styles too, and told
            return Painter.open(
                recipe, setup["depth"], setup["quality"], lambda done, total: say("download", bytes=done, total=total)
            )
    except Exception as error:
        say("fatal", **_failure(error))
        return None


def _work(painter: Painter, task: Task, say: Say, gone: threading.Event) -> None:
    began, heard = time.monotonic(), []
    try:
        with listening(heard.append):
            painted = _painted(painter, task, say, gone)
    except Exception as error:
        say("failed", **_failure(error), notices=heard)
        return
    if painted is not None:
        say("done", **painted._asdict(), seconds=round(time.monotonic() - began, 2), notices=heard)


def _painted(painter: Painter, task: Task, say: Say, gone: threading.Event) -> Painted | None:
    """None if it was told to stop."""
    job, frame, told = painter.job(task.source, task.target), None, time.monotonic()
    for frame in painter.frames(job):
        if gone.is_set():
            return None
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            say("step", part=frame.done)
    assert frame is not None, "every method yields at least one frame"
    return painter.save(job, frame, task)


def _failure(error: Exception) -> dict[str, Any]:
    """full: whether the next picture would fail like this one, for want of room."""
    told = explained(error)
    cause = error.__cause__
    full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    facts = {"kind": type(told).__name__, "message": " ".join(str(told).split()), "full": full}
    unforeseen = not isinstance(error, IntarsiaError)
    return facts | ({"traceback": traceback.format_exception(error)} if unforeseen else {})


def _connected() -> tuple[BinaryIO, Say]:
    """The pipes to the batch; whatever else reads standard input finds nothing, and prints to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def say(event: str, **facts: Any) -> None:
        try:
            answers.write(json.dumps({"event": event} | facts).encode() + b"\n")
            answers.flush()
        except OSError:  # nobody listens any more
            os._exit(1)

    return lines, say


def _hear(lines: BinaryIO, inbox: "queue.Queue[dict[str, Any] | None]", gone: threading.Event) -> None:
    for line in lines:
        inbox.put(json.loads(line))
    gone.set()
    inbox.put(None)


if __name__ == "__main__":
    main()
