"""`intarsia deform`: paints, and bends the picture toward the shapes of the style. The job of `stylize`, with pictures
that show the warp."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Group, Parameter

from intarsia import picture
from intarsia.cli import as_typed
from intarsia.cli.flags import Typed
from intarsia.cli.stylize import PLACES, RUN, ByName, Outputs, Shown, filled_from, paint, value_of
from intarsia.errors import UsageError
from intarsia.geometry import sample
from intarsia.methods import Deform, settings_of
from intarsia.methods.deform import Bent
from intarsia.recipe import Job, Recipe, Result, checked, read_recipe
from intarsia.sizes import size_of
from intarsia.survey import warp_shown

SETTINGS = Group("Settings of the warp and of the painting", sort_key=4)
SHOWING = Group("Pictures of the warp", sort_key=2)
MOVED, SIDE = 20, 512  # pictures of an animation from the content to the result, and their long side
PAUSE, BEAT = 1200, 60  # milliseconds that the first and the last are shown, and the others


@dataclasses.dataclass(frozen=True)
class Showing:
    """What is written beside the result."""

    unwarped: str | None = None
    """The painting before it is bent."""
    warped_content: str | None = None
    """The content bent, and not painted."""
    grid: str | None = None
    """Both under a grid, straight and bent, with the points and the ways that they have come."""
    animation: str | None = None
    """From the content to the result and back: .webp or .gif."""

    def check(self, sources: Sequence[str], output: str, in_place: bool) -> None:
        """UsageError and OutputError for what cannot be written, before anything is painted."""
        targets = [name for name in (self.unwarped, self.warped_content, self.grid) if name is not None]
        for name in targets:
            picture.check_target(name, sources, in_place)
        if self.animation is not None:
            picture.check_animation(self.animation, sources, in_place)
            targets.append(self.animation)
        every = [os.path.realpath(name) for name in (output, *targets)]
        for name in targets:
            if every.count(os.path.realpath(name)) > 1:
                raise UsageError(f"{name} is named twice among the outputs. Give each a name of its own.")

    def write(self, job: Job, result: Result) -> None:
        frame = result.frame
        assert isinstance(frame, Bent), "it was painted by `deform`"
        if size_of(frame.image) != size_of(job.content):
            return  # it was stopped at a coarse size, and nothing is to be seen yet
        if self.unwarped is not None:
            picture.write(self.unwarped, frame.unwarped)
        if self.warped_content is not None:
            picture.write(self.warped_content, sample(job.content, frame.grid, "bicubic").clamp(0, 1))
        if self.grid is not None:
            picture.write(self.grid, warp_shown(job.content, frame.image, frame.grid, frame.ways.points))
        if self.animation is not None:
            size = picture.fit(*size_of(frame.image), min(SIDE, max(size_of(frame.image))))
            going = [picture.resize(frame.on_the_way(job.content, i / MOVED), size) for i in range(MOVED + 1)]
            times = [PAUSE, *[BEAT] * (MOVED - 1), PAUSE, *[BEAT] * (MOVED - 1)]
            picture.write_animation(self.animation, [*going, *going[-2:0:-1]], times)


def deform_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `deform` to the app."""
    named = value_of("--recipe", arguments)
    base = None if named is None else read_recipe(named)

    def deform(
        content: str,
        /,
        *styles: str,
        size: int | None = None,
        start: str | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        recipe: str | None = None,
        showing: Annotated[Showing, Parameter(name="*", group=SHOWING)] = Showing(),
        guidance: Annotated[Typed, Parameter(name="*", group=PLACES)] = Typed(),  # noqa: B008
        outputs: Annotated[Outputs, ByName],
        shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008
        settings: Annotated[Deform, Parameter(name="*", group=SETTINGS)] = Deform(),  # noqa: B008
    ) -> int:
        """Paint CONTENT in the manner of STYLES, and bend it toward their shapes.

        Which point of CONTENT belongs to which of a style is found, or read from a file of --points, which
        `intarsia points` writes and you can edit. Look at the warp with --grid.

        Parameters
        ----------
        content
            The picture to paint and bend.
        styles
            The pictures to take manner and shapes from.
        size
            Long side of the result in pixels; by default 512.
        start
            A picture to begin with.
        frame
            Which picture of an animated or multi-page content, counted from 1.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads; the same number gives the same picture, to the bit. When not given all of them, or one
            where the processor is busy.
        recipe
            Take everything that is not said here from this recipe, or from the recipe inside this picture.
        """
        data = guidance.model_dump() | {
            "content": content,
            "styles": list(styles),
            "size": size,
            "start": start,
            "frame": frame,
            "max_pixels": max_pixels,
            "threads": threads,
            "method": "deform",
            "settings": settings_of(settings),
        }
        if not styles:
            raise UsageError("no style was given. Give a picture, or a swatch such as swatch:starry.")
        whole = checked("deform", Recipe, as_typed(data), UsageError)
        showing.check(whole.files(), outputs.output, outputs.in_place)
        return paint(whole, outputs, shown, showing.write)

    app.command(deform, name="deform")
    if base is not None:
        app["deform"].config = (filled_from(base),)
