"""A Sunday park by a river in dots of divided color: near Seurat's Grande Jatte (1886)."""

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Random,
    Size,
    at,
    blend,
    direction,
    disc,
    extent,
    fill,
    grid,
    noise,
    palette,
    ramp,
    ridge,
    smoothstep,
    spline,
    touch,
    turn,
)

# what a dot may lean to: orange, blue, violet, green, yellow, pink; about zero in sum
DIVIDED = np.array([(3, 0, -3), (-3, -1, 4), (2, -3, 2), (-3, 2, -1), (2, 2, -4), (3, -2, 1)], np.float32) / 14
CLOTHES = "1d1f33 8c3a34 c9574a d9d2c8 5a4a7a b8752e 2c3f6a e0a7a0 6b2f3a 3c5a5a"


def pointillism(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    plan = _park(rng, size)
    plan = turn(plan, rng.uniform(-0.12, 0.12), rng.uniform(1.0, 1.25))
    if rng.uniform() < 0.5:
        plan = plan[:, ::-1]
    canvas = brush.primed(0.6 * plan + 0.4 * palette("d8c79a")[0])
    canvas = brush.cover(
        canvas,
        plan,
        direction(0.9 * noise(rng, size, 4, 2)),
        rng,
        width=0.02,
        length=0.045,
        light=0.08,
        hue=0.05,
        load=0.5,
    )
    for dot, share, lean in ((0.0105, 0.8, 0.5), (0.0078, 0.9, 0.62), (0.0058, 0.6, 0.75)):
        canvas = _dots(rng, canvas, plan, dot, share, lean)
    return brush.light(canvas, relief=1.1, gloss=0.05)


def _dots(rng: Random, canvas: brush.Canvas, plan: np.ndarray, dot: float, share: float, lean: float) -> brush.Canvas:
    """Dots that lean to a pigment each, so that the eye mixes the plan's color again."""
    size = plan.shape[0], plan.shape[1]
    points = brush.scatter(rng, size, dot * 0.92 / share**0.5)
    child = rng.spawn(1)[0]
    pigment, angle = child.integers(0, len(DIVIDED), len(points)), child.uniform(0, np.pi, len(points))
    color = at(plan, points)
    vivid = 0.25 + 0.75 * (1 - np.abs(2 * color.mean(-1, keepdims=True) - 1))
    color = np.clip(brush.jitter(rng, color, 0.12, 0.03) + lean * vivid * DIVIDED[pigment], 0, 1)
    step = direction(angle) * (dot * 0.28)
    breadth = dot * child.uniform(0.75, 1.2, len(points))
    strokes = brush.Strokes(np.stack([points - step * 1.9, points + step * 1.9], 1), breadth, color, color)
    return brush.lay(canvas, strokes, rng, load=1.2, hairs=0.25, dry=0)


def _park(rng: Random, size: Size) -> np.ndarray:
    width, height = extent(size)
    x, y = grid(size)
    u, v = x / width, y / height
    far = 0.13 + rng.uniform(-0.02, 0.04)
    water = ramp(palette("dfe3dc a9bccb 8aa6bd b7c3b4"), (v - far) * 2.2 + 0.14 * noise(rng, size, 6, 3))
    plan = blend(water, ramp(palette("e6dcc0 d8d9d4 b9cbd6"), v / far), smoothstep(0.004, -0.004, v - far))
    bank = smoothstep(-0.004, 0.004, v - far + 0.09 + ridge(rng, u, 0.05, 2.5)) * (v < far + 0.015)
    plan = blend(plan, ramp(palette("4f6650 7d8f58 a8a866"), 0.5 + 0.5 * noise(rng, size, 14, 3)), bank)
    for _ in range(int(rng.integers(2, 5))):  # sails
        cx, cy, s = rng.uniform(0.05, 0.4) * width, (far + rng.uniform(0.05, 0.16)) * height, rng.uniform(0.03, 0.06)
        plan = blend(
            plan, palette("f3efe2")[0], fill(size, np.array([(cx, cy - 1.6 * s), (cx + 0.8 * s, cy), (cx, cy)]))
        )
        hull = np.array([(cx - 0.4 * s, cy + 0.004), (cx + 0.9 * s, cy + 0.004), (cx + 0.6 * s, cy + 0.25 * s)])
        plan = blend(plan, palette("5a3a34")[0], fill(size, hull))
    # the lawn: sunlight crossed by bands of shade
    shore = (0.62 - 0.55 * (u / 0.55) ** 0.8) + 0.02 * np.sin(9 * u)
    lawn = smoothstep(-0.004, 0.004, v - np.maximum(shore, far + 0.02))
    sun = ramp(palette("d9cf6c c2bd5a a9ad55"), 0.4 + 0.4 * noise(rng, size, 7, 3))
    gloom = ramp(palette("24352f 34503a 4f6a42"), 0.5 + 0.4 * noise(rng, size, 9, 3))
    edge = rng.uniform(0.6, 0.72) + ridge(rng, u, 0.06, 0.9)
    belt = np.exp(-(((v - rng.uniform(0.36, 0.46) - 0.05 * u) / 0.025) ** 2)) * (u > 0.3)
    plan = blend(plan, blend(sun, gloom, np.maximum(smoothstep(-0.02, 0.02, v - edge), 0.85 * belt)), lawn)
    # trees
    trunks = np.sort(rng.uniform(0.42, 1.0, 7))
    for i, tx in enumerate(trunks):
        foot, girth = rng.uniform(0.32, 0.5) + 0.25 * (i % 3 == 2), rng.uniform(0.007, 0.014) * (1 + (i % 3 == 2))
        bend = rng.uniform(-0.04, 0.04)
        path = spline([(tx * width, foot * height), ((tx + bend) * width, 0.2 * height), ((tx + bend) * width, -0.1)])
        plan = blend(
            plan,
            palette("4a2f3f 5e4636 33304a")[i % 3],
            fill(size, np.concatenate([path - np.array((girth, 0)), path[::-1] + np.array((girth * 0.8, 0))])),
        )
    leaves = noise(rng, size, 6, 4) + 3.2 * (u - 0.32) - 5.5 * (v - 0.08)
    crown = smoothstep(0.2, 0.45, leaves) * (v < 0.34)
    plan = blend(plan, ramp(palette("1f3a34 3a5c3c 6d8a45 b0ab55"), 0.45 + 0.45 * noise(rng, size, 16, 3)), crown)
    for v0 in np.sort(rng.uniform(0.3, 0.8, 13)):
        u0 = rng.uniform(max(0.06, 0.62 - v0), 0.95)
        _stroller(rng, plan, (u0 * width, v0 * height), (0.05 + 0.36 * (v0 - 0.25)) * min(1, height))
    near = ((rng.uniform(0.76, 0.86), 0.5, 0.95), (rng.uniform(0.12, 0.3), 0.36, 0.3))
    for u0, tall, ladies in near:
        _stroller(rng, plan, (u0 * width, rng.uniform(0.92, 0.99) * height), tall * min(1, height), ladies)
    return plan


def _stroller(rng: Random, plan: np.ndarray, foot: tuple[float, float], tall: float, ladies: float = 0.6) -> None:
    """A figure in profile, painted into the plan with its shadow: a lady with bustle, hat and perhaps a parasol, or
    a gentleman."""
    way = rng.choice([-1, 1])
    clothes = turn(palette(CLOTHES), rng.uniform(-0.2, 0.2))
    lower, upper, hat, shade = clothes[rng.permutation(len(clothes))[:4]]
    skin, dark = palette("dca98a 2a2030")

    def put(points: list | np.ndarray, color: np.ndarray) -> None:
        touch(plan, np.asarray(points) * (tall * way, tall) + foot, color)

    def modeled(points: list, color: np.ndarray) -> None:
        """The form dark at its back and light at its front."""
        outline = spline(points, closed=True, n=8)
        center = outline.mean(0)
        put(outline, color * 0.62)
        put((outline - center) * (0.72, 0.94) + center + (0.018, 0), color)
        put((outline - center) * (0.3, 0.86) + center + (0.04, 0), np.clip(color * 1.18 + 0.1, 0, 1))

    put(disc((-0.28, 0.0), 0.42, 0.05), palette("2f4a3c")[0])
    if rng.uniform() < ladies:
        modeled(
            [(-0.13, 0), (-0.2, -0.14), (-0.2, -0.34), (-0.08, -0.5), (0.05, -0.5), (0.09, -0.25), (0.13, 0)], lower
        )
        modeled([(-0.06, -0.47), (-0.075, -0.66), (-0.05, -0.76), (0.04, -0.77), (0.075, -0.66), (0.05, -0.48)], upper)
        brim, top = 0.1, 0.05
    else:
        modeled([(-0.07, 0), (-0.065, -0.25), (-0.075, -0.48), (0.065, -0.48), (0.055, -0.25), (0.045, 0)], lower * 0.6)
        modeled(
            [(-0.09, -0.36), (-0.095, -0.62), (-0.06, -0.77), (0.05, -0.77), (0.09, -0.6), (0.07, -0.36)], upper * 0.7
        )
        brim, top, hat = 0.075, 0.1, dark
    put(
        spline([(-0.03, -0.74), (0.02, -0.74), (0.09, -0.6), (0.14, -0.56), (0.13, -0.53), (0.05, -0.56)], True),
        upper * 0.8,
    )
    put(disc((0.14, -0.545), 0.018), skin)
    put([(-0.02, -0.75), (0.03, -0.75), (0.03, -0.82), (-0.02, -0.82)], skin * 0.85)
    put(disc((-0.018, -0.855), 0.045, 0.05), dark)
    put(disc((0.012, -0.85), 0.04, 0.05), skin)
    put(disc((0.0, -0.892), brim, 0.014), hat * 0.8)
    put([(-0.05, -0.89), (0.045, -0.89), (0.04, -0.89 - top), (-0.045, -0.89 - top)], hat)
    if brim == 0.1 and rng.uniform() < 0.6:
        dome = disc((0.1, -0.97), 0.25, 0.15)
        put([(0.125, -0.97), (0.135, -0.97), (0.14, -0.5), (0.13, -0.5)], dark)
        put(dome[dome[:, 1] <= -0.965], shade)
        put(disc((0.15, -1.03), 0.1, 0.05), np.clip(shade * 1.2 + 0.12, 0, 1))
