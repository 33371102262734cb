"""The nearest-neighbor patch term: every small patch of the picture is to be a patch of its region's style.

Li & Wand 2016 ("Combining Markov random fields and convolutional neural networks", eq. 2 and 3), with the meaning of a
place concatenated to its features for matching only, as in Champandard 2016 ("Semantic style transfer and turning
two-bit doodles into fine artworks"). The meaning of a place in the content is its shares of the regions; in a style it
is the style maps of the regions that take from there. A place that belongs to one region is matched within that
region's part of its style alone; where regions meet or mix, the matches come from each of them.
"""

import dataclasses
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.guide import Guide
from intarsia.match import Places, Votes, centers, nearest, places, votes
from intarsia.scene import View
from intarsia.sizes import grid_of, pool_to_grid, size_of
from intarsia.styles import styles_once

WINDOW = 3  # positions along the side of a patch, where there are as many


class Side(NamedTuple):
    """Patches of the content or of the styles at one tap: the meaning of each position, the places of the patches, and
    the regions that each patch belongs to."""

    meaning: Float[Tensor, "a r"]
    at: Places
    belongs: Bool[Tensor, "n r"]


@dataclasses.dataclass(frozen=True, eq=False)
class Patchwork:
    """The term at one size and one tap. pool: the features of all styles, one below the other."""

    wanted: Side
    offered: Side
    pool: Float[Tensor, "b c"]
    importance: Float[Tensor, " n"]
    semantic_weight: float

    @torch.no_grad()
    def matched(self, features: Float[Tensor, "c h w"]) -> Int[Tensor, " n"]:
        """For each wanted patch the number of the offered one that it goes by."""
        return nearest(
            as_rows(features),
            self.wanted.at,
            self.pool,
            self.offered.at,
            meaning=(self.wanted.meaning, self.offered.meaning),
            weight=self.semantic_weight,
            allowed=(self.wanted.belongs, self.offered.belongs),
        )

    def votes(self, matches: Int[Tensor, " n"]) -> Votes:
        """What the matches ask, relative to the mean square of the styles' patches: a black picture has about 1."""
        squares = self.pool.float().square().sum(1)
        whole = squares[self.offered.at].sum(1).mean().clamp_min(1e-12)
        claims, count = self.offered.at[matches], len(self.wanted.meaning)
        return votes(count, self.wanted.at, self.pool, claims, self.importance / whole)


def as_rows(features: Float[Tensor, "c h w"]) -> Float[Tensor, "h*w c"]:
    return features.permute(1, 2, 0).flatten(0, 1)


def patchworks(
    encoder: Encoder, view: View, taps: tuple[str, ...], deepest: int, semantic_weight: float
) -> dict[str, Patchwork]:
    """Per tap; a tap where the guide holds no patch is left out. deepest: stride that the pictures are padded to."""
    size, shares = view.size, view.shares
    strengths = view.content.new_tensor([region.strength for region in view.guide.regions])
    pictures = list(_styles(encoder, view.guide, view.long_side, taps))
    out = {}
    for tap in taps:
        stride = encoder.strides[tap]
        grid = grid_of(size, stride, deepest)
        grids = [grid, *(size_of(features[tap]) for features, _ in pictures)]
        window = (min(WINDOW, *(h for h, _ in grids)), min(WINDOW, *(w for _, w in grids)))
        pooled = pool_to_grid(shares, grid, stride)
        middle = centers(pooled, window).flatten(1).T  # (n, r)
        held = middle.sum(1) > 0
        if not bool(held.any()):
            continue
        at = places(grid, window).to(shares.device)[held]
        middle = middle[held]
        belongs = middle >= middle.amax(1, keepdim=True) / 2
        mixture = middle / middle.sum(1, keepdim=True)
        importance = (mixture @ strengths) ** 3 * middle.sum(1) / middle.sum()
        pool = torch.cat([as_rows(features[tap]) for features, _ in pictures])
        offered = _offered(tap, stride, pictures, window)
        out[tap] = Patchwork(Side(as_rows(pooled), at, belongs), offered, pool, importance, semantic_weight)
    return out


@torch.no_grad()
def _styles(encoder: Encoder, guide: Guide, long_side: int, taps: tuple[str, ...]):
    """Every picture in use, encoded once, with the map of each region on it."""
    for _, style, maps in styles_once(guide, long_side):
        yield encoder(style.to(encoder.device), taps), maps.to(encoder.device)


def _offered(tap: str, stride: int, pictures, window: tuple[int, int]) -> Side:
    """The patches of all pictures together. A patch belongs to a region if its map has there half of its peak."""
    parts, first = [], 0
    for features, maps in pictures:
        grid = size_of(features[tap])
        pooled = pool_to_grid(maps, grid, stride)
        middle = centers(pooled, window).flatten(1).T
        users = maps.flatten(1).any(1)
        peak = middle.amax(0)
        belongs = (middle >= peak / 2) & users
        kept = belongs.any(1)
        at = places(grid, window, first=first).to(middle.device)[kept]
        parts.append(Side(as_rows(pooled), at, belongs[kept]))
        first += grid[0] * grid[1]
    return Side(*(torch.cat(column) for column in zip(*parts, strict=True)))
