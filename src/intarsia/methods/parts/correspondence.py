"""Which place of a painting each place of a picture resembles: a field of matches, made coherent, and the map of the
painting that it comes to.

Luan, Paris, Shechtman, Bala 2018, "Deep painterly harmonization", section 4: matches of small patches of features, one
by one (algorithm 2), then one field in which neighbors agree (algorithm 3). Ours go by colors as well.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.match import centers, nearest, places
from intarsia.methods.parts.patchwork import as_rows
from intarsia.sizes import grid_of, pool_to_grid, size_of
from intarsia.types import Image, Map, Size

WINDOW = 3  # positions along the side of a patch
INSIDE = 0.25  # part of a position from which it is matched, or offered


class Side(NamedTuple):
    """A picture as it is matched. part: of each position, 0..1, what is matched or offered."""

    features: Float[Tensor, "c h w"]
    colors: Float[Tensor, "3 h w"]
    part: Float[Tensor, "h w"]

    @property
    def size(self) -> Size:
        return size_of(self.features)

    def patches(self, window: Size) -> Int[Tensor, "n k"]:
        """Places of the patches whose middle is inside; there is always one."""
        least = min(INSIDE, float(centers(self.part, window).max()) / 2)
        return places(self.size, window, inside=self.part >= least).to(self.features.device)


@torch.no_grad()
def side_of(encoder: Encoder, image: Image, part: Map, tap: str, taps: Sequence[str] = ()) -> Side:
    """part: what is matched or offered, 0..1; taps: all that are in use, which decide the grid."""
    stride = encoder.strides[tap]
    grid = grid_of(size_of(image), stride, max(encoder.strides[one] for one in (tap, *taps)))
    return Side(encoder(image, [tap, *taps])[tap], colors_of(image, grid), pool_to_grid(part[None], grid, stride)[0])


def colors_of(image: Image, grid: Size) -> Float[Tensor, "3 gh gw"]:
    """Of the surroundings of each position."""
    return F.avg_pool2d(F.pad(F.adaptive_avg_pool2d(image, grid), (1, 1, 1, 1), mode="replicate"), 3, 1)


def field_of_matches(
    ours: Side, theirs: Side, color_weight: float = 0.0
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Numbers of our positions, in reading order, and of the positions of theirs that they resemble most.

    color_weight: what a squared distance of colors, in RGB, counts beside the cosine of the features."""
    window = window_for(ours, theirs)
    wanted, offered = ours.patches(window), theirs.patches(window)
    # |a - b|² but for |a|², which is the same for all b
    a, b = as_rows(ours.colors), as_rows(theirs.colors)
    here = torch.cat([2 * a, torch.ones_like(a[:, :1])], 1)
    there = torch.cat([b, -b.square().sum(1, keepdim=True)], 1)
    features = as_rows(ours.features), as_rows(theirs.features)
    found = nearest(features[0], wanted, features[1], offered, meaning=(here, there), weight=color_weight)
    middle = window[0] // 2 * window[1] + window[1] // 2
    return wanted[:, middle], offered[found, middle]


def window_for(*sides: Side) -> Size:
    """Height and width of a patch, smaller where a picture is."""
    return min(WINDOW, *(one.size[0] for one in sides)), min(WINDOW, *(one.size[1] for one in sides))


def coherent(
    at: Int[Tensor, " n"], found: Int[Tensor, " n"], ours: Size, theirs: Side, reach: int = 2
) -> Int[Tensor, " n"]:
    """The field in which neighbors agree: of all that the neighbors within `reach` would have a place take, were its
    match beside theirs as it is beside them, it takes the one nearest to their mean in features (Luan et al. 2018,
    algorithm 3)."""
    (h, w), (high, wide) = ours, theirs.size
    field = torch.full((h * w,), -1, device=at.device)
    field[at] = found
    y, x, candidates = at // w, at % w, []
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            near = (y + dy).clamp(0, h - 1) * w + (x + dx).clamp(0, w - 1)
            row, column = field[near] // wide - dy, field[near] % wide - dx
            known = (field[near] >= 0) & (row >= 0) & (row < high) & (column >= 0) & (column < wide)
            candidates.append(torch.where(known, row * wide + column, found))
    every = torch.stack(candidates, 1)  # (n, k)
    features = F.normalize(as_rows(theirs.features).float(), dim=1)
    best = [_nearest_to_mean(features[some]) for some in every.split(4096)]
    return every.gather(1, torch.cat(best)[:, None])[:, 0]


def taken_from(found: Int[Tensor, " n"], size: Size) -> Float[Tensor, "h w"]:
    """How often each position of a picture of `size` positions is taken, 1 for the one taken most often."""
    counts = torch.bincount(found, minlength=size[0] * size[1]).view(size).float()
    return counts / counts.max()


def _nearest_to_mean(rows: Float[Tensor, "n k c"]) -> Int[Tensor, " n"]:
    return (rows - rows.mean(1, keepdim=True)).square().sum(2).argmin(1)
