"""Paint with a body: bristled strokes as color and height, then light from the side."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from intarsia.swatches.fields import Random, Size, at, extent, smoothstep, unit


@dataclass(frozen=True)
class Canvas:
    color: Float[np.ndarray, "h w 3"]
    height: Float[np.ndarray, "h w"]  # in long sides


@dataclass(frozen=True)
class Strokes:
    paths: Float[np.ndarray, "n k 2"]
    width: Float[np.ndarray, "n"]
    color: Float[np.ndarray, "n 3"]
    other: Float[np.ndarray, "n 3"]  # the second color on the brush, streaked into the first


def primed(color: np.ndarray) -> Canvas:
    return Canvas(color.astype(np.float32), np.zeros(color.shape[:2], np.float32))


def scatter(rng: Random, size: Size, spacing: float) -> Float[np.ndarray, "n 2"]:
    """Jittered points all over the picture and a little beyond, in random order."""
    m = int(np.ceil(1 / spacing)) + 2
    child = rng.spawn(1)[0]
    cells = np.stack(np.meshgrid(np.arange(m), np.arange(m)), -1).reshape(-1, 2)
    points = child.permutation((cells - 0.5 + child.uniform(-0.5, 0.5, cells.shape)) * spacing)
    return points[(points < np.array(extent(size)) + spacing).all(1)]


def trace(points: Float[np.ndarray, "n 2"], flow: np.ndarray, length: np.ndarray | float, knots: int = 6) -> np.ndarray:
    """Walk along the flow, half the length to either side of each point: paths (n, knots, 2)."""
    step = (np.broadcast_to(length, len(points)) / (knots - 1))[:, None]
    start = points.copy()
    for _ in range(knots // 2):
        start = start - at(flow, start) * step
    path = [start]
    for _ in range(knots - 1):
        path.append(path[-1] + at(flow, path[-1]) * step)
    return np.stack(path, 1)


def bristles(rng: Random) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "m m"]]:
    """Two streaked textures in 0..1, fine hairs and broad smears; x runs along the stroke, and both wrap."""
    fine, broad = rng.standard_normal((2, 256, 256))
    frequency = np.fft.fftfreq(256)
    out = []
    for white, across, length in ((fine, 0.7, 14), (broad, 3.5, 30)):
        low = np.exp(-2 * np.pi**2 * ((across * frequency[:, None]) ** 2 + (length * frequency[None]) ** 2))
        soft = np.fft.ifft2(np.fft.fft2(white) * low).real
        out.append((0.5 + 0.5 * np.tanh(soft / soft.std())).astype(np.float32))
    return out[0], out[1]


def lay(
    canvas: Canvas,
    strokes: Strokes,
    rng: Random,
    *,
    load: float = 1,
    hairs: float = 0.5,
    dry: float = 0.3,
    opacity: float = 1,
    pitch: float = 0.0022,
) -> Canvas:
    """One layer of strokes. `load` is how thick the paint stands, `hairs` how much the bristles show, `dry` how much
    of the end breaks up, `pitch` the thickness of a bristle.

    Each stroke's segments are stamped as numbers; every pixel then knows its place along and across its stroke, and
    color, height and edge come from that place at once.
    """
    size = canvas.height.shape
    long = max(size)
    n, k, _ = strokes.paths.shape
    if n == 0:
        return canvas
    fine, broad = bristles(rng.spawn(1)[0])
    lots = rng.spawn(1)[0].uniform(0, 256, (n, 2)).astype(np.float32)
    paths = (strokes.paths * long - 0.5).astype(np.float32)
    half = np.maximum(strokes.width * long / 2, 0.55).astype(np.float32)
    heading = unit(np.gradient(paths, axis=1))
    normal = np.stack([-heading[..., 1], heading[..., 0]], -1)
    stamp = _stamp(size, paths, normal, half)
    cover = stamp >= 0
    segment = np.where(cover, stamp, 0)
    stroke, joint = segment // (k - 1), segment % (k - 1)
    # where in its segment and its stroke the pixel lies
    starts, edges = paths[:, :-1], np.diff(paths, axis=1)
    spans = np.maximum(np.linalg.norm(edges, axis=-1), 1e-3)
    passed = np.cumsum(spans, 1) - spans
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    dx, dy = x - starts[..., 0][stroke, joint], y - starts[..., 1][stroke, joint]
    ex, ey, span = edges[..., 0][stroke, joint], edges[..., 1][stroke, joint], spans[stroke, joint]
    t = np.clip((dx * ex + dy * ey) / span**2, 0, 1)
    nx = normal[..., 0][stroke, joint] * (1 - t) + normal[..., 0][stroke, joint + 1] * t
    ny = normal[..., 1][stroke, joint] * (1 - t) + normal[..., 1][stroke, joint + 1] * t
    thick = half[stroke]
    across = ((dx - t * ex) * nx + (dy - t * ey) * ny) / thick  # -1..1
    gone = passed[stroke, joint] + t * span
    total = spans.sum(1)[stroke]
    # the brush's hairs
    hair_x = lots[stroke, 0] + gone / (pitch * long)
    hair_y = lots[stroke, 1] + across * thick / (pitch * long)
    hair = cv2.remap(fine, hair_x % 256, hair_y % 256, cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)
    smear = cv2.remap(broad, hair_x % 256, hair_y % 256, cv2.INTER_LINEAR, None, cv2.BORDER_WRAP)
    # round at both ends, frayed at the far one
    end = np.clip(np.minimum(gone, total - gone) / thick, 0, 1)
    edge = (np.sqrt(np.clip(1 - (1 - end) ** 2, 0, 1)) - np.abs(across) - 0.25 * (hair - 0.5)) * thick
    alpha = np.clip(edge + 0.5, 0, 1) * cover * opacity
    alpha = alpha * (1 - smoothstep(0, 0.25, dry * smoothstep(0.35, 1, gone / total) * 1.4 - hair))
    color = strokes.color[stroke] + (strokes.other - strokes.color)[stroke] * smoothstep(0.25, 0.75, smear)[..., None]
    color = color * (1 + 0.5 * hairs * (hair - 0.5))[..., None]
    rim = 0.45 + 0.4 * np.abs(across) ** 3 + 0.35 * smoothstep(0.75, 1, gone / total) + 0.7 * (smear - 0.5)
    body = load * (np.minimum(thick / long, 0.012) * 0.3 * rim + pitch * 0.8 * hairs * (hair - 0.5))
    a = alpha.astype(np.float32)
    height = canvas.height * (1 - 0.55 * a) + a * body
    return Canvas((canvas.color + (color - canvas.color) * a[..., None]).astype(np.float32), height.astype(np.float32))


def _stamp(size: tuple[int, ...], paths: np.ndarray, normal: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The number of the topmost stroke segment at each pixel, -1 where there is none."""
    reach = normal * (half[:, None, None] + 0.7)
    left, right = paths + reach, paths - reach
    quads = np.stack([left[:, :-1], left[:, 1:], right[:, 1:], right[:, :-1]], 2).reshape(-1, 4, 2)
    fixed = np.round(quads * 16).astype(np.int32)
    stamp = np.full(size, -1, np.int32)
    seen = (quads.max(1) > -1).all(1) & (quads.min(1) < np.array([size[1], size[0]])).all(1)
    for i in np.flatnonzero(seen).tolist():
        cv2.fillConvexPoly(stamp, fixed[i], i, cv2.LINE_8, 4)
    return stamp


