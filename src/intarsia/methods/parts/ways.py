"""Key points of the content, and the places where the shapes of the styles ask them to come."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.errors import notice
from intarsia.geometry import Pairs, aligned, border_points, check_pairs, crossings, spaced
from intarsia.guide import Guide
from intarsia.methods.parts.buddies import best_pairs
from intarsia.scene import Scene
from intarsia.sizes import fit, size_of
from intarsia.types import Points, Size

FEWEST = 3  # pairs of a region: two say where it is, how large and how it is turned, and nothing of its shape
GAP = 10 / 256  # of the longer side, between places where points that were found come to
SEEN = 256  # long side at which it is looked up whose a point is


class Ways(NamedTuple):
    """points of the content and where they come to, fp64; there may be none."""

    points: Points
    targets: Points

    def as_far_as(self, part: float) -> "Ways":
        return Ways(self.points, torch.lerp(self.points, self.targets, part))


def given(rows: Sequence[tuple[float, float, float, float]], scene: Scene) -> Ways:
    """Of pairs made by hand: x, y on the content, x, y on the style of the region that the point lies in. GuideError as
    of `check_pairs`; a notice for those that cross, that come to lie outside, and that are too few for their region."""
    numbers, size = torch.tensor(rows, dtype=torch.float64), scene.size
    pairs = Pairs.of(numbers[:, :2], numbers[:, 2:])
    check_pairs(pairs.content, pairs.style, size)
    owners, targets = _owners(scene.guide, pairs.content, size), pairs.content.clone()
    for r, region in enumerate(scene.guide.regions):
        mine = owners == r
        if (count := int(mine.sum())) >= FEWEST:
            targets[mine] = aligned(pairs[mine], size, size_of(region.style))
        elif count:
            notice(f"region '{region.name}' has {count} pairs of points, and takes {FEWEST} or more to be bent.")
    for i, j in crossings(pairs.content, targets, size)[:1]:
        notice(
            f"the ways of pairs {i + 1} and {j + 1} cross, so that the warp may fold there. Are they the right points?"
        )
    inside = ((targets >= 0) & (targets <= 1)).all(1)
    if not bool(inside.all()):
        out = ", ".join(str(i + 1) for i in (~inside).nonzero()[:, 0].tolist())
        notice(f"pairs of points that would come to lie outside of the picture are left out: {out}.")
    return Ways(pairs.content[inside], targets[inside])


def found(scene: Scene, encoder: Encoder) -> Ways:
    """Of best buddies (`buddies.py`), in each region by itself; a notice tells where there are none."""
    size, every = scene.size, [Pairs.of(*none())]
    for region in (one for one in scene.guide.regions if one.strength):
        area = None if region.content_map is None or region.content_map.numel() == 1 else region.content_map
        pairs = best_pairs(encoder, scene.content, region.style, area, region.style_map)
        if len(pairs) >= FEWEST:
            every.append(Pairs(aligned(pairs, size, size_of(region.style)), pairs.content, pairs.activation))
    sides = ((one.content, one.style, one.activation) for one in every)
    targets, points, activation = (torch.cat(side) for side in zip(*sides, strict=True))
    moved = Pairs(targets, points, activation)
    moved = spaced(moved[_well_inside(targets, size)], size, GAP)
    if len(moved) < FEWEST:
        notice(
            "no pairs of points were found: nothing in these pictures is alike enough in its place, and nothing is "
            "bent. Give `points` made by hand."
        )
        return none()
    return Ways(moved.style, moved.content)


def none() -> Ways:
    return Ways(*torch.empty(2, 0, 2, dtype=torch.float64))


def _owners(guide: Guide, points: Points, size: Size) -> Int[Tensor, " n"]:
    """The region that has the largest share of each point's place."""
    shares = guide.shares(fit(*size, SEEN))
    h, w = size_of(shares)
    x, y = (points * torch.tensor([w, h])).long().clamp_min(0).unbind(1)
    return shares[:, y.clamp_max(h - 1), x.clamp_max(w - 1)].argmax(0)


def _well_inside(targets: Points, size: Size) -> Tensor:
    """Those in the picture, and not at a point of the border, which is held."""
    unit = torch.tensor(size[::-1], dtype=torch.float64) / max(size)
    far = torch.cdist(targets * unit, border_points() * unit).amin(1) > GAP
    return far & ((targets > 0) & (targets < 1)).all(1)
