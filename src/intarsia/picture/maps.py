"""Masks, maps and label maps: from pictures, and into them."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image, PngImagePlugin
from torch import Tensor

from intarsia.errors import OutputError, PictureError, notice
from intarsia.picture.atomic import atomic_write
from intarsia.picture.files import Source, name_of
from intarsia.picture.frames import MAX_PIXELS
from intarsia.picture.levels import scaled
from intarsia.picture.masks import mask_of, shares_colors
from intarsia.picture.reading import MARK, MARKED, any_levels
from intarsia.picture.targets import Target

TOO_NEAR = 40 / 255  # for labels that went through JPEG or its like
TRANSPARENT = (254, 1, 253)  # the color of what is transparent in a label map; hardly anybody paints in it


def read_map(source: Source, *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Float[Tensor, "h w"]:
    """A mask or map in 0..1, from any source that `read` takes; 8 or 16 bits are kept.

    Gray counts as it is written (a map is numbers, so no color profile is applied), and so do floats that are handed
    over. Where a file says it in another way, by two values, by one color on black, by its transparency, that is found,
    with a Notice; see `picture/masks.py`. Raises PictureError where it is not plain what the mask is: for several
    classes or colors, and for a mask that would paint next to nothing."""
    levels = any_levels(source, frame, max_pixels)
    for text in levels.notices:
        notice(text)
    return torch.from_numpy(np.ascontiguousarray(mask_of(levels, name_of(source))))


def read_labels(source: Source, *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Float[Tensor, "3 h w"]:
    """A label map in flat colors, from any source that `read` takes: its levels as they are, without a color profile.

    What is transparent is a label of its own, of the color TRANSPARENT, with a Notice. A palette that has one color for
    several numbers is read as these numbers, in gray, with a Notice. Raises PictureError as `read` does, and for a map
    that is transparent everywhere."""
    levels = any_levels(source, frame, max_pixels)
    color = levels.color if levels.color.shape[2] == 3 else levels.color.repeat(3, 2)
    for text in levels.notices:
        notice(text)
    if levels.numbers is not None and shares_colors(levels.numbers, levels.color):
        color = levels.numbers[:, :, None].repeat(3, 2)
        notice(f"{name_of(source)}: its palette has one color for several numbers, so its numbers are the labels.")
    flat = scaled(color)
    if levels.lossy and 0 < (spread := float((flat.max((0, 1)) - flat.min((0, 1))).max())) <= TOO_NEAR:
        raise PictureError(
            f"{name_of(source)}: the colors of this label map differ by {round(255 * spread)} of 255 levels, and JPEG "
            "does not keep so small differences apart. Save it as PNG."
        )
    if levels.alpha is not None:
        _set_apart(flat, scaled(levels.alpha) < 0.5, name_of(source))
    return torch.from_numpy(np.ascontiguousarray(flat.transpose(2, 0, 1)))


def _set_apart(color: Float[np.ndarray, "h w 3"], hidden: Bool[np.ndarray, "h w"], name: str) -> None:
    if hidden.all():
        raise PictureError(f"{name}: this label map is transparent everywhere. Fill each region with one color.")
    if hidden.any():
        color[hidden] = np.array(TRANSPARENT, np.float32) / 255
        part = float(hidden.mean())
        if part >= 1e-3:  # else no label
            told = f"{100 * part:.2g} % of this label map is transparent, which is a label of its own, 'transparent'"
            notice(f"{name}: {told}.")


def write_map(target: Target, one_map: Float[Tensor, "h w"], depth: Literal[8, 16] | None = None) -> None:
    """Write a map (clamped to 0..1) as gray PNG, replaced as a whole like a picture: of 8 bits where these hold it
    exactly, as they do for hard masks, else of 16; or of `depth`. A text in the file says that its levels are shares,
    so that `read_map` gets it back, to 1/131,070 (1/510 in 8 bits), however faint it is. Raises OutputError."""
    if not bool(one_map.isfinite().all()):
        raise OutputError(f"{target}: the map holds values that are not finite, so nothing was written.")
    values = one_map.detach().clamp(0, 1).cpu().numpy().astype(np.float64)
    coarse = np.round(values * 255)
    exact = bool((np.abs(coarse / 255 - values) < 1e-6).all()) if depth is None else depth == 8
    gray = Image.fromarray(coarse.astype(np.uint8) if exact else np.round(values * 65535).astype(np.uint16))
    texts = PngImagePlugin.PngInfo()
    texts.add_text(MARK, MARKED)
    atomic_write(Path(target), lambda stream: gray.save(stream, "PNG", pnginfo=texts))
