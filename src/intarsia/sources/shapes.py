"""Regions drawn by points: polygons, rectangles, ellipses, and what has the color of a place in the picture.

Points are x, y in 0..1, from the top left corner; maps come back as "h w" in 0..1.
"""

import math

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import GuideError, UsageError, notice
from intarsia.maps import edits
from intarsia.types import Point, Points

LINES = 16  # scan lines per row of pixels


def polygon(size: tuple[int, int], points: Points, feather: float = 0) -> Float[Tensor, "h w"]:
    """The polygon through `points` on a picture of `size` (h, w): each pixel's covered part, then feathered by so many
    pixels. Where its outline crosses itself, what is enclosed twice is outside (even-odd rule).

    What lies outside the picture is cut off, with a Notice. GuideError for fewer than three points, points that are
    not finite, or a polygon that covers nothing of the picture."""
    return _drawn("polygon", size, points, feather)


def rectangle(size: tuple[int, int], corner: Point, opposite: Point, feather: float = 0) -> Float[Tensor, "h w"]:
    """The upright rectangle between two opposite corners; edges, Notice and errors as in `polygon`."""
    (x0, y0), (x1, y1) = corner, opposite
    return _drawn(
        "rectangle", size, torch.tensor([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=torch.float32), feather
    )


def ellipse(
    size: tuple[int, int], center: Point, radii: Point, angle_degrees: float = 0, feather: float = 0
) -> Float[Tensor, "h w"]:
    """An ellipse; radii: half its width and height, as parts of the picture's width and height; then turned clockwise.
    Edges, Notice and errors as in `polygon`."""
    turn, angle = torch.linspace(0, 2 * math.pi, 721, dtype=torch.float64)[:-1], math.radians(angle_degrees)
    x, y = radii[0] * size[1] * turn.cos(), radii[1] * size[0] * turn.sin()
    turned = torch.stack([x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)], 1)
    across = torch.tensor([size[1], size[0]])
    return _drawn("ellipse", size, (turned / across + torch.tensor(center)).float(), feather)


def flood_fill(image: Float[Tensor, "3 h w"], points: Points, tolerance: float = 10.0) -> Float[Tensor, "h w"]:
    """What hangs together with a point and has its color: 1 there, 0 elsewhere; the union over the points.

    A pixel belongs if it is reached over the four sides of pixels that belong, and each of its CIELAB coordinates (L 0
    to 100, a, b) is within `tolerance` of those of the pixel at the point (not of its neighbor, so that a slow gradient
    ends the fill); 2 is hardly visible, 10 a shade, 100 all.

    Points outside the picture are left out, with a Notice. GuideError if all of them are, or none is given; UsageError
    for a tolerance below 0."""
    if not 0 <= tolerance < math.inf:
        raise UsageError(f"a tolerance of {tolerance} cannot be. Take 0 or more.")
    inside = ((points >= 0) & (points <= 1)).all(1)  # not where a coordinate is not a number
    if not bool(inside.any()):
        raise GuideError(
            f"none of the {len(points)} points of the flood fill is in the picture: x and y go from 0 to 1."
        )
    if not bool(inside.all()):
        notice(f"flood fill: {int((~inside).sum())} of its {len(points)} points are outside the picture and left out.")
    h, w = image.shape[1:]
    lab = cv2.cvtColor(np.ascontiguousarray(image.detach().cpu().float().permute(1, 2, 0).numpy()), cv2.COLOR_RGB2Lab)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    filled = np.zeros((h, w), bool)
    for x, y in points[inside].tolist():
        seed = min(int(x * w), w - 1), min(int(y * h), h - 1)
        mask = np.zeros((h + 2, w + 2), np.uint8)
        cv2.floodFill(lab, mask, seed, 0, (tolerance,) * 3, (tolerance,) * 3, flags)
        filled |= mask[1:-1, 1:-1] > 0
    return torch.from_numpy(filled).float()


