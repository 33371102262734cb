"""The one guidance language: which part of the content takes which part of which style, with which settings.

Sources make guides, engines read them. An engine asks two things: `guide.shares((h, w))`, who owns which part of a
picture of that size, and `guide.regions`. What no region owns stays content.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import pydantic
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo
from torch import Tensor

from intarsia.color import Form, Rule
from intarsia.errors import GuideError, in_percent, unknown
from intarsia.large import Box, in_parts
from intarsia.maps.fitting import at_size
from intarsia.types import Image, Map, Size

BLOCK = 1 << 16  # positions whose mixtures are looked at in one go
Factor = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@pydantic.dataclasses.dataclass(frozen=True, eq=False, kw_only=True, config=ConfigDict(use_attribute_docstrings=True))
class Manner:
    """How a region is painted. To add a setting, write a field here, with type, range, default and docstring: regions,
    the words for them, guide files, recipes, flags and `stylize` read it off."""

    strength: Fraction = 1.0
    """How much is painted: 0 leaves the content as it is, 1 applies the style fully."""
    style_scale: Annotated[float, Field(ge=0.05, le=20)] = 1.0
    """Size of the style's brushwork; at 1 style and content have the same long side."""
    color: Rule = "none"
    """Whose colors it has: none = the style's; match, luminance or histogram = the content's."""
    color_form: Form = "mk"
    """Of the map of colors that match and histogram use."""
    content_weight: Factor = 1.0
    """Factor on the method's own weight of the content inside this region."""


MANNER: dict[str, FieldInfo] = Manner.__pydantic_fields__  # pyright: ignore[reportAttributeAccessIssue]


@dataclass(frozen=True, eq=False)
class Region(Manner):
    """A part of the content, the style it takes, and the manner.

    content_map: who belongs, 0..1 per position, any size of the content's aspect; None = everywhere.
    style: the picture to take from; style_map: which part of it, 0..1; None = all of it.
    The settings of `Manner` are keywords. color: by `recolor.py`; match carries the content's colors to the style's by
    an affine map of the form color_form before, and back after; luminance: only luminance is painted; histogram: the
    style gets the content's histograms. GuideError for maps and settings that cannot be."""

    style: Image
    content_map: Map | None = None
    style_map: Map | None = None
    name: str = ""

    def __post_init__(self):
        for what, value in (("content", self.content_map), ("style", self.style_map)):
            if value is not None and not (bool(value.isfinite().all()) and float(value.min()) >= 0 <= 1 >= value.max()):
                raise GuideError(f"region '{self.name}': its {what} map leaves 0..1. Scale it to that range.")
        if self.style_map is not None and not bool((self.style_map > 0).any()):
            raise GuideError(
                f"region '{self.name}': its style map is empty, so there is nothing to take from. "
                "Paint it, or drop the region."
            )
        try:
            self.__dict__.update(dataclasses.asdict(self.manner))  # as numbers, whatever kind of them came
        except pydantic.ValidationError as error:
            raise GuideError(f"region '{self.name}': {_in_words(error.errors()[0])}") from None

    @property
    def manner(self) -> Manner:
        return Manner(**{name: getattr(self, name) for name in MANNER})

    def paints_like(self, other: "Region") -> bool:
        """Whether both would paint the same, wherever they are."""
        same_style = _same(self.style, other.style) and _same(self.style_map, other.style_map)
        return same_style and all(getattr(self, name) == getattr(other, name) for name in MANNER)


def _in_words(fault: Any) -> str:
    """What is wrong with a setting of `Manner`, and what it may be."""
    name, value = fault["loc"][0], fault["input"]
    if fault["type"] == "literal_error":
        return unknown(f"`{name}`", str(value), get_args(MANNER[name].annotation))
    bounds = {key: getattr(one, key) for one in MANNER[name].metadata for key in ("ge", "le") if hasattr(one, key)}
    if "ge" not in bounds:
        return f"`{name}` is {value}. {fault['msg']}."
    most = f"to {bounds['le']:g}" if "le" in bounds else "or more"
    return f"`{name}` is {value}; it must be {bounds['ge']:g} {most}.{in_percent(value, bounds.get('le'))}"


