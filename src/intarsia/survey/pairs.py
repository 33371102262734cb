"""Pairs of points, shown on both pictures."""

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
    left, right = (to_pil(_shown(image)) for image in (content, style))
    top = HEAD + max(0, (right.height - left.height) // 2), HEAD + max(0, (left.height - right.height) // 2)
    places = ((0, top[0]), (left.width + GAP, top[1]))
    whole = (left.width + GAP + right.width, HEAD + max(left.height, right.height))
    page = PilImage.new("RGB", whole, PAPER)
    for one, place in ((left, places[0]), (right, places[1])):
        page.paste(one, place)
    _headings(page, places, (left, right))
    ends = list(zip(_at(pairs.content, places[0], left), _at(pairs.style, places[1], right), strict=True))
    page = _with_lines(page, ends)
    _dots(page, ends, pairs.names)
    return torch.from_numpy(np.array(page)).permute(2, 0, 1).float() / 255


def _shown(image: Image) -> Image:
    """Large enough to put numbers on."""
    h, w = fit(*size_of(image), SIDE)
    return resize(image.float(), (max(16, h), max(16, w)))


def _at(points: Points, place: tuple[int, int], image: PilImage.Image) -> list[Point]:
    return [(place[0] + x * image.width, place[1] + y * image.height) for x, y in points.tolist()]


def _headings(page: PilImage.Image, places, images) -> None:
    pen, letters = ImageDraw.Draw(page), ImageFont.load_default(20)
    for text, place, image in zip(("content", "style"), places, images, strict=True):
        wide = pen.textlength(text, font=letters)
        x = min(max(place[0], place[0] + (image.width - wide) / 2), page.width - wide)
        pen.text((max(0, x), 6), text, fill=INK, font=letters)


def _with_lines(page: PilImage.Image, ends: list[tuple[Point, Point]]) -> PilImage.Image:
    lines = PilImage.new("RGBA", page.size)
    pen = ImageDraw.Draw(lines)
    for i, line in enumerate(ends):
        pen.line(line, fill=f"{COLORS[i % len(COLORS)]}90", width=1)
    return PilImage.alpha_composite(page.convert("RGBA"), lines).convert("RGB")


def _dots(page: PilImage.Image, ends: list[tuple[Point, Point]], names: tuple[str, ...]) -> None:
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
