"""The gradient of a picture larger than memory, tile by tile, equal to that of the whole.

    pass 1, without a graph:  M_t = sum over tiles of the moments at tap t          (moments add)
    between:                  L(M), and its slope dL/dM_t, the same for every position
    pass 2, tile by tile:     gradient += d/dX (sum over taps <dL/dM_t, moments of the tile> + terms of the tile)

Every position is counted once, in the tile that it is in; what a tile is computed from, its halo, is as wide as the
network sees, so the gradient that reaches into a halo is added to its neighbors'. Memory is bounded by the tile.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.large.boxes import Box, boxes
from intarsia.moments import Moments
from intarsia.sizes import grid_of
from intarsia.types import Image, Size

Features = Mapping[str, Float[Tensor, "c _ _"]]  # per tap
Statistics = dict[str, Moments]


class Tile(NamedTuple):
    """Parts of a picture that is padded to the deepest stride, in pixels: `Box.of` leaves out what is padding."""

    box: Box  # what it answers for; these tile the picture
    outer: Box  # what it is computed from

    @property
    def inner(self) -> Box:
        """The box, counted from the corner of `outer`."""
        return self.box.within(self.outer)


def tiles_of(size: Size, side: int, stride: int, halo: int) -> list[Tile]:
    """Tiles of a picture of `size` (h, w) with sides of at most `side`; a single one if that is as long as the picture.
    stride: the deepest in use; halo: a multiple of it."""
    padded = grid_of(size, 1, stride)
    side = max(padded) if side >= max(size) else side
    return [Tile(box, box.grown(halo, padded)) for box in boxes(padded, side, stride)]


@runtime_checkable
class Summable(Protocol):
    """An objective that depends on the picture through its moments, and through sums over positions."""

    @property
    def tiles(self) -> Sequence[Tile]: ...

    def features(self, part: Image, tile: Tile) -> Features:
        """Of the box of a tile, from the part of the picture in `outer`."""
        ...

    def statistics(self, features: Features, tile: Tile) -> Statistics: ...

    def texture(self, statistics: Statistics) -> Float[Tensor, ""]: ...

    def places(self, features: Features, tile: Tile) -> Float[Tensor, ""]: ...

    def pixels(self, image: Image) -> dict[str, Float[Tensor, ""]]:
        """Terms that need no network."""
        ...


def by_tiles(goal: Summable, image: Image) -> dict[str, Float[Tensor, ""]]:
    """The terms, without a graph; their gradient is added to `image.grad`."""
    terms = goal.pixels(image)
    torch.stack(list(terms.values())).sum().backward()
    style, slopes = _slopes(goal, _summed(goal, image))
    content = [_pull_back(goal, image, tile, slopes) for tile in goal.tiles]
    return {"style": style, "content": torch.stack(content).sum()} | {name: one.detach() for name, one in terms.items()}


@torch.no_grad()
def _summed(goal: Summable, image: Image) -> Statistics:
    """On the processor, then where they came from."""
    sums: Statistics = {}
    for tile in goal.tiles:
        for tap, one in goal.statistics(goal.features(tile.outer.of(image), tile), tile).items():
            sums[tap] = sums[tap] + one.exact() if tap in sums else one.exact()
    return {tap: one.to(image.device) for tap, one in sums.items()}


def _slopes(goal: Summable, sums: Statistics) -> tuple[Float[Tensor, ""], Statistics]:
    """The texture's loss, and its derivative by every sum."""
    leaves = {tap: _each(one, lambda sum: sum.requires_grad_()) for tap, one in sums.items()}
    with torch.enable_grad():
        loss = goal.texture(leaves)
    if loss.requires_grad:
        loss.backward()
    return loss.detach(), {tap: _each(one, _slope) for tap, one in leaves.items()}


def _slope(sum: Tensor) -> Tensor:
    return torch.zeros_like(sum) if sum.grad is None else sum.grad


def _pull_back(goal: Summable, image: Image, tile: Tile, slopes: Statistics) -> Float[Tensor, ""]:
    """Adds the gradient of one tile; gives its share of the terms that are sums over positions."""
    part = tile.outer.of(image.detach()).clone().requires_grad_()
    features = goal.features(part, tile)
    now, places = goal.statistics(features, tile), goal.places(features, tile)
    linear = [
        (slopes[tap].first * one.first).sum() + (slopes[tap].second * one.second).sum() for tap, one in now.items()
    ]
    torch.stack([places, *linear]).sum().backward()
    assert part.grad is not None
    assert image.grad is not None, "the terms of the pixels came first"
    tile.outer.of(image.grad).add_(part.grad)
    return places.detach()


def _each(moments: Moments, change) -> Moments:
    return Moments(change(moments.mass), change(moments.first), change(moments.second))
