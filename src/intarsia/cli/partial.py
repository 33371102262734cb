"""`intarsia partial`: a part of a picture is painted, in its own perspective. The job of `stylize`, on that part."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from cyclopts import App, Group, Parameter

from intarsia import picture
from intarsia.cli import as_typed
from intarsia.cli.flags import Typed
from intarsia.cli.stylize import PLACES, RUN, ByName, Outputs, Shown, asked_for, paint
from intarsia.errors import UsageError
from intarsia.methods import METHODS, settings_of
from intarsia.recipe import Job, Part, Recipe, Result, checked
from intarsia.sizes import size_of
from intarsia.types import Image

SHEET_HEIGHT, GAP = 320, 8  # pixels, of each picture on the sheet of the steps and between them
Many = Parameter(consume_multiple=True)
PART = Group("Which part", sort_key=0)


@dataclasses.dataclass(frozen=True)
class Telling:
    """Which part is painted, in one of three ways."""

    corners: Annotated[list[str], Many] = dataclasses.field(default_factory=list)
    """Four corners of something flat, a screen or a sheet of paper: X,Y X,Y X,Y X,Y, 0 to 1, in their order around, the
    first two along its upper edge. It is brought to a rectangle, painted there, and mapped back."""
    polygon: Annotated[list[str], Many] = dataclasses.field(default_factory=list)
    """Three points or more around it: X,Y X,Y X,Y ..."""
    flood: str | None = None
    """What hangs together with the point X,Y and has its color."""
    tolerance: float = Part.model_fields["tolerance"].default
    """How far colors may be from that of the point of --flood; 2 is hardly visible, 10 a shade, 100 all."""
    blend: str = Part.model_fields["blend"].default
    """How the edge blends: over (not at all), feather, poisson, pyramid, statistics."""
    feather: float = Part.model_fields["feather"].default
    """How far a feathered edge reaches to either side, in pixels of the result."""
    surround: str | None = None
    """A style for the rest of the picture, painted in the same run."""

    def data(self) -> dict[str, Any]:
        return as_typed(dataclasses.asdict(self))


def partial_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `partial` to the app, with the flags of the method that the arguments name."""
    _, method = asked_for(arguments)
    kind = METHODS[method]

    def partial(
        scene: str,
        /,
        *styles: str,
        telling: Annotated[Telling, Parameter(name="*", group=PART)] = Telling(),
        size: int | None = None,
        steps_sheet: str | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        method: str = method,
        guidance: Annotated[Typed, Parameter(name="*", group=PLACES)] = Typed(),  # noqa: B008
        outputs: Annotated[Outputs, ByName],
        shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008
        settings: Annotated[kind, Parameter(name="*", group=Group(f"Settings of {method}", sort_key=4))] = kind(),  # noqa: B008 # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Paint a part of SCENE in the manner of STYLES, and leave the rest.

        Say which part with --corners, --polygon or --flood. Masks and regions then are of that part. Beyond its edge
        not one pixel changes, unless --surround gives the rest a style too.

        Parameters
        ----------
        scene
            The picture.
        styles
            The pictures to take the manner from.
        size
            Long side of the result in pixels; by default that of SCENE. The part is painted as large as it is there.
        steps_sheet
            Write a sheet of the steps here: the scene with the part, the part, painted, put back, blended.
        frame
            Which picture of an animated or multi-page scene, counted from 1.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads; the same number gives the same picture, to the bit. When not given all of them, or one
            where the processor is busy.
        method
            How to paint.
        """
        data = guidance.model_dump() | {
            "content": scene,
            "styles": list(styles),
            "part": telling.data(),
            "size": size,
            "frame": frame,
            "max_pixels": max_pixels,
            "threads": threads,
            "method": method,
            "settings": settings_of(settings),
        }
        if not styles:
            raise UsageError("no style was given. Give a picture, or a swatch such as swatch:starry.")
        whole = checked("partial", Recipe, as_typed(data), UsageError)
        if steps_sheet is not None:
            picture.check_target(steps_sheet, whole.files())
            if os.path.realpath(steps_sheet) == os.path.realpath(outputs.output):
                raise UsageError(f"`steps_sheet` {steps_sheet} would replace the output. Choose another name.")

        def show_steps(job: Job, result: Result) -> None:
            if steps_sheet is not None:
                picture.write(steps_sheet, sheet(steps(job, result)))

        return paint(whole, outputs, shown, show_steps)

    app.command(partial, name="partial")


def steps(job: Job, result: Result) -> list[Image]:
    """The scene with the part's outline, the part, the part painted, put back, and blended."""
    assert job.area is not None, "`partial` has a part"
    area, painted = job.area, job.area.taken(result.image)
    gray = torch.full_like(area.scene, 0.5)
    alone = torch.where(area.cover > 0.5, area.placed(painted), gray)
    return [area.outlined(), area.content.image, painted, alone, result.image]


def sheet(pictures: Sequence[Image]) -> Image:
    """Beside each other, of the same height, on white."""
    shown = []
    for one in pictures:
        h, w = size_of(one)
        small = picture.resize(one, (SHEET_HEIGHT, max(1, round(w * SHEET_HEIGHT / h))))
        shown += [small, torch.ones(3, SHEET_HEIGHT, GAP)]
    return torch.cat(shown[:-1], -1)
