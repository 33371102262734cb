"""Pairs of points, shown on both pictures."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from intarsia.geometry import Pairs
from intarsia.partition.coloring import PALETTE
from intarsia.picture import fit, resize, to_pil
from intarsia.sizes import size_of
from intarsia.types import Image, Point, Points

SIDE = 640  # pixels of the longer side of each picture
GAP, HEAD = 48, 36  # between the two; above them
COLORS = tuple(color for color in PALETTE if color not in ("#ffffff", "#000000", "#808080", "#404040", "#c0c0c0"))
PAPER, INK = "#ffffff", "#000000"


def pairs_shown(pairs: Pairs, content: Image, style: Image) -> Image:
    """Both pictures side by side: dots with the same number, or name, and color belong together, with a thin line from
    one to the other."""
    page, (left, right) = side_by_side({"content": large(content), "style": large(style)})
    ends = list(zip(left.at(pairs.content), right.at(pairs.style), strict=True))
    page = _with_lines(page, ends)
    draw_dots(page, ends, pairs.names)
    return torch.from_numpy(np.array(page)).permute(2, 0, 1).float() / 255


class Place(NamedTuple):
    """Of a picture on a page, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def at(self, points: Points) -> list[Point]:
        """Where points of the picture are on the page."""
        return [(self.left + x * self.width, self.top + y * self.height) for x, y in points.tolist()]


def large(image: Image) -> Image:
    """Large enough to put numbers on."""
    h, w = fit(*size_of(image), SIDE)
    return resize(image.float(), (max(16, h), max(16, w)))


def side_by_side(images: Mapping[str, Image]) -> tuple[PilImage.Image, list[Place]]:
    """A page with pictures under their names, and where they are."""
    shown = {name: to_pil(image) for name, image in images.items()}
    high = max(one.height for one in shown.values())
    wide = sum(one.width for one in shown.values()) + GAP * (len(shown) - 1)
    page, places, left = PilImage.new("RGB", (wide, HEAD + high), PAPER), [], 0
    pen, letters = ImageDraw.Draw(page), ImageFont.load_default(20)
    for name, one in shown.items():
        place = Place(left, HEAD + (high - one.height) // 2, one.width, one.height)
        page.paste(one, (place.left, place.top))
        length = pen.textlength(name, font=letters)
        pen.text((max(0, min(left + max(0, (one.width - length) / 2), wide - length)), 6), name, fill=INK, font=letters)
        places.append(place)
        left += one.width + GAP
    return page, places


def _with_lines(page: PilImage.Image, ends: list[tuple[Point, Point]]) -> PilImage.Image:
    lines = PilImage.new("RGBA", page.size)
    pen = ImageDraw.Draw(lines)
    for i, line in enumerate(ends):
        pen.line(line, fill=f"{COLORS[i % len(COLORS)]}90", width=1)
    return PilImage.alpha_composite(page.convert("RGBA"), lines).convert("RGB")


def draw_dots(page: PilImage.Image, ends: list[tuple[Point, Point]], names: tuple[str, ...] = ()) -> None:
    """With the number or the name of each pair."""
    pen, letters = ImageDraw.Draw(page), ImageFont.load_default(13)
    for i, dots in enumerate(ends):
        for x, y in dots:
            pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=PAPER)
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=COLORS[i % len(COLORS)], outline=INK)
    for i, dots in enumerate(ends):  # above all dots
        text = names[i][:24] if names and names[i] else str(i + 1)
        for x, y in dots:
            beside = min(x + 7, page.width - pen.textlength(text, font=letters) - 2)
            pen.text((beside, y - 14), text, fill=PAPER, stroke_fill=INK, stroke_width=2, font=letters)
