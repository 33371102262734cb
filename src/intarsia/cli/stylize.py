"""`intarsia stylize`: its flags are the recipe's fields and those of the chosen method, read off once."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from cyclopts import App, ArgumentCollection, Parameter, Token

from intarsia import picture
from intarsia.cli.progress import Interrupts, Reporter, notices, reporter
from intarsia.engine import Frame, State
from intarsia.errors import DivergedError, MemoryLimitError, OutputError, RecipeError, UsageError, unknown
from intarsia.methods import METHODS
from intarsia.recipe import Job, Recipe, checked, load_state, save_state, settings_of

KEEP_EVERY = 10.0  # seconds between saved states


def stylize_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `stylize` to the app, with the flags of the method that the arguments (or their recipe) name."""
    recipe = _recipe_named(arguments)
    method = _value_of("--method", arguments) or (recipe.method if recipe else "gatys")
    if method not in METHODS:
        raise UsageError(unknown("method", method, METHODS))
    kind = METHODS[method]

    def stylize(
        content: str,
        /,
        *styles: str,
        output: Annotated[str, Parameter(name=["--output", "-o"], allow_leading_hyphen=True)],
        size: int = Recipe.model_fields["size"].default,
        weight: Annotated[list[float], Parameter(negative=())] = [],  # noqa: B006 (never changed)
        content_mask: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006
        style_mask: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006
        strength: Annotated[list[float], Parameter(negative=())] = [],  # noqa: B006
        style_scale: float = 1.0,
        start: str | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        method: str = method,
        recipe: Annotated[str | None, Parameter(name="--recipe")] = None,
        save_recipe: str | None = None,
        preview: str | None = None,
        every: int = 20,
        resume: Annotated[bool, Parameter(negative=())] = False,
        in_place: Annotated[bool, Parameter(negative=())] = False,
        depth: int = 8,
        quality: int = 95,
        json: Annotated[bool, Parameter(negative=())] = False,
        quiet: Annotated[bool, Parameter(negative=())] = False,
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
            How much each region is painted, 0 to 1; one per content mask.
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
            Take everything that is not said here from this recipe, or from the recipe inside this picture.
        save_recipe
            Write the recipe of this run as JSON.
        preview
            Write the picture so far here.
        every
            Steps between previews.
        resume
            Go on from the state that an interrupted run left beside the output.
        in_place
            Allow the output to replace an input.
        depth
            Bits per channel, 8 or 16 (png and tif).
        quality
            Of jpg, webp and avif, 1 to 100.
        json
            One JSON event per line on standard output.
        quiet
            No progress bar.
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
        }
        if not styles:
            raise UsageError("no style was given. Give a picture, or a swatch such as swatch:starry.")
        if json and output == "-":
            raise UsageError("--json and -o - both want standard output. Write the picture to a file.")
        for name, value, least, most in (("every", every, 1, 10**9), ("quality", quality, 1, 100)):
            if not least <= value <= most:
                raise UsageError(f"--{name} is {value}; it must be {least} to {most}.")
        whole = checked_usage(data)
        report = reporter(json, quiet)
        outputs = Outputs(output, preview, every, save_recipe, depth, quality, in_place)
        return paint(whole, outputs, report, resume=resume)

    app.command(stylize, name="stylize")
    if recipe is not None:
        app["stylize"].config = (_filled_from(recipe),)


class Outputs:
    """Where a run writes to, checked before it starts."""

    def __init__(
        self, output: str, preview: str | None, every: int, recipe: str | None, depth: int, quality: int, in_place: bool
    ):
        self.output, self.preview, self.every, self.recipe = output, preview, every, recipe
        self.depth, self.quality, self.in_place = depth, quality, in_place
        self.state = Path(f"{output}.state") if output != "-" else None

    def check(self, recipe: Recipe) -> None:
        inputs = [recipe.content, *recipe.styles, *recipe.content_mask, *recipe.style_mask, recipe.start]
        files = [name for name in inputs if name is not None and os.path.exists(name)]
        for target in (self.output, self.preview):
            if target is not None and target != "-":
                picture.check_target(target, files, self.in_place)
        if self.depth == 16 and Path(self.output).suffix.lower() not in (".png", ".tif", ".tiff"):
            raise UsageError("--depth 16 needs a png or tif output.")
        if self.depth not in (8, 16):
            raise UsageError(f"--depth is {self.depth}; it must be 8 or 16.")


