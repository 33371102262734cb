"""What lies under the paint: the frame, noise, flows, shapes, palettes and paper.

Lengths are in units of the picture's long side, x then y, so a painting is the same at every size. Every kernel that
draws random numbers draws the same ones at every size: `rng.spawn` keeps what one kernel skips from moving the next.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Float

Size = tuple[int, int]  # (h, w)
Random = np.random.Generator
Place = Callable[..., np.ndarray]  # stage points to long sides


def grid(size: Size) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """The x and y of every pixel center, in long sides."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return (x + 0.5) / max(size), (y + 0.5) / max(size)


def extent(size: Size) -> tuple[float, float]:
    """The picture's width and height in long sides: one of the two is 1."""
    return size[1] / max(size), size[0] / max(size)


def stage(size: Size, mirrored: bool = False) -> tuple[np.ndarray, np.ndarray, Place]:
    """The picture as a stage from (0, 0) to (1, 1), possibly mirrored: u and v of every pixel, and the function that
    puts stage points into long sides."""
    width, height = extent(size)
    x, y = grid(size)
    u = 1 - x / width if mirrored else x / width
    scale, origin = np.array([-width if mirrored else width, height]), np.array([width if mirrored else 0, 0])
    return u, y / height, lambda points: np.asarray(points, np.float64) * scale + origin


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def noise(rng: Random, size: Size, cells: float, octaves: int = 4, gain: float = 0.5) -> Float[np.ndarray, "h w"]:
    """Fractal value noise, about -1..1, whose largest blobs are 1 / cells of the long side."""
    h, w = size
    long = max(size)
    total = np.zeros(size, np.float32)
    for octave, child in enumerate(rng.spawn(octaves)):
        count = round(cells * 2**octave)
        if count > 2 * long:
            break  # finer than the pixels
        lattice = child.uniform(-1, 1, (count + 2, count + 2)).astype(np.float32)
        side = int(np.ceil((count + 2) * long / count))
        offset = long // count
        fine = cv2.resize(lattice, (side, side), interpolation=cv2.INTER_CUBIC)
        total += gain**octave * fine[offset : offset + h, offset : offset + w]
    weight = sum(gain ** (2 * octave) for octave in range(octaves))
    return total * np.float32(1.4 / np.sqrt(weight))


def ridge(rng: Random, x: np.ndarray, height: float, waves: float = 2, octaves: int = 4) -> np.ndarray:
    """A rolling line over x, for hills and shores: sines of growing frequency, about ± height."""
    phases, shifts = rng.uniform(0, 2 * np.pi, octaves), rng.uniform(0.8, 1.25, octaves)
    sines = [np.sin(2 * np.pi * waves * 1.9**i * shifts[i] * x + phases[i]) * 0.55**i for i in range(octaves)]
    return (np.sum(sines, 0) * (height * 0.6)).astype(np.float32)


def at(field: np.ndarray, points: Float[np.ndarray, "*n 2"]) -> np.ndarray:
    """The field's value at each point (the nearest pixel's; outside, the border's)."""
    h, w = field.shape[:2]
    index = np.floor(points * max(h, w)).astype(np.int64)
    return field[np.clip(index[..., 1], 0, h - 1), np.clip(index[..., 0], 0, w - 1)]


def unit(flow: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
    return flow / np.maximum(np.linalg.norm(flow, axis=-1, keepdims=True), 1e-6)


def direction(angle: np.ndarray) -> np.ndarray:
    """Angles to unit vectors (x, y) on a new last axis."""
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)


def around(size: Size, center: Sequence | np.ndarray) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w 2"]]:
    """Distance from a center, and the unit flow that circles it."""
    x, y = grid(size)
    dx, dy = x - np.float32(center[0]), y - np.float32(center[1])
    far = np.hypot(dx, dy)
    return far, np.stack([-dy, dx], -1) / np.maximum(far, 1e-6)[..., None]


def along(image: Float[np.ndarray, "h w"], flow: Float[np.ndarray, "h w 2"], length: float) -> Float[np.ndarray, "h w"]:
    """Line integral convolution: the image averaged along the flow, `length` to either side."""
    h, w = image.shape
    steps = 9
    stride = max(length * max(h, w) / steps, 0.5)
    total = image.copy()
    for way in (stride, -stride):
        y, x = np.mgrid[:h, :w].astype(np.float32)
        for _ in range(steps):
            step = flow[np.clip(y, 0, h - 1).astype(np.int32), np.clip(x, 0, w - 1).astype(np.int32)]
            x, y = x + step[..., 0] * way, y + step[..., 1] * way
            total += cv2.remap(image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, None, 2)
    return total / (2 * steps + 1)


