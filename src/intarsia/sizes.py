"""Sizes: what fits a long side, pictures at other sizes, sizes from coarse to fine, grids of a layer's positions."""

import itertools
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.errors import UsageError


def size_of(image: Float[Tensor, "*c h w"]) -> tuple[int, int]:
    """(h, w)."""
    return image.shape[-2], image.shape[-1]


def fit(h: int, w: int, long_side: int) -> tuple[int, int]:
    """The size (h, w) of the same aspect whose longer side is `long_side`; both sides at least 1."""
    if long_side < 1:
        raise UsageError(f"a long side of {long_side} pixels leaves no picture. Take 1 or more.")
    scale = long_side / max(h, w)
    return max(1, round(h * scale)), max(1, round(w * scale))


def extent(size: tuple[int, int]) -> int:
    """The side that coarse sizes go by: the long one, but of panoramas and columns no more than twice the short one.
    1,280 x 160 begun at a long side of 128 would be 16 pixels high, and what it shows lost."""
    return min(max(size), 2 * min(size))


def resize(image: Float[Tensor, "*c h w"], size: tuple[int, int]) -> Float[Tensor, "*c h2 w2"]:
    """`image` (a picture, a map or a stack of maps in 0..1) at `size` = (h, w).

    Bicubic, with the kernel widened when shrinking so that every pixel has its say; clamped to 0..1, which bicubic
    overshoots at edges. At its own size the picture comes back as it is, bit for bit."""
    h, w = image.shape[-2:]
    if size == (h, w):
        return image
    flat = image.reshape(1, -1, h, w)
    resized = F.interpolate(flat, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resized.reshape(*image.shape[:-2], *size).clamp(0, 1)


def coarse_to_fine(size: tuple[int, int], coarsest: int = 128, factor: float = 2.0) -> list[tuple[int, int]]:
    """Picture sizes (h, w) whose sides are those of `size` divided by powers of `factor`, the `extent` of the first one
    nearest to `coarsest` from above or below, the last one `size` itself."""
    levels = max(0, round(math.log(extent(size) / coarsest, factor))) if extent(size) > coarsest else 0
    return [(max(1, round(size[0] / factor**i)), max(1, round(size[1] / factor**i))) for i in range(levels, -1, -1)]


def centers(length: int) -> Float[Tensor, " length"]:
    """Where the pixels of a side have their centers, the side being 0..1: (i + 1/2) / length, fp64."""
    return (torch.arange(length, dtype=torch.float64) + 0.5) / length


def enlarged(image: Float[Tensor, "c h w"], size: tuple[int, int], rows: slice) -> Float[Tensor, "c h2 w2"]:
    """These rows of the image at a larger size (h, w): bicubic, in any range; `picture.resize` in parts."""
    y, x = ((2 * centers(length) - 1).to(image) for length in size)
    grid = torch.stack(torch.meshgrid(y[rows], x, indexing="ij")[::-1], -1)
    return F.grid_sample(image[None], grid[None], "bicubic", "border", align_corners=False)[0]


def split_steps(steps: int, levels: int, ratio: float = 0.63) -> list[int]:
    """`steps` over `levels`, each level getting about `ratio` of the steps of the coarser one before it, and one at
    least; steps must not be fewer than levels.

    Coarse steps are cheap and decide the composition: 300 steps at three sizes are 149, 93 and 58."""
    parts = [ratio**i for i in range(levels)]
    bounds = [round((steps - levels) * sum(parts[:i]) / sum(parts)) for i in range(levels + 1)]
    return [1 + end - start for start, end in itertools.pairwise(bounds)]


def pad_to_multiple(image: Float[Tensor, "c h w"], stride: int) -> Float[Tensor, "c h2 w2"]:
    """Reflected at the bottom and right up to a multiple of `stride`; repeated where a reflection would not reach."""
    below, right = (-size % stride for size in image.shape[-2:])
    while below or right:
        h, w = image.shape[-2:]
        mode = "reflect" if min(h, w) >= 2 else "replicate"
        step = (below, right) if mode == "replicate" else (min(below, h - 1), min(right, w - 1))
        image = F.pad(image[None], (0, step[1], 0, step[0]), mode=mode)[0]
        below, right = below - step[0], right - step[1]
    return image


def mirrored(length: int, margin: int) -> Int[Tensor, " n"]:
    """Numbers of the `length` pixels of a row, and of those that stand for a margin on both sides: reflected, as often
    as it takes, without repeating the edge; a single pixel is repeated."""
    places, period = torch.arange(-margin, length + margin).abs(), max(1, 2 * (length - 1))
    return torch.minimum(places % period, period - places % period) if length > 1 else torch.zeros_like(places)


def grid_of(size: tuple[int, int], stride: int, deepest: int) -> tuple[int, int]:
    """Positions (h, w) of a tap of `stride`, for a picture padded to a multiple of the `deepest` stride in use."""
    return -(-size[0] // deepest) * deepest // stride, -(-size[1] // deepest) * deepest // stride


def pool_to_grid(maps: Float[Tensor, "r h w"], grid: tuple[int, int], stride: int) -> Float[Tensor, "r gh gw"]:
    """Mean of each map over the stride x stride pixels of every cell; cells outside the picture count as zero, so
    that what `pad_to_multiple` added has no say."""
    h, w = size_of(maps)
    padded = F.pad(maps, (0, grid[1] * stride - w, 0, grid[0] * stride - h))
    return F.avg_pool2d(padded[None], stride)[0] if stride > 1 else padded
