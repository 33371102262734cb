"""Which style region each content region takes, and the guide that this makes.

Regions are paired so that the sum of the scores is highest (an assignment), or each content region takes the style
region with its best score. Scores are 0 to 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import scipy
import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder, load
from intarsia.errors import GuideError, UsageError, unknown
from intarsia.geometry import pixel_centers
from intarsia.guide import Guide, Region
from intarsia.moments import Moments, moments
from intarsia.partition.indicators import TAPS, at, lab
from intarsia.partition.segment import Partition, partition
from intarsia.sizes import fit, pool_to_grid, resize, size_of
from intarsia.types import Image

PAIRINGS = ("appearance", "position", "overlap")
COMMON = 64  # side of the square to which the maps of two pictures are brought to compare them


@dataclass(frozen=True, eq=False)
class Pairing:
    """pairs: content label -> style label, ordered by content label; scores: how well each content label (row) fits
    each style label (column), 0..1."""

    pairs: dict[int, int]
    scores: Float[Tensor, "c s"]


@torch.no_grad()
def pair(
    content_partition: Partition,
    style_partition: Partition,
    by: str = "appearance",
    *,
    content: Image | None = None,
    style: Image | None = None,
    encoder: Encoder | None = None,
    one_to_one: bool = True,
    fixed: Mapping[int, int] | None = None,
    size: int = 512,
) -> Pairing:
    """Give each content region a style region.

    by: "appearance" compares the moments of colors and taps. It needs both pictures, which are brought to the long side
    `size`, and an encoder (None loads `compact`). "position" compares the centers of the regions, "overlap" the maps by
    intersection over union, with both pictures stretched to the same square. one_to_one: no style region is taken
    twice, which needs at least as many of them as content regions; else each content region takes the best. fixed:
    content label -> style label, pairs that are kept whatever the scores; they may share a style region."""
    scores = _scores(content_partition, style_partition, by, content, style, encoder, size)
    return Pairing(_paired(scores, one_to_one, dict(fixed or {})), scores)


@torch.no_grad()
def auto_regions(
    content: Image,
    styles: Sequence[Image],
    k: int,
    *,
    encoder: Encoder | None = None,
    by: str = "appearance",
    one_to_one: bool = True,
    fixed: Mapping[int, int | tuple[int, int]] | None = None,
    seed: int = 0,
    size: int = 512,
) -> Guide:
    """Partitions the content and each style into k regions and pairs them. The guide has the content's regions, with
    soft maps, named "auto 1" to "auto k", the largest first.

    With several styles, at most k, each style first goes to one region that it fits best (an assignment); the other
    regions then take what fits them best from any style. one_to_one, by: see `pair`. fixed: content label (0 is the
    largest) -> style label or, with several styles, (number of the style from 0, its label). To change the settings of
    a region, change the guide: `dataclasses.replace(region, strength=0.5)`. UsageError for too many styles."""
    if not 1 <= len(styles) <= k:
        raise UsageError(
            f"{len(styles)} styles for {k} regions: give 1 style or more, and at least one region for each."
        )
    if by not in PAIRINGS:
        raise UsageError(unknown("way to pair", by, PAIRINGS))
    encoder = load("compact") if encoder is None else encoder
    parts = [partition(image, k, encoder=encoder, seed=seed, size=size) for image in (content, *styles)]
    scores = [
        _scores(parts[0], part, by, content, style, encoder, size)
        for part, style in zip(parts[1:], styles, strict=True)
    ]
    told = {label: (0, one) if isinstance(one, int) else one for label, one in (fixed or {}).items()}
    taken = _shared_out(torch.stack(scores, 1), one_to_one, told)  # content label -> (style, its label)
    return Guide(
        tuple(
            Region(styles[i], parts[0].soft[label], parts[1 + i].soft[one], name=f"auto {label + 1}")
            for label, (i, one) in taken.items()
        )
    )


def _scores(
    first: Partition,
    second: Partition,
    by: str,
    content: Image | None,
    style: Image | None,
    encoder: Encoder | None,
    size: int,
) -> Float[Tensor, "c s"]:
    if by == "position":
        return 1 - torch.cdist(_centers(first), _centers(second)) / 2**0.5
    if by == "overlap":
        a, b = (at(part.soft, (COMMON, COMMON)).flatten(1) for part in (first, second))
        both = torch.stack([torch.minimum(one, b).sum(1) for one in a])
        return both / (a.sum(1)[:, None] + b.sum(1) - both).clamp_min(1e-12)
    if by != "appearance":
        raise UsageError(unknown("way to pair", by, PAIRINGS))
    if content is None or style is None:
        raise UsageError("pairing by appearance needs both pictures. Give content and style, or pair by position.")
    encoder = load("compact") if encoder is None else encoder
    looks = [_moments(image, part, encoder, size) for image, part in ((content, first), (style, second))]
    return torch.stack([_alike(a, b) for a, b in zip(*looks, strict=True)]).mean(0).float()


def _centers(part: Partition) -> Float[Tensor, "k 2"]:
    """The center of mass of each region as x, y, 0..1."""
    maps = at(part.soft, (COMMON, COMMON))
    mass = maps.sum((1, 2)).clamp_min(1e-12)
    return torch.tensordot(maps, pixel_centers((COMMON, COMMON)).to(maps), 2) / mass[:, None]


def _moments(image: Image, part: Partition, encoder: Encoder, size: int) -> list[Moments]:
    """Moments of CIELAB and of each tap under every map."""
    shown = resize(image.detach().cpu().float(), fit(*size_of(image), min(size, max(size_of(image)))))
    maps = at(part.soft, size_of(shown))
    out = [moments(lab(shown), maps)]
    for tap, features in encoder(shown.to(encoder.device), TAPS).items():
        found = features.float().cpu()
        out.append(moments(found, pool_to_grid(maps, size_of(found), encoder.strides[tap])))
    return out


def _alike(first: Moments, second: Moments) -> Float[Tensor, "c s"]:
    """1 if two regions have the same mean and covariance relative to their whole pictures; toward 0 as they differ."""
    means, spreads = zip(*(_standing(one) for one in (first, second)), strict=True)
    apart = torch.cdist(means[0], means[1]).square()
    unlike = torch.cdist(spreads[0].flatten(1), spreads[1].flatten(1)).square()
    return 1 / (1 + apart + unlike)


def _standing(of: Moments) -> tuple[Float[Tensor, "r c"], Float[Tensor, "r c c"]]:
    """Each region's mean minus the picture's, and its covariance, in units of the picture's variance. A region is known
    by how it differs from the rest of its picture, since a photograph and a painting differ everywhere."""
    whole = Moments(of.mass.sum()[None], of.first.sum(0)[None], of.second.sum(0)[None])
    covariance = whole.covariance()[0]
    variance = covariance.trace().clamp_min(1e-8)
    return (of.mean() - whole.mean()) / variance.sqrt(), of.covariance() / variance


def _paired(scores: Float[Tensor, "c s"], one_to_one: bool, fixed: dict[int, int]) -> dict[int, int]:
    """GuideError if a fixed pair names a label that does not exist, or if there are too few style regions."""
    many = _shared_out(scores[:, None], one_to_one, {label: (0, one) for label, one in fixed.items()})
    return {label: one for label, (_, one) in many.items()}


def _shared_out(
    scores: Float[Tensor, "c n s"], one_to_one: bool, fixed: dict[int, tuple[int, int]]
) -> dict[int, tuple[int, int]]:
    """content label -> (style, style label). Fixed pairs come first, then one region for each style, then the rest."""
    labels, count, parts = scores.shape
    for label, (style, one) in fixed.items():
        if not (0 <= label < labels and 0 <= style < count and 0 <= one < parts):
            raise GuideError(
                f"the fixed pair of content region {label} with region {one} of style {style} cannot be: there are "
                f"{labels} content regions, {count} styles and {parts} regions of each, counted from 0."
            )
    taken = dict(fixed)
    used = set(fixed.values())
    idle = [style for style in range(count) if style not in {one for one, _ in fixed.values()}]
    if count > 1 and idle:
        free = [label for label in range(labels) if label not in taken]
        rows, columns = scipy.optimize.linear_sum_assignment(-scores[free][:, idle].amax(2).numpy())
        for row, column in zip(rows, columns, strict=True):
            label, style = free[row], idle[column]
            taken[label] = (style, int(scores[label, style].argmax()))
            used.add(taken[label])
    free = [label for label in range(labels) if label not in taken]
    choices = [(style, one) for style in range(count) for one in range(parts)]
    if one_to_one:
        choices = [choice for choice in choices if choice not in used]
        if len(choices) < len(free):
            raise GuideError(
                f"{labels} content regions cannot have one of {parts} style regions each. "
                "Pair without one-to-one, or take as many regions on both."
            )
        table = torch.stack([scores[free, style, one] for style, one in choices], 1) if free else torch.zeros(0, 0)
        rows, columns = scipy.optimize.linear_sum_assignment(-table.numpy())
        taken |= {free[row]: choices[column] for row, column in zip(rows, columns, strict=True)}
    else:
        for label in free:
            taken[label] = choices[int(scores[label].flatten().argmax())]
    return {label: taken[label] for label in range(labels)}
