"""Thick oil laid with broad brushes and a palette knife, wet into wet: a garden that is nearly abstract."""

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import Random, Size, at, direction, extent, grid, noise, palette, paper, ramp, turn

GARDENS = (
    "3b5f55 669186 a6bdaa c8bd6d b49637 825234 b0707a 5fa732 e4e0c4 2c4a6a",
    "251e31 3c4559 556a87 a0a4c6 d9cbd2 be764c 843c38 3f7a6a e8c15a f0e2d0",
    "1d2f26 405635 7e9264 b3971e e2c64e 8aa3b7 d4d7d1 64849e c86a3a f2eee0",
    "5a1d2c a8323a d9663c f0a94a f3dcae 3a5a7a 7aa6b8 c98fa8 40402e e9e4da",
)


def impasto(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    width, height = extent(size)
    x, y = grid(size)
    tubes = turn(palette(GARDENS[int(rng.integers(len(GARDENS)))]), rng.uniform(-0.1, 0.1), rng.uniform(1.05, 1.3))
    lean = rng.uniform(-0.5, 0.5)

    # color masses: five places on the palette, each won where its own cloud stands highest
    order = rng.permutation(len(tubes))
    clouds = np.stack([noise(rng, size, 2, 3, 0.6) + 0.25 * noise(rng, size, 9, 2) for _ in order])
    spots = rng.uniform(0, 1, (len(tubes), 2)) * (width, height)
    near = np.stack([np.hypot(x - px, y - py) for px, py in spots])
    won = np.argmax(clouds * 0.5 - 2.2 * near, 0)
    plan = tubes[order][won]
    plan = np.clip(plan * (1 + 0.25 * noise(rng, size, 5, 3)[..., None]) + 0.03, 0, 1).astype(np.float32)

    # a hand that swings: each mass has its own way, and the way wanders
    ways = rng.uniform(-1.1, 1.1, len(tubes)).astype(np.float32) + lean
    angle = ways[won] + 0.6 * noise(rng, size, 2.0, 2)

    canvas = brush.primed(ramp(tubes[[0, 5]], 0.5 + 0.4 * noise(rng, size, 6, 3)))
    for stroke, length, density, load in (
        (0.2, 0.5, 1.8, 1.4),
        (0.13, 0.36, 0.8, 1.7),
        (0.075, 0.22, 0.3, 2.0),
        (0.035, 0.11, 0.07, 2.2),
    ):
        canvas = _swipes(rng, canvas, plan, angle, tubes, stroke, length, density, load)
    accents = np.clip(0.5 * noise(rng, size, 5, 2) - 0.12, 0, 0.3)
    canvas = brush.cover(
        canvas,
        np.clip(plan * 1.25 + 0.06, 0, 1),
        direction(angle + 0.7),
        rng,
        width=0.02,
        length=0.07,
        where=accents,
        light=0.2,
        hue=0.08,
        load=2.4,
        hairs=0.8,
    )
    return brush.light(canvas, relief=1.5, gloss=0.3, tooth=paper(rng, size, 0.7))


def _swipes(
    rng: Random,
    canvas: brush.Canvas,
    plan: np.ndarray,
    angle: np.ndarray,
    tubes: np.ndarray,
    stroke: float,
    length: float,
    density: float,
    load: float,
) -> brush.Canvas:
    """Loaded swipes: the second color on the knife comes from the palette, not from the place."""
    size = plan.shape[0], plan.shape[1]
    points = brush.scatter(rng, size, stroke * 1.15 / density**0.5)
    child = rng.spawn(1)[0]
    reach, breadth, mix, swing = child.uniform(0, 1, (4, len(points)))
    color = brush.jitter(rng, at(plan, points), 0.14, 0.04)
    dirty = tubes[child.integers(0, len(tubes), len(points))]
    other = brush.jitter(rng, color + (dirty - color) * (0.15 + 0.55 * mix[:, None] ** 2), 0.18, 0.03)
    turned = at(angle, points) + 1.2 * (swing - 0.5)
    bend = (child.uniform(-1, 1, len(points)) * 1.1)[:, None] * np.linspace(-0.5, 0.5, 7)
    steps = direction(turned[:, None] + bend) * (length * (0.4 + 0.8 * reach) / 7)[:, None, None]
    paths = points[:, None] + np.cumsum(steps, 1) - steps.sum(1, keepdims=True) / 2
    strokes = brush.Strokes(paths, stroke * (0.5 + 0.8 * breadth), color, other)
    return brush.lay(canvas, strokes, rng, load=load, hairs=0.85, dry=0.5, pitch=0.0026)
