"""Ramps across the picture, "h w" in 0..1, and styles that pass into each other along one.

Points are x, y in 0..1, from the top left corner; angles and circles are true in pixels, whatever the aspect.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import GuideError, UsageError
from intarsia.guide import Guide, Region
from intarsia.sizes import centers
from intarsia.types import Image, Point

LUMINANCE = (0.2126, 0.7152, 0.0722)


def linear(
    size: tuple[int, int], angle_degrees: float = 0.0, *, start: Point | None = None, end: Point | None = None
) -> Float[Tensor, "h w"]:
    """A ramp along a direction over a picture of `size` (h, w).

    angle_degrees: 0 runs from left to right, 90 from top to bottom, and so on clockwise; the ramp is 0 in the corner
    that it leaves and 1 in the corner that it reaches. Or from `start` to `end`: 0 before the one and 1 beyond the
    other; then the angle is not asked. UsageError if one of them is missing or both are the same."""
    h, w = _checked(size)
    x, y = centers(w), centers(h)[:, None]
    if start is None and end is None:
        angle = math.radians(angle_degrees)
        dx, dy = w * math.cos(angle), h * math.sin(angle)
        ramp = ((x - 0.5) * dx + (y - 0.5) * dy) / (abs(dx) + abs(dy)) + 0.5
    else:
        if start is None or end is None or start == end:
            raise UsageError(
                f"a gradient from {start} to {end} has no direction. Give two different points, or an angle."
            )
        dx, dy = (end[0] - start[0]) * w**2, (end[1] - start[1]) * h**2
        ramp = ((x - start[0]) * dx + (y - start[1]) * dy) / ((dx / w) ** 2 + (dy / h) ** 2)
    return ramp.clamp(0, 1).float()


def radial(
    size: tuple[int, int], center: Point = (0.5, 0.5), inner: float = 0.0, outer: float = 0.5
) -> Float[Tensor, "h w"]:
    """0 within the circle of radius `inner` around `center`, 1 beyond that of radius `outer`, a ramp between.

    Radii are parts of the picture's shorter side: 0.5 at the center touches two borders. UsageError unless
    0 <= inner < outer."""
    if not 0 <= inner < outer < math.inf:
        raise UsageError(f"a radial gradient goes from an inner radius to a larger outer one; got {inner} and {outer}.")
    h, w = _checked(size)
    x, y = centers(w), centers(h)[:, None]
    radius = torch.hypot((x - center[0]) * w, (y - center[1]) * h) / min(h, w)
    return ((radius - inner) / (outer - inner)).clamp(0, 1).float()


def from_picture(
    picture: Float[Tensor, "*c h w"],
    *,
    black: float = 0.0,
    white: float = 1.0,
    gamma: float = 1.0,
    invert: bool = False,
) -> Float[Tensor, "h w"]:
    """A gray picture as a ramp: "h w" or "1 h w" as it is, "3 h w" by its luminance (Rec. 709, of the values as they
    are encoded).

    black, white: the levels that become 0 and 1; then the power 1 / gamma (above 1 raises the middle); then, with
    `invert`, 1 minus that. UsageError unless 0 <= black < white <= 1 and gamma > 0."""
    if not (0 <= black < white <= 1 and 0 < gamma < math.inf):
        raise UsageError(f"levels are 0 <= black < white <= 1 and gamma > 0; got {black}, {white} and {gamma}.")
    gray = picture.reshape(-1, *picture.shape[-2:])
    weights = torch.tensor(LUMINANCE if len(gray) == 3 else [1.0]).to(gray)
    if len(gray) != len(weights):
        raise GuideError(f"a ramp is made of a gray or an RGB picture; this one has {len(gray)} channels.")
    ramp = torch.einsum("c,chw->hw", weights, gray)
    ramp = ((ramp - black) / (white - black)).clamp(0, 1) ** (1 / gamma)
    return 1 - ramp if invert else ramp


def between(styles: Sequence[Image], ramp: Float[Tensor, "h w"]) -> Guide:
    """Styles along a ramp: the first where it is 0, the last where it is 1, the others evenly between.

    Of n styles, number i has all at i / (n - 1) and falls linearly to nothing at its neighbors (hats, which sum to 1).
    ramp: 0..1, of the content's aspect. Styles that nothing of the ramp comes near have an empty region. GuideError for
    fewer than two styles or a ramp that leaves 0..1."""
    if len(styles) < 2:
        raise GuideError(
            f"a gradient runs between two or more styles; {len(styles)} came. Give one more, or no gradient."
        )
    if not (bool(ramp.isfinite().all()) and float(ramp.min()) >= 0 and float(ramp.max()) <= 1):
        raise GuideError("the ramp of a gradient leaves 0..1. Scale it to that range.")
    place = ramp * (len(styles) - 1)
    maps = [(1 - (place - i).abs()).clamp_min(0) for i in range(len(styles))]
    named = enumerate(zip(styles, maps, strict=True), 1)
    return Guide(tuple(Region(style, hat, name=f"style {i}") for i, (style, hat) in named))


def _checked(size: tuple[int, int]) -> tuple[int, int]:
    if min(size) < 1:
        raise UsageError(f"a map of {size[1]} x {size[0]} pixels cannot be. Both sides must be 1 or more.")
    return size
