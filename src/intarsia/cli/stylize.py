"""`intarsia stylize`: its flags are the recipe's fields, those of a run's target and those of the chosen method."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal

from cyclopts import App, ArgumentCollection, Group, Parameter, Token
from pydantic.dataclasses import dataclass

from intarsia.cli import as_typed
from intarsia.cli.flags import Typed
from intarsia.cli.progress import Interrupts, Reporter, reporter
from intarsia.errors import UsageError, unknown
from intarsia.methods import METHODS, Deform, settings_of
from intarsia.networks import Networks
from intarsia.recipe import Job, Recipe, Result, checked, read_recipe
from intarsia.run import Done, Download, Event, Noticed, Run, Started, Step, Target

OUTPUT, PLACES, RUN = (Group(name, sort_key=i) for i, name in ((1, "Output"), (2, "Where and how much"), (5, "Run")))
MethodName: Any = Literal[tuple(METHODS)]
Parameter(name="*")(Networks)  # flags among those of the method
Unlisted = Parameter(show_choices=False)  # toy, which is among the encoders, is for tests; the help names the others
Networks.__annotations__["encoder"] = Annotated[Networks.__annotations__["encoder"], Unlisted]
PairsFile = Parameter(n_tokens=1, metavar="FILE", show_default=False)
Deform.__annotations__["points"] = Annotated[Deform.__annotations__["points"], PairsFile]
Switch = Annotated[bool, Parameter(negative=(), show_default=False)]
ByName = Parameter(name="*", group=OUTPUT, negative=(), show_default=lambda value: value or None)


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a run shows."""

    json: Switch = False
    """One JSON event per line on standard output."""
    quiet: Switch = False
    """Notices and errors only."""


@dataclass(frozen=True, kw_only=True)
class Outputs(Target):
    """A target whose output must be given."""

    output: Annotated[str, Parameter(name=["--output", "-o"])] = dataclasses.field()
    """Where to write; the suffix is the format: png, jpg, webp, tif, avif, bmp, ppm."""


def stylize_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `stylize` to the app, with the flags of the method that the arguments (or their recipe) name."""
    base, method = asked_for(arguments)
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
        method: MethodName = method,  # pyright: ignore[reportInvalidTypeForm]
        recipe: str | None = None,
        guidance: Annotated[Typed, Parameter(name="*", group=PLACES)] = Typed(),  # noqa: B008
        outputs: Annotated[Outputs, ByName],
        shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),
        settings: Annotated[kind, Parameter(name="*", group=Group(f"Settings of {method}", sort_key=4))] = kind(),  # noqa: B008 # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Paint CONTENT in the manner of STYLES.

        A style is a picture file, `swatch:NAME[:SEED]` (see `intarsia swatches`), or a network that `intarsia train`
        wrote. Several styles are mixed, or, with masks, each region takes its own. `-` is standard input or output.

        Parameters
        ----------
        content
            The picture to paint.
        styles
            The pictures to take the manner from.
        size
            Long side of the result in pixels; by default 512 for gatys, the content's own for wct, adain and fast.
        start
            A picture to begin with, in place of --init.
        frame
            Which picture of an animated or multi-page content, counted from 1. In any file it is told by its name, as
            in scan.tif#2.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads; the same number gives the same picture, to the bit. When not given all of them, or one
            where the processor is busy.
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
            "paste": base.paste if base else None,
            "part": base.part if base else None,
        }
        if not styles:
            raise UsageError("no style was given. Give a picture, or a swatch such as swatch:starry.")
        whole = checked("stylize", Recipe, as_typed(data), UsageError)
        return paint(whole, outputs, shown)

    app.command(stylize, name="stylize")
    if base is not None:
        app["stylize"].config = (filled_from(base),)


def paint(
    recipe: Recipe, outputs: Outputs, shown: Shown, show: Callable[[Job, Result], None] = lambda job, result: None
) -> int:
    """Runs a recipe to its file; gives the exit code. Ctrl-C keeps the picture so far and the state to go on from.
    show: is called with what was painted."""
    target = Target(**as_typed(dataclasses.asdict(outputs)))
    if shown.json and target.output == "-":
        raise UsageError("--json and -o - both want standard output. Write the picture to a file.")
    with reporter(shown.json, shown.quiet) as report, Interrupts() as interrupts:
        finished = _show(Run(recipe, target)(lambda: interrupts.asked), report, target.output, show)
    return 0 if finished else 130


def _show(events: Iterator[Event], report: Reporter, output: str | None, show: Callable[[Job, Result], None]) -> bool:
    """Whether the run was finished."""
    job = None
    began, finished = time.monotonic(), False
    for event in events:
        match event:
            case Download(done, total):
                report.download(done, total)
            case Started(job):
                recipe, size = job.recipe, list(job.size[::-1])
                report.start(content=recipe.content, styles=recipe.styles, size=size, method=recipe.method)
            case Step(frame):
                report.frame(frame)
            case Noticed(text):
                report.notice(text)
            case Done(result, frame, finished):
                assert job is not None, "it has started"
                show(job, result)
                facts = {"steps": frame.step, "loss": frame.loss, "seconds": round(time.monotonic() - began, 2)}
                report.done(output=output, **facts, **({} if finished else {"interrupted": True}))
    return finished


# ---- recipes as defaults -------------------------------------------------------------------------------------------


def asked_for(arguments: Sequence[str]) -> tuple[Recipe | None, str]:
    """The recipe and the method that the arguments name, before they are parsed, since these decide what flags there
    are."""
    named = value_of("--recipe", arguments)
    base = None if named is None else read_recipe(named)
    method = value_of("--method", arguments) or (base.method if base else "gatys")
    if method not in METHODS:
        raise UsageError(unknown("method", method, METHODS))
    return base, method


def value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """What a flag is given, before the arguments are parsed; None where it is not."""
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