def blur(image: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur; the radius is in long sides."""
    sigma = radius * max(image.shape[:2])
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.3 else image


def spline(knots: Sequence | np.ndarray, closed: bool = False, n: int = 24) -> Float[np.ndarray, "m 2"]:
    """A smooth line through the knots (Catmull-Rom), n points a span."""
    p = np.asarray(knots, np.float64)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(n) / n)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    line = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    line = line.reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-2:-1]])


def fill(size: Size, outline: np.ndarray) -> Float[np.ndarray, "h w"]:
    """A soft mask, 1 inside the outline."""
    mask = np.zeros(size, np.uint8)
    points = np.round((outline * max(size) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [points], (255,), cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def touch(picture: Float[np.ndarray, "h w 3"], outline: np.ndarray, color: np.ndarray, strength: float = 1) -> None:
    """Fill the outline with a color, in place, at the cost of its bounding box only."""
    h, w = picture.shape[:2]
    long = max(h, w)
    x0, y0 = np.maximum(np.floor(outline.min(0) * long - 2).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(outline.max(0) * long + 2).astype(int), (w, h))
    if x1 <= x0 or y1 <= y0:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillPoly(mask, [np.round((outline * long - (x0, y0) - 0.5) * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    box = np.s_[y0:y1, x0:x1]
    picture[box] = blend(picture[box], color, mask.astype(np.float32) * np.float32(strength / 255))


def depth(mask: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Signed distance to the mask's edge in long sides, positive inside."""
    inside = (mask > 0.5).astype(np.uint8)
    if inside.all() or not inside.any():
        return np.where(inside > 0, np.float32(1), np.float32(-1))
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return ((within - without) / max(mask.shape)).astype(np.float32)


def line(mask: np.ndarray, points: np.ndarray, width: float, value: float = 1) -> None:
    """Draw a line onto an 8-bit plane, in place; thinner than a pixel becomes somewhat fainter."""
    long = max(mask.shape[:2])
    thick = width * long
    fixed = np.round((points * long - 0.5) * 16).astype(np.int32)
    level = int(255 * value * min(1, max(thick, 0.1)) ** 0.6)
    cv2.polylines(mask, [fixed], False, (level,), max(1, round(thick)), cv2.LINE_AA, 4)


def blend(under: np.ndarray, over: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`over` (a color or a picture) where the mask is 1."""
    return under + (over - under) * mask[..., None]


def palette(hexes: str) -> Float[np.ndarray, "n 3"]:
    """Colors from "1f2324 e0cc54"."""
    return np.array([[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in hexes.split()], np.float32) / 255


def ramp(colors: Float[np.ndarray, "n 3"], t: np.ndarray) -> np.ndarray:
    """The color at t in 0..1 between the first and the last."""
    place = np.clip(t, 0, 1) * (len(colors) - 1)
    low = np.minimum(place.astype(np.int32), len(colors) - 2)
    return colors[low] + (colors[low + 1] - colors[low]) * (place - low).astype(np.float32)[..., None]


def turn(colors: np.ndarray, hue: float, chroma: float = 1) -> np.ndarray:
    """Rotate the hue by an angle and stretch the chroma, at the same luma (the YIQ plane)."""
    to = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    c, s = np.cos(hue) * chroma, np.sin(hue) * chroma
    mix = np.linalg.inv(to) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ to
    return np.clip(colors @ mix.T.astype(np.float32), 0, 1).astype(np.float32)


def paper(rng: Random, size: Size, weave: float = 0) -> Float[np.ndarray, "h w"]:
    """The tooth of paper (or, with weave, of canvas) as a height, about -1..1."""
    tooth = noise(rng, size, 90, 4, 0.8)
    if weave:
        x, y = grid(size)
        threads = np.sin(x * 2 * np.pi * 190) * np.sin(y * 2 * np.pi * 190)
        tooth = (1 - weave) * tooth + weave * threads.astype(np.float32)
    return tooth


def facets(sides: Sequence[np.ndarray]) -> tuple[np.ndarray, Float[np.ndarray, "h w"]]:
    """Cut the plane by curves, each given as a signed distance: the cell's code at each pixel, and how far the
    nearest curve is. Codes are the same at every size."""
    code = np.zeros(sides[0].shape, np.int64)
    for i, side in enumerate(sides):
        code ^= np.where(side > 0, np.int64((i * 2654435761 + 12345) * 0x9E3779B1 & 0x3FFFFFFFFFFF), np.int64(0))
    return code, np.minimum.reduce([np.abs(side) for side in sides]).astype(np.float32)


def hashed(code: np.ndarray, salt: int) -> Float[np.ndarray, "*n"]:
    """One number in 0..1 for each code."""
    mixed = (code ^ (salt * 0x5851F42D)) * 0x2545F491 & 0x7FFFFFFFFFFF
    mixed = (mixed ^ (mixed >> 17)) * 0x1B873593 & 0x7FFFFFFFFFFF
    return ((mixed >> 13) % 65536 / 65536).astype(np.float32)


def isolines(field: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 2"]:
    """The unit flow that keeps to the field's level lines."""
    if min(field.shape) < 2:
        return np.broadcast_to(np.array([1, 0], np.float32), (*field.shape, 2))
    down, right = np.gradient(field)
    return unit(np.stack([-down, right], -1)).astype(np.float32)


def disc(center: Sequence | np.ndarray, rx: float, ry: float | None = None, n: int = 40) -> Float[np.ndarray, "n 2"]:
    """The outline of an ellipse."""
    t = np.arange(n) / n * 2 * np.pi
    return np.stack([center[0] + rx * np.cos(t), center[1] + (rx if ry is None else ry) * np.sin(t)], -1)
