"""A process that paints pictures of a batch, one after the other. Lines of JSON come in and go out.

In: first the setup (recipe, threads, form), then tasks (source, target, replace, output). Out: `ready`, or `fatal`
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
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch

from intarsia import picture, swatches
from intarsia.batch.pictures import CONTENT, Picture, with_own_masks
from intarsia.encoders import Encoder
from intarsia.errors import OutputError, UsageError, explained, listening
from intarsia.methods import Method
from intarsia.recipe import Files, Job, Recipe, Result
from intarsia.run import Done, Event, Form, Noticed, Run, Step
from intarsia.weights import Progress

EVERY = 0.3  # seconds between two messages of how far a picture is
Send = Callable[..., None]


class Task(NamedTuple):
    """target: the file to write; replace: whether one that is there may go; output: as in the batch's `Picture`."""

    source: str
    target: str
    replace: bool
    output: str = ""


class Painted(NamedTuple):
    """sum: sha256 of the file written; inputs: of the files read, by name, as in the recipe inside it."""

    sum: str
    inputs: dict[str, str]


@dataclass(frozen=True, eq=False)
class Painter:
    """What all pictures share: settings, the method with its networks, and the styles, read and encoded once."""

    recipe: Recipe
    method: Method
    encoder: Encoder
    files: Files
    form: Form

    @classmethod
    def open(cls, recipe: Recipe, form: Form | None = None, on_progress: Progress | None = None) -> "Painter":
        """recipe: with any content. Raises what reading styles and loading weights does."""
        files = Files(recipe, {})
        for name in recipe.styles:
            if name != CONTENT and swatches.parse(name) is None:  # whose size goes by the picture
                files.read(name)
        for name in recipe.style_map:
            files.labels(name)
        method = recipe.build_method()
        encoder = method.networks.load_encoder(on_progress)
        return cls(recipe, method, encoder, files, form or Form())

    def run(self, task: Task) -> Iterator[Event]:
        """Its events; the result is not yet saved."""
        recipe = with_own_masks(self.recipe, Picture(task.source, task.output))
        return Run(recipe, encoder=self.encoder, opened=partial(self._job, target=task.target))()

    def _job(self, recipe: Recipe, target: str) -> Job:
        """Raises OutputError where the target's format cannot hold the result, before it is painted."""
        job = Job.open(recipe, files=self.files, method=self.method)
        try:
            picture.check_size(target, job.size)
        except UsageError as error:  # of this picture alone
            raise OutputError(str(error)) from error
        self.form.tell_losses(target, job)
        return job

    def save(self, result: Result, task: Task) -> Painted:
        """Raises OutputError, also where a file has come that was not there when the batch began."""
        target = Path(task.target)
        if not task.replace and os.path.lexists(target):
            raise OutputError(f"{target} has appeared since the batch began. Move it away, or say `overwrite`.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{target.parent}: the folder cannot be made ({error.strerror}).") from error
        self.form.save_as(target, result)
        return Painted(hashlib.sha256(target.read_bytes()).hexdigest(), result.recipe.inputs)


def main() -> None:
    lines, send = connected()
    gone = threading.Event()
    inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=read_lines, args=(lines, inbox, gone), daemon=True).start()
    if (setup := inbox.get()) is None or (painter := _prepared(setup, send)) is None:
        return
    send("ready")
    while (message := inbox.get()) is not None:
        _paint(painter, Task(**message), send, gone)


def _prepared(setup: dict[str, Any], send: Send) -> Painter | None:
    torch.set_num_threads(setup["threads"])
    try:
        recipe, form = Recipe.from_json(setup["recipe"]), Form(**setup["form"])
        with listening(lambda text: None):  # who gathered the batch has read the styles too, and passed notices on
            return Painter.open(recipe, form, lambda done, total: send("download", bytes=done, total=total))
    except Exception as error:
        send("fatal", **_failure(error))
        return None


def _paint(painter: Painter, task: Task, send: Send, gone: threading.Event) -> None:
    began, sent, notices = time.monotonic(), time.monotonic(), []
    try:
        for event in painter.run(task):
            match event:
                case Step(frame):
                    if gone.is_set():
                        return
                    if time.monotonic() - sent > EVERY:
                        sent = time.monotonic()
                        send("step", part=frame.done)
                case Noticed(text):
                    notices.append(text)
                case Done(result):
                    with listening(lambda text: None):  # what is lost was told before
                        facts = painter.save(result, task)._asdict()
                    send("done", **facts, seconds=round(time.monotonic() - began, 2), notices=notices)
    except Exception as error:
        send("failed", **_failure(error), notices=notices)


def _failure(error: Exception) -> dict[str, Any]:
    """full: whether the next picture would fail like this one, for want of room."""
    known = explained(error)
    cause = error.__cause__
    full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    facts = {"kind": type(known).__name__, "message": " ".join(str(known).split()), "full": full}
    return facts | ({} if known is error else {"traceback": traceback.format_exception(error)})


def connected() -> tuple[BinaryIO, Send]:
    """The pipes to the batch; whatever else reads standard input finds nothing, and prints to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def send(event: str, **facts: Any) -> None:
        try:
            answers.write(json.dumps({"event": event} | facts).encode() + b"\n")
            answers.flush()
        except OSError:  # nobody reads them any more
            os._exit(1)

    return lines, send


def read_lines(lines: BinaryIO, inbox: "queue.Queue[dict[str, Any] | None]", gone: threading.Event) -> None:
    for line in lines:
        inbox.put(json.loads(line))
    gone.set()
    inbox.put(None)


if __name__ == "__main__":
    main()
