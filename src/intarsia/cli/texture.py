"""`intarsia texture`: noise becomes a texture like a picture's. The same job as `stylize`, on noise."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from intarsia.cli import as_typed
from intarsia.cli.stylize import RUN, ByName, Outputs, Shown, paint, value_of
from intarsia.errors import UsageError
from intarsia.methods import settings_of
from intarsia.methods.texture import QuickTexture, Texture
from intarsia.recipe import Recipe, checked

SETTINGS = Group("Settings of the method", sort_key=4)


def texture_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `texture` to the app, with the flags of the method that is asked for."""
    quick = value_of("--method", arguments) == "wct"
    kind = QuickTexture if quick else Texture

    def texture(
        *styles: str,
        method: Literal["gatys", "wct"] = "gatys",
        size: str = "512x512",
        style_scale: float = Recipe.model_fields["style_scale"].default,
        weight: Annotated[list[float], Parameter(show_default=False)] = [],  # noqa: B006 (never changed)
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        outputs: Annotated[Outputs, ByName],
        shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008
        settings: Annotated[kind, Parameter(name="*", group=SETTINGS)] = kind(),  # noqa: B008 # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Make a texture like that of a picture, of any size, out of noise.

        Parameters
        ----------
        styles
            The pictures whose texture it is: files, or `swatch:NAME[:SEED]`; several are mixed.
        method
            gatys for the better textures, wct for one in a seventh of the time, and for large ones.
        size
            Width and height in pixels, as 640x480.
        style_scale
            Size of what it is made of.
        weight
            Share of each picture in the mixture; one per style.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads; the same number gives the same picture, to the bit. When not given all of them, or one
            where the processor is busy.
        """
        if not styles:
            raise UsageError("no style was given. Give a picture, or a swatch such as swatch:starry.")
        if re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", size) is None:
            raise UsageError(f"--size is '{size}': write width and height as 640x480.")
        given = settings_of(settings)
        if quick:
            given.pop("seed", None)  # is told by the content
        data = {
            "content": f"noise:{size}:{settings.seed}",
            "size": max(map(int, size.split("x"))),
            "styles": list(styles),
            "style_scale": style_scale,
            "weight": weight,
            "max_pixels": max_pixels,
            "threads": threads,
            "method": method,
            "settings": given,
        }
        whole = checked("texture", Recipe, as_typed(data), UsageError)
        return paint(whole, outputs, shown)

    app.command(texture, name="texture")
