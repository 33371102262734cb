"""Label maps: flat colors that mean the same on the content and on the style, as drawn in a paint program or written by
a program that tells classes apart. `palettes` finds the colors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import scipy
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from intarsia.errors import GuideError, notice
from intarsia.guide import Guide, Region
from intarsia.maps import check_aspect
from intarsia.sources.palettes import LEAST, Colors, Labels, Painted, Palette, color_named, hex_of, palette_of, resolved
from intarsia.types import Image, Map


@dataclass(frozen=True, eq=False)
class Label:
    """A color ("#rrggbb" as in the content map, or "transparent"), and where it is: maps of 0 and 1, on the content and
    on the style."""

    color: str
    content_map: Map
    style_map: Map


def label_maps(content_map: Image, style_map: Image, *, tolerance: float = 64.0) -> list[Label]:
    """The labels that two label maps share, the largest on the content first. See `label_indices`."""
    colors, content, style = label_indices(content_map, style_map, tolerance=tolerance)
    return [Label(color, (content == i).float(), (style == i).float()) for i, color in enumerate(colors)]


def maps_of_colors(label_map: Image) -> dict[str, Map]:
    """Where a label map has each of its colors ("#rrggbb"), 0 or 1, the largest first."""
    painted = Painted.of(label_map)
    palette = palette_of([painted])
    found = resolved(painted, palette.colors, palette.noise)
    return {hex_of(palette.colors[i]): (found == i).float() for i in _by_size(palette)}


def map_of_color(label_map: Image, color: str, *, tolerance: float = 64.0) -> Map:
    """Where a label map has one color ("#rrggbb", "transparent", or the number of a class, as in "15"), 0 or 1.

    GuideError if it has nothing within `tolerance` of that color, or not that number, listing what it has, and for text
    that is no color or a picture that is no label map."""
    painted = Painted.of(label_map)
    palette = palette_of([painted])
    wanted, itself = color_named(color)
    distance = (palette.colors - wanted).norm(dim=1)
    if float(distance.min()) > (0 if itself and palette.is_exact else tolerance):
        raise GuideError(f"the label map has nothing of {color}. It has {_listed(palette, 0, _by_size(palette))}.")
    return (resolved(painted, palette.colors, palette.noise) == int(distance.argmin())).float()


def _by_size(palette: Palette) -> list[int]:
    return palette.parts[0].argsort(descending=True, stable=True).tolist()


def label_indices(
    content_map: Image, *style_maps: Image, tolerance: float = 64.0
) -> tuple[list[str], *tuple[Labels, ...]]:
    """The same as numbers: colors "#rrggbb", and for each pixel of the content and of each style map the index of its
    color. Style pixels of a color that the content map lacks have an index beyond the list.

    content_map, style_maps: RGB in 0..1, of any sizes. Up to 32 colors, found in all maps together; but for classes,
    those that are nearly no part of any go to the nearest other one. tolerance: how far apart (Euclidean, RGB, 0..255)
    two colors may be that still mean the same, where there is no nearer one. Where all maps are exact, they must also
    be nearer than a third of the way to any other color, and of gray alone, as classes are numbered, the same.

    GuideError if all style maps lack a color of the content map, listing what is left over on both sides, and for more
    than 32 colors. A color of the style maps alone is left unused, with a Notice; and a class of less than 1/1000 of
    the content map that the style maps lack goes to the nearest other one, with a Notice."""
    maps = [Painted.of(one) for one in (content_map, *style_maps)]
    palette = palette_of(maps)
    colors, present = palette.colors, palette.present()
    on_content, on_style = present[0], present[1:].any(0)
    left, right = (on_content & ~on_style).nonzero()[:, 0], (on_style & ~on_content).nonzero()[:, 0]
    twin = torch.arange(len(colors))
    reach = _reach(palette, tolerance)
    for a, b in _paired(colors[left], colors[right], torch.minimum(reach[left][:, None], reach[right])):
        twin[right[b]] = left[a]
    unused = right[twin[right] == right]
    lacking = _without_specks(palette, left[~torch.isin(left, twin[right])], on_content)
    if len(lacking):
        also = f" The style map alone has {_listed(palette, 1, unused.tolist())}." if len(unused) else ""
        raise GuideError(
            f"the style map lacks colors of the content map: {_listed(palette, 0, lacking.tolist())}.{also} "
            "Paint what belongs together in the same color on both."
        )
    if len(unused):
        listed = _listed(palette, 1, unused.tolist())
        notice(f"the content map lacks colors of the style map: {listed}. They are not used.")
    shared = on_content.nonzero()[:, 0]
    shared = shared[palette.parts[0][shared].argsort(descending=True, stable=True)]
    number = torch.full((len(colors),), -1)
    number[shared] = torch.arange(len(shared))
    number[unused] = torch.arange(len(shared), len(shared) + len(unused))
    indices = []
    for one, has in zip(maps, present, strict=True):
        held = has.nonzero()[:, 0]
        indices.append(number[twin[held]][resolved(one, colors[held], palette.noise)])
    return [hex_of(colors[i]) for i in shared], *indices


def _reach(palette: Palette, tolerance: float) -> Float[Tensor, " k"]:
    """How far from each color one may be that means the same."""
    if palette.is_numbers:
        return torch.zeros(len(palette.colors))
    reach = torch.full((len(palette.colors),), float(tolerance))
    for has in palette.present() if palette.is_exact else ():
        own = palette.colors[has]
        away = torch.cdist(own, own).fill_diagonal_(torch.inf).amin(1)
        reach[has] = torch.minimum(reach[has], away / 3)
    return reach


def _without_specks(palette: Palette, lacking: Tensor, on_content: Bool[Tensor, " k"]) -> Tensor:
    """The colors that the style map lacks, less those that are next to nothing: these are taken off the content."""
    specks = lacking[palette.parts[0][lacking] < LEAST]
    if palette.is_exact and len(specks) and len(specks) < int(on_content.sum()):
        on_content[specks] = False
        listed = _listed(palette, 0, specks.tolist())
        notice(f"the style map lacks {listed} of the content map, which is so little that it goes to what is near.")
        return lacking[~torch.isin(lacking, specks)]
    return lacking


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
    painted = Painted.of(content_map)
    palette = palette_of([painted])
    named = [color_named(color) for color in styles]
    wanted = torch.stack([color for color, _ in named]) if styles else torch.zeros(0, 3)
    itself = torch.tensor([alone and palette.is_exact for _, alone in named], dtype=torch.bool)
    reach = torch.where(itself, 0.0, tolerance).expand(len(palette.colors), len(styles))
    pairs = dict(_paired(palette.colors, wanted, reach))
    lacking = [i for i in range(len(palette.colors)) if i not in pairs]
    unknown = [color for i, color in enumerate(styles) if i not in pairs.values()]
    if lacking or unknown:
        told = [f"no style is given for {_listed(palette, 0, lacking)}"] if lacking else []
        told += [f"the content map has nothing of {', '.join(unknown)}"] if unknown else []
        raise GuideError(f"{'; '.join(told)}. Name every color of the map, with no style for what stays as it is.")
    found, given = resolved(painted, palette.colors, palette.noise), list(styles.items())
    regions = []
    for i in _by_size(palette):
        color, style = given[pairs[i]]
        if style is not None:
            regions.append(Region(style, (found == i).float(), name=color))
    return Guide(tuple(regions))


def _paired(first: Colors, second: Colors, reach: Float[Tensor, "_ _"]) -> list[tuple[int, int]]:
    """The pairs of colors within their reach of each other: as many as can be, and of these the nearest in all."""
    distance = torch.cdist(first, second)
    rows, columns = scipy.optimize.linear_sum_assignment(torch.where(distance <= reach, distance, 1e5).numpy())
    return [(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if distance[a, b] <= reach[a, b]]


def _listed(palette: Palette, side: int, which: Sequence[int]) -> str:
    """With each one's part of the content map (side 0) or, at most, of the style maps (1)."""
    parts = palette.parts[0] if side == 0 else palette.parts[1:].amax(0)
    return ", ".join(f"{hex_of(palette.colors[i])} ({100 * float(parts[i]):.2g} %)" for i in which)
