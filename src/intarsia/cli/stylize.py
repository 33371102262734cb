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
from cyclopts import App, ArgumentCollection, Parameter, Token

from intarsia import picture
from intarsia.cli import said
from intarsia.cli.progress import Interrupts, Reporter, notices, reporter
from intarsia.engine import Frame, State
from intarsia.errors import DivergedError, MemoryLimitError, OutputError, UsageError, unknown
from intarsia.methods import METHODS
from intarsia.recipe import Job, Recipe, Result, checked, load_state, read_recipe, save_state, settings_of

Switch = Annotated[bool, Parameter(negative=(), show_default=False)]


def stylize_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `stylize` to the app, with the flags of the method that the arguments (or their recipe) name."""
    named = _value_of("--recipe", arguments)
    base = None if named is None else read_recipe(named)
    method = _value_of("--method", arguments) or (base.method if base else "gatys")
    if method not in METHODS:
        raise UsageError(unknown("method", method, METHODS))
    kind = METHODS[method]

    def stylize(
        content: str,
        /,
        *styles: str,
        output: Annotated[str, Parameter(name=["--output", "-o"])],
        size: int = Recipe.model_fields["size"].default,
        weight: Annotated[list[float], Parameter(show_default=False)] = [],  # noqa: B006 (never changed)
        content_mask: Annotated[list[str], Parameter(show_default=False)] = [],  # noqa: B006
        style_mask: Annotated[list[str], Parameter(show_default=False)] = [],  # noqa: B006
        strength: Annotated[list[float], Parameter(show_default=False)] = [],  # noqa: B006
        style_scale: float = 1.0,
        start: str | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        method: str = method,
        recipe: str | None = None,
        save_recipe: str | None = None,
        preview: str | None = None,
        every: int = 20,
        resume: Switch = False,
        keep_every: float = 10.0,
        in_place: Switch = False,
        depth: int = 8,
        quality: int = 95,
        json: Switch = False,
        quiet: Switch = False,
        settings: Annotated[kind, Parameter(name="*", group=f"Settings of {method}")] = kind(),  # noqa: B008 # pyright: ignore[reportInvalidTypeForm]
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
        output
            Where to write; the suffix is the format: png, jpg, webp, tif, avif, bmp, ppm.
        size
            Long side of the result in pixels.
        weight
            Share of each style in the mixture; one per style.
        content_mask
            White where a region is, soft in between; repeatable, one per region.
        style_mask
            Which part of its style that region takes; repeatable, one per content mask.
        strength
            How much is painted, 0 to 1; one for all, or one per content mask.
        style_scale
            Size of the brushwork.
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
        save_recipe
            Write the recipe of this run as JSON, before it starts.
        preview
            Write the picture so far here.
        every
            Steps between previews.
        resume
            Go on from the state that an interrupted run left beside the output, as OUTPUT.state.
        keep_every
            Seconds between the states that are kept in case the run is killed.
        in_place
            Allow the output to replace an input.
        depth
            Bits per channel, 8 or 16 (png and tif).
        quality
            Of jpg, webp and avif, 1 to 100.
        json
            One JSON event per line on standard output.
        quiet
            Notices and errors only.
        """
        data = {
            "content": content,
            "styles": list(styles),
            "weight": weight,
            "content_mask": content_mask,
            "style_mask": style_mask,
            "strength": strength,
            "style_scale": style_scale,
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
        outputs = Outputs(
            output=said(output),
            depth=depth,
            quality=quality,
            in_place=in_place,
            preview=said(preview),
            every=every,
            keep_every=keep_every,
            recipe=said(save_recipe),
        )
        whole = checked("stylize", Recipe, {name: said(value) for name, value in data.items()}, UsageError)
        return paint(whole, outputs, json=json, quiet=quiet, resume=resume)

    app.command(stylize, name="stylize")
    if base is not None:
        app["stylize"].config = (_filled_from(base),)


@dataclass(frozen=True)
class Outputs:
    """Where a run writes to, checked before it starts."""

    output: str
    depth: int = 8
    quality: int = 95
    in_place: bool = False
    preview: str | None = None
    every: int = 20
    keep_every: float = 10.0
    recipe: str | None = None

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
        for name, value in (("preview", self.preview), ("save-recipe", self.recipe)):
            if value == "-":
                raise UsageError(f"--{name} needs a file; standard output is for the picture.")
        picture.check_target(self.output, recipe.files(), self.in_place)
        if self.preview is not None:
            picture.check_target(self.preview, recipe.files())
        if self.recipe is not None and _is_one_of(self.recipe, [*recipe.files(), self.output]):
            raise UsageError(f"--save-recipe {self.recipe} would replace a picture. Choose another name.")

    def save(self, result: Result) -> None:
        result.save(self.output, depth=self.depth, quality=self.quality)

    def save_unfinished(self, result: Result) -> str:
        """Says where it is. What is there is not replaced if it is an input: going on from here would need it."""
        if _is_one_of(self.output, result.recipe.files()):
            return f"{self.output} is as it was, since it is an input too"
        self.save(result)
        return f"the picture so far is in {self.output}"

    def save_recipe(self, recipe: Recipe) -> None:
        """With paths relative to its own folder, where they will be looked for."""
        if self.recipe is not None:
            folder = os.path.dirname(self.recipe)
            told = recipe.renamed(lambda name: name if os.path.isabs(name) else os.path.relpath(name, folder or "."))
            picture.atomic_write(Path(self.recipe), (told.to_json() + "\n").encode())


def paint(recipe: Recipe, outputs: Outputs, *, json: bool, quiet: bool, resume: bool) -> int:
    """Runs a recipe to its file; gives the exit code. Ctrl-C keeps the picture so far and the state to go on from."""
    if json and outputs.output == "-":
        raise UsageError("--json and -o - both want standard output. Write the picture to a file.")
    if resume and outputs.state is None:
        raise UsageError("--resume needs an output file; standard output leaves no state beside it.")
    outputs.check(recipe)
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    with reporter(json, quiet) as report, notices(report), Interrupts() as interrupts:
        try:
            return _paint(recipe, outputs, report, interrupts, resume)
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
                raise MemoryLimitError("the picture did not fit into memory. Try a smaller --size.") from error
            raise


def _paint(recipe: Recipe, outputs: Outputs, report: Reporter, interrupts: Interrupts, resume: bool) -> int:
    began = time.monotonic()
    job = Job.open(recipe)
    state = _state(outputs, job, report) if resume else None
    outputs.save_recipe(job.recipe)
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
    frame, due = None, time.monotonic() + outputs.keep_every
    try:
        encoder = job.method.load_encoder(report.download)
        for frame in job.frames(state, encoder):
            report.frame(frame)
            _preview(outputs, frame, report)
            if interrupts.asked:
                return frame, frame.step == frame.steps
            if (now := time.monotonic()) >= due:
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


def _value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """The value of a flag before the arguments are parsed, since it decides what the others are."""
    for i, argument in enumerate(arguments):
        if argument == flag and i + 1 < len(arguments):
            return arguments[i + 1]
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
    return None


def _filled_from(recipe: Recipe):
    """A cyclopts configuration: every argument that was not given takes its value from the recipe."""
    values = json.loads(recipe.to_json())
    values |= values.pop("settings", {})

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
