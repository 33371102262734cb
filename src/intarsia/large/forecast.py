"""What painting takes, and in which tiles it is done where that would be too much."""

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Literal, NamedTuple, TypeVar

import torch

from intarsia.errors import notice
from intarsia.large import disk
from intarsia.large.boxes import boxes, side_that_fits
from intarsia.large.memory import check_memory, free_memory
from intarsia.types import Size

LARGEST = 4 * 2**30  # bytes that a picture may take as a whole; a larger one is painted in tiles
ROOM = round(2.5 * 2**30)  # bytes that it then may take, so that the command for 4,096 x 3,072 stays within 4 GiB
BUDGET = 2**30  # bytes that one tile of a feature transform may take, where so much is free
SHORTEST = 2  # pairs of vectors with which L-BFGS is as good as with 10, in the few steps at a large size; or else Adam

K = TypeVar("K", bound=Hashable)


class Plan(NamedTuple):
    """How a picture of one size is painted."""

    side: int | None  # of the tiles, in pixels; None = the picture as a whole
    optimizer: Literal["lbfgs", "adam"]
    history: int  # pairs of vectors that L-BFGS remembers


class Forecast(NamedTuple):
    """What painting takes. network: bytes a pixel of its layers, forward and backward; halo: of a tile, margin: of the
    picture, in pixels."""

    size: Size
    network: float
    halo: int
    margin: int = 0

    def memory(self, plan: Plan) -> float:
        """In bytes, on top of what is loaded: what is kept from step to step, and the larger of the network and what
        the optimizer needs for its move."""
        h, w = (length + 2 * self.margin for length in self.size)
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

    def announced(self, plan: Plan) -> float:
        """The memory of a plan; a notice tells of it where it is in tiles."""
        needed = self.memory(plan)
        if plan.side is not None:
            size = f"{self.size[1]} x {self.size[0]}"
            text = f"{size} is painted in tiles of {plan.side} pixels, in about {needed / 2**30:.1f} GiB of memory"
            notice(f"{text}, {_DESCENTS[plan.optimizer].format(plan.history)}.")
        return needed


_DESCENTS = {"lbfgs": "by L-BFGS with a history of {}", "adam": "by Adam"}


def room_for(forecast: Forecast, whole: Plan, device: torch.device) -> float:
    """Bytes that each size may take, if `forecast` is of the finest. On a processor the same in every run that finds as
    much free, since sums over tiles are rounded in another order."""
    free = free_memory(device)
    free = float("inf") if free is None else free
    most = min(LARGEST, free) if device.type == "cpu" else free
    return most if forecast.memory(whole) <= most else min(ROOM, free)


# ---- feature transforms ----------------------------------------------------------------------------------------------


class Demand(NamedTuple):
    """What one step over a picture of `size` takes. per_pixel: bytes of the part in work; halo: of a tile, and the
    stride that tiles begin at, in pixels."""

    size: Size
    per_pixel: float
    halo: int
    stride: int

    def memory(self, side: int) -> float:
        """Bytes that one tile of this side takes."""
        return self.per_pixel * math.prod(min(length, side + 2 * self.halo) for length in self.size)


class Held(NamedTuple):
    """Bytes that go with the whole picture of `size`, on the disk beside those in memory."""

    size: Size
    memory: float
    on_disk: float


def held(size: Size, kinds: Iterable[tuple[int, torch.dtype]], device: torch.device) -> Held:
    """kinds: channels and precision of each tensor of the picture's size."""
    memory = on_disk = 0.0
    for channels, kind in kinds:
        each = math.prod(size) * channels * kind.itemsize
        there = disk.on_disk((channels, *size), kind, device, beside=on_disk)
        memory, on_disk = memory + each * (not there), on_disk + each * there
    return Held(size, memory, on_disk)


def tiling(
    demands: Mapping[K, Demand], asked: int | Mapping[K, int], whole: Held, device: torch.device
) -> dict[K, int]:
    """Sides of the tiles of every step: those that are asked for (0: none are), or what fits. Raises MemoryLimitError
    where not even tiles fit, and tells of tiles where there are any at the full size."""
    free = free_memory(device)
    budget = BUDGET if free is None else min(BUDGET, max(0, free - whole.memory) / 2)
    sides = {}
    for key, (size, per_pixel, halo, _) in demands.items():
        wanted = asked if isinstance(asked, int) else asked[key]
        sides[key] = wanted or side_that_fits(size, halo, per_pixel, budget)
    needed = whole.memory + max(demand.memory(sides[key]) for key, demand in demands.items())
    check_memory(needed, whole.size, device)
    full = [(sides[key], demand.stride) for key, demand in demands.items() if demand.size == whole.size]
    counts = [len(boxes(whole.size, side, stride)) for side, stride in full]
    if max(counts) > 1:
        least, most = min(counts), max(counts)
        tiles = f"{least} tiles" if least == most else f"{least} to {most} tiles, depending on the level"
        room = f"about {needed / 2**30:.1f} GiB of memory"
        room += f" and {whole.on_disk / 2**30:.1f} GiB of the disk" if whole.on_disk else ""
        notice(f"{whole.size[1]} x {whole.size[0]} is painted in {tiles}; it takes {room}.")
    return sides
