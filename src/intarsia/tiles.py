"""Pictures of any size, piece by piece: boxes that tile them, features and moments of a box as the whole would give.

A box that is to answer like the whole picture is computed with a halo, as wide as the network sees, which is then cut
off. Boxes begin at multiples of a stride, so that their positions are the picture's own and each is counted once; and
where a box ends with the picture, its padding is the picture's.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.moments import Moments, moments
from intarsia.pyramid import pool_to_grid, size_of

Size = tuple[int, int]  # h, w


class Box(NamedTuple):
    """A part of a picture, in pixels from its top left corner; or of a grid, in positions."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def whole(cls, size: Size) -> "Box":
        return cls(0, 0, *size)

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


def reach(encoder: Encoder, taps: Iterable[str]) -> int:
    """How many pixels around a position of these taps have a say in it, up to a multiple of their deepest stride: the
    halo of a tile. Every 3x3 convolution looks one position of its layer farther; pooling looks no farther than its
    own cell."""
    names = list(encoder.strides)
    deepest = max(taps, key=names.index)
    seen = sum(encoder.strides[tap] for tap in names[: names.index(deepest) + 1])
    return _up(seen, encoder.strides[deepest])


def features_in(
    encoder: Encoder, image: Float[Tensor, "3 h w"], box: Box, taps: Sequence[str], halo: int | None = None
) -> dict[str, Float[Tensor, "c h2 w2"]]:
    """Plain features of the part of `image` in `box`, which begins at multiples of the deepest stride, as the whole
    image would have them. halo: pixels around it to compute with; by default those that have a say."""
    stride = max(encoder.strides[tap] for tap in taps)
    outer = box.grown(_up(reach(encoder, taps) if halo is None else halo, stride), size_of(image))
    found = encoder(outer.of(image).float(), taps, plain=taps)
    inner = box.within(outer)
    return {tap: inner.cells(encoder.strides[tap]).of(features) for tap, features in found.items()}


def moments_in(features: Float[Tensor, "c h2 w2"], maps: Float[Tensor, "r h w"], box: Box, stride: int) -> Moments:
    """Moments of the features in a box under that part of the maps, which are of the picture's size; without a graph,
    on the processor.

    Exact, or else the networks, in bf16, round here and there to the other side, and five levels later that is 3/255 in
    the mean."""
    pooled = pool_to_grid(box.of(maps).to(features.device), size_of(features), stride)
    return moments(features.detach(), pooled, exact=True).exact()


def moments_of(
    encoder: Encoder, image: Float[Tensor, "3 h w"], taps: Sequence[str], maps: Float[Tensor, "r h w"], side: int
) -> dict[str, Moments]:
    """Per tap the moments of the plain features of `image` under each map, in fp64, summed over boxes of `side`."""
    stride = max(encoder.strides[tap] for tap in taps)
    sums: dict[str, Moments] = {}
    for box in boxes(size_of(image), side, stride):
        for tap, features in features_in(encoder, image, box, taps).items():
            here = moments_in(features, maps, box, encoder.strides[tap])
            sums[tap] = sums[tap] + here if tap in sums else here
    return sums


def side_that_fits(size: Size, halo: int, per_pixel: float, budget: float, least: int = 256) -> int:
    """The longest side of tiles of a picture of `size` that take at most `budget` bytes each, halo included, or
    `least`: the whole, if that fits."""
    if size[0] * size[1] * per_pixel <= budget:
        return max(size)
    return max(least, int((budget / per_pixel) ** 0.5) - 2 * halo)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
