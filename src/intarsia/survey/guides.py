"""A guide seen before it is painted: an overlay with a color and a name for each region, and what the maps cover."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont
from torch import Tensor

from intarsia.color import luminance
from intarsia.guide import Guide
from intarsia.maps import at_size
from intarsia.partition.coloring import COLORED, PALETTE
from intarsia.sizes import size_of
from intarsia.types import Image, Map, Size

LONGEST = 24  # letters of a name that are shown
STRIPE = 6  # pixels
MORE = 1e-3  # than 1, in a sum of maps: they overlap


@dataclass(frozen=True)
class Surveyed:
    """A region of a guide. color: "#rrggbb" in the overlay; share: its part of the picture; largest: the largest value
    of its map; overlapped: the part of the picture where it is not alone and the maps sum to more than 1."""

    name: str
    color: str
    share: float
    largest: float
    overlapped: float


@dataclass(frozen=True)
class Survey:
    """regions: in the guide's order; overlap: the part of the picture where maps sum to more than 1, and are scaled
    down together; uncovered: the part that no region takes, which stays as it is. All 0..1."""

    regions: tuple[Surveyed, ...]
    overlap: float
    uncovered: float


def survey(guide: Guide, size: Size) -> Survey:
    """What the maps of a guide cover of a picture of `size` (h, w)."""
    shares, maps = guide.shares(size), _maps_of(guide, size)
    crowded = _crowded(maps)
    regions = [
        Surveyed(
            name=region.name or f"region {i + 1}",
            color=color_of(i),
            share=float(shares[i].mean()),
            largest=float(maps[i].max()),
            overlapped=float((crowded & (maps[i] > 0)).float().mean()),
        )
        for i, region in enumerate(guide.regions)
    ]
    uncovered = (1 - shares.sum(0)).clamp(0, 1)
    return Survey(tuple(regions), float(crowded.float().mean()), float(uncovered.mean()))


def overlay(guide: Guide, image: Image) -> Image:
    """The picture, in gray with the color of each region as far as its share goes, with its name in it. Where maps
    overlap, the two that have most are in stripes."""
    size = size_of(image)
    shares = guide.shares(size)
    gray = luminance(image.float())
    colors = torch.stack([_levels(color_of(i)) for i in range(len(shares))])
    cover = shares.sum(0)
    shown = torch.where(_crowded(_maps_of(guide, size)), _striped(shares) * cover, shares)
    below = torch.lerp(image.float(), gray[None].expand(3, *size), cover)
    tinted = below * (1 - COLORED * cover) + COLORED * torch.einsum("rc,rhw->chw", colors, shown)
    named = [(region.name or f"region {i}", i - 1) for i, region in enumerate(guide.regions, 1)]
    return _with_names(tinted.clamp(0, 1), shares, named)


def color_of(number: int) -> str:
    """Of the region with this number, counted from 0."""
    return PALETTE[number % len(PALETTE)]


def _levels(color: str) -> Float[Tensor, "3"]:
    return torch.tensor(list(bytes.fromhex(color[1:]))) / 255


def _maps_of(guide: Guide, size: Size) -> Float[Tensor, "r h w"]:
    maps = (region.content_map for region in guide.regions)
    return torch.stack([torch.ones(size) if one is None else at_size(one, size) for one in maps])


def _crowded(maps: Float[Tensor, "r h w"]) -> Bool[Tensor, "h w"]:
    return maps.sum(0) > 1 + MORE


def _striped(shares: Float[Tensor, "r h w"]) -> Float[Tensor, "r h w"]:
    """All of a place to one of the two regions that have most of it, by slanted stripes."""
    h, w = shares.shape[1:]
    two = shares.topk(min(2, len(shares)), 0).indices
    stripe = (torch.arange(h)[:, None] + torch.arange(w)) // STRIPE % len(two)
    return torch.zeros_like(shares).scatter_(0, two.gather(0, stripe[None]), 1.0)


def _with_names(image: Image, shares: Float[Tensor, "r h w"], named: Sequence[tuple[str, int]]) -> Image:
    drawn = PilImage.fromarray((image * 255).round().byte().permute(1, 2, 0).contiguous().numpy())
    pen, letters = ImageDraw.Draw(drawn), ImageFont.load_default(max(10, max(drawn.size) // 40))
    for name, i in named:
        if float(shares[i].max()) > 0:
            _write(pen, letters, _shown(name), color_of(i), _middle(shares[i]), drawn.size)
    return torch.from_numpy(np.array(drawn)).permute(2, 0, 1).float() / 255


def _write(
    pen: ImageDraw.ImageDraw,
    letters: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    text: str,
    color: str,
    middle: tuple[int, int],
    size: tuple[int, int],
) -> None:
    """In black or white on the color, around `middle` (x, y) as far as the picture of `size` (w, h) allows."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=letters)
    w, h = right - left + 8, bottom - top + 6
    x, y = (
        max(0, min(round(at - side / 2), whole - side)) for at, side, whole in zip(middle, (w, h), size, strict=True)
    )
    light = float(luminance(_levels(color)[:, None, None])) > 0.4
    ink = "#000000" if light else "#ffffff"
    pen.rectangle((x, y, x + w - 1, y + h - 1), fill=color, outline=ink)
    pen.text((x + 4 - left, y + 3 - top), text, fill=ink, font=letters)


def _middle(share: Map) -> tuple[int, int]:
    """x, y of the place that is farthest from where the region is not."""
    inside = (share >= share.max() / 2).byte().numpy()
    far = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(far.argmax()), far.shape)
    return int(x), int(y)


def _shown(name: str) -> str:
    """What the built-in letters can write of it."""
    letters = "".join(one if one.isprintable() and ord(one) < 0x250 else "?" for one in name)
    return letters if len(letters) <= LONGEST else f"{letters[: LONGEST - 1]}…"