def paint(
    recipe: Recipe, outputs: Outputs, report: Reporter, *, resume: bool = False, folder: Path | None = None
) -> int:
    """Runs a recipe to its file; gives the exit code. Ctrl-C keeps the picture so far and the state to go on from."""
    began = time.monotonic()
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    outputs.check(recipe)
    with notices(report), Interrupts() as interrupts:
        job = Job.open(recipe, folder)
        if outputs.recipe is not None:
            picture.atomic_write(Path(outputs.recipe), (job.recipe.to_json() + "\n").encode())
        report.start(
            content=recipe.content, styles=recipe.styles, size=list(job.content.shape[:0:-1]), method=recipe.method
        )
        frame, finished = _paint(job, outputs, report, interrupts, _state(outputs, job) if resume else None)
        result = job.result(frame)
        result.save(outputs.output, depth=outputs.depth, quality=outputs.quality)
        seconds = round(time.monotonic() - began, 2)
        if finished:
            if outputs.state is not None:
                outputs.state.unlink(missing_ok=True)
            report.done(output=outputs.output, seconds=seconds, steps=frame.step, loss=frame.loss)
            return 0
        _keep(outputs, frame, job)
        report.notice(f"stopped at step {frame.step} of {frame.steps}; --resume goes on from here.")
        report.done(output=outputs.output, seconds=seconds, steps=frame.step, loss=frame.loss, interrupted=True)
        return 130


def _paint(
    job: Job, outputs: Outputs, report: Reporter, interrupts: Interrupts, state: State | None
) -> tuple[Frame, bool]:
    """The last frame, and whether it is the finished one."""
    frame, kept = None, time.monotonic()
    try:
        for frame in job.frames(state):
            report.frame(frame)
            if outputs.preview is not None and (frame.step % outputs.every == 0 or frame.step == frame.steps):
                picture.write(outputs.preview, frame.image.cpu())
            if interrupts.asked:
                return frame, frame.step == frame.steps
            if time.monotonic() - kept > KEEP_EVERY:
                _keep(outputs, frame, job)
                kept = time.monotonic()
    except DivergedError as error:
        if frame is not None:  # the last good picture is worth keeping
            job.result(frame).save(outputs.output, depth=outputs.depth, quality=outputs.quality)
            raise DivergedError(f"{error} The last good picture is in {outputs.output}.") from error
        raise
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
            h, w = job.content.shape[-2:]
            raise MemoryLimitError(f"{w} x {h} did not fit into memory. Try a smaller --size.") from error
        raise
    assert frame is not None, "every method yields at least one frame"
    return frame, True


def _keep(outputs: Outputs, frame: Frame, job: Job) -> None:
    if outputs.state is None:
        return
    try:
        save_state(outputs.state, frame, job.recipe)
    except OutputError as error:
        raise OutputError(f"{error} The run cannot be resumed.") from error


def _state(outputs: Outputs, job: Job) -> State | None:
    if outputs.state is None:
        raise UsageError("--resume needs an output file; standard output leaves no state beside it.")
    return load_state(outputs.state, job.recipe) if outputs.state.exists() else None


def checked_usage(data: dict) -> Recipe:
    """A recipe from flags; what is wrong with it is a usage error here."""
    try:
        recipe = checked("stylize", lambda: Recipe(**data), Recipe)
    except RecipeError as error:
        raise UsageError(str(error)) from None
    return recipe


# ---- recipes as defaults -------------------------------------------------------------------------------------------


def read_recipe(name: str) -> Recipe:
    """From a JSON file, or from inside a picture."""
    data = Path(name).read_bytes() if os.path.isfile(name) else None
    if data is None:
        raise RecipeError(f"{name}: there is no such file. Give a recipe, or a picture that holds one.")
    if data.lstrip()[:1] == b"{":
        return Recipe.from_json(data.decode("utf-8", "replace"), name)
    text = picture.read_recipe(name)
    if text is None:
        raise RecipeError(f"{name} holds no recipe: it was not written by intarsia, or its metadata was removed.")
    return Recipe.from_json(text, f"the recipe in {name}")


def _recipe_named(arguments: Sequence[str]) -> Recipe | None:
    name = _value_of("--recipe", arguments)
    return None if name is None else read_recipe(name)


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