def jitter(rng: Random, colors: Float[np.ndarray, "n 3"], light: float, hue: float) -> Float[np.ndarray, "n 3"]:
    """Broken color: each one a little lighter or darker, a little warmer or cooler."""
    moved = colors * np.exp(light * rng.standard_normal((len(colors), 1))) + hue * rng.standard_normal(colors.shape)
    return np.clip(moved, 0, 1).astype(np.float32)


def cover(
    canvas: Canvas,
    plan: Float[np.ndarray, "h w 3"],
    flow: Float[np.ndarray, "h w 2"],
    rng: Random,
    *,
    width: float,
    length: float,
    density: float = 1,
    light: float = 0.1,
    hue: float = 0.035,
    where: Float[np.ndarray, "h w"] | None = None,
    knots: int = 6,
    **touch: float,
) -> Canvas:
    """Paint the plan with strokes of one size along the flow; `where` gives each place's chance of a stroke."""
    size = canvas.height.shape
    points = scatter(rng, (size[0], size[1]), width * 1.1 / np.sqrt(density) * max(1, length / width / 4) ** 0.5)
    lots, reach, lean = rng.spawn(1)[0].uniform(0, 1, (3, (len(points))))
    if where is not None:
        keep = lots < at(where, points)
        points, reach, lean = points[keep], reach[keep], lean[keep]
    paths = trace(points, flow, length * (0.55 + 0.9 * reach), knots)
    color = at(plan, points)
    first, second = jitter(rng, color, light, hue), jitter(rng, color, light * 1.3, hue * 1.3)
    return lay(canvas, Strokes(paths, width * (0.65 + 0.7 * lean), first, second), rng, **touch)


def light(
    canvas: Canvas, angle: float = -2.3, relief: float = 1, gloss: float = 0.15, tooth: np.ndarray | None = None
) -> Float[np.ndarray, "h w 3"]:
    """The picture under a lamp at `angle`; `tooth` is the ground's own height, seen through thin paint."""
    long = max(canvas.height.shape)
    height = canvas.height if tooth is None else canvas.height + 0.0006 * tooth
    slope_y, slope_x = np.gradient(height * long) if min(height.shape) > 1 else (height, height)
    facing = (slope_x * np.cos(angle) + slope_y * np.sin(angle)) * relief
    facing = np.tanh(facing)
    shade = 1 + 0.42 * facing - 0.08 * np.abs(facing)
    shine = gloss * smoothstep(0.35, 0.95, facing)
    return np.clip(canvas.color * shade[..., None] + shine[..., None], 0, 1).astype(np.float32)
