"""The colors of label maps, found and not given, and which of them each pixel is.

A map of few colors, with nothing between them but smooth edges, is taken exactly, however near the colors are: gray 0,
1 and 2 are three classes. Other maps were drawn by hand and saved as JPEG, so there only flat places (3 x 3 pixels of
about one color) say which colors there are, and what is near to a color is that color. In both a pixel that is not flat
can only be one of the labels that are close by: the purple between red and blue is not the dark red of somewhere else.

Gray is a number, too: the class n is #nnnnnn in hexadecimal digits, and beyond 255, in 16 bits, #00 and four digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from intarsia.errors import GuideError
from intarsia.picture import TRANSPARENT
from intarsia.picture.levels import spread_of
from intarsia.types import Image

Labels = Int[Tensor, "_ _"]
Colors = Float[Tensor, "_ 3"]

MOST = 32
LEAST = 1e-3  # a label's part of the flat places of one of the maps, unless it is the number of a class
REACH = 4  # pixels from a flat place of a label to what may belong to it
LEFT_OVER = 2e-3  # part of an exact map that is neither a label nor between two
# Distances between colors are Euclidean in RGB, in levels of 0..255.
FLAT = 12  # 3 x 3 pixels whose channels differ by no more are flat
NOISE = 40.0  # what is nearer to a color is that color, in a map with noise
SHADE = 72.0  # and up to here, if it is a shade: rarer by RARE on both maps
RARE = 0.05
SAME = 2.0  # as good as the same color
SHADED = (
    8.5  # deviation from the labels in flat places: maps, reduced and saved as JPEG 30, have 7, photographs 10 to 22
)
MELTED = 0.01  # part of a map from which one even color is not the noise of another,
JPEG = 8.0  # unless it is as near as JPEG and its like may shift one
CLASSES = 256  # of a gray map in 16 bits that is read as numbers
SMALL = 4096  # 16-bit levels below it are numbers, for as colors they are all but black


@dataclass(frozen=True, eq=False)
class Painted:
    """A label map as levels 0..255, where 3 x 3 of its pixels are of about one color (flat) and of just one (even), and
    its colors as codes where it is to be taken exactly."""

    levels: UInt8[np.ndarray, "_ _ 3"]
    flat: Bool[np.ndarray, "_ _"]
    even: Bool[np.ndarray, "_ _"]
    exact: Int[np.ndarray, "_"] | None

    @classmethod
    def of(cls, one_map: Image) -> "Painted":
        """All of a map that has hardly any flat place counts as flat."""
        levels = _levels(one_map.detach().cpu().float())
        spread = spread_of(levels)
        flat, even = spread <= FLAT, spread == 0
        return cls(levels, flat if flat.mean() > 0.01 else np.ones_like(flat), even, _exact(levels, even))

    @property
    def codes(self) -> Int[np.ndarray, "_ _"]:
        return _codes(self.levels)


def _levels(one_map: Image) -> UInt8[np.ndarray, "_ _ 3"]:
    fine = (one_map * 65535).round().clamp(0, 65535).int()
    if bool((fine[0] == fine[1]).all() and (fine[1] == fine[2]).all() and (fine[0] % 257 > 0).any()):
        numbers = fine[0].unique()
        coarse = (numbers / 257).round().unique()
        if len(numbers) <= CLASSES and (int(numbers[-1]) < SMALL or len(coarse) < len(numbers)):
            return color_of_number(fine[0]).numpy()
    return (one_map * 255).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


def color_of_number(number: Int[Tensor, "*_"]) -> UInt8[Tensor, "*_ 3"]:
    """The color that a class goes by, in levels."""
    beyond = torch.stack([0 * number, number >> 8, number & 255], -1)
    return torch.where((number <= 255)[..., None], number[..., None], beyond).byte().contiguous()


def _codes(levels: UInt8[np.ndarray, "*_ 3"]) -> Int[np.ndarray, "*_"]:
    return levels @ np.array([1 << 16, 1 << 8, 1])


def _exact(levels: UInt8[np.ndarray, "_ _ 3"], even: Bool[np.ndarray, "_ _"]) -> Int[np.ndarray, "_"] | None:
    """The colors of even places, if nothing else is there but what lies between those that are close by. In a map of
    few colors in all, those of thin lines are among them."""
    codes = _codes(levels)
    found = np.unique(codes[even])
    if len(found) > MOST and np.isin(codes, found).all() and len(found) <= CLASSES:
        return found  # so many classes, as will be told
    if not 0 < len(found) <= MOST:
        return None
    between = _between(levels, np.isin(codes, found))
    others, counts = np.unique(codes[~between], return_counts=True)
    if len(found) + len(others) <= MOST:
        found = np.union1d(found, others[counts >= LEAST * codes.size])
        between |= np.isin(codes, found)
    part = np.isin(codes, found).mean()
    return found if part >= 0.5 and float(between.mean()) >= 1 - LEFT_OVER else None


def _between(levels: UInt8[np.ndarray, "_ _ 3"], known: Bool[np.ndarray, "_ _"]) -> Bool[np.ndarray, "_ _"]:
    """Where every channel is between those of the known pixels within REACH, as in these themselves."""
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    high = cv2.dilate(np.where(known[:, :, None], levels, 0).astype(np.uint8), window)
    low = cv2.erode(np.where(known[:, :, None], levels, 255).astype(np.uint8), window)
    wide = levels.astype(np.int16)
    inside = (wide >= low.astype(np.int16) - 1) & (wide <= high.astype(np.int16) + 1)
    return np.logical_and.reduce(inside, 2)


class Palette(NamedTuple):
    """colors: in levels; parts: each one's part of every map; noise: the distance within which a color is the same."""

    colors: Colors  # (k, 3)
    parts: Float[Tensor, "m k"]
    noise: float

    @property
    def is_exact(self) -> bool:
        return self.noise == 0

    @property
    def is_numbers(self) -> bool:
        """Gray, taken exactly."""
        gray = self.colors[(self.colors != torch.tensor(TRANSPARENT)).any(1)]
        small = (gray[:, 0] == 0) & self.is_exact  # numbers beyond 255
        return self.is_exact and bool(((gray == gray[:, :1]).all(1) | small & (gray[:, 1] > 0)).all())

    def present(self) -> Bool[Tensor, "m k"]:
        """Which colors each map has."""
        return self.parts > (0 if self.is_exact else LEAST / 4)