@dataclass(frozen=True, eq=False)
class Guide:
    """Regions in the order in which they were given. `Guide.everywhere(style)` is the guide of those who give none."""

    regions: tuple[Region, ...]

    def __post_init__(self):
        if not self.regions:
            raise GuideError("the guide has no region, so there is nothing to paint. Give at least one style.")

    @classmethod
    def everywhere(
        cls,
        *styles: Image,
        weights: Sequence[float] | None = None,
        manner: Manner = Manner(),  # noqa: B008 (never changed)
    ) -> "Guide":
        """One region per style over the whole picture; several styles share every place by `weights` (equal if not
        given), that is, they are mixed."""
        weights = [1.0] * len(styles) if weights is None else weights
        if len(weights) != len(styles) or min(weights, default=0) < 0 or sum(weights) <= 0:
            raise GuideError(
                f"{len(styles)} styles came with weights {list(weights)}. "
                "Give one weight per style, 0 or more, not all 0."
            )
        maps = [None if len(styles) == 1 else torch.full((1, 1), weight / sum(weights)) for weight in weights]
        named = zip(styles, maps, weights, strict=True)
        return cls(
            tuple(
                Region(style, content_map, name=f"style {i}", **dataclasses.asdict(manner))
                for i, (style, content_map, weight) in enumerate(named, 1)
                if weight > 0
            )
        )

    @property
    def is_even(self) -> bool:
        """Whether every place belongs to the regions in the same parts."""
        return all(region.content_map is None or region.content_map.numel() == 1 for region in self.regions)

    def shares(self, size: Size) -> Float[Tensor, "r h w"]:
        """Each region's part of every position of a picture of `size` (h, w); they sum to at most 1, the remainder
        stays content. Where maps overlap by more than that, they are scaled down together."""
        maps = [_at_size(region, size) for region in self.regions]

        def scaled(box: Box) -> Tensor:
            stacked = torch.stack([box.of(one) for one in maps]).clamp(0, 1)
            return stacked / stacked.sum(0).clamp_min(1)

        return in_parts(scaled, (len(maps), *size), dtype=maps[0].dtype, device=maps[0].device)

    def merged(self) -> "Guide":
        """The same picture with fewer regions: those that paint alike become one, so that a picture cut into equal
        regions is the same as one not cut. Regions of strength 0 are dropped: their part stays content."""
        groups: list[list[Region]] = []
        for region in self.regions:
            alike = next((group for group in groups if group[0].paints_like(region)), None)
            alike.append(region) if alike else groups.append([region])
        shares = None
        if len(groups) < len(self.regions):
            sizes = [region.content_map.shape for region in self.regions if region.content_map is not None]
            size = (max((s[0] for s in sizes), default=1), max((s[1] for s in sizes), default=1))
            shares = dict(zip(self.regions, self.shares(size), strict=True))
        merged = [_one(group, shares) for group in groups if group[0].strength > 0]
        return Guide(tuple(merged)) if merged else Guide((dataclasses.replace(self.regions[0], strength=0),))


