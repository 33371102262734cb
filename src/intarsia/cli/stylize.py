"""`intarsia stylize`: its flags are the recipe's fields and those of the chosen method, read off once."""

import json
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from cyclopts import App, ArgumentCollection, Group, Parameter, Token

from intarsia import picture
from intarsia.cli import hand_back_memory, said
from intarsia.cli.flags import Typed
from intarsia.cli.progress import Interrupts, Reporter, notices, reporter
from intarsia.engine import Frame, State
from intarsia.errors import DivergedError, OutputError, UsageError, unknown
from intarsia.methods import METHODS
from intarsia.recipe import (
    Job,
    Recipe,
    Result,
    checked,
    load_state,
    maps_of_guide,
    read_recipe,
    save_state,
    settings_of,
    write_guide,
)
from intarsia.sizes import size_of

OUTPUT, PLACES, RUN = (Group(name, sort_key=i) for i, name in ((1, "Output"), (2, "Where and how much"), (5, "Run")))
Switch = Annotated[bool, Parameter(negative=(), show_default=False)]


@dataclass(frozen=True)
class Running:
    """What a run shows, and whether it goes on from an earlier one."""

    resume: Switch = False
    """Go on from the state that an interrupted run left beside the output, as OUTPUT.state."""
    json: Switch = False
    """One JSON event per line on standard output."""
    quiet: Switch = False
    """Notices and errors only."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where a run writes to, checked before it starts."""

    output: Annotated[str, Parameter(name=["--output", "-o"])]
    """Where to write; the suffix is the format: png, jpg, webp, tif, avif, bmp, ppm."""
    in_place: Switch = False
    """Allow the output to replace an input."""
    depth: int = 8
    """Bits per channel, 8 or 16 (png and tif)."""
    quality: int = 95
    """Of jpg, webp and avif, 1 to 100."""
    preview: str | None = None
    """Write the picture so far here."""
    every: int = 20
    """Steps between previews."""
    keep_every: float = 10.0
    """Seconds between the states that are kept in case the run is killed."""
    save_recipe: str | None = None
    """Write the recipe of this run as JSON, before it starts."""
    save_guide: str | None = None
    """Write the guide of this run as JSON, with its maps beside it as PNG, before it starts."""

    def __post_init__(self):
        for name in ("output", "preview", "save_recipe", "save_guide"):
            object.__setattr__(self, name, said(getattr(self, name)))

    @property
    def state(self) -> Path | None:
        return None if self.output == "-" else Path(f"{self.output}.state")

    def check(self, recipe: Recipe) -> None:
        """Raises what `picture.check_target` does, and UsageError for numbers that cannot be."""
        for name, value, least, most in (
            ("every", self.every, 1, 10**9),
            ("quality", self.quality, 1, 100),
            ("keep-every", self.keep_every, 0, 10**9),
        ):
            if not least <= value <= most:
                raise UsageError(f"--{name} is {value}; it must be {least} to {most}.")
        if self.depth not in (8, 16):
            raise UsageError(f"--depth is {self.depth}; it must be 8 or 16.")
        if (
            self.depth == 16
            and Path(self.output).suffix.lower() not in (".png", ".tif", ".tiff")
            and self.output != "-"
        ):
            raise UsageError(f"--depth 16 needs a png or tif output, and {self.output} is neither.")
        beside = {"save-recipe": self.save_recipe, "save-guide": self.save_guide}
        for name, value in (beside | {"preview": self.preview}).items():
            if value == "-":
                raise UsageError(f"--{name} needs a file; standard output is for the picture.")
        picture.check_target(self.output, recipe.files(), self.in_place)
        if self.preview is not None:
            picture.check_target(self.preview, recipe.files())
        taken = [*recipe.files(), self.output, *([] if self.preview is None else [self.preview])]
        for name, value in ((name, value) for name, value in beside.items() if value is not None):
            if _is_one_of(value, taken):
                raise UsageError(f"--{name} {value} would replace an input or another output. Choose another name.")
            taken.append(value)

    def check_guide(self, job: Job) -> None:
        """UsageError where a map of the guide that is to be written would replace an input or another output."""
        if self.save_guide is None:
            return
        others = [*job.recipe.files(), self.output, self.preview, self.save_recipe]
        for path in maps_of_guide(self.save_guide, len(job.guide.regions)):
            if _is_one_of(str(path), [name for name in others if name is not None]):
                raise UsageError(f"--save-guide {self.save_guide} would replace {path}. Choose another name.")

    def save(self, result: Result) -> None:
        result.save(self.output, depth=self.depth, quality=self.quality)

    def save_unfinished(self, result: Result) -> str:
        """Says where it is. What is there is not replaced if it is an input: going on from here would need it."""
        if _is_one_of(self.output, result.recipe.files()):
            return f"{self.output} is as it was, since it is an input too"
        self.save(result)
        return f"the picture so far is in {self.output}"

    def write_recipe(self, recipe: Recipe) -> None:
        """With paths relative to its own folder, where they will be looked for."""
        if self.save_recipe is not None:
            folder = os.path.dirname(self.save_recipe)
            told = recipe.renamed(lambda name: name if os.path.isabs(name) else os.path.relpath(name, folder or "."))
            picture.atomic_write(Path(self.save_recipe), (told.to_json() + "\n").encode())

    def write_guide(self, job: Job) -> None:
        """With its maps beside it."""
        if self.save_guide is not None:
            write_guide(self.save_guide, job.guide, job.styles)