def palette_of(maps: Sequence[Painted]) -> Palette:
    """The colors of all maps together. GuideError for more than MOST, for none, for photographs, and for colors that
    only exact maps tell apart, where one is not."""
    if all(one.exact is not None for one in maps):
        return _exact_palette(maps)
    return _found_palette(maps)


def _exact_palette(maps: Sequence[Painted]) -> Palette:
    codes = np.unique(np.concatenate([one.exact for one in maps if one.exact is not None]))
    palette = Palette(*_counted(codes, [one.codes.ravel() for one in maps]), noise=0)
    kept = palette.parts.amax(0) >= LEAST
    if palette.is_numbers:  # which nobody draws by mistake
        kept |= (palette.colors != torch.tensor(TRANSPARENT)).any(1)
    _check_count(int(kept.sum()))
    order = palette.parts.sum(0).argsort(descending=True, stable=True)  # of two as near, the larger takes a pixel
    order = order[kept[order]]
    return Palette(palette.colors[order], palette.parts[:, order], noise=0)


def _counted(
    codes: Int[np.ndarray, " u"], held: Sequence[Int[np.ndarray, "_"]]
) -> tuple[Float[Tensor, "u 3"], Float[Tensor, "m u"]]:
    """The codes as colors, and each one's part of what is held of every map."""
    colors = torch.from_numpy(np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)).float()
    parts = []
    for one in held:
        known = one[np.isin(one, codes)]
        parts.append(np.bincount(np.searchsorted(codes, known), minlength=len(codes)) / max(1, len(known)))
    return colors, torch.from_numpy(np.stack(parts)).float()