def blends(shares: Float[Tensor, "r h w"], limit: int = 8, steps: int = 4) -> Float[Tensor, "k h w"]:
    """A small codebook of mixtures: k soft maps that sum to the shares' sum, each gathering the positions whose
    mixture of regions is about the same.

    One constraint per region under its soft map asks the pixels between two maps to serve two targets at once, and the
    optimum is a gray middle. Instead the mixtures are laid on the lattice of simplex points with coordinates in
    1/`steps`; a position speaks for the corners of its lattice cell by its barycentric weights there (for two regions:
    hats at shares 0, 1/4, 1/2, 3/4, 1). Hard maps give just the regions themselves, however small. Mixtures beyond the
    heaviest, so that there are at most `limit` codes (or as many as pure regions), and those below 1 % of the painted
    area are given up to their nearest kept codes. The caller takes each code's weighted mean share, not its nominal
    one, to mix its target."""
    regions, h, w = shares.shape
    if regions == 1:
        return shares
    cover = shares.sum(0).flatten()
    mixture = (shares.flatten(1) / cover.clamp_min(1e-12)).T  # (n, r), rows sum to 1
    m = min(regions, 8, max(2, int((mixture > 1e-6).sum(1).max())))
    parts = list(zip(mixture.split(BLOCK), cover.split(BLOCK), strict=True))
    found = [_codes(*part, m, steps) for part in parts]
    known, place = torch.unique(torch.cat([codes for codes, _ in found]), return_inverse=True)
    mass = torch.zeros(len(known)).index_add_(0, place, torch.cat([masses for _, masses in found]))
    points = F.one_hot(known[:, None] // regions ** torch.arange(steps) % regions, regions).sum(1)  # (codes, r)
    kept = _kept(points, mass, limit, steps)
    nearest = torch.cdist(points.float(), points[kept].float()).argmin(1)
    out = torch.zeros(len(kept), h * w)
    for block, (one, part) in zip(out.split(BLOCK, 1), parts, strict=True):
        corners, weights = _weighted_corners(one, part, m, steps)
        code = nearest[torch.searchsorted(known, corners).clamp_max(len(known) - 1)]  # weight 0, if not among them
        block.copy_(torch.zeros(len(one), len(kept)).scatter_add_(1, code, weights).T)
    return out.reshape(len(kept), h, w)


def _codes(
    mixture: Float[Tensor, "n r"], cover: Float[Tensor, " n"], m: int, steps: int
) -> tuple[Int[Tensor, " k"], Float[Tensor, " k"]]:
    """The lattice points that some positions speak for, as numbers, and how much they say together."""
    corners, weights = _weighted_corners(mixture, cover, m, steps)
    known, place = torch.unique(corners[weights > 0], return_inverse=True)
    return known, torch.zeros(len(known)).index_add_(0, place, weights[weights > 0])


def _weighted_corners(
    mixture: Float[Tensor, "n r"], cover: Float[Tensor, " n"], m: int, steps: int
) -> tuple[Int[Tensor, "n m"], Float[Tensor, "n m"]]:
    corners, weights = _lattice_corners(mixture, m, steps)
    weights = weights * cover[:, None]
    return corners, torch.where(weights > 1e-6, weights, 0)


def _lattice_corners(
    mixture: Float[Tensor, "n r"], m: int, steps: int
) -> tuple[Int[Tensor, "n m"], Float[Tensor, "n m"]]:
    """Corners of the cell of the Kuhn triangulation of the simplex that holds each mixture, and its barycentric
    weights there. Cumulative sums turn the simplex into a corner of a cube, whose cells are sorted by fraction.

    A corner is a set of `steps` regions, with repetition, written as the digits of a number to the base r: one step of
    the mixture each. Only the m regions that a position has, at most its 8 largest, can be in its corners."""
    n, regions = mixture.shape
    index = mixture.topk(m).indices.sort(1).values
    part = mixture.gather(1, index)
    part = part / part.sum(1, keepdim=True).clamp_min(1e-12)
    height = (part.flip(1).cumsum(1).flip(1)[:, 1:] * steps).clamp(0, steps)  # falling, (n, m - 1)
    height = torch.where((height - height.round()).abs() < 1e-4, height.round(), height)
    base = height.floor()
    fraction, order = (height - base).sort(dim=1, descending=True, stable=True)
    climbs = F.one_hot(order, m - 1).cumsum(1)  # after the j largest fractions
    levels = torch.cat([base[:, None], base[:, None] + climbs], 1)  # (n, m corners, m - 1)
    rank = torch.stack([(levels >= step).sum(2) for step in range(1, steps + 1)], 2)  # (n, m, steps), 0..m - 1
    digits = index[:, None].expand(n, m, m).gather(2, rank)
    edges = torch.cat([torch.ones(n, 1), fraction, torch.zeros(n, 1)], 1)
    return (digits * regions ** torch.arange(steps)).sum(2), edges[:, :-1] - edges[:, 1:]


def _kept(points: Int[Tensor, "k r"], mass: Float[Tensor, " k"], limit: int, steps: int) -> Int[Tensor, " kept"]:
    """Every pure region, and as many of the heaviest mixtures as the limit leaves room for."""
    pure = points.amax(1) == steps
    order = torch.where(pure, 0, mass).argsort(descending=True)[: max(0, limit - int(pure.sum()))]
    heavy = order[(mass[order] > 0.01 * mass.sum()) & ~pure[order]]
    kept = torch.cat([pure.nonzero()[:, 0], heavy])
    return kept.sort().values if len(kept) else order


def _at_size(region: Region, size: Size) -> Map:
    if region.content_map is None:
        return region.style.new_ones(1, 1).expand(size)
    return at_size(region.content_map, size)


def _one(group: list[Region], shares: dict[Region, Map] | None) -> Region:
    if len(group) == 1 and shares is None:
        return group[0]
    assert shares is not None
    together = torch.stack([shares[region] for region in group]).sum(0).clamp(0, 1)
    whole = bool((together > 1 - 1e-5).all())
    return dataclasses.replace(group[0], content_map=None if whole else together)


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return a is b or (a.shape == b.shape and bool((a == b).all()))
