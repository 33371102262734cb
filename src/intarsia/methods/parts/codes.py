"""Where each code, a mixture of regions (`guide.blends`), has a say at a tap."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from intarsia.large import Box, Tile
from intarsia.moments import Support, supports
from intarsia.sizes import pool_to_grid

DEEP = 8  # stride from which a position sees far beyond its own cell
FEWEST = 4.0  # positions at a tap below which a region has no statistics worth matching, and is left out there


def inside(maps: Float[Tensor, "k gh gw"]) -> Float[Tensor, "k gh gw"]:
    """Without the positions next to a hard border, where that leaves the better part of a map.

    There a deep tap sees both regions, and to ask it for the texture of one draws a calm or a loud band along the
    border (departs from the papers). Left out at strides from 8, scores of four hard borders at 320 px went from 0.11
    to 0.18 to at most 0.08; from 4 on, they were as good, but a gray strip showed."""
    lowest = -F.max_pool2d(F.pad(-maps[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
    inner = maps * (lowest > 0.9)
    enough = inner.sum((1, 2)) >= (maps.sum((1, 2)) / 2).clamp_min(FEWEST)
    return torch.where(enough[:, None, None], inner, maps)


def maps_of(
    codes: Float[Tensor, "k h w"],
    worth: list[int],
    stride: int,
    tiles: list[Tile],
    known: Float[Tensor, "m gh gw"] | None,
) -> Callable[[Box], list[Support]]:
    """Of a picture in tiles they are made when they are asked for, since together they take more than the codes; those
    of deep taps are small and `known`."""

    def at(box: Box) -> list[Support]:
        if known is not None:
            return supports(box.cells(stride).of(known))
        grid = (box.bottom - box.top) // stride, (box.right - box.left) // stride
        return supports(pool_to_grid(box.of(codes)[worth], grid, stride))

    if len(tiles) > 1:
        return at
    whole = at(tiles[0].box)
    return lambda box: whole


def mean_shares(codes: Float[Tensor, "k h w"], shares: Float[Tensor, "r h w"], cover: Tensor) -> Float[Tensor, "k r"]:
    """The mixture that each code holds, its weighted mean share: the end hat over a ramp averages 1/12, not 0."""
    held = codes.flatten(1) @ (shares / cover.clamp_min(1e-12)).flatten(1).T
    return held / held.sum(1, keepdim=True).clamp_min(1e-12)
