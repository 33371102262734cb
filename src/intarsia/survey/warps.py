"""A warp, shown by a grid that is straight on one picture and bent on the other."""

import numpy as np
import torch
from jaxtyping import Float
from PIL import ImageDraw
from torch import Tensor

from intarsia.geometry import pixel_centers, resized, seen_at
from intarsia.sizes import fit, size_of
from intarsia.survey.pairs import PAPER, draw_dots, large, side_by_side
from intarsia.types import Grid, Image, Points

LINES = 14  # along the longer side
INK = (0.05, 0.25, 0.75)
SEEN = 160  # long side of the grid in which it is looked up where points come to


def warp_shown(content: Image, image: Image, grid: Grid, points: Points, names: tuple[str, ...] = ()) -> Image:
    """Both pictures side by side under the same lines, straight on the content and bent as `grid` bends it; dots with
    the same number, or name, are the same place, and a stroke on the right shows the way that each has come."""
    left, right = large(content), large(image)
    bent = resized(grid.float(), size_of(right))
    straight = pixel_centers(size_of(left)).float()
    page, (before, after) = side_by_side({"content": ruled(left, straight), "bent": ruled(right, bent)})
    come = seen_at(points, resized(grid.double(), fit(*size_of(image), min(SEEN, max(size_of(image))))))
    pen = ImageDraw.Draw(page)
    for way in zip(after.at(points), after.at(come), strict=True):
        pen.line(way, fill=PAPER, width=4)
        pen.line(way, fill="#000000", width=2)
    draw_dots(page, list(zip(before.at(points), after.at(come), strict=True)), names)
    return torch.from_numpy(np.array(page)).permute(2, 0, 1).float() / 255


def ruled(image: Image, grid: Grid) -> Image:
    """The picture under lines, where the grid looks at lines that are evenly spaced."""
    h, w = size_of(image)
    for axis, length in enumerate((w, h)):
        value = grid[..., axis] * max(1, round(LINES * length / max(h, w)))
        across, down = torch.gradient(value, dim=1)[0], torch.gradient(value, dim=0)[0]
        away = (value - value.round()).abs() / (across.square() + down.square()).sqrt().clamp_min(1e-6)  # in pixels
        image = torch.lerp(image, torch.tensor(INK)[:, None, None], 0.8 * _line(away))
    return image


def _line(away: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    return (1.4 - away).clamp(0, 1)
