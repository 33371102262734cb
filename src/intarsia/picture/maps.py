"""Masks and maps: numbers in 0..1, from pictures and into them."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from intarsia.errors import OutputError
from intarsia.picture.atomic import atomic_write
from intarsia.picture.files import Source
from intarsia.picture.frames import MAX_PIXELS
from intarsia.picture.levels import scaled
from intarsia.picture.reading import any_levels
from intarsia.picture.targets import Target


def read_map(source: Source, *, max_pixels: int = MAX_PIXELS) -> Float[Tensor, "h w"]:
    """A mask or map in 0..1, from any source that `read` takes; 8 or 16 bits are kept.

    Gray counts as it is written (a map is numbers, so no color profile is applied), color by its luminance. Where
    there is transparency, transparent means 0: strokes painted on a transparent layer are a map. If the color is the
    same everywhere, the transparency alone is the map.
    """
    levels = any_levels(source, None, max_pixels)
    gray = _luminance(scaled(levels.color))
    if levels.alpha is not None:
        alpha = scaled(levels.alpha)
        if alpha.min() < 1:
            gray = alpha if (levels.color == levels.color[0, 0]).all() else gray * alpha
    return torch.from_numpy(np.ascontiguousarray(gray))


def write_map(target: Target, one_map: Float[Tensor, "h w"]) -> None:
    """Write a map (clamped to 0..1) as gray PNG, replaced as a whole like a picture: of 8 bits where these hold it
    exactly, as they do for hard masks, else of 16. `read_map` gets it back to 1/131,070. Raises OutputError."""
    if not bool(one_map.isfinite().all()):
        raise OutputError(f"{target}: the map holds values that are not finite, so nothing was written.")
    values = one_map.detach().clamp(0, 1).cpu().numpy().astype(np.float64)
    coarse = np.round(values * 255)
    exact = bool((np.abs(coarse / 255 - values) < 1e-6).all())
    gray = Image.fromarray(coarse.astype(np.uint8) if exact else np.round(values * 65535).astype(np.uint16))
    atomic_write(Path(target), lambda stream: gray.save(stream, "PNG"))


def _luminance(color: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w"]:
    r, g, b = color[:, :, 0], color[:, :, -1] if color.shape[2] == 1 else color[:, :, 1], color[:, :, -1]
    if (r == g).all() and (g == b).all():
        return r  # gray stays exact
    return (color @ np.array([0.2126, 0.7152, 0.0722], np.float32)).clip(0, 1)