def grab_cut(
    image: Float[Tensor, "3 h w"], one_map: Float[Tensor, "h w"], band: float | None = None, steps: int = 5
) -> Float[Tensor, "h w"]:
    """A rough map (above 1/2 = in) cut along the edges of the picture: GrabCut (Rother, Kolmogorov, Blake 2004), whose
    color models are learned on both sides; 0 or 1 everywhere. The same input gives the same answer.

    band: how far the true edge may be from the drawn one, in pixels; 3 % of the long side if not given. Beyond that the
    map is taken at its word. GuideError if the map is empty or full."""
    inside = (one_map > 0.5).float()
    if not 0 < float(inside.mean()) < 1:
        raise GuideError("GrabCut needs something inside the map and something outside. Draw the region roughly first.")
    band = 0.03 * max(inside.shape) if band is None else band
    trimap = np.where(inside.numpy(force=True) > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[edits.shrink(inside, band).numpy() > 0] = cv2.GC_FGD
    trimap[edits.grow(inside, band).numpy() == 0] = cv2.GC_BGD
    levels = (image.detach().cpu().permute(1, 2, 0) * 255).round().clamp(0, 255).byte()
    cv2.setRNGSeed(0)  # it starts its color models by k-means from OpenCV's own generator
    cut, *_ = cv2.grabCut(
        np.ascontiguousarray(levels.numpy()),
        trimap,
        (0, 0, 1, 1),
        np.empty(0),
        np.empty(0),
        steps,
        cv2.GC_INIT_WITH_MASK,
    )
    return torch.from_numpy(np.isin(cut, (cv2.GC_FGD, cv2.GC_PR_FGD))).float()


def _drawn(what: str, size: tuple[int, int], points: Points, feather: float) -> Float[Tensor, "h w"]:
    if len(points) < 3 or not bool(points.isfinite().all()):
        raise GuideError(f"a {what} takes three finite points or more; got {points.tolist()}.")
    if min(size) < 1:
        raise UsageError(f"a map of {size[1]} x {size[0]} pixels cannot be. Both sides must be 1 or more.")
    covered = _coverage(size, points)
    if not bool((covered > 1e-4).any()):  # less is what rounding leaves of a line
        low, high = ([round(v, 3) for v in bound.tolist()] for bound in (points.amin(0), points.amax(0)))
        raise GuideError(
            f"the {what} covers nothing of the picture: it spans x {low[0]} to {high[0]} and y {low[1]} to {high[1]}, "
            "the picture 0 to 1. Move it inside, or enclose an area."
        )
    if not bool(((points >= -1e-6) & (points <= 1 + 1e-6)).all()):
        notice(f"the {what} reaches beyond the picture; what is outside was cut off.")
    return edits.feather(covered, feather)


def _coverage(size: tuple[int, int], points: Points) -> Float[Tensor, "h w"]:
    """Even-odd coverage: exact along each of LINES scan lines per row, which are then averaged.

    A crossing at x opens or closes a span, so that pixel i gets clip(i + 1 - x, 0, 1) more or less: a step whose two
    differences are added up along the row."""
    h, w = size
    here = points.double() * torch.tensor([w, h])
    there = here.roll(-1, 0)
    y = (torch.arange(h * LINES, dtype=torch.float64) + 0.5) / LINES
    edge, line = ((here[:, 1, None] <= y) != (there[:, 1, None] <= y)).nonzero(as_tuple=True)
    slope = (there - here)[edge]
    x = here[edge, 0] + (y[line] - here[edge, 1]) / slope[:, 1] * slope[:, 0]
    order = x.argsort(stable=True)
    order = order[line[order].argsort(stable=True)]  # by scan line, then from left to right
    line, x = line[order], x[order].clamp(0, w)
    sign = 1.0 - 2 * (torch.arange(len(x)) % 2)  # an outline crosses each line an even number of times
    pixel = x.long()
    part, place = x - pixel, line // LINES * (w + 2) + pixel
    steps = torch.zeros(h * (w + 2), dtype=torch.float64)
    steps.index_add_(0, place, sign * (1 - part)).index_add_(0, place + 1, sign * part)
    return (steps.view(h, w + 2).cumsum(1)[:, :w] / LINES).clamp(0, 1).float()
