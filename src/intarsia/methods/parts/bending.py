"""A view and the warps of it, which go by one thin-plate spline whose centers stay where they are."""

import dataclasses
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.geometry import border_points, influences, pixel_centers, resized, sample
from intarsia.large import Box
from intarsia.methods.parts.ways import Ways
from intarsia.scene import View
from intarsia.sizes import fit, size_of
from intarsia.types import Grid, Image, Points, Size

FIELD = 128  # long side at which the field of a warp is evaluated; it is smooth between
UNIT = 256  # pixels of the long side, in which misses are counted


class Shown(NamedTuple):
    """Of a canvas what is to be seen: the warped picture, that before it is warped, and the grid from one to the
    other."""

    image: Image
    unwarped: Image
    grid: Grid


@dataclasses.dataclass(frozen=True, eq=False)
class Canvas:
    """A view, and the warps of it; points, targets, pulls and the grid of what is shown are of what is visible."""

    view: View
    points: Points
    targets: Points
    reach: Float[Tensor, "h2 w2 n"]  # how far each target carries along each place of the field

    @classmethod
    def of(cls, points: Ways, view: View) -> "Canvas":
        size = fit(*view.size, min(FIELD, max(view.size)))
        centers = torch.cat([points.targets, border_points()])
        side = centers.new_tensor(view.size[::-1])
        placed = (centers * (side - 2 * view.margin) + view.margin) / side
        reach = influences(placed, pixel_centers(size).flatten(0, 1), view.size)
        reach = reach[:, : len(points.targets)].reshape(*size, -1)
        return cls(view, points.points.to(view.content), points.targets.to(view.content), reach.to(view.content))

    @property
    def size(self) -> Size:
        """Of what is visible."""
        h, w = self.view.size
        return h - 2 * self.view.margin, w - 2 * self.view.margin

    def miss(self, pulls: Points) -> Float[Tensor, ""]:
        """L_warp, in pixels of a picture with a long side of `UNIT`."""
        h, w = self.size
        off = (self.targets + pulls - self.points) * pulls.new_tensor([w, h]) * UNIT / max(h, w)
        return (off.square().sum(1) + 1).sqrt().mean() - 1  # a root has no slope at 0

    def coarse(self, pulls: Points) -> Grid:
        """Where the field is evaluated."""
        field = self._field(pulls)
        return pixel_centers(size_of(field[..., 0])).to(field) + field

    def grid(self, pulls: Points) -> Grid:
        """Of the canvas, straight where the guide does not reach."""
        view = self.view
        field = resized(self._field(pulls), view.size)
        return pixel_centers(view.size).to(field) + view.cover[..., None] * field

    def _field(self, pulls: Points) -> Float[Tensor, "h2 w2 2"]:
        """Displacements in parts of the canvas."""
        (h, w), canvas = self.size, self.view.size
        return self.reach @ (pulls * pulls.new_tensor([w / canvas[1], h / canvas[0]]))

    def bent(self, pulls: Points) -> View:
        """With the regions where the warp takes them."""
        view = self.view
        if view.guide.is_even:
            return view
        shares = sample(view.shares, self.grid(pulls.to(view.content)))
        whole = shares.sum(0)
        shares = torch.where(whole > 1e-3, shares * view.cover / whole.clamp_min(1e-3), view.shares)
        return dataclasses.replace(view, shares=shares)

    def seen(self, image: Image, pulls: Points) -> Image:
        """W, on the canvas."""
        return sample(self.view.kept(image, Box.whole(self.view.size)), self.grid(pulls))

    def shown(self, image: Image, pulls: Points) -> Shown:
        view, grid = self.view, self.grid(pulls)
        h, w = view.size
        side = grid.new_tensor([w, h])
        inner = view.inner(grid.permute(2, 0, 1)).permute(1, 2, 0)
        seen = (inner * side - view.margin) / (side - 2 * view.margin)
        bent, unwarped = (view.visible.composed(view.inner(x).clamp(0, 1)) for x in (self.seen(image, pulls), image))
        return Shown(bent, unwarped, seen)
