"""The gradient of a picture larger than memory, tile by tile, equal to that of the whole.

    pass 1, without a graph:  M_t = sum over tiles of the moments at tap t          (moments add)
    between:                  L(M), and its slope dL/dM_t, the same for every position
    pass 2, tile by tile:     gradient += d/dX (sum over taps <dL/dM_t, moments of the tile> + terms of the tile)

Every position is counted once, in the tile that it is in; what a tile is computed from, its halo, is as wide as the
network sees, so the gradient that reaches into a halo is added to its neighbors'. Memory is bounded by the tile.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.engine import Image
from intarsia.errors import Notice
from intarsia.memory import free_memory
from intarsia.moments import Moments
from intarsia.pyramid import grid_of
from intarsia.tiles import Box, boxes, side_that_fits

LARGEST = 4 * 2**30  # bytes that a picture may take as a whole; a larger one is painted in tiles
ROOM = round(2.5 * 2**30)  # bytes that it then may take, so that the command for 4,096 x 3,072 stays within 4 GiB
SHORTEST = 2  # pairs of vectors with which L-BFGS is as good as with 10, in the few steps at a large size; or else Adam

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


def tiles_of(size: tuple[int, int], side: int, stride: int, halo: int) -> list[Tile]:
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


# ---- memory ----------------------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """How a picture of one size is painted."""

    side: int | None  # of the tiles, in pixels; None = the picture as a whole
    optimizer: Literal["lbfgs", "adam"]
    history: int  # pairs of vectors that L-BFGS remembers


class Forecast(NamedTuple):
    """What painting takes. network: bytes a pixel of its layers, forward and backward; halo: of a tile, in pixels."""

    size: tuple[int, int]
    network: float
    halo: int

    def memory(self, plan: Plan) -> float:
        """In bytes, on top of what is loaded: what is kept from step to step, and the larger of the network and what
        the optimizer needs for its move."""
        h, w = self.size
        vector = 12 * h * w  # 3 floats a pixel
        kept = 2 * plan.history + 8 if plan.optimizer == "lbfgs" else 8
        outer = max(h, w) if plan.side is None else plan.side + 2 * self.halo
        return vector * kept + max(self.network * min(h, outer) * min(w, outer), 3 * vector)

    def plan(self, whole: Plan, room: float, tile: int = 0) -> Plan:
        """`whole`, if that takes at most `room` bytes and no tiles are asked for; else in tiles, of the side that is
        asked for or of about a quarter of the room, with as long a history as fits beside them, or Adam's."""
        if not tile and self.memory(whole) <= room:
            return whole
        side = tile or side_that_fits(self.size, self.halo, self.network, room / 4)
        if side >= max(self.size):
            return whole
        plans = [whole._replace(side=side, history=history) for history in range(whole.history, SHORTEST - 1, -1)]
        return next((plan for plan in plans if self.memory(plan) <= room), Plan(side, "adam", 0))

    def told(self, plan: Plan) -> float:
        """The memory of a plan, said if it is in tiles."""
        needed = self.memory(plan)
        if plan.side is not None:
            size = f"{self.size[1]} x {self.size[0]}"
            text = f"{size} is painted in tiles of {plan.side} pixels, in about {needed / 2**30:.1f} GiB of memory"
            warnings.warn(f"{text}, {_DESCENTS[plan.optimizer].format(plan.history)}.", Notice, stacklevel=3)
        return needed


_DESCENTS = {"lbfgs": "by L-BFGS with a history of {}", "adam": "by Adam"}


def room_for(forecast: Forecast, whole: Plan, device: torch.device) -> float:
    """Bytes that each size may take, if `forecast` is of the finest. On a processor the same in every run that finds as
    much free, since sums over tiles are rounded in another order."""
    free = free_memory(device)
    free = float("inf") if free is None else free
    most = min(LARGEST, free) if device.type == "cpu" else free
    return most if forecast.memory(whole) <= most else min(ROOM, free)
