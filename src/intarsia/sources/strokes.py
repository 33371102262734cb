"""Strokes of a brush, drawn from the way that it went, at any size."""

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import UsageError
from intarsia.types import Map

MOST = 10_000  # points of a stroke
AT_ONCE = 2**16  # distances that are reckoned at once: small parts of the way have small boxes


def brush(
    size: tuple[int, int], width: float, way: Float[Tensor, "n 3"], hardness: float = 0.6, opacity: float = 1.0
) -> Map:
    """A stroke on a picture of `size` (h, w): `opacity` along its way, less and less toward its sides, 0 outside.

    width: its diameter, in pixels. way: x, y in 0..1 and the pressure there, 0..1, which the width is multiplied by;
    one point is a dab. hardness: the part of the width that is full; the rest falls off smoothly, over one pixel at
    least, so that edges are as sharp at every size. Where a stroke crosses itself it is not laid twice.

    UsageError for what is outside of these ranges, and for more than 10,000 points."""
    _check(width, way, hardness, opacity)
    h, w = size
    here = way.double() * torch.tensor([w, h, width / 2], dtype=torch.float64)  # x, y, radius
    here[:, 2].clamp_(min=0.5)
    parts = torch.cat([here[:-1], here[1:]], 1) if len(here) > 1 else here.repeat(1, 2)  # (parts, from and to)
    out = torch.zeros(h, w)
    _lay(out, parts.float(), hardness)
    return out * opacity


def _lay(out: Map, parts: Float[Tensor, "n 6"], hardness: float) -> None:
    """The largest of what is there and what each part of the way gives; in halves where that is much at once."""
    centers, radii = parts.view(-1, 2, 3)[:, :, :2], parts[:, 2::3]
    reach = (hardness * radii + ((1 - hardness) * radii).clamp_min(1)).amax(1)[:, None]
    (left, top), (right, bottom) = (
        (centers.amin(1) - reach).amin(0).floor().long().tolist(),
        (centers.amax(1) + reach).amax(0).ceil().long().tolist(),
    )
    box = out[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if not box.numel():
        return
    if len(parts) > 1 and box.numel() * len(parts) > AT_ONCE:
        for half in parts.tensor_split(2):
            _lay(out, half, hardness)
        return
    y = torch.arange(box.shape[0])[:, None] + max(0, top) + 0.5
    x = torch.arange(box.shape[1]) + max(0, left) + 0.5
    x0, y0, r0, x1, y1, r1 = parts.T[:, :, None, None]
    across, down = x1 - x0, y1 - y0
    along = (((x - x0) * across + (y - y0) * down) / (across**2 + down**2).clamp_min(1e-12)).clamp(0, 1)
    radius = r0 + along * (r1 - r0)
    off = torch.hypot(x - x0 - along * across, y - y0 - along * down) - hardness * radius
    off = (off / ((1 - hardness) * radius).clamp_min(1)).clamp(0, 1)
    torch.maximum(box, (1 - off**2 * (3 - 2 * off)).amax(0), out=box)


def _check(width: float, way: Float[Tensor, "n 3"], hardness: float, opacity: float) -> None:
    if not width >= 0:
        raise UsageError(f"a brush {width:g} pixels wide cannot be. Take 0 or more.")
    for name, value in (("hardness", hardness), ("opacity", opacity)):
        if not 0 <= value <= 1:
            raise UsageError(f"the {name} of a brush is 0 to 1, and {value:g} came.")
    pressure = way[:, 2]
    if not bool(((pressure >= 0) & (pressure <= 1)).all()):
        raise UsageError("the pressure of a brush, the third number of a point, is 0 to 1.")
    if len(way) > MOST:
        raise UsageError(f"a stroke has up to {MOST} points, and {len(way)} came. Make it of several.")
