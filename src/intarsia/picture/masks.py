"""What a file means as a mask.

Programs write a region as white, as 1, as the number of a class, as one color on black, as what is not transparent.
Where it is plain which it is, that is taken, and told in one line if it was guessed; where it is not, PictureError
names the way out. Soft masks stay as they are.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from intarsia.color import LUMINANCE
from intarsia.errors import PictureError, notice
from intarsia.picture.levels import Levels, scaled, spread_of, white_of

Values = Shaped[np.ndarray, "h w"]  # uint8, uint16, or floats in 0..1

FAINT = 0.1  # parts of the type's maximum: a mask below it paints next to nothing
DIM = 0.9  # and below it, less than it was meant to
NEAR = 0.05  # to black or white: as good as these
LOST = 8 / 255  # what JPEG and its like may make of nothing
FEW = 32  # values; class numbers and flat colors are no more
FORMER = (255, 1023, 4095)  # largest levels of 8, 10 and 12 bits, kept in a file of 16


class Telling(NamedTuple):
    """The numbers that tell the mask, and why these, if that was guessed."""

    values: Values
    why: str = ""


def mask_of(levels: Levels, name: str) -> Float[np.ndarray, "h w"]:
    """In 0..1. Raises PictureError where the meaning is not plain."""
    telling = _telling(levels, name)
    if levels.certain and levels.alpha is None and not telling.why:
        mask = scaled(telling.values)
        return _told_if_dim(mask, FAINT / 2, name)
    if levels.lossy:
        _check_above_noise(telling.values, name)
    mask, why = _stretched(telling.values, name)
    reasons = " and ".join(one for one in (telling.why, why) if one)
    if reasons:
        notice(f"{name}: {reasons}.")
    return mask


# ---- which numbers -----------------------------------------------------------------------------------------------


def _telling(levels: Levels, name: str) -> Telling:
    alpha = levels.alpha
    if alpha is None or alpha.min() == alpha.max() > 0:
        return _by_color(levels, name)
    if _is_even(levels.color):
        return Telling(alpha)  # strokes on a transparent layer
    if alpha.max() == 0:
        raise PictureError(f"{name}: this mask is transparent everywhere. Save it without transparency.")
    if np.mean(alpha >= DIM * alpha.max()) > 0.999:  # as good as opaque
        return _by_color(levels, name)
    seen = levels.color[alpha > alpha.max() / 2]
    if _is_even(seen):
        return Telling(alpha)
    if set(np.unique(seen)) == {0, white_of(seen)} and (seen == seen[:, :1]).all():
        gray = scaled(levels.color[:, :, 0]) * scaled(alpha)
        return Telling(gray, "it is drawn in black and white on transparent, so what is white is the mask")
    return Telling(alpha, "it is a cut-out, so what is not transparent is the mask")


def _is_even(color: Shaped[np.ndarray, "*n c"]) -> bool:
    flat = color.reshape(-1, color.shape[-1])
    return bool((flat.max(0) - flat.min(0) <= 0.02 * white_of(color)).all())


def _by_color(levels: Levels, name: str) -> Telling:
    color, numbers = levels.color, levels.numbers
    if numbers is not None and shares_colors(numbers, color):
        return Telling(numbers, "its palette has one color for several numbers, so its numbers count")
    if color.shape[2] == 1 or (color == color[:, :, :1]).all():
        return Telling(color[:, :, 0])
    high, low = color.max(2), color.min(2)
    if np.mean((high - low) <= NEAR * high.max()) > 0.999:
        return Telling(_luminance(color))  # gray but for noise
    if _is_one_color_on_black(color):
        return Telling(high, "it is one color on black, so what is in that color is the mask")
    _check_no_labels(color, name)
    return Telling(_luminance(color), "it is in color, so its brightness is the mask")


def shares_colors(numbers: Values, color: Shaped[np.ndarray, "h w c"]) -> bool:
    """Whether numbers of a palette that are in use have the same color."""
    used, first = np.unique(numbers, return_index=True)
    return len(np.unique(color.reshape(-1, color.shape[2])[first], axis=0)) < len(used)


def _is_one_color_on_black(color: Shaped[np.ndarray, "h w c"]) -> bool:
    """Whether every pixel is about a part of one color, and some are black."""
    flat = color.reshape(-1, 3).astype(np.float32)
    value = flat.max(1)
    most = value.max()
    hue = flat[value > DIM * most].mean(0)
    hue /= hue.max()
    lit = value > most / 4
    off = np.abs(flat[lit] - value[lit, None] * hue).max(1)
    return bool((value <= NEAR * most).any() and np.mean(off <= FAINT * most) > 0.95)


def _check_no_labels(color: Shaped[np.ndarray, "h w 3"], name: str) -> None:
    """PictureError for flat colors, none of which says that it is the region."""
    found = _flat_colors(color, spread_of(color) == 0, 0) or _flat_colors(
        color, spread_of(color) <= NEAR * white_of(color), 32
    )
    if found:
        hexes = ["#" + "".join(f"{round(level):02x}" for level in one) for one in found]
        raise PictureError(
            f"{name}: this mask has the colors {', '.join(hexes)}, and none of them is plainly the region. Say which "
            f"one: \"label '{name}' {hexes[-1]}\"; or paint the region white on black."
        )


def _flat_colors(
    color: Shaped[np.ndarray, "h w 3"], flat: Bool[np.ndarray, "h w"], noise: int
) -> list[Float[np.ndarray, "3"]]:
    """The colors of the flat places, in levels of 255, the most frequent first: if these places are most of the
    picture, and have 2 to FEW colors and next to nothing else. noise: how many levels are the same."""
    if flat.mean() <= 0.5:
        return []
    held = scaled(color[flat]) * 255
    coarse = np.round(held / (noise or 1 / 257)).astype(np.int64)
    codes = coarse @ np.array([1 << 32, 1 << 16, 1])
    found, first, counts = np.unique(codes, return_index=True, return_counts=True)
    large = counts >= (0.01 if noise else 0) * len(held)
    if not 1 < large.sum() <= FEW or counts[large].sum() < 0.95 * len(held):
        return []
    order = [i for i in counts.argsort()[::-1] if large[i]]
    return [np.median(held[codes == found[i]], 0) if noise else held[first[i]] for i in order]


def _luminance(color: Shaped[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    return (scaled(color) @ np.array(LUMINANCE, np.float32)).clip(0, 1)


# ---- what they mean ------------------------------------------------------------------------------------------------


def _stretched(values: Values, name: str) -> tuple[Float[np.ndarray, "h w"], str]:
    """The mask, and what had to be guessed of its values."""
    levels, counts = _counted(values)
    top, least, most = white_of(values), float(levels[0]), float(levels[-1])
    if len(levels) == 1:
        return _told_if_dim(_checked(values, levels, name), DIM, name), ""
    if len(levels) == 2:
        plain = least == 0 and most == top
        return _between(values, least, most), "" if plain else _guess((least, most))
    _check_no_classes(values, levels, counts, name)
    pair = _main_pair(levels, counts)
    if pair is not None and (pair[0] > NEAR * top or pair[1] < (1 - NEAR) * top):
        return _between(values, *_inside(pair)), _guess(pair)
    if values.dtype == np.uint16 and most in FORMER:
        return _between(values, 0, most), f"its largest value is {most:g} of {top}, and that was taken for white"
    return _told_if_dim(_checked(values, levels, name), DIM, name), ""


def _check_above_noise(values: Values, name: str) -> None:
    top, most = white_of(values), float(values.max())
    if 0 < most <= LOST * top:
        raise PictureError(
            f"{name}: its largest value is {most:g} where white is {top}, and JPEG does not keep such small numbers "
            "apart. Save this mask as PNG."
        )


def _guess(pair: tuple[float, float]) -> str:
    low, high = (f"{value:g}" for value in pair)
    return f"it has two values, {low} and {high}, so where it is {high} is the mask"


def _between(values: Values, low: float, high: float) -> Float[np.ndarray, "h w"]:
    return ((values.astype(np.float32) - np.float32(low)) / np.float32(high - low)).clip(0, 1)


def _checked(values: Values, levels: Shaped[np.ndarray, " n"], name: str) -> Float[np.ndarray, "h w"]:
    """Scaled; PictureError where it would paint next to nothing."""
    top, most = white_of(values), levels[-1]
    if 0 < most < FAINT * top:
        each = "it is all" if len(levels) == 1 else "its largest value is"
        raise PictureError(
            f"{name}: {each} {most:g} where white is {top:g}, so this mask would paint next to nothing. Paint the "
            f"region white, or, if {most:g} is its number, say \"label '{name}' {most:g}\"."
        )
    return scaled(values)


def _told_if_dim(mask: Float[np.ndarray, "h w"], least: float, name: str) -> Float[np.ndarray, "h w"]:
    if 0 < (most := float(mask.max())) < least:
        notice(f"{name}: this mask is nowhere white, so at most {100 * most:.3g} % is painted.")
    return mask


def _main_pair(levels: Shaped[np.ndarray, " n"], counts: Int[np.ndarray, " n"]) -> tuple[float, float] | None:
    """The two values of a mask that has two but for smooth edges, and for the noise of JPEG: most of what is not the
    low one is the high one."""
    middle = (float(levels[0]) + float(levels[-1])) / 2
    low, high = (float(levels[side][counts[side].argmax()]) for side in (levels <= middle, levels > middle))
    near = _noise((low, high))
    wide = levels.astype(np.float64)
    at_low, at_high = (counts[np.abs(wide - value) <= near].sum() for value in (low, high))
    return (low, high) if at_high >= 2 / 3 * (counts.sum() - at_low) else None


def _inside(pair: tuple[float, float]) -> tuple[float, float]:
    """A little of the noise beside either value is that value."""
    low, high = pair
    return low + _noise(pair), high - _noise(pair)


def _noise(pair: tuple[float, float]) -> float:
    """In levels; there is none in floats."""
    low, high = pair
    return min(2.0, (high - low) // 5) if high > 1 else 0.0


def _check_no_classes(
    values: Values, levels: Shaped[np.ndarray, " n"], counts: Int[np.ndarray, " n"], name: str
) -> None:
    """PictureError for several flat values, of which some are next to black: numbers of classes. (A soft mask goes
    through all values, and its faint ones are edges.)"""
    if len(levels) > FEW:
        return
    top, even = white_of(values), _even(values)
    found = np.unique(values[even])
    faint = (values > 0) & (values < FAINT * top)
    gap = counts[(levels >= FAINT * top) & (levels <= (1 - NEAR) * top)].sum() <= 0.001 * counts.sum()
    if len(found) > 2 and (gap or levels[-1] < DIM * top) and faint.mean() > 0.005 and even[faint].mean() > 0.5:
        listed = ", ".join(f"{value:g}" for value in found)
        raise PictureError(
            f"{name}: this mask has the values {listed}, as numbers of classes are, and none of them is plainly the "
            f"region. Say which one: \"label '{name}' {found[-1]:g}\"; or paint the region white on black."
        )


def _counted(values: Values) -> tuple[Shaped[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """The values that there are, from the lowest, and how often each."""
    if values.dtype.kind == "f":
        return np.unique(values, return_counts=True)
    counts = np.bincount(values.ravel())
    levels = counts.nonzero()[0]
    return levels.astype(values.dtype), counts[levels]


def _even(values: Values) -> Bool[np.ndarray, "h w"]:
    """Where 3 x 3 pixels are the same."""
    return spread_of(values[:, :, None]) == 0
