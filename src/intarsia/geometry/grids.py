"""Grids by which one picture looks at another."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import notice
from intarsia.sizes import centers, size_of
from intarsia.types import Grid, Points, Size

FINEST = 16  # looks along each axis of a pixel, at most


def pixel_centers(size: Size) -> Grid:
    """The centers of all pixels, fp64: the grid by which every pixel looks at itself."""
    y, x = (centers(length) for length in size)
    return torch.stack([x.expand(size), y[:, None].expand(size)], -1)


def sample(
    image: Float[Tensor, "c h w"], grid: Float[Tensor, "h2 w2 2"], mode: str = "bilinear"
) -> Float[Tensor, "c h2 w2"]:
    """What the grid sees of the image: differentiable in both, any range, the border repeated beyond the border.

    mode: "bilinear" or "bicubic" (which overshoots at edges). Where the grid shrinks, each pixel sees the mean over
    the box that it covers: neighbors in the grid tell how far it reaches along each axis, and it looks up to 16 times
    along each, about once for a pixel of the input. Where nothing shrinks, it looks once."""
    grid = grid.to(image).clamp(-1, 2)  # farther out there is nothing else to see
    (down, rows), (right, columns) = (_reach(grid, axis, size_of(image)) for axis in (0, 1))
    seen = image.new_zeros(image.shape[0], *grid.shape[:2])
    for v in centers(rows).tolist():
        for u in centers(columns).tolist():
            looks = 2 * (grid + (v - 0.5) * down + (u - 0.5) * right) - 1
            seen = seen + F.grid_sample(image[None], looks[None], mode, "border", align_corners=False)[0]
    return seen / (rows * columns)


def resized(grid: Grid, size: Size) -> Grid:
    """The same warp as a grid of another size (h, w): straight between the centers of its pixels."""
    channels = grid.permute(2, 0, 1)[None]
    return F.interpolate(channels, size, mode="bilinear", align_corners=False, antialias=True)[0].permute(1, 2, 0)


def _reach(grid: Float[Tensor, "h w 2"], axis: int, size: Size) -> tuple[Float[Tensor, "h w 2"], int]:
    """The side of the box along one axis of the output, and how many looks fill the longest.

    A look takes in about one pixel of the input by itself; variances of boxes add, so that the rest of a step of s
    pixels is a box of sqrt(s² - 1). It is 0 up to s = 1 and grows steadily, so that nothing jumps."""
    if grid.shape[axis] == 1:
        return torch.zeros_like(grid), 1
    step = torch.gradient(grid, dim=axis)[0]
    squared = (step * step.new_tensor(size[::-1])).square().sum(-1, keepdim=True)
    rest = (1 - 1 / squared.clamp_min(1)).clamp_min(1e-12).sqrt()  # 1e-12: a root has no slope at 0
    inside = ((grid >= 0) & (grid <= 1)).all(-1, keepdim=True)
    longest = float((squared * inside).detach().max().clamp_min(1) - 1) ** 0.5
    return step * rest, min(FINEST, max(1, math.ceil(longest - 0.1)))


@torch.no_grad()
def seen_at(points: Points, grid: Grid, steps: int = 8) -> Float[Tensor, "n 2"]:
    """Where points of the input come to in the output, the grid turned around: at `seen_at(p, grid)` the grid looks
    at p. So marks go with a picture that `sample` warps.

    The pixel that looks nearest to a point, then Newton's steps between the pixels, at least as near at each. A point
    that no pixel looks at comes to the border; where the grid folds, to one of its places."""
    grid, points = grid.detach().cpu().double(), points.detach().cpu().double()
    size = size_of(grid[..., 0])
    nearest = torch.cat([torch.cdist(some, grid.flatten(0, 1)).argmin(1) for some in points.split(64)])
    at = pixel_centers(size).flatten(0, 1)[nearest]
    looks = grid.permute(2, 0, 1)
    slopes = torch.stack([_slope(grid, axis) for axis in (1, 0)], -1).flatten(2).permute(2, 0, 1)  # (4, h, w): dx, dy
    for _ in range(steps):
        off = points - _between(looks, at)
        turned = torch.linalg.pinv(_between(slopes, at).view(-1, 2, 2)) @ off[..., None]
        moved = (at + turned[..., 0]).clamp(0, 1)
        nearer = (points - _between(looks, moved)).norm(dim=1) < off.norm(dim=1)
        at = torch.where(nearer[:, None], moved, at)
    return at


def folds(grid: Grid) -> float:
    """The part of the grid, 0..1, that is turned over or flat, where a warp shows the same place more than once: the
    determinant of its slopes, from each pixel to the next, is not above 0. 1 for a mirror image."""
    across, down = grid[:-1, 1:] - grid[:-1, :-1], grid[1:, :-1] - grid[:-1, :-1]
    turn = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    return float((turn <= 0).double().mean()) if turn.numel() else 0.0


def tell_of_folds(grid: Grid, least: float = 1e-4) -> float:
    """`folds`, with a notice where it is more than `least` of the picture."""
    part = folds(grid)
    if part > least:
        notice(
            f"the warp folds over itself on {max(100 * part, 0.1):.1f} % of the picture, where it shows a place twice. "
            "Move the points that pull against each other, drop some, or smooth the warp."
        )
    return part


def field_variation(grid: Grid) -> Float[Tensor, ""]:
    """R_TV of a warp: the mean over the pixels of |∂d/∂x|₁ + |∂d/∂y|₁, with the displacement d and the steps in pixels,
    so that it is about the same at all sizes; 0 for a shift (Kim et al. 2020, "Deformable Style Transfer", eq. 6).

    The picture that the grid looks at is taken to be of the grid's own size."""
    return sum((one.abs().sum() for one in _field_slopes(grid)), grid.new_zeros(())) / grid[..., 0].numel()


def field_energy(grid: Grid) -> Float[Tensor, ""]:
    """The same of the squares, |∂d/∂x|² + |∂d/∂y|², which spreads a warp out where `field_variation` leaves steps."""
    return sum((one.square().sum() for one in _field_slopes(grid)), grid.new_zeros(())) / grid[..., 0].numel()


def _field_slopes(grid: Grid) -> list[Float[Tensor, "h2 w2 2"]]:
    h, w = grid.shape[:2]
    field = (grid - pixel_centers((h, w)).to(grid)) * grid.new_tensor([w, h])
    return [field.diff(dim=axis) for axis in (1, 0)]


def _slope(grid: Grid, axis: int) -> Float[Tensor, "h w 2"]:
    """Per side of the picture, of 0..1."""
    length = grid.shape[axis]
    return torch.gradient(grid, dim=axis)[0] * length if length > 1 else torch.zeros_like(grid)


def _between(values: Float[Tensor, "c h w"], at: Points) -> Float[Tensor, "n c"]:
    """Between the pixels' centers by straight lines, beyond the outermost as the last two go on."""
    low, part = [], []
    for axis, length in ((1, values.shape[1]), (0, values.shape[2])):
        place = at[:, axis] * length - 0.5
        low.append(place.floor().clamp(0, max(0, length - 2)).long())
        part.append((place - low[-1]) * (length > 1))
    (y, x), (v, u) = low, part
    below, right = (y + 1).clamp_max(values.shape[1] - 1), (x + 1).clamp_max(values.shape[2] - 1)
    top = torch.lerp(values[:, y, x], values[:, y, right], u)
    return torch.lerp(top, torch.lerp(values[:, below, x], values[:, below, right], u), v).T