def _found_palette(maps: Sequence[Painted]) -> Palette:
    """The most frequent color takes what is near to it; then of the rest the most frequent."""
    packed = [one.codes[one.flat] for one in maps]
    codes = np.unique(np.concatenate([np.unique(held) for held in packed]))
    colors, parts = _counted(codes, packed)
    clean = len(codes) <= MOST and bool((parts.amax(0) >= LEAST).all())  # nothing but labels
    noise, shade = (SAME, SAME) if clean else (NOISE, SHADE)
    free, kept, held = torch.ones(len(codes), dtype=torch.bool), [], []
    while float((parts * free).sum(1).max()) >= LEAST:
        peak = int((parts.sum(0) * free).argmax())
        near = free & ((colors - colors[peak]).norm(dim=1) <= noise)
        free &= ~near
        part = parts[:, near].sum(1)
        shades = [
            other
            for other, more in zip(kept, held, strict=True)
            if (colors[other] - colors[peak]).norm() <= shade and bool((part <= RARE * more).all())
        ]
        if float(part.max()) >= LEAST and not shades:
            kept.append(peak)
            held.append(part)
        _check_count(len(kept))
    if not kept:
        raise GuideError("a label map has no flat color. Fill each region with one color and save as PNG.")
    _check_not_shaded(colors, colors[kept], parts)
    for one in maps:
        _check_not_melted(one, colors[kept], noise)
    return Palette(colors[kept], torch.stack(held, 1), noise)


def _check_count(count: int) -> None:
    if count > MOST:
        raise GuideError(
            f"the label maps have more than {MOST} colors. Fill each region with one flat color and save as PNG; "
            "photographs and shaded maps are no label maps."
        )


def _check_not_shaded(colors: Colors, palette: Colors, parts: Float[Tensor, "m u"]) -> None:
    """GuideError for a photograph, whose flat places are of every shade between its labels."""
    squared = torch.stack([((colors - color) ** 2).sum(1) for color in palette]).amin(0)
    if float((parts * squared).sum(1).max()) > SHADED**2:
        raise GuideError(
            "a label map is shaded, as photographs are. Fill each region with one flat color and save as PNG; "
            "intarsia partition makes a label map of a photograph."
        )


def _check_not_melted(one: Painted, palette: Colors, noise: float) -> None:
    """GuideError where two colors, each the same to the bit in a large part of a map, would become one; and also for
    the least difference if nothing else would be left."""
    codes = one.codes[one.even]
    colors, parts = _counted(np.unique(codes), [codes])
    parts = parts[0] * float(one.even.mean())
    distance, to = torch.cdist(colors, palette).min(1)
    least = JPEG if len(palette) > 1 and one.exact is None else 0
    for i in to.unique().tolist():
        near = ((to == i) & (distance <= noise)).nonzero()[:, 0]
        first = near[parts[near].argmax()] if len(near) else 0
        melted = ((colors[near] - colors[first]).norm(dim=1) > least) & (parts[near] >= MELTED)
        melted &= parts[near] >= RARE * parts[first]
        if bool(melted.any()):
            raise GuideError(
                f"a label map has {hex_of(colors[first])} and {hex_of(colors[near[melted]][0])}, which are too near to "
                "each other for maps with noise. Save all label maps as PNG, or take colors that are farther apart."
            )


def resolved(one: Painted, palette: Colors, noise: float) -> Labels:
    """For each pixel the index of the nearest color; off the flat places, of those colors alone that are flat within
    REACH, unless it is exactly another."""
    planes = torch.from_numpy(one.levels).permute(2, 0, 1).float().contiguous()
    distances = torch.stack([((planes - color[:, None, None]) ** 2).sum(0) for color in palette]).sqrt()
    nearest = distances.argmin(0).numpy()
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    for i, distance in enumerate(distances):
        core = one.flat & (nearest == i) & (distance <= noise).numpy()
        close = cv2.dilate(core.view(np.uint8), window).view(bool)
        distance[~torch.from_numpy(close) & (distance > min(noise, SAME))] += 1000  # only where nothing is close
    return distances.argmin(0)


def hex_of(color: Tensor) -> str:
    """What a color is called."""
    levels = [round(level) for level in color.tolist()]
    return "transparent" if tuple(levels) == TRANSPARENT else "#" + bytes(levels).hex()


def color_named(text: str) -> tuple[Tensor, bool]:
    """The color, and whether it is a number, which means itself alone. GuideError for what is neither."""
    if text == "transparent":
        return torch.tensor(TRANSPARENT, dtype=torch.float32), True
    if text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) < 65536:
        return color_of_number(torch.tensor(int(text))).float(), True
    digits = text.removeprefix("#")
    try:
        levels = bytes.fromhex(digits)
    except ValueError:
        levels = b""
    if len(levels) != 3:
        raise GuideError(f"'{text}' is no color. Write it as #rrggbb, as in #ff8000, or as the number of a class.")
    return torch.tensor(list(levels), dtype=torch.float32), False
