"""`intarsia doodle`: a label map becomes a painting. The same job as `stylize`, seen from the map."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Group, Parameter

from intarsia.cli import as_typed
from intarsia.cli.stylize import RUN, ByName, Outputs, Shown, paint, value_of
from intarsia.errors import UsageError
from intarsia.methods import settings_of
from intarsia.methods.doodle import Doodle, Patchwise
from intarsia.recipe import Recipe, checked

SETTINGS = Group("Settings of the painting", sort_key=4)


def doodle_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `doodle` to the app. With a photograph its shapes count by default, as in `stylize`; without, nothing but
    the map does."""
    kind = Doodle if value_of("--content", arguments) is None else Patchwise

    def doodle(
        map: str,
        /,
        *,
        style: list[str],
        style_map: list[str],
        content: str | None = None,
        size: int | None = None,
        style_scale: float = Recipe.model_fields["style_scale"].default,
        region: Annotated[list[str], Parameter(show_default=False)] = [],  # noqa: B006 (never changed)
        start: str | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        outputs: Annotated[Outputs, ByName],
        shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008
        settings: Annotated[kind, Parameter(name="*", group=SETTINGS)] = kind(),  # noqa: B008 # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Paint a doodle: a MAP in flat colors, each of which takes what has that color on the map of the style.

        Colors need not be exact: blended edges and the noise of JPEG go to the nearest color.

        Parameters
        ----------
        map
            The label map to paint: flat colors, as drawn in any paint program.
        style
            The painting to take from: a file, or `swatch:NAME[:SEED]`; repeatable.
        style_map
            Label map of that painting, in the same colors; one per style.
        content
            A photograph below the map, whose shapes are kept by --content-weight.
        size
            Long side of the result in pixels; by default 512.
        style_scale
            Size of the brushwork.
        region
            Settings of one color, as "#3a5f2c: scale=1.5 strength=0.8"; repeatable.
        start
            A picture to begin with, in place of --init.
        frame
            Which picture of an animated or multi-page content, counted from 1; without one, of the map.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads; the same number gives the same picture, to the bit. When not given all of them, or one
            where the processor is busy.
        """
        data = {
            "content": content or map,
            "styles": style,
            "content_map": map,
            "style_map": style_map,
            "size": size,
            "style_scale": style_scale,
            "region": region,
            "start": start,
            "frame": frame,
            "max_pixels": max_pixels,
            "threads": threads,
            "settings": settings_of(settings),
        }
        whole = checked("doodle", Recipe, as_typed(data), UsageError)
        return paint(whole, outputs, shown)

    app.command(doodle, name="doodle")
