"""Pairs of points of two pictures, and what makes a set of them fit for a warp.

Kim et al. 2020, "Deformable Style Transfer", section 3.1, and the code that its authors published: pairs are taken by
activation with some space between them, and those whose lines of displacement cross are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.cluster.vq import kmeans2
from torch import Tensor

from intarsia.errors import GuideError
from intarsia.geometry.homographies import apply
from intarsia.geometry.splines import thin_plate
from intarsia.types import Homography, Points, Size

ROUNDS = 6
STIFF = 1.0  # smoothing of the spline that most agree on
AGREEING = 0.85  # part of those that agree so far that goes on to the next round
NEAR = 0.02  # of the longer side: who misses by less agrees in any case


@dataclass(frozen=True, eq=False)
class Pairs:
    """Point i of the content belongs to point i of the style. activation: how strongly the network answers there, 0..1,
    or 1 for pairs made by hand; names: empty, or one for each, which may be empty."""

    content: Float[Tensor, "n 2"]
    style: Float[Tensor, "n 2"]
    activation: Float[Tensor, " n"]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.content)

    @classmethod
    def of(cls, content: Points, style: Points, names: Sequence[str] = ()) -> "Pairs":
        """Pairs made by hand."""
        return cls(content.double(), style.double(), torch.ones(len(content), dtype=torch.float64), tuple(names))

    def __getitem__(self, index: Int[Tensor, " m"] | Bool[Tensor, " n"] | slice) -> "Pairs":
        numbers = torch.arange(len(self))[index]
        names = tuple(self.names[i] for i in numbers.tolist()) if self.names else ()
        return Pairs(self.content[numbers], self.style[numbers], self.activation[numbers], names)

    @property
    def rows(self) -> tuple[tuple[float, float, float, float], ...]:
        """Of each pair x and y of the content, x and y of the style."""
        return tuple(map(tuple, torch.cat([self.content, self.style], 1).tolist()))  # pyright: ignore[reportReturnType]

    def strongest_first(self) -> "Pairs":
        return self[self.activation.argsort(descending=True, stable=True)]


def coherent(pairs: Pairs, size: Size, onto: Size) -> Pairs:
    """Those that agree with one smooth warp, from the similarity that fits all of them best to ever finer splines
    through those that agree so far. size, onto: (h, w) of content and style.

    Not in the paper. Best buddies that are not each other's in truth lie anywhere, and the right ones about where a
    smooth warp of the right ones has them."""
    there = pairs.style * _unit(onto)
    agree = torch.arange(len(pairs))
    predicted = apply(similarity_of(pairs, size, onto), pairs.content) if len(pairs) >= 4 else pairs.style
    for _ in range(ROUNDS if len(pairs) >= 4 else 0):
        off = (predicted * _unit(onto) - there).norm(dim=1)
        agree = (off <= max(NEAR, float(off[agree].quantile(AGREEING)))).nonzero()[:, 0]
        try:
            predicted = thin_plate(pairs.content[agree], pairs.style[agree], size, STIFF)(pairs.content)
        except GuideError:  # too few, or in line: there is no more to ask
            break
    return pairs[agree]


def spaced(pairs: Pairs, size: Size, gap: float = 10 / 256, most: int = 80) -> Pairs:
    """The most activated ones, greedily, with no two points of the content (h, w) nearer than `gap` of its longer side
    in x and in y."""
    ordered = pairs.strongest_first()
    place = (ordered.content * _unit(size)).numpy()
    free, kept = np.ones(len(place), dtype=bool), []
    while free.any() and len(kept) < most:
        kept.append(int(free.argmax()))
        free &= np.abs(place - place[kept[-1]]).max(1) > gap
    return ordered[torch.tensor(kept, dtype=torch.long)]


def uncrossed(pairs: Pairs, size: Size, onto: Size) -> Pairs:
    """Without those whose way from the content's point to the aligned point of the style crosses that of one that is
    more activated; twice, for the alignment changes with what is left."""
    pairs = pairs.strongest_first()
    for _ in range(2):
        if len(pairs) < 3:
            break
        here, there = pairs.content * _unit(size), aligned(pairs, size, onto) * _unit(size)
        crosses, stays = _cross(here, there), torch.ones(len(pairs), dtype=torch.bool)
        for i in range(len(pairs)):
            stays[i + 1 :] &= ~crosses[i, i + 1 :] | ~stays[i]
        pairs = pairs[stays]
    return pairs


def crossings(points: Points, targets: Points, size: Size) -> list[tuple[int, int]]:
    """Which ways from points to targets cross, as their numbers from 0."""
    crosses = _cross(points * _unit(size), targets * _unit(size))
    return [(i, j) for i, j in crosses.nonzero().tolist() if i < j]


def clustered(pairs: Pairs, k: int, seed: int = 0) -> Pairs:
    """The most activated one of each of k clusters in the four dimensions of a pair (Aberman et al. 2018, section 3.4);
    all of them where there are no more than k."""
    if len(pairs) <= k:
        return pairs
    rows = torch.cat([pairs.content, pairs.style], 1).numpy()
    _, labels = kmeans2(rows, k, minit="++", seed=seed)  # pyright: ignore[reportCallIssue] (before scipy 1.15)
    ordered = np.lexsort((-pairs.activation.numpy(), labels))
    _, first = np.unique(labels[ordered], return_index=True)
    return pairs[torch.from_numpy(ordered[first])].strongest_first()


def aligned(pairs: Pairs, size: Size, onto: Size) -> Points:
    """The style's points carried to the content by the similarity that fits best, so that a warp to them changes the
    shape, and not where the object is, how large and how it is turned."""
    return apply(torch.linalg.inv(similarity_of(pairs, size, onto)), pairs.style)


def similarity_of(pairs: Pairs, size: Size, onto: Size) -> Homography:
    """The similarity that carries the content's points nearest to the style's, true in aspects (Umeyama 1991,
    "Least-squares estimation of transformation parameters between two point patterns"). GuideError for fewer than two,
    or where all are the same point."""
    before, after = pairs.content.double() * _unit(size), pairs.style.double() * _unit(onto)
    spread = float((before - before.mean(0)).square().sum()) if len(pairs) else 0.0
    if len(pairs) < 2 or spread < 1e-12:
        raise GuideError(f"a similarity takes two different points or more; got {len(pairs)}. Add pairs.")
    here, there = before - before.mean(0), after - after.mean(0)
    left, strengths, right = torch.linalg.svd(there.T @ here)
    sign = torch.tensor([1.0, float(torch.linalg.det(left @ right).sign())], dtype=torch.float64)
    turn = left @ torch.diag(sign) @ right * ((strengths * sign).sum() / spread).clamp_min(1e-9)
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, :2] = turn * _unit(size) / _unit(onto)[:, None]
    matrix[:2, 2] = (after.mean(0) - turn @ before.mean(0)) / _unit(onto)
    return matrix


def _unit(size: Size) -> Float[Tensor, " 2"]:
    """What x and y of 0..1 are multiplied by, for distances in longer sides."""
    return torch.tensor(size[::-1], dtype=torch.float64) / max(size)


def _cross(start: Points, end: Points) -> Bool[Tensor, "n n"]:
    """Which of the lines from start to end cross which."""

    def side(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])

    a, b, c, d = start[:, None], end[:, None], start[None], end[None]
    return (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
