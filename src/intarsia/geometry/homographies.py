"""Homographies: how a plane is seen from another place."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import GuideError, UsageError
from intarsia.geometry.grids import pixel_centers
from intarsia.types import Grid, Homography, Point, Points, Size

CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))  # of a whole picture, clockwise


def apply(matrix: Homography, points: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n 2"]:
    """The points carried by a homography. What lies at or behind its horizon goes far out of every picture."""
    x, y, depth = (points @ matrix[:, :2].to(points).T + matrix[:, 2].to(points)).unbind(-1)
    return torch.stack([x, y], -1) / depth.clamp_min(1e-9)[..., None]


def grid_of_homography(matrix: Homography, size: Size) -> Grid:
    """The grid of an output of `size` (h, w); the matrix carries its points to those of the input. With
    H = homography(corners, torch.tensor(CORNERS)) of four corners in a picture, the grid of `torch.linalg.inv(H)` shows
    what is between them as a rectangle, and that of H puts the rectangle back."""
    return apply(matrix, pixel_centers(size))


def homography(from_points: Points, to_points: Points) -> Homography:
    """The homography that carries points to points: four pairs exactly, more by least squares. Its depth is above 0
    at all of them, as `apply` takes it.

    Hartley and Zisserman 2004, "Multiple View Geometry in Computer Vision", algorithm 4.2 (normalized direct linear
    transformation; the squares are those of its algebraic error). GuideError for fewer than four pairs, or points that
    are not finite, coincide, lie on one line, or change their order around (corners that cross)."""
    source, target = from_points.detach().cpu().double(), to_points.detach().cpu().double()
    if source.shape != target.shape or len(source) < 4 or not bool((source.isfinite() & target.isfinite()).all()):
        raise GuideError(
            f"a homography takes four pairs of finite points or more; got {_told(source)} and {_told(target)}."
        )
    found, certain = _direct(source, target)
    came = f"{_told(source)} cannot be carried to {_told(target)}"
    if not certain:
        same = min(float(torch.pdist(points).min()) for points in (source, target)) < 1e-6
        fact = "two of them are the same point" if same else "three of four lie on one line"
        raise GuideError(f"{came}: {fact}. Move them apart.")
    depth = F.pad(source, (0, 1), value=1) @ found[2]
    if float(depth.min() * depth.max()) <= 0:
        raise GuideError(
            f"{came}: the outline of one of them crosses itself or is dented. Give the corners in their order around, "
            "none of them within the triangle of the others."
        )
    return found / depth.mean()


def similarity(
    size: Size,
    onto: Size,
    scale: float = 1.0,
    angle_degrees: float = 0.0,
    center: Point = (0.5, 0.5),
    to: Point = (0.5, 0.5),
) -> Homography:
    """Carries points of a picture of `size` (h, w) to those of one of size `onto`, so that `center` comes to `to`.

    scale: 1 leaves pixels as large as they are; then it is turned clockwise. True in pixels, whatever the aspects.
    UsageError unless 0 < scale < inf."""
    if not 0 < scale < math.inf:
        raise UsageError(f"a scale of {scale} cannot be. Take a number above 0.")
    across, along, held, place = torch.tensor([size[::-1], onto[::-1], center, to], dtype=torch.float64)
    cos, sin = (scale * turn(math.radians(angle_degrees)) for turn in (math.cos, math.sin))
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, :2] = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64) * across / along[:, None]
    matrix[:2, 2] = place - matrix[:2, :2] @ held
    return matrix


def _direct(source: Points, target: Points) -> tuple[Homography, bool]:
    """The direct linear transformation, and whether the points decide it and it can be turned back."""
    before, after = _normalizing(source), _normalizing(target)
    here, there = (F.pad(apply(*one), (0, 1), value=1) for one in ((before, source), (after, target)))
    none = torch.zeros_like(here)
    across = torch.cat([here, none, -there[:, :1] * here], 1)
    down = torch.cat([none, here, -there[:, 1:2] * here], 1)
    _, strengths, rows = torch.linalg.svd(torch.cat([across, down, none.new_zeros(1, 9)]), full_matrices=False)
    found = rows[8].view(3, 3)
    certain = float(strengths[7]) > 1e-4 and float(torch.linalg.det(found).abs()) > 1e-6
    return torch.linalg.inv(after) @ found @ before if certain else found, certain


def _normalizing(points: Points) -> Homography:
    """Carries the points' mean to 0, and their root mean square distance from it to sqrt(2)."""
    mean = points.mean(0)
    scale = (2 / (points - mean).square().sum(1).mean().clamp_min(1e-24)).sqrt()
    matrix = torch.diag(torch.stack([scale, scale, torch.ones_like(scale)]))
    matrix[:2, 2] = -scale * mean
    return matrix


def _told(points: Points) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points.tolist()) or "none"
