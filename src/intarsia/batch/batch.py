"""A batch: what it has to do, and its doing."""

import hashlib
import json
import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from intarsia import __version__, errors, picture, swatches
from intarsia.batch.folder import check_folder, owned, sum_of
from intarsia.batch.ledger import NAME, History, Ledger, read_ledger
from intarsia.batch.pictures import CONTENT, Picture, fault_of, found_masks, is_of_each
from intarsia.batch.pool import Pool, Worker
from intarsia.errors import IntarsiaError, OutputError, PictureError, RecipeError, UsageError
from intarsia.large.memory import LIMIT, free_memory
from intarsia.methods import every_setting
from intarsia.recipe import Files, Recipe, differences
from intarsia.run import Form

TRIES = 2  # of a picture whose worker dies
STARTS = 3  # processes in a row that may die before they are ready
POLL_SECONDS = 0.2  # between two looks at whether to stop
COMMAND = (sys.executable, "-P", "-m", "intarsia.batch.painter")


@dataclass(frozen=True)
class Workload:
    """todo: what is to be painted; done: what is there already, whole and of these settings; replaced: results that are
    there and will be replaced; failing: what cannot be painted, as is known beforehand, and why."""

    todo: tuple[Picture, ...]
    done: tuple[Picture, ...] = ()
    replaced: frozenset[str] = frozenset()
    failing: Mapping[Picture, str] = field(default_factory=dict)


@checked_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Handling(Form):
    """How a batch is painted. Without `resume` and `overwrite` nothing that is there is touched."""

    format: str | None = None
    """Of all results: png, jpg, webp, tif, avif, bmp, ppm. When not given: as each input."""
    workers: Annotated[int, Field(ge=1)] = 1
    """Processes that paint at the same time, each with its share of the processor and its own memory."""
    resume: bool = False
    """Leave out what an earlier run has finished, and paint the rest."""
    overwrite: bool = False
    """Paint everything anew, and replace what is there."""


