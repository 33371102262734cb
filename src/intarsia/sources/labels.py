"""Label maps: flat colors that mean the same on the content and on the style, as drawn in a paint program.

The colors are found, not given. Hand-drawn maps have anti-aliased edges, and many were saved as JPEG, so only flat
places (3 x 3 pixels of about one color) say which colors there are, and a pixel that is not flat can only be one of the
labels that are close by: the purple between red and blue is not the dark red of somewhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from intarsia.errors import GuideError, notice
from intarsia.guide import Guide, Region
from intarsia.maps import check_aspect
from intarsia.types import Image, Map

Labels = Int[Tensor, "_ _"]
Colors = Float[Tensor, "_ 3"]

MOST = 32
# Distances between colors are Euclidean in RGB, in levels of 0..255.
FLAT = 12  # 3 x 3 pixels whose channels differ by no more are flat
NOISE = 40.0  # what is nearer to a color is that color, in a map with noise
SHADE = 72.0  # and up to here, if it is a shade: rarer by RARE on both maps
RARE = 0.05
EXACT = 2.0  # the same in a map that has nothing but labels in its flat places
REACH = 4  # pixels from a flat place of a label to what may belong to it
SHADED = (
    8.5  # deviation from the labels in flat places: maps, reduced and saved as JPEG 30, have 7, photographs 10 to 22
)
LEAST = 1e-3  # a label's part of the flat places of one of the maps


@dataclass(frozen=True, eq=False)
class Label:
    """A color ("#rrggbb", as in the content map) and where it is: maps of 0 and 1, on the content and on the style."""

    color: str
    content_map: Map
    style_map: Map


def label_maps(content_map: Image, style_map: Image, *, tolerance: float = 64.0) -> list[Label]:
    """The labels that two label maps share, the largest on the content first. See `label_indices`."""
    colors, content, style = label_indices(content_map, style_map, tolerance=tolerance)
    return [Label(color, (content == i).float(), (style == i).float()) for i, color in enumerate(colors)]


def maps_of_colors(label_map: Image) -> dict[str, Map]:
    """Where a label map has each of its colors ("#rrggbb"), 0 or 1, the largest first."""
    painted = _Painted.of(label_map)
    palette, parts, noise = _palette([painted])
    resolved = _resolve(painted, palette, noise)
    order = parts[0].argsort(descending=True, stable=True).tolist()
    return {_hex(palette[i]): (resolved == i).float() for i in order}


def map_of_color(label_map: Image, color: str, *, tolerance: float = 64.0) -> Map:
    """Where a label map has one color, 0 or 1. GuideError if it has nothing within `tolerance` of that color, listing
    what it has, and for text that is no color or a picture that is no label map."""
    painted = _Painted.of(label_map)
    palette, parts, noise = _palette([painted])
    distance = (palette - _color(color)).norm(dim=1)
    if float(distance.min()) > tolerance:
        every = _listed(palette, parts[0], parts[0].argsort(descending=True))
        raise GuideError(f"the label map has nothing of {color}. It has {every}.")
    return (_resolve(painted, palette, noise) == int(distance.argmin())).float()


def label_indices(
    content_map: Image, *style_maps: Image, tolerance: float = 64.0
) -> tuple[list[str], *tuple[Labels, ...]]:
    """The same as numbers: colors "#rrggbb", and for each pixel of the content and of each style map the index of its
    color. Style pixels of a color that the content map lacks have an index beyond the list.

    content_map, style_maps: RGB in 0..1, of any sizes. Up to 32 colors, found in all maps together; those that are
    nearly no part of any go to the nearest other one. tolerance: how far apart (Euclidean, RGB, 0..255) two colors
    may be that still mean the same, where there is no nearer one.

    GuideError if all style maps lack a color of the content map, listing what is left over on both sides, and for more
    than 32 colors. A color of the style maps alone is left unused, with a Notice."""
    maps = [_Painted.of(one) for one in (content_map, *style_maps)]
    palette, parts, noise = _palette(maps)
    content_parts, style_parts = parts[0], parts[1:].amax(0)
    present = parts >= LEAST / 4
    on_content, on_style = present[0], present[1:].any(0)
    left, right = (on_content & ~on_style).nonzero()[:, 0], (on_style & ~on_content).nonzero()[:, 0]
    twin = torch.arange(len(palette))
    for a, b in _paired(palette[left], palette[right], tolerance):
        twin[right[b]] = left[a]
    lacking = left[~torch.isin(left, twin[right])]
    unused = right[twin[right] == right]
    if len(lacking):
        also = f" The style map alone has {_listed(palette, style_parts, unused)}." if len(unused) else ""
        raise GuideError(
            f"the style map lacks colors of the content map: {_listed(palette, content_parts, lacking)}.{also} "
            "Paint what belongs together in the same color on both."
        )
    if len(unused):
        listed = _listed(palette, style_parts, unused)
        notice(f"the content map lacks colors of the style map: {listed}. They are not used.")
    shared = on_content.nonzero()[:, 0]
    shared = shared[content_parts[shared].argsort(descending=True, stable=True)]
    number = torch.full((len(palette),), -1)
    number[shared] = torch.arange(len(shared))
    number[unused] = torch.arange(len(shared), len(shared) + len(unused))
    resolved = []
    for one, has in zip(maps, present, strict=True):
        held = has.nonzero()[:, 0]
        resolved.append(number[twin[held]][_resolve(one, palette[held], noise)])
    return [_hex(palette[i]) for i in shared], *resolved


def labels(
    content_map: Image, style: Image | Sequence[Image], style_map: Image | Sequence[Image], *, tolerance: float = 64.0
) -> Guide:
    """One region per color: what has it on the content takes what has it on the style. Regions bear their colors as
    names. Of several styles, each with a map of its own, a color takes the one whose map has most of it.

    content_map: of the content's aspect. style_map: of the style's aspect; of another size within 1 % of it, a Notice,
    of another aspect, GuideError. Colors, tolerance and errors as in `label_indices`."""
    styles, style_maps = ([one] if isinstance(one, Tensor) else list(one) for one in (style, style_map))
    if len(styles) != len(style_maps):
        raise GuideError(f"{len(styles)} styles came with {len(style_maps)} label maps. Give each style one.")
    for one, its_map in zip(styles, style_maps, strict=True):
        check_aspect("label maps", "style", its_map, (one.shape[-2], one.shape[-1]))
    colors, content, *found = label_indices(content_map, *style_maps, tolerance=tolerance)
    regions = []
    for i, color in enumerate(colors):
        most = max(range(len(styles)), key=lambda s: float((found[s] == i).float().mean()))
        regions.append(Region(styles[most], (content == i).float(), (found[most] == i).float(), name=color))
    return Guide(tuple(regions))


def labels_by_color(content_map: Image, styles: Mapping[str, Image | None], *, tolerance: float = 64.0) -> Guide:
    """One region per color of the content map, each with a style of its own, of which it takes everything.

    styles: "#rrggbb" -> style; None leaves what has that color as it is. GuideError if the map has colors that
    `styles` does not name, or the reverse, listing both; if a color cannot be read; if all styles are None."""
    painted = _Painted.of(content_map)
    palette, parts, noise = _palette([painted])
    named = torch.stack([_color(color) for color in styles]) if styles else torch.zeros(0, 3)
    pairs = dict(_paired(palette, named, tolerance))
    lacking = [i for i in range(len(palette)) if i not in pairs]
    unknown = [color for i, color in enumerate(styles) if i not in pairs.values()]
    if lacking or unknown:
        told = [f"no style is given for {_listed(palette, parts[0], torch.tensor(lacking))}"] if lacking else []
        told += [f"the content map has nothing of {', '.join(unknown)}"] if unknown else []
        raise GuideError(f"{'; '.join(told)}. Name every color of the map, with no style for what stays as it is.")
    resolved, given = _resolve(painted, palette, noise), list(styles.items())
    regions = []
    for i in parts[0].argsort(descending=True, stable=True).tolist():
        color, style = given[pairs[i]]
        if style is not None:
            regions.append(Region(style, (resolved == i).float(), name=color))
    return Guide(tuple(regions))


@dataclass(frozen=True, eq=False)
class _Painted:
    """A label map as levels 0..255, and where 3 x 3 of its pixels are of about one color."""

    levels: UInt8[np.ndarray, "_ _ 3"]
    flat: Bool[np.ndarray, "_ _"]

    @classmethod
    def of(cls, one_map: Image) -> "_Painted":
        """All of a map that has hardly any flat place counts as flat."""
        levels = (one_map.detach().cpu() * 255).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
        window = np.ones((3, 3), np.uint8)
        flat = (cv2.dilate(levels, window) - cv2.erode(levels, window)).max(2) <= FLAT
        return cls(levels, flat if flat.mean() > 0.01 else np.ones_like(flat))


def _palette(maps: Sequence[_Painted]) -> tuple[Colors, Float[Tensor, "m k"], float]:
    """The k colors of the flat places, each one's part of those of every map, and the distance within which colors are
    the same. The most frequent color takes what is near to it; then of the rest the most frequent."""
    packed = [one.levels[one.flat] @ np.array([1 << 16, 1 << 8, 1]) for one in maps]
    codes = np.unique(np.concatenate([np.unique(held) for held in packed]))
    counts = [np.bincount(np.searchsorted(codes, held), minlength=len(codes)) / len(held) for held in packed]
    colors = torch.from_numpy(np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)).float()
    parts = torch.from_numpy(np.stack(counts)).float()  # (m, u)
    exact = len(codes) <= MOST and bool((parts.amax(0) >= LEAST).all())  # nothing but labels
    noise, shade = (EXACT, EXACT) if exact else (NOISE, SHADE)
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
        if len(kept) > MOST:
            raise GuideError(
                f"the label maps have more than {MOST} colors. Fill each region with one flat color and save as PNG; "
                "photographs and shaded maps are no label maps."
            )
    if not kept:
        raise GuideError("a label map has no flat color. Fill each region with one color and save as PNG.")
    _check_not_shaded(colors, colors[kept], parts)
    return colors[kept], torch.stack(held, 1), noise


def _check_not_shaded(colors: Colors, palette: Colors, parts: Float[Tensor, "m u"]) -> None:
    """GuideError for a photograph, whose flat places are of every shade between its labels."""
    squared = torch.stack([((colors - color) ** 2).sum(1) for color in palette]).amin(0)
    if float((parts * squared).sum(1).max()) > SHADED**2:
        raise GuideError(
            "a label map is shaded, as photographs are. Fill each region with one flat color and save as PNG; "
            "intarsia partition makes a label map of a photograph."
        )


def _resolve(one: _Painted, palette: Colors, noise: float) -> Labels:
    """For each pixel the index of the nearest color; off the flat places, of those colors alone that are flat within
    REACH, unless it is exactly another."""
    planes = torch.from_numpy(one.levels).permute(2, 0, 1).float().contiguous()
    distances = torch.stack([((planes - color[:, None, None]) ** 2).sum(0) for color in palette]).sqrt()
    nearest = distances.argmin(0).numpy()
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    for i, distance in enumerate(distances):
        core = one.flat & (nearest == i) & (distance <= noise).numpy()
        close = cv2.dilate(core.view(np.uint8), window).view(bool)
        distance[~torch.from_numpy(close) & (distance > EXACT)] += 1000  # only where nothing is close
    return distances.argmin(0)


def _paired(first: Colors, second: Colors, tolerance: float) -> list[tuple[int, int]]:
    """The pairs of colors within `tolerance`: as many as can be, and of these the nearest in all."""
    distance = torch.cdist(first, second)
    rows, columns = scipy.optimize.linear_sum_assignment(torch.where(distance <= tolerance, distance, 1e5).numpy())
    return [(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if distance[a, b] <= tolerance]


def _listed(palette: Colors, parts: Tensor, which: Tensor) -> str:
    return ", ".join(f"{_hex(palette[i])} ({100 * float(parts[i]):.2g} %)" for i in which.tolist())


def _hex(color: Tensor) -> str:
    return "#" + "".join(f"{round(level):02x}" for level in color.tolist())


def _color(text: str) -> Tensor:
    digits = text.removeprefix("#")
    try:
        levels = bytes.fromhex(digits)
    except ValueError:
        levels = b""
    if len(levels) != 3:
        raise GuideError(f"'{text}' is no color. Write it as #rrggbb, as in #ff8000.")
    return torch.tensor(list(levels), dtype=torch.float32)
