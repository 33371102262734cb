"""Parts of a picture: boxes that tile it, and a large tensor made part by part."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from intarsia.large import disk
from intarsia.types import Size

BAND = 2**19  # pixels of a band of rows


class Box(NamedTuple):
    """A part of a picture, in pixels from its top left corner; or of a grid, in positions."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def whole(cls, size: Size) -> "Box":
        return cls(0, 0, *size)

    @classmethod
    def around(cls, there: Bool[Tensor, "h w"]) -> "Box":
        """The smallest that holds all places that are true, of which there is one at least."""
        rows, columns = (there.any(axis).nonzero()[:, 0] for axis in (1, 0))
        return cls(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)

    @property
    def size(self) -> Size:
        return self.bottom - self.top, self.right - self.left

    @property
    def rows(self) -> slice:
        return slice(self.top, self.bottom)

    def of(self, image: Float[Tensor, "*c h w"]) -> Float[Tensor, "*c h2 w2"]:
        """That part, a view."""
        return image[..., self.top : self.bottom, self.left : self.right]

    def grown(self, by: int, size: Size) -> "Box":
        """`by` more on every side, as far as a picture of `size` goes."""
        top, left = max(0, self.top - by), max(0, self.left - by)
        return Box(top, left, min(size[0], self.bottom + by), min(size[1], self.right + by))

    def within(self, outer: "Box") -> "Box":
        """The same box, counted from the corner of `outer`."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def cells(self, stride: int) -> "Box":
        """The positions of a tap of this stride; the box begins at a multiple of it."""
        return Box(self.top // stride, self.left // stride, -(-self.bottom // stride), -(-self.right // stride))


def boxes(size: Size, side: int, stride: int = 1) -> list[Box]:
    """Boxes that tile a picture of `size`, of about equal sides, none longer than `side` (which counts as `stride` at
    least), all beginning at multiples of `stride`."""
    rows, columns = (_cuts(length, side, stride) for length in size)
    return [Box(top, left, bottom, right) for top, bottom in rows for left, right in columns]


def _cuts(length: int, side: int, stride: int) -> list[tuple[int, int]]:
    if length <= side:
        return [(0, length)]
    count = -(-length // max(side // stride * stride, stride))
    step = -(-length // (count * stride)) * stride
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def bands(size: Size) -> list[Box]:
    """Boxes as wide as the picture, from top to bottom, of about `BAND` pixels each."""
    rows = max(1, BAND // max(1, size[1]))
    return [Box(top, 0, min(top + rows, size[0]), size[1]) for top in range(0, size[0], rows)]


def in_parts(
    piece: Callable[[Box], Tensor],
    shape: Sequence[int],
    *read: Tensor,
    parts: Iterable[Box] | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """A tensor of `shape` (..., h, w), which lies on the disk where it is large (`disk`). piece(box): what is in a box;
    it is asked for one after another. parts: boxes that tile it; bands of rows when not given. read: large tensors that
    the pieces are made from, which leave the memory after each."""
    out = disk.empty(shape, dtype, device)
    for box in bands((shape[-2], shape[-1])) if parts is None else parts:
        box.of(out).copy_(piece(box))
        disk.let_go(out, *read)
    return out


def copied(tensor: Float[Tensor, "*c h w"]) -> Float[Tensor, "*c h w"]:
    """A copy, on the disk where it is large."""
    return in_parts(lambda box: box.of(tensor), tensor.shape, tensor, dtype=tensor.dtype, device=tensor.device)


def side_that_fits(size: Size, halo: int, per_pixel: float, budget: float, least: int = 256) -> int:
    """The longest side of tiles of a picture of `size` that take at most `budget` bytes each, halo included, or
    `least`: the whole, if that fits."""
    if size[0] * size[1] * per_pixel <= budget:
        return max(size)
    return max(least, int((budget / per_pixel) ** 0.5) - 2 * halo)