def stylize_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `stylize` to the app, with the flags of the method that the arguments (or their recipe) name."""
    named = value_of("--recipe", arguments)
    base = None if named is None else read_recipe(named)
    method = value_of("--method", arguments) or (base.method if base else "gatys")
    if method not in METHODS:
        raise UsageError(unknown("method", method, METHODS))
    kind = METHODS[method]

    def stylize(
        content: str,
        /,
        *styles: str,
        size: int | None = None,
        start: str | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        method: str = method,
        recipe: str | None = None,
        guidance: Annotated[Typed, Parameter(name="*", group=PLACES)] = Typed(),  # noqa: B008
        outputs: Annotated[Outputs, Parameter(name="*", group=OUTPUT)],
        running: Annotated[Running, Parameter(name="*", group=RUN)] = Running(),
        settings: Annotated[kind, Parameter(name="*", group=Group(f"Settings of {method}", sort_key=4))] = kind(),  # noqa: B008 # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Paint CONTENT in the manner of STYLES.

        A style is a picture file or `swatch:NAME[:SEED]` (see `intarsia swatches`). Several styles are mixed, or,
        with masks, each region takes its own. `-` is standard input or output.

        Parameters
        ----------
        content
            The picture to paint.
        styles
            The pictures to take the manner from.
        size
            Long side of the result in pixels; by default 512 for gatys, the content's own for wct and adain.
        start
            A picture to begin with, in place of --init.
        frame
            Which picture of an animated or multi-page content, counted from 1.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads; the same number gives the same picture, to the bit.
        method
            How to paint.
        recipe
            Take everything that is not said here from this recipe, or from the recipe inside this picture. Paths in
            a recipe file are relative to that file, those inside a picture to the current folder.
        """
        data = guidance.model_dump() | {
            "content": content,
            "styles": list(styles),
            "size": size,
            "start": start,
            "frame": frame,
            "max_pixels": max_pixels,
            "threads": threads,
            "method": method,
            "settings": settings_of(settings),
            "inputs": base.inputs if base else {},
        }
        if not styles:
            raise UsageError("no style was given. Give a picture, or a swatch such as swatch:starry.")
        whole = checked("stylize", Recipe, {name: said(value) for name, value in data.items()}, UsageError)
        return paint(whole, outputs, running)

    app.command(stylize, name="stylize")
    if base is not None:
        app["stylize"].config = (filled_from(base),)


def paint(recipe: Recipe, outputs: Outputs, running: Running) -> int:
    """Runs a recipe to its file; gives the exit code. Ctrl-C keeps the picture so far and the state to go on from."""
    if running.json and outputs.output == "-":
        raise UsageError("--json and -o - both want standard output. Write the picture to a file.")
    if running.resume and outputs.state is None:
        raise UsageError("--resume needs an output file; standard output leaves no state beside it.")
    outputs.check(recipe)
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    with reporter(running.json, running.quiet) as report, notices(report), Interrupts() as interrupts:
        return _paint(recipe, outputs, report, interrupts, running.resume)


