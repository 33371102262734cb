"""Procedural paintings to take a style from: `intarsia stylize photo.jpg swatch:starry`.

Each is painted by code alone, in layers as a painter would: masses, strokes from big to small, relief, light, paper.
"""

import re
from collections.abc import Callable

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import UsageError, unknown
from intarsia.swatches.cubist import cubist
from intarsia.swatches.glass import glass
from intarsia.swatches.impasto import impasto
from intarsia.swatches.ink import ink
from intarsia.swatches.mosaic import mosaic
from intarsia.swatches.pointillism import pointillism
from intarsia.swatches.scream import scream
from intarsia.swatches.starry import starry
from intarsia.swatches.watercolor import watercolor
from intarsia.swatches.woodcut import woodcut

Painter = Callable[[np.random.Generator, tuple[int, int]], Float[np.ndarray, "h w 3"]]

SWATCHES: dict[str, Painter] = {
    "cubist": cubist,
    "glass": glass,
    "impasto": impasto,
    "ink": ink,
    "mosaic": mosaic,
    "pointillism": pointillism,
    "scream": scream,
    "starry": starry,
    "watercolor": watercolor,
    "woodcut": woodcut,
}


def paint(name: str, size: tuple[int, int] = (512, 512), seed: int = 0) -> Float[Tensor, "3 h w"]:
    """The painting `name` at (h, w), sRGB 0..1; the same bytes for the same name, size and seed.

    Made for sides of 32 to 2048 (at 2048 x 2048, roughly 20 s on an AMD Zen 4 core and 3 GB at most). The same seed at
    another size is the same painting, finer or coarser.
    """
    if name not in SWATCHES:
        raise UsageError(unknown("swatch", name, SWATCHES))
    if min(size) < 8:
        raise UsageError(f"swatch '{name}': no side may be under 8 pixels, but the size is {size[0]} x {size[1]}.")
    if seed < 0:
        raise UsageError(f"swatch '{name}': a seed is 0 or more, not {seed}.")
    picture = SWATCHES[name](np.random.default_rng(seed), (int(size[0]), int(size[1])))
    assert np.isfinite(picture).all()
    return torch.from_numpy(np.ascontiguousarray(np.clip(picture, 0, 1).transpose(2, 0, 1), np.float32))


def parse(text: str) -> tuple[str, int] | None:
    """`swatch:starry` is ("starry", 0), `swatch:starry:7` is ("starry", 7); a file name is None."""
    if not text.startswith("swatch:"):
        return None
    found = re.fullmatch(r"swatch:([a-z]+)(?::(\d{1,18}))?", text)
    if found is None:
        raise UsageError(f"'{text}' is not a swatch: write swatch:NAME or swatch:NAME:SEED, such as swatch:starry:7.")
    name, seed = found[1], int(found[2] or 0)
    if name not in SWATCHES:
        raise UsageError(unknown("swatch", name, SWATCHES))
    return name, seed


def sheet(size: int = 256, seed: int = 0) -> Float[Tensor, "3 h w"]:
    """All swatches on one page, five to a row, each with its name beneath."""
    gap, label = max(4, size // 24), max(14, size // 9)
    columns = min(5, len(SWATCHES))
    rows = -(-len(SWATCHES) // columns)
    page = np.full((rows * (size + label + gap) + gap, columns * (size + gap) + gap, 3), 245, np.uint8)
    for i, name in enumerate(SWATCHES):
        top, left = gap + (i // columns) * (size + label + gap), gap + (i % columns) * (size + gap)
        picture = paint(name, (size, size), seed).permute(1, 2, 0).numpy()
        page[top : top + size, left : left + size] = np.round(picture * 255)
        scale = label / 36
        wide = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0]
        foot = (left + (size - wide) // 2, top + size + int(label * 0.75))
        cv2.putText(page, name, foot, cv2.FONT_HERSHEY_SIMPLEX, scale, (50, 45, 40), 1, cv2.LINE_AA)
    return torch.from_numpy(page).permute(2, 0, 1).float().div(255).contiguous()