@dataclass(frozen=True)
class Event:
    """What has happened: start, begun, step, done, failed, died (its worker, and it is tried again), notice, download,
    or wait, when nothing has. part: of the whole run, 0..1."""

    kind: str
    part: float
    picture: Picture | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Many pictures painted by one recipe. Call it, and it yields events.

    recipe: with `CONTENT` as its content; recipe.threads: of each worker, None = the processor's, shared out. out: the
    folder of results."""

    recipe: Recipe
    pictures: Sequence[Picture]
    out: str
    handling: Handling = field(default_factory=Handling)
    command: Sequence[str] = COMMAND

    def target(self, one: Picture) -> str:
        return os.path.join(self.out, one.output)

    @property
    def workers(self) -> int:
        return min(self.handling.workers, len(self.pictures))

    @property
    def threads(self) -> int:
        return self.recipe.threads or max(1, torch.get_num_threads() // self.workers)

    # ---- before it starts ------------------------------------------------------------------------------------------

    def plan(self) -> Workload:
        """What a call would do. Raises UsageError and RecipeError where it would do harm: a result that is an input, or
        that is there already; results of other settings in the same folder."""
        resume, overwrite = self.handling.resume, self.handling.overwrite
        if resume and overwrite:
            raise UsageError("`resume` goes on, and `overwrite` starts anew. Give one of them.")
        self.handling.check(one.output for one in self.pictures)
        self._read_shared()
        self._spare_inputs()
        check_folder(self.out)
        history = read_ledger(Path(self.out) / NAME)
        if not overwrite:
            self._same_settings(history)
        done = [one for one in self.pictures if resume and self._is_done(one, history)]
        kept = set(done)
        todo = [one for one in self.pictures if one not in kept]
        there = [one for one in todo if os.path.lexists(self.target(one))]
        foreign = [one for one in there if not (overwrite or (resume and self._is_ours(one, history)))]
        if foreign:
            raise UsageError(self._is_there(foreign, history))
        failing = {one: why for one in todo if (why := fault_of(self.recipe, one)) is not None}
        return Workload(tuple(todo), tuple(done), frozenset(one.output for one in there), failing)

    def _read_shared(self) -> None:
        """So that what is wrong with a style, or is not there, comes out before anything is begun."""
        files = Files(self.recipe, {})
        for name in (*self.recipe.styles, *self.recipe.style_map):
            if name == "-":
                raise UsageError("standard input cannot be a style of a batch, which has many readers. Give a file.")
            if name != CONTENT and swatches.parse(name) is None:
                files.read(name)
        for name in self.recipe.model_copy(update={"settings": {}}).files():
            if not (is_of_each(name) or os.path.exists(picture.path_of(name))):
                raise PictureError(f"{name}: there is no such file or folder. Check the path.")

    def _spare_inputs(self) -> None:
        inputs = {os.path.realpath(picture.path_of(name)): name for name in self.recipe.files()}
        of_each = (name for one in self.pictures for name in (one.source, *found_masks(self.recipe, one)))
        inputs |= {os.path.realpath(picture.path_of(name)): name for name in of_each}
        for one in self.pictures:
            if (twin := inputs.get(os.path.realpath(self.target(one)))) is not None:
                raise UsageError(
                    f"{self.target(one)}: this is also the input {twin}, which the result would replace. Choose "
                    "another folder."
                )

    def _same_settings(self, history: History) -> None:
        if history.run is None or history.run.get("settings") == self.settings:
            return
        raise RecipeError(
            f"{self.out} holds results of other settings: {self._what_differs(history.run)}. Repeat those settings, "
            "choose another folder, or say `overwrite`."
        )

    def _what_differs(self, run: dict[str, Any]) -> str:
        form = self._form.items()
        differing = [f"{name} was {run.get(name)}, is {value}" for name, value in form if run.get(name) != value]
        with suppress(RecipeError, KeyError):
            then = Recipe.from_json(json.dumps(run["recipe"]))
            now = self.recipe.model_copy(update={"inputs": self._sums})
            aside: dict[str, None] = dict.fromkeys(_ASIDE)
            differing += differences(then.model_copy(update=aside), now.model_copy(update=aside))
        return "; ".join(differing[:3]) or "they were made by another version"

    def _is_done(self, one: Picture, history: History) -> bool:
        last = history.last.get(one.output, {})
        return (
            last.get("event") == "done"
            and last.get("sum") == sum_of(self.target(one))
            and last.get("key") == self.key(one, sum_of)
        )

    def _is_ours(self, one: Picture, history: History) -> bool:
        """Whether the file in the place of its result is of a batch. After a failure it may be anyone's, who put it
        there meanwhile, or an old one of ours, which is known by its sum."""
        event = history.last.get(one.output, {}).get("event", "failed")
        return event != "failed" or history.made.get(one.output, "none") == sum_of(self.target(one))

    def _is_there(self, foreign: Sequence[Picture], history: History) -> str:
        more = f", and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        ours = any(self._is_ours(one, history) for one in foreign)
        way_out = "`resume` goes on, and" if ours else "Choose another folder;"
        return f"{self.target(foreign[0])} is there already{more}. {way_out} `overwrite` replaces what is there."

    # ---- what decides the pictures ---------------------------------------------------------------------------------

    @cached_property
    def settings(self) -> str:
        """The sum of everything that decides the pictures beside their contents: names of files do not, what is in them
        does. Nor do the number of threads and the version, which change the rounding."""
        recipe = self.recipe.renamed(lambda name: self._sums.get(name, name) + name.removeprefix(picture.path_of(name)))
        data = recipe.model_dump(mode="json", exclude={*_ASIDE, "inputs"})
        data |= {"settings": every_setting(recipe.build_method()), "files": sorted(self._sums.values())} | self._form
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

    def key(self, one: Picture, sum_of: Callable[[str], str | None]) -> str:
        """What its result is made from: its own sha256 and those of its masks, by their names, and the settings."""
        content, *masks = map(sum_of, (one.source, *found_masks(self.recipe, one)))
        return hashlib.sha256(" ".join(map(str, (content, self.settings, *masks))).encode()).hexdigest()

    @cached_property
    def _sums(self) -> dict[str, str]:
        """Of every file that all pictures share."""
        sums = {name: sum_of(name) for name in self.recipe.files()}
        return {name: total for name, total in sums.items() if total is not None}

    @property
    def _form(self) -> dict[str, Any]:
        return {"format": self.handling.format} | self._form_of_each

    @property
    def _form_of_each(self) -> dict[str, Any]:
        return {field.name: getattr(self.handling, field.name) for field in fields(Form)}

    # ---- the run ---------------------------------------------------------------------------------------------------

    def __call__(self, stopping: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Paints what `plan` says. stopping: asked several times a second; once it says so, the pictures in work are
        finished and no more are begun.

        A picture that cannot be painted is an event; what would keep every picture from being painted is raised, as
        weights that are missing, a folder that cannot be written to, a full disk."""
        with owned(self.out):
            plan = self.plan()
            history = read_ledger(Path(self.out) / NAME)
            yield Event("start", 0.0, None, {"pictures": len(plan.todo), "done_before": len(plan.done)})
            if not plan.todo:
                return
            folders = {os.path.dirname(self.target(one)) for one in self.pictures}
            picture.sweep(folders)
            try:
                with Ledger(Path(self.out) / NAME, history.size) as ledger, self._pool() as pool:
                    yield from _Painting(self, plan, ledger, pool, stopping).events()
            finally:
                picture.sweep(folders)

    def _pool(self) -> Pool:
        setup = {"recipe": self.recipe.to_json(), "threads": self.threads, "form": self._form_of_each}
        free = free_memory(torch.device("cpu")) if self.workers > 1 else None
        share = {} if free is None else {LIMIT: str(free // self.workers)}
        return Pool(self.command, setup, self.workers, {"OMP_NUM_THREADS": str(self.threads)} | share)


_ASIDE = ("content", "version", "threads", "max_pixels")  # of a recipe: what does not decide how pictures are painted


class _Painting:
    """One call of a batch, on its way."""

    def __init__(self, batch: Batch, plan: Workload, ledger: Ledger, pool: Pool, stopping: Callable[[], bool]) -> None:
        self.batch, self.plan, self.ledger, self.pool, self.stopping = batch, plan, ledger, pool, stopping
        self.waiting = deque(plan.todo)
        self.tries: Counter[Picture] = Counter()
        self.parts: dict[Picture, float] = {}
        self.finished = 0
        self.failed_starts = 0
        self.has_begun = False
        self.full: str | None = None

    def events(self) -> Iterator[Event]:
        while self._goes_on() or self.pool.busy():
            if self._goes_on():
                self.pool.fill(len(self.waiting) + len(self.pool.busy()))
                yield from self._hand_out()
            answer = self.pool.next_answer(POLL_SECONDS)
            if answer is None:
                yield self._event("wait")
            else:
                yield from self._take(*answer)
        if self.full is not None:
            raise OutputError(f"{self.full} The batch ended there; the same again with `resume` goes on.")

    def _goes_on(self) -> bool:
        return bool(self.waiting) and self.full is None and not self.stopping()

    def _event(self, kind: str, one: Picture | None = None, facts: dict[str, Any] | None = None) -> Event:
        part = (self.finished + sum(self.parts.values())) / len(self.plan.todo)
        return Event(kind, part, one, facts or {})

    def _hand_out(self) -> Iterator[Event]:
        for worker in self.pool.idle():
            if not self.waiting:
                return
            if not self.has_begun:
                self._write_run()
            one = self.waiting.popleft()
            self.tries[one] += 1
            self.ledger.append("begun", input=one.source, output=one.output)
            replace = one.output in self.plan.replaced or self.tries[one] > 1
            worker.assign(one, one._asdict() | {"target": self.batch.target(one), "replace": replace})
            yield self._event("begun", one, {"worker": worker.process.pid})

    def _write_run(self) -> None:
        self.has_begun = True
        recipe = self.batch.recipe.model_copy(update={"inputs": self.batch._sums})
        self.ledger.append(
            "run",
            settings=self.batch.settings,
            version=__version__,
            workers=self.batch.workers,
            threads=self.batch.threads,
            **self.batch._form,
            recipe=json.loads(recipe.to_json()),
        )

    def _take(self, worker: Worker, message: dict[str, Any]) -> Iterator[Event]:
        kind, one = message.pop("event"), worker.task
        if kind == "ready":
            worker.ready, self.failed_starts = True, 0
        elif kind == "download":
            yield self._event("download", None, message)
        elif kind == "fatal":
            if not any(other.ready for other in self.pool.workers):
                raise _raised(message)
            yield self._event("notice", None, {"message": f"{message['message']} So one worker less is at work."})
        elif kind == "died":
            yield from self._report_death(worker, message["why"])
        elif one is not None and kind == "step":
            self.parts[one] = message["part"]
            yield self._event("step", one)
        elif one is not None:
            worker.task = None
            yield self._finish(kind, one, message)

    def _finish(self, kind: str, one: Picture, message: dict[str, Any]) -> Event:
        """Written into the ledger first."""
        self.finished += 1
        self.parts.pop(one, None)
        if message.pop("full", False):
            self.full = message["message"]
        if kind == "done":
            message["key"] = self.batch.key(one, message.pop("inputs").get)
        self.ledger.append(kind, input=one.source, output=one.output, **message)
        if message.get("kind") in ("UsageError", "WeightsError"):  # which no other picture will make right
            raise _raised(message)
        return self._event(kind, one, message)

    def _report_death(self, worker: Worker, why: str) -> Iterator[Event]:
        one = worker.task
        if one is None:
            self.failed_starts += not worker.ready
            if not worker.ready and any(other.ready for other in self.pool.workers):
                self.pool.count = len(self.pool.workers)  # those that could start do the rest
            elif self.failed_starts >= STARTS:
                lines = " ".join(list(worker.last_lines)[-3:])
                raise IntarsiaError(f"{STARTS} workers ended before they were ready ({why}). {lines}".strip())
            return
        self.parts.pop(one, None)
        if self.stopping() or self.tries[one] < TRIES:
            self.waiting.appendleft(one)
            self.ledger.append("died", input=one.source, output=one.output, why=why)
            yield self._event("died", one, {"why": why})
            return
        message = f"{one.source}: its worker died {self.tries[one]} times ({why}), perhaps for want of memory."
        message += " Try a smaller `size`" + (" or fewer `workers`." if self.batch.workers > 1 else ".")
        yield self._finish("failed", one, {"kind": "IntarsiaError", "message": message, "notices": []})


def _raised(message: dict[str, Any]) -> IntarsiaError:
    kind = getattr(errors, message["kind"], IntarsiaError)
    return kind(message["message"])
