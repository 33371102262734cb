"""A night sky that swirls over hills: near Van Gogh's Starry Night (1889)."""

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Random,
    Size,
    along,
    around,
    at,
    blend,
    direction,
    extent,
    grid,
    noise,
    palette,
    paper,
    ramp,
    ridge,
    smoothstep,
    touch,
    turn,
    unit,
)

NIGHTS = (
    "141a2e 1d2c55 2b4a86 34679c 4f8bb0 86b4b4 c8d2b0",
    "10202e 12384e 1f5a72 3a7f8c 62a39c 9cc4a8 d8dcae",
    "1a1630 2e2358 46408a 5a64a6 7a92bc a6b8c4 dcd2c0",
)
STAR = palette("fff6b0 fbe98a f0c93c e8b42c b9c08a")
WALLS, ROOFS = palette("5a7898 7f93a0 46608a 8a9a88 a0a890"), palette("1c2440 6a3c30 2c3a6a 8a5a3a")


def starry(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    width, height = extent(size)
    x, y = grid(size)
    night = turn(
        palette(NIGHTS[int(rng.choice(3, p=[0.7, 0.15, 0.15]))]), rng.uniform(-0.12, 0.12), rng.uniform(0.95, 1.2)
    )

    # the wind: a drift to the right, two great spirals, and a small whirl around each star
    side = rng.choice([-1.0, 1.0])
    middle = 0.5 + 0.06 * side
    eyes = [
        (width * (middle - 0.12 * side), height * rng.uniform(0.3, 0.36), 0.2, 1.0),
        (width * (middle + 0.16 * side), height * rng.uniform(0.44, 0.5), 0.13, -1.0),
    ]
    moon = (width * (0.5 + 0.37 * side), height * 0.15, 0.095, 1.0)
    stars = [moon, *_stars(rng, width, height, [*eyes, moon])]
    flow = direction(0.35 * np.sin(2 * np.pi * (1.1 * x / width + rng.uniform())) + 0.3 * noise(rng, size, 3, 2))
    swirl = np.zeros(size, np.float32)
    for cx, cy, reach, way in eyes:
        far, circle = around(size, (cx, cy))
        pull = np.exp(-((far / reach) ** 4))[..., None]
        inward = np.stack([circle[..., 1], -circle[..., 0]], -1) * -0.35
        flow = flow * (1 - pull) + (circle * way + inward) * pull
        turns = np.arctan2(y - cy, x - cx) * way - 9 * np.sqrt(far / reach)
        swirl += pull[..., 0] * (0.5 + 0.5 * np.cos(turns))
    for cx, cy, reach, way in stars:
        far, circle = around(size, (cx, cy))
        pull = np.exp(-((far / (reach * 1.5)) ** 4))[..., None]
        flow = flow * (1 - pull) + circle * way * pull
    flow = unit(flow)

    # the sky's masses: combed blues, pale spirals, a milky band over the hills, halos
    streaks = along(noise(rng, size, 26, 3, 0.7), flow, 0.1)
    tone = 0.38 + 0.1 * noise(rng, size, 3, 3) + 0.5 * streaks + 0.42 * swirl - 0.12 * (0.5 - y / height)
    crest = height * 0.68 + ridge(rng, x / width, 0.1 * height, 1.1) - 0.07 * side * (x / width - 0.5)
    band = np.exp(-(((y - crest + 0.13 * height + 0.05 * np.sin(7 * x)) / 0.055) ** 2))
    sky = ramp(night, tone + 0.38 * band)
    sky = blend(sky, palette("d9dfa0")[0], 0.45 * band * (streaks > 0.02))
    for cx, cy, reach, _ in stars:
        far, _ = around(size, (cx, cy))
        ring = far / reach + 0.12 * streaks
        glow = np.clip(1.25 - ring, 0, 1) * (0.72 + 0.28 * np.cos(ring * 19))
        sky = blend(sky, ramp(STAR, ring * 1.15), np.clip(glow * 1.6, 0, 1))
    cx, cy, reach, _ = moon
    crescent = (around(size, (cx, cy))[0] < 0.42 * reach) & (
        around(size, (cx - 0.22 * reach, cy - 0.1 * reach))[0] > 0.3 * reach
    )
    sky = blend(sky, palette("f2b02a")[0], crescent.astype(np.float32))

    # the land: hills, trees, a village with lamps
    plan, hill_flow = sky, flow
    lands = palette("35538c 2b4470 26405a 1f3a3c 1c2c30")
    for i, color in enumerate(lands):
        top = crest + height * 0.075 * i + ridge(rng, x / width, (0.04 - 0.006 * i) * height, 1.2 + 0.5 * i, 3)
        inside = smoothstep(-0.002, 0.002, y - top)
        slope = np.gradient(top, axis=1) * max(size)
        shade = color * (1 + 0.5 * noise(rng, size, 14, 3)[..., None]) + 0.1 * np.exp(-((y - top) / 0.012)[..., None])
        plan = blend(plan, shade, inside)
        hill_flow = blend(hill_flow, direction(np.arctan(slope) + 0.25 * noise(rng, size, 8, 2)), inside)
    tree, rise = _cypress(rng, size, (width * (0.5 - 0.32 * side), height * rng.uniform(0.08, 0.2)))
    bark = ramp(palette("0e120e 1a2618 2c3420 54442a"), 0.35 + 0.5 * along(noise(rng, size, 40, 2), rise, 0.06) * 2)
    plan, hill_flow = blend(plan, bark, tree), unit(blend(hill_flow, rise, tree))

    canvas = brush.primed(0.75 * plan + 0.25 * palette("3a4a5a")[0])
    for stroke, length, load in ((0.03, 0.13, 0.6), (0.015, 0.085, 1.0), (0.0095, 0.06, 1.2)):
        canvas = brush.cover(canvas, plan, hill_flow, rng, width=stroke, length=length, load=load, light=0.13, hue=0.04)
    shown = [s for s in stars if at(tree, np.array([s[:2]]))[0] < 0.1]
    hearts = brush.Strokes(
        np.array([[(s[0] - 0.2 * s[2], s[1]), (s[0], s[1] - 0.06 * s[2]), (s[0] + 0.2 * s[2], s[1])] for s in shown]),
        np.array([0.42 * s[2] for s in shown]),
        np.repeat(STAR[:1], len(shown), 0),
        np.repeat(STAR[2:3], len(shown), 0),
    )
    canvas = brush.lay(canvas, hearts, rng, load=1.5)
    canvas = _village(rng, canvas, tree)
    lit = np.clip(plan.mean(-1) * 1.6 - 0.45, 0, 0.9)
    canvas = brush.cover(
        canvas,
        plan * 1.08,
        hill_flow,
        rng,
        width=0.0075,
        length=0.04,
        load=1.8,
        where=lit * (_clear_of(size, stars)),
        light=0.16,
    )
    return brush.light(canvas, relief=1.6, gloss=0.12, tooth=paper(rng, size, 0.6))


def _stars(rng: Random, width: float, height: float, taken: list) -> list:
    stars = []
    for _ in range(200):
        x, y, reach = rng.uniform(0.03, 0.97) * width, rng.uniform(0.04, 0.55) * height, rng.uniform(0.028, 0.06)
        if all(np.hypot(x - s[0], y - s[1]) > 0.75 * s[2] + reach * 1.3 for s in [*taken, *stars]) and len(stars) < 10:
            stars.append((x, y, reach, rng.choice([-1.0, 1.0])))
    return stars


def _village(rng: Random, canvas: brush.Canvas, tree: np.ndarray) -> brush.Canvas:
    """Houses touched in over the dry strokes, far ones first: a wall, a roof, lit windows; and one steeple."""
    size = canvas.height.shape[0], canvas.height.shape[1]
    width, height = extent(size)
    color = canvas.color.copy()
    feet = np.sort(rng.uniform(0.82, 0.97, int(rng.integers(24, 36)))) * height
    for i, y in enumerate(feet):
        x = rng.uniform(0.02, 0.98) * width
        big = rng.uniform(0.75, 1.25) * (0.8 + 3.5 * (y / height - 0.82))
        w, h, lean = 0.02 * big, 0.016 * big, rng.uniform(-0.15, 0.15)
        wall, roof, lamp = WALLS[rng.integers(5)], ROOFS[rng.integers(4)], STAR[1 + rng.integers(2)]
        shapes = [
            ([(-1, 0.15), (1, 0.15), (1, -1), (-1, -1)], wall * 0.8),
            ([(0.2, 0.15), (1, 0.15), (1, -1), (0.2, -1)], wall * 0.55),
            ([(-1.3, -0.9), (0.3, -0.9), (-0.1, -2.1), (-0.8, -2.0)], roof),
            ([(0.2, -0.9), (1.3, -0.9), (0.6, -1.8), (-0.1, -2.1)], roof * 0.6),
        ]
        if i == len(feet) // 2:
            shapes += [
                ([(-0.45, -0.8), (0.45, -0.8), (0.4, -4), (-0.4, -4)], wall),
                ([(-0.6, -3.9), (0.6, -3.9), (0, -9)], roof),
            ]
        for px in (-0.65, 0.45):
            if rng.uniform() < 0.45:
                shapes.append(([(px, -0.75), (px + 0.35, -0.75), (px + 0.35, -0.2), (px, -0.2)], lamp))
        for points, ink in shapes:
            outline = np.array(points) * (w, h) @ np.array([[1, lean], [0, 1]]) + (x, y)
            touch(color, outline, ink, 0.92)
    return brush.Canvas(blend(color, canvas.color, tree).astype(np.float32), canvas.height)


def _clear_of(size: Size, stars: list) -> Float[np.ndarray, "h w"]:
    """0 at the hearts of the stars, 1 elsewhere."""
    return np.minimum.reduce([smoothstep(0.3, 0.5, around(size, s[:2])[0] / s[2]) for s in stars])


def _cypress(rng: Random, size: Size, tip: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A flame of a tree: its mask, and the flow that climbs it."""
    height = extent(size)[1]
    x, y = grid(size)
    mask = np.zeros(size, np.float32)
    phase = rng.uniform(0, 6)
    for dx, top, fat in (
        (0, tip[1], 0.065),
        (0.06, tip[1] + 0.3 * height, 0.05),
        (-0.055, tip[1] + 0.42 * height, 0.05),
        (0.115, tip[1] + 0.55 * height, 0.045),
    ):
        down = np.clip((y - top) / (height - top), 0, 1)
        center = tip[0] + dx * down**0.5 + 0.014 * np.sin(14 * y + phase + dx * 40)
        half = fat * down**0.75 * (1 + 0.3 * np.sin(31 * y + phase) + 0.2 * noise(rng, size, 24, 2))
        mask = np.maximum(mask, smoothstep(-0.003, 0.003, half - np.abs(x - center)) * (y > top))
    return mask, direction(-np.pi / 2 + 0.55 * np.sin(16 * y + 20 * x + phase))
