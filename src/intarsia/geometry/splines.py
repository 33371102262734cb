"""Thin-plate splines: the smoothest way to carry some points where they are wanted, and all others along.

Bookstein 1989, "Principal warps: thin-plate splines and the decomposition of deformations".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from intarsia.errors import GuideError
from intarsia.geometry.grids import pixel_centers
from intarsia.types import Grid, Points, Size

SAME = 1e-5  # of a side: points nearer than this are one
STRAIGHT = 1e-3  # of the length of a row of points: what is less wide is a line
BLOCK = 1 << 22  # distances that are formed in one go


@dataclass(frozen=True, eq=False)
class Spline:
    """f(q) = plane (q, 1) + Σ_i bends_i r_i² log r_i, r_i = ‖q - centers_i‖, as `thin_plate` makes it. Call it.

    unit: what x and y are multiplied by before distances are taken, so that both are of the same length."""

    centers: Float[Tensor, "n 2"]
    bends: Float[Tensor, "n 2"]
    plane: Float[Tensor, "3 2"]
    unit: Float[Tensor, " 2"]

    def __call__(self, points: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n 2"]:
        """Points carried by it, fp64; differentiable in them and in what the spline was made of."""
        flat = points.to(self.centers).reshape(-1, 2) * self.unit
        blocks = flat.split(max(1, BLOCK // len(self.centers)))
        if len(blocks) == 1:
            return self._carried(flat).view(points.shape)
        done = [checkpoint(self._carried, block, use_reentrant=False) for block in blocks]  # its memory stays a block's
        return torch.cat(done).view(points.shape)

    def _carried(self, points: Points) -> Points:
        return _kernel(points, self.centers) @ self.bends + F.pad(points, (0, 1), value=1) @ self.plane


def thin_plate(from_points: Points, to_points: Points, size: Size, smoothing: float = 0.0) -> Spline:
    """The thin-plate spline that carries points to points; differentiable in both.

    size: (h, w) of the picture of `from_points`, for distances are true to its aspect: they are in units of its longer
    side. smoothing: 0 meets all points exactly; above, a bend costs as much as a miss (λ I added to the kernel, as
    scipy's `RBFInterpolator` does). Solved in fp64, on the processor. GuideError for fewer than three pairs, and for
    `from_points` that are all on one line or, with no smoothing, twice the same."""
    _check_solvable(from_points.detach().cpu().double(), to_points, size, smoothing)
    source, target = from_points.cpu().double(), to_points.cpu().double()
    unit = torch.tensor(size[::-1], dtype=torch.float64) / max(size)
    source, n = source * unit, len(source)
    solved = torch.linalg.solve(_system(source, smoothing), F.pad(target, (0, 0, 0, 3)))
    return Spline(source, solved[:n], solved[n:], unit)


def influences(centers: Points, points: Points, size: Size) -> Float[Tensor, "m n"]:
    """How far each center carries each point along, fp64: where the n centers are displaced by d (n 2), a thin-plate
    spline displaces the m points by `influences @ d`, for it is linear in d. size, GuideError: as of `thin_plate`."""
    _check_solvable(centers.detach().cpu().double(), centers, size, 0)
    unit = torch.tensor(size[::-1], dtype=torch.float64) / max(size)
    source, places = centers.cpu().double() * unit, points.cpu().double() * unit
    basis = torch.cat([_kernel(places, source), F.pad(places, (0, 1), value=1)], 1)
    return torch.linalg.solve(_system(source), basis.T)[: len(source)].T  # the system is its own transpose


def warp_grid(points: Points, targets: Points, size: Size, smoothing: float = 0.0) -> Grid:
    """The grid (h, w, 2) by which a picture warped so that `points` come to `targets` is looked up, fp64.

    `sample(image, grid)` warps a picture or a map, `seen_at(points, grid)` marks on it. It looks backward: a pixel q of
    the output sees f(q), with the spline f that carries targets to points. Differentiable in both. size: (h, w) of the
    output, which is of the aspect in which distances are taken. smoothing as in `thin_plate`; what is to stay at the
    border needs points there, `border_points`. GuideError as of `check_pairs`, but points may be anywhere, as they are
    on their way in a descent."""
    check_pairs(points, targets, size, inside=False)
    return thin_plate(targets, points, size, smoothing)(pixel_centers(size))


def border_points(between: int = 1) -> Points:
    """Points that hold the border of a picture in place: its corners, and `between` more along each side."""
    along = torch.linspace(0, 1, between + 2, dtype=torch.float64)
    first, last, inner = torch.zeros_like(along), torch.ones_like(along), slice(1, -1)
    sides = [(along, first), (along, last), (first[inner], along[inner]), (last[inner], along[inner])]
    return torch.cat([torch.stack(side, 1) for side in sides])


def check_pairs(
    points: Points, targets: Points, size: Size = (1, 1), inside: bool = True, names: Sequence[str] = ()
) -> None:
    """GuideError for pairs that no spline can carry: fewer than three, not finite, twice the same point on one side,
    all on one line. inside: those outside 0..1 too. names: what pairs are called, by default their numbers from 1."""
    both = [side.detach().cpu().double() for side in (points, targets)]
    _check_count(*both)
    names = [f"pair {names[i] if i < len(names) and names[i] else i + 1}" for i in range(len(points))]
    for side, of in zip(both, ("points", "targets"), strict=True):
        _check_range(side, of, names, inside)
        _check_apart(side, of, names)
        _check_wide(side * torch.tensor(size[::-1]) / max(size), of)


def _system(source: Float[Tensor, "n 2"], smoothing: float = 0.0) -> Float[Tensor, "m m"]:
    """The equations of a spline with these centers, m = n + 3."""
    n, ones = len(source), F.pad(source, (0, 1), value=1)  # (n, 3)
    kernel = _kernel(source, source) + smoothing * torch.eye(n, dtype=torch.float64)
    return torch.cat([torch.cat([kernel, ones], 1), F.pad(ones.T, (0, 3))])


def _check_solvable(source: Points, target: Points, size: Size, smoothing: float) -> None:
    _check_count(source, target)
    names = [f"point {i + 1}" for i in range(len(source))]
    _check_range(source, "points", names, inside=False)
    if smoothing == 0:
        _check_apart(source, "points", names)
    _check_wide(source * torch.tensor(size[::-1]) / max(size), "points")


def _check_count(points: Points, targets: Points) -> None:
    count = min(len(points), len(targets))
    if count < 3 or len(points) != len(targets):
        raise GuideError(f"a warp takes three pairs of points or more; got {count}. Add some, by hand if need be.")


def _check_range(side: Points, of: str, names: Sequence[str], inside: bool) -> None:
    wrong = ~side.isfinite().all(1)
    wrong = wrong | ((side < 0) | (side > 1)).any(1) if inside else wrong
    if bool(wrong.any()):
        i = int(wrong.nonzero()[0, 0])
        raise GuideError(
            f"{names[i]}: {side[i, 0]:g},{side[i, 1]:g} among the {of} is not in the picture, whose points go from 0,0 "
            "at the top left to 1,1. Divide pixels by width and height, or drop the pair."
        )


def _check_apart(side: Points, of: str, names: Sequence[str]) -> None:
    near = (torch.cdist(side, side) < SAME).triu(1).nonzero()
    if len(near):
        i, j = near[0].tolist()
        raise GuideError(
            f"{names[i]} and {names[j]} have the same point among the {of}, {side[i, 0]:g},{side[i, 1]:g}, so that no "
            "warp can serve both. Move one of them, or drop it."
        )


def _check_wide(side: Points, of: str) -> None:
    strengths = torch.linalg.svdvals(side - side.mean(0))
    if float(strengths[1]) < STRAIGHT * float(strengths[0]):
        raise GuideError(
            f"all {len(side)} {of} lie on one line, and nothing says what is beside it. Add a pair away from it."
        )


def _kernel(points: Float[Tensor, "m 2"], centers: Float[Tensor, "n 2"]) -> Float[Tensor, "m n"]:
    """r² log r of all distances r; its slope at 0 is 0."""
    squared = (points[:, None] - centers).square().sum(2)
    return squared * squared.clamp_min(1e-300).log() / 2