def _paint(recipe: Recipe, outputs: Outputs, report: Reporter, interrupts: Interrupts, resume: bool) -> int:
    began = time.monotonic()
    job = Job.open(recipe)
    state = _state(outputs, job, report) if resume else None
    picture.check_size(outputs.output, size_of(job.content))
    outputs.check_guide(job)
    outputs.write_recipe(job.recipe)
    outputs.write_guide(job)
    size = list(job.content.shape[:0:-1])
    report.start(content=recipe.content, styles=recipe.styles, size=size, method=recipe.method)
    frame, finished = _last_frame(job, outputs, report, interrupts, state)
    told = {"output": outputs.output, "steps": frame.step, "loss": frame.loss}
    if not finished:
        way_on = "the same again with --resume goes on" if _keep(outputs, frame, job, report) else "it cannot go on"
        where = outputs.save_unfinished(job.result(frame))
        report.notice(f"stopped at step {frame.step} of {frame.steps}; {where}, and {way_on}.")
        report.done(**told, seconds=_since(began), interrupted=True)
        return 130
    try:
        outputs.save(job.result(frame))
    except OutputError:  # perhaps the state fits, and the work is not lost
        _keep(outputs, frame, job, report)
        raise
    if outputs.state is not None:
        with suppress(OSError):
            outputs.state.unlink()
    report.done(**told, seconds=_since(began))
    return 0


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)


def _last_frame(
    job: Job, outputs: Outputs, report: Reporter, interrupts: Interrupts, state: State | None
) -> tuple[Frame, bool]:
    """The last frame, and whether it is the finished one."""
    frame, step, due = None, 0, time.monotonic() + outputs.keep_every
    try:
        encoder = job.method.load_encoder(report.download)
        for frame in job.frames(state, encoder):
            report.frame(frame)
            new, step = frame.step != step, frame.step  # in a long step a frame comes again and again
            if new:
                _preview(outputs, frame, report)
            if interrupts.asked:
                return frame, frame.step == frame.steps
            if new and (now := time.monotonic()) >= due:
                _keep(outputs, frame, job, report)
                spent = time.monotonic() - now
                due = now + max(outputs.keep_every, 20 * spent)  # keeping is to cost a twentieth at most
    except DivergedError as error:
        if frame is None:
            raise
        where = outputs.save_unfinished(job.result(frame))  # the last good picture is worth keeping
        raise DivergedError(f"{error} The last good step was {frame.step}; {where}.") from error
    assert frame is not None, "every method yields at least one frame"
    return frame, True


def _preview(outputs: Outputs, frame: Frame, report: Reporter) -> None:
    """What cannot be shown does not stop the painting."""
    if outputs.preview is None or (frame.step % outputs.every and frame.step != frame.steps):
        return
    try:
        picture.write(outputs.preview, frame.image.cpu())
    except OutputError as error:
        report.notice(str(error))


def _keep(outputs: Outputs, frame: Frame, job: Job, report: Reporter) -> bool:
    """Whether the state could be kept; a run goes on without."""
    if outputs.state is None:
        return False
    hand_back_memory()  # a state takes copies of the picture
    try:
        save_state(outputs.state, frame, job.recipe)
    except OutputError as error:
        report.notice(f"{error} So this run cannot be resumed.")
        return False
    return True


def _state(outputs: Outputs, job: Job, report: Reporter) -> State | None:
    assert outputs.state is not None
    if outputs.state.exists():
        return load_state(outputs.state, job.recipe)
    report.notice(f"there is no {outputs.state} to go on from, so the run starts anew.")
    return None


def _is_one_of(target: str, others: Iterable[str]) -> bool:
    return os.path.realpath(target) in {os.path.realpath(other) for other in others}


# ---- recipes as defaults -------------------------------------------------------------------------------------------


def value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """The value of a flag before the arguments are parsed, since it decides what the others are."""
    for i, argument in enumerate(arguments):
        if argument == flag and i + 1 < len(arguments):
            return arguments[i + 1]
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
    return None


def filled_from(recipe: Recipe, **others: str | list[str] | None):
    """A cyclopts configuration: every argument that was not given takes its value from the recipe, or from `others`,
    where a command has another name for one."""
    values = json.loads(recipe.to_json())
    values |= values.pop("settings", {})
    values |= others

    def fill(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        for argument in arguments:
            key = argument.name.lstrip("-").replace("-", "_").lower()
            value = values.get(key)
            if argument.tokens or value is None:
                continue
            many = value if isinstance(value, list) else [value]
            for index, item in enumerate(many):
                text = str(item).lower() if isinstance(item, bool) else str(item)
                argument.append(Token(keyword=argument.name, value=text, source="recipe", index=index))

    return fill
