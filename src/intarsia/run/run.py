"""A run: a recipe is opened, painted and written, and each thing that happens is an event.

    for event in Run(recipe, Target(output="painted.png"))(stopping=asked.is_set):
        ...

The last event is `Done` or `Failed`. Who leaves the loop drops the run, with nothing written; who asks it to stop gets
the picture so far and a state to go on from. Runs in threads of one process do not mix.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path

import torch

from intarsia.encoders import Encoder, choose_device
from intarsia.engine import Frame, State
from intarsia.errors import DivergedError, OutputError, listening, notice
from intarsia.methods import METHODS
from intarsia.networks import Networks
from intarsia.recipe import Job, Recipe, Result
from intarsia.run.target import Target
from intarsia.run.threads import choose_threads, kept_threads


@dataclass(frozen=True)
class Download:
    """Of weights. done, total: bytes; None where the server does not tell."""

    done: int
    total: int | None


@dataclass(frozen=True, eq=False)
class Started:
    """All inputs are read and fit."""

    job: Job


@dataclass(frozen=True, eq=False)
class Step:
    """In a long step it comes again and again, and only `frame.done` has grown."""

    frame: Frame


@dataclass(frozen=True)
class Previewed:
    path: str


@dataclass(frozen=True)
class Kept:
    """The state to go on from is in this file."""

    path: Path


@dataclass(frozen=True)
class Noticed:
    """What a person should know though it went on; each text comes once. Settings stand in backticks."""

    text: str


@dataclass(frozen=True, eq=False)
class Done:
    """frame: the last one; finished: False if it was asked to stop before, and the result is the picture so far."""

    result: Result
    frame: Frame
    finished: bool


@dataclass(frozen=True, eq=False)
class Failed:
    """The error is raised next. `errors.explained` puts it in words."""

    error: Exception


Event = Download | Started | Step | Previewed | Kept | Noticed | Done | Failed


@dataclass(frozen=True, eq=False)
class Run:
    """Call it, and it yields events.

    recipe: with `threads`, which counts for the whole process. encoder: one that is loaded already; else the method
    loads its own. opened: how the job is opened, where styles or networks of an earlier one serve again."""

    recipe: Recipe
    target: Target = field(default_factory=Target)
    encoder: Encoder | None = None
    opened: Callable[[Recipe], Job] = Job.open

    def __call__(self, stopping: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """stopping: asked after each step, and between the parts of a long one."""
        return _with_notices(self._events(stopping))

    def _events(self, stopping: Callable[[], bool]) -> Iterator[Event]:
        self.target.check_paths(self.recipe)
        with self.target.claimed(), kept_threads() if self.recipe.threads is None else nullcontext():
            self._take_threads()
            job = self.opened(self.recipe)
            job.tell_size()
            state = self.target.prepare(job)
            yield Started(job)
            encoder = self.encoder or (yield from _loaded(job.method.networks))
            frame = yield from self._painted(job, state, encoder, stopping)
            if frame.step < frame.steps:
                yield from self._stopped(job, frame)
            else:
                yield from self._finished(job, frame)

    def _take_threads(self) -> None:
        if (threads := self.recipe.threads or self.target.threads_then()) is not None:
            torch.set_num_threads(threads)
        elif METHODS[self.recipe.method].takes_long and choose_device("auto").type == "cpu":
            choose_threads()

    def _painted(
        self, job: Job, state: State | None, encoder: Encoder, stopping: Callable[[], bool]
    ) -> Generator[Event, None, Frame]:
        """Gives the last frame."""
        frame, step, due = None, 0, time.monotonic() + self.target.keep_every
        try:
            for frame in job.frames(state, encoder):
                yield Step(frame)
                new, step = frame.step != step, frame.step
                if new and (preview := self.target.show(frame)) is not None:
                    yield Previewed(preview)
                if stopping():
                    return frame
                if new:
                    due = yield from self._kept_when(due, job, frame)
        except DivergedError as error:
            if frame is None:
                raise
            where = self.target.save_unfinished(job.result(frame))  # the last good picture is worth keeping
            raise DivergedError(f"{error} The last good step was {frame.step}; {where}.") from error
        assert frame is not None, "every method yields at least one frame"
        return frame

    def _kept_when(self, due: float, job: Job, frame: Frame) -> Generator[Event, None, float]:
        """Gives the time at which the next state is due. Keeping takes a twentieth of the time at most."""
        if (began := time.monotonic()) < due:
            return due
        yield from self._kept(job, frame)
        return began + max(self.target.keep_every, 20 * (time.monotonic() - began))

    def _kept(self, job: Job, frame: Frame) -> Generator[Event, None, bool]:
        if (path := self.target.keep(frame, job.recipe)) is None:
            return False
        yield Kept(path)
        return True

    def _stopped(self, job: Job, frame: Frame) -> Iterator[Event]:
        kept = yield from self._kept(job, frame)
        way_on = "the same again with `resume` goes on" if kept else "it cannot go on"
        result = job.result(frame)
        where = self.target.save_unfinished(result)
        notice(f"stopped at step {frame.step} of {frame.steps}; {where}, and {way_on}.")
        yield Done(result, frame, finished=False)

    def _finished(self, job: Job, frame: Frame) -> Iterator[Event]:
        result = job.result(frame)
        try:
            self.target.save(result)
        except OutputError:  # perhaps the state fits, and the work is not lost
            yield from self._kept(job, frame)
            raise
        self.target.drop_state()
        yield Done(result, frame, finished=True)


def _loaded(networks: Networks) -> Generator[Event, None, Encoder]:
    """The encoder. A download is reported by a call, which cannot yield, so it is loaded in a thread."""
    events: queue.SimpleQueue[Download | None] = queue.SimpleQueue()
    loaded: Future[Encoder] = Future()
    context = copy_context()  # in which this run listens to notices

    def load() -> None:
        try:
            loaded.set_result(context.run(networks.load_encoder, lambda done, total: events.put(Download(done, total))))
        except BaseException as error:
            loaded.set_exception(error)
        events.put(None)

    threading.Thread(target=load, daemon=True).start()
    while (event := events.get()) is not None:
        yield event
    return loaded.result()


def _with_notices(events: Iterator[Event]) -> Iterator[Event]:
    """Each notice as an event, ahead of the event after it, and a failure too. It listens only while `events` is at
    work, since between two events the context is that of whoever takes them."""
    heard: dict[str, None] = {}  # each once, in their order
    passed_on = 0
    with closing(events):  # pyright: ignore[reportArgumentType]
        while True:
            try:
                with listening(heard.setdefault):
                    event = next(events, None)
            except Exception as error:
                event = Failed(error)
            fresh = list(heard)[passed_on:]
            passed_on += len(fresh)
            yield from map(Noticed, fresh)
            if event is None:
                return
            yield event
            if isinstance(event, Failed):
                raise event.error
