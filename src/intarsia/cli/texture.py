"""`intarsia texture`: noise becomes a texture like a picture's. The same job as `stylize --method wct`, on noise."""

import re
from typing import Annotated

from cyclopts import Group, Parameter

from intarsia.cli import as_typed
from intarsia.cli.stylize import RUN, ByName, Outputs, Shown, paint
from intarsia.errors import UsageError
from intarsia.methods import settings_of
from intarsia.methods.texture import Texture
from intarsia.recipe import Recipe, checked

SETTINGS = Group("Settings of the transform", sort_key=4)


def texture(
    *styles: str,
    size: str = "512x512",
    seed: int = 0,
    style_scale: float = Recipe.model_fields["style_scale"].default,
    weight: Annotated[list[float], Parameter(show_default=False)] = [],  # noqa: B006 (never changed)
    max_pixels: int = Recipe.model_fields["max_pixels"].default,
    threads: int | None = None,
    outputs: Annotated[Outputs, ByName],
    shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008
    settings: Annotated[Texture, Parameter(name="*", group=SETTINGS)] = Texture(),  # noqa: B008
) -> int:
    """Make a texture like that of a picture, of any size, out of noise.

    Parameters
    ----------
    styles
        The pictures whose texture it is: files, or `swatch:NAME[:SEED]`; several are mixed.
    size
        Width and height in pixels, as 640x480.
    seed
        Of the noise: another one gives another texture of the kind.
    style_scale
        Size of what it is made of.
    weight
        Share of each picture in the mixture; one per style.
    max_pixels
        Refuse pictures with more pixels than this.
    threads
        Processor threads; the same number gives the same picture, to the bit.
    """
    if not styles:
        raise UsageError("no style was given. Give a picture, or a swatch such as swatch:starry.")
    if re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", size) is None or seed < 0:
        raise UsageError(f"--size is '{size}' and --seed {seed}: write width and height as 640x480, a seed from 0 on.")
    data = {
        "content": f"noise:{size}:{seed}",
        "styles": list(styles),
        "style_scale": style_scale,
        "weight": weight,
        "max_pixels": max_pixels,
        "threads": threads,
        "method": "wct",
        "settings": settings_of(settings),
    }
    whole = checked("texture", Recipe, as_typed(data), UsageError)
    return paint(whole, outputs, shown)
