"""Pen and charcoal: a ruined arcade hatched along its forms, on warm paper."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Place,
    Random,
    Size,
    along,
    at,
    blend,
    direction,
    disc,
    extent,
    fill,
    grid,
    line,
    noise,
    palette,
    paper,
    ridge,
    smoothstep,
    spline,
    stage,
)

PAPERS = ("f1f0ec 16181c 5a5c60", "d5d8d4 1a2232 3f4c66", "e2d0ae 38200f 8a4a2a", "e8e1c8 2a2622 6a5a48")


def ink(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    width, height = extent(size)
    x, y = grid(size)
    sheet, black, wash = palette(PAPERS[int(rng.integers(len(PAPERS)))])
    sketch = _ruin(rng, size)
    tone, angle = np.clip(sketch.tone, 0, 1).astype(np.float32), sketch.angle
    tooth = paper(rng, size)

    # charcoal first, rubbed along the forms and caught by the tooth; then a thin wash in the darks
    rubbed = along(noise(rng, size, 60, 3, 0.7), direction(angle + 0.9), 0.03)
    coal = np.clip(0.8 * (tone - 0.08) + 0.3 * rubbed * tone, 0, 1) * smoothstep(-0.7, 0.8, tooth + 2.2 * (tone - 0.35))
    color = blend(np.broadcast_to(sheet, (*size, 3)), wash, 0.7 * np.clip(coal, 0, 1))

    # hatching: each darker tone adds a set of lines across the ones before
    pen = np.zeros(size, np.uint8)
    for turn, level, gap, thick in (
        (0.0, 0.13, 0.009, 0.0018),
        (0.55, 0.3, 0.009, 0.0016),
        (-0.5, 0.46, 0.0085, 0.0018),
        (1.45, 0.62, 0.008, 0.0022),
    ):
        _hatch(rng, pen, tone, angle + turn, level, gap, thick)
    for outline, weight in sketch.outlines:
        for _ in range(2):  # the line is sought twice
            shaky = outline + 0.0022 * np.cumsum(rng.normal(0, 1, outline.shape), 0) / np.sqrt(len(outline))
            _draw(rng, pen, shaky + rng.normal(0, 0.0012, 2), 0.0026 * weight)
    marks = pen.astype(np.float32) / 255 * np.clip(1.02 + 0.22 * tooth, 0.3, 1)
    color = blend(color, black, np.clip(marks * 0.92, 0, 1).astype(np.float32))
    stain = 1 + 0.03 * noise(rng, size, 2, 3) + 0.022 * tooth - 0.05 * np.hypot(x / width - 0.5, y / height - 0.5) ** 2
    return np.clip(color * stain[..., None], 0, 1).astype(np.float32)


def _draw(rng: Random, pen: np.ndarray, points: np.ndarray, width: float) -> None:
    """One pen line, pressed harder in the middle of each move, lifted now and then."""
    for part in np.array_split(np.arange(len(points)), max(1, len(points) // 4)):
        if rng.uniform() < 0.95:
            line(pen, points[part[0] : part[-1] + 2], width * rng.uniform(0.6, 1.35), rng.uniform(0.75, 1))


def _hatch(
    rng: Random, pen: np.ndarray, tone: np.ndarray, angle: np.ndarray, level: float, gap: float, thick: float
) -> None:
    size = pen.shape[0], pen.shape[1]
    points = brush.scatter(rng, size, gap * 1.75)
    child = rng.spawn(1)[0]
    reach, lots, press, lift = child.uniform(0, 1, (4, len(points)))
    dark = at(tone, points)
    keep = dark > level + 0.1 * (lots - 0.5)
    points, reach, dark = points[keep], reach[keep], dark[keep]
    paths = brush.trace(points, direction(angle), 0.022 + 0.035 * reach, 5)
    wide = thick * (0.5 + 0.55 * dark) * (0.7 + 0.6 * press[keep])
    value = 0.55 + 0.45 * lift[keep]
    ends = at(tone, paths[:, -1]) > level - 0.22
    for path, w, v, whole in zip(paths, wide.tolist(), value.tolist(), ends.tolist(), strict=True):
        line(pen, path if whole else path[:3], w, v)


class Sketch:
    """What the pen will follow: how dark each place is, which way its lines run, and the outlines."""

    def __init__(self, size: Size, tone: np.ndarray, angle: np.ndarray):
        self.size, self.tone, self.angle = size, tone, angle
        self.outlines: list[tuple[np.ndarray, float]] = []

    def put(self, mask: np.ndarray, dark: np.ndarray | float, way: np.ndarray | float) -> None:
        """Shade a place anew."""
        self.tone = self.tone * (1 - mask) + dark * mask
        self.angle = np.where(mask > 0.5, way, self.angle).astype(np.float32)

    def draw(self, points: np.ndarray, weight: float) -> None:
        self.outlines.append((points, weight))


def _ruin(rng: Random, size: Size) -> Sketch:
    """An arcade under an open sky, a tree, rubble and weeds."""
    flip = bool(rng.uniform() < 0.5)
    u, v, place = stage(size, flip)
    cloud = noise(rng, size, 2.5, 4)
    sky = np.clip(0.06 + 0.22 * cloud - 0.1 * v, 0, 0.34)
    sketch = Sketch(size, sky, (0.5 if flip else -0.5) + 0.25 * noise(rng, size, 2, 2))
    hill = 0.62 + ridge(rng, u, 0.06, 1.3)
    sketch.put(smoothstep(-0.003, 0.003, v - hill), 0.26 + 0.2 * noise(rng, size, 8, 3), 0.3)
    _arcade(rng, sketch, u, v, place, flip, cloud)
    floor = 0.8 + ridge(rng, u, 0.012, 2)
    shade = 0.28 + 0.5 * smoothstep(0.0, 0.1, 0.1 - np.abs(v - floor - 0.05 - 0.1 * (u - 0.4)))
    ground = np.clip(shade + 0.35 * noise(rng, size, 5, 4), 0.05, 0.95)
    sketch.put(smoothstep(-0.003, 0.003, v - floor), ground, 0.12 if flip else -0.12)
    _growth(rng, sketch, u, v, place)
    return sketch


def _arcade(
    rng: Random, sketch: Sketch, u: np.ndarray, v: np.ndarray, place: Place, flip: bool, cloud: np.ndarray
) -> None:
    """A broken wall of arches that recede, lit from one side."""
    size = sketch.size
    count = int(rng.integers(2, 4))
    left, right = rng.uniform(0.02, 0.1), rng.uniform(0.86, 0.97)
    spans = np.cumsum(np.r_[0, 0.72 ** np.arange(count)])
    spans = left + (right - left) * spans / spans[-1]
    tops = rng.uniform(0.1, 0.16) + 0.1 * (spans - left)
    run = np.sort(rng.uniform(left, right, 46))
    fallen = 0.24 * smoothstep(0.72, 1.0, (run - left) / (right - left))
    steps = np.repeat(0.05 * smoothstep(0.5, 1, rng.uniform(0, 1, 23)) + 0.012 * rng.normal(0, 1, 23), 2)
    rim = np.stack([run, np.interp(run, spans, tops) + fallen + steps], -1)
    feet = [(spans[-1], 0.8), (spans[0], 0.88)]
    wall = fill(size, place(np.concatenate([[(spans[0], tops[0])], rim, feet])))
    weather = 0.46 + 0.3 * noise(rng, size, 6, 4) - 0.22 * np.exp(-(((u - left) / 0.35) ** 2))
    sketch.put(wall, np.clip(weather, 0.03, 0.9), 0.12)
    sketch.draw(place(np.concatenate([[(spans[0], 0.88), (spans[0], tops[0])], rim, feet[:1]])), 0.9)
    joints = []
    for _ in range(600):  # of the courses that still show
        cx, row = rng.uniform(left, right), rng.integers(4, 46) / 54
        stone = np.array([(cx, row), (cx + rng.uniform(0.01, 0.04), row), (cx + 0.02, row + 1 / 54)])
        if at(wall, place(stone)).min() > 0.5:
            joints.append(place(stone[: 2 + int(rng.integers(2))] if rng.uniform() < 0.7 else stone[1:]))
    for a, b in pairwise(spans):
        pier, foot = 0.17 * (b - a), 0.88 - 0.08 * ((a + b) / 2 - left) / (right - left)
        spring = float(np.interp(a, spans, tops)) + 0.24 + 0.1 * (a - left)
        wall = _arch(rng, sketch, u, v, place, flip, (a + pier, b - 0.6 * pier, spring, foot), cloud, wall)
        for px, fat in ((a + pier * 0.45, pier * 0.42), (b - pier * 0.4, pier * 0.3)):  # engaged columns, round
            shaft = (np.abs(u - px) < fat) & (v > spring) & (v < foot + 0.015)
            sketch.put(shaft.astype(np.float32), np.clip(0.42 + 0.52 * (u - px) / fat, 0.02, 0.95), 0.08)
            capital = np.array(
                [(-1.5 * fat, -0.035), (1.5 * fat, -0.035), (fat, 0.012), (-fat, 0.012), (-1.5 * fat, -0.035)]
            )
            sketch.put(fill(size, place(capital + np.array((px, spring)))), 0.3 + 0.5 * (u > px), 0.9)
            sketch.draw(place(capital + np.array((px, spring))), 0.8)
            wall = wall * (1 - shaft)
            for s in (-1, 1):
                shank = np.stack([np.full(14, px + s * fat), np.linspace(spring, foot + 0.01, 14)], -1)
                sketch.draw(place(shank), 0.9 + 0.4 * s)
    for joint in joints:
        if at(wall, joint).min() > 0.5:
            sketch.draw(joint, 0.75)


def _arch(
    rng: Random,
    sketch: Sketch,
    u: np.ndarray,
    v: np.ndarray,
    place: Place,
    flip: bool,
    frame: tuple[float, float, float, float],
    cloud: np.ndarray,
    wall: np.ndarray,
) -> np.ndarray:
    """One arch: its ring of wedge stones, the view through it, the dark of its thickness, an arch beyond.

    Returns what is left of the wall."""
    x0, x1, spring, foot = frame
    size = sketch.size
    width, height = extent(size)
    middle, half = (x0 + x1) / 2, (x1 - x0) / 2
    rise = half * width / height * rng.uniform(1.05, 1.35)
    swing = np.linspace(np.pi, 0, 40)
    hub = np.array((middle, spring))
    bow = np.stack([middle + half * np.cos(swing), spring - rise * np.sin(swing) ** 0.9], -1)
    turn = np.arctan2((v - spring) * height, (u - middle) * width)
    ring = fill(size, place((bow - hub) * (1.2, 1.2) + hub)) * wall
    sketch.put(ring, 0.1 + 0.15 * noise(rng, size, 9, 3) + 0.25 * (u > middle), np.pi - turn if flip else turn)
    for s in np.linspace(1, 38, 17).astype(int):
        sketch.draw(place(np.stack([bow[s], (bow[s] - hub) * 1.2 + hub])), 0.5)
    far = np.clip(0.02 + 0.42 * (v - spring + rise) / (foot - spring + rise) + 0.12 * cloud, 0.02, 0.75)
    opening = np.concatenate([[(x0, foot)], bow, [(x1, foot)]])
    sketch.put(fill(size, place(opening)), far, 0.35)
    beyond = (opening - (middle, foot)) * (0.44, 0.6) + (middle + 0.3 * half, foot - 0.03)
    outer = (opening - (middle, foot)) * (0.6, 0.7) + (middle + 0.3 * half, foot - 0.02)
    sketch.put(fill(size, place(outer)) * fill(size, place(opening)), 0.42 + 0.2 * cloud, 1.2)
    sketch.put(fill(size, place(beyond)), 0.05, 0.4)
    soffit = ((bow - hub) * (0.8, 0.84) + (middle + 0.16 * half, spring))[26::-1]
    inner = np.concatenate([[(x0, foot)], bow[:27], soffit, [(x0 + 0.36 * half, foot - 0.02)]])
    sketch.put(fill(size, place(inner)), 0.95 - 0.3 * v, 0.05)
    sketch.draw(place(beyond), 0.8)
    sketch.draw(place(soffit), 0.5)
    sketch.draw(place(bow), 1.3)
    sketch.draw(place((bow - hub) * 1.2 + hub), 1.0)
    return wall * (1 - ring) * (1 - fill(size, place(opening)))


def _growth(rng: Random, sketch: Sketch, u: np.ndarray, v: np.ndarray, place: Place) -> None:
    """A tree over the broken end, rubble, weeds, and leaves scribbled in loops."""
    size = sketch.size
    crown = noise(rng, size, 8, 4, 0.65) + 2.2 - 9.5 * np.hypot((u - 0.93) * 0.8, (v - 0.24) * 0.75)
    leafy = smoothstep(0.35, 0.6, crown)
    shade = np.clip(0.4 + 0.5 * noise(rng, size, 13, 3) + 0.5 * (u - 0.93), 0.05, 0.95)
    sketch.put(leafy, shade, 2.2 * noise(rng, size, 10, 2))
    trunk = spline([(0.915, 0.84), (0.935, 0.6), (0.925, 0.4), (0.95, 0.3), (0.965, 0.4), (0.965, 0.6), (0.975, 0.84)])
    sketch.put(fill(size, place(trunk)), np.clip(0.5 + 14 * (u - 0.945), 0.1, 0.95), 1.4)
    sketch.draw(place(trunk), 1.0)
    for _ in range(26):
        cx, cy, r = rng.uniform(0.0, 1.0), rng.uniform(0.83, 0.97), rng.uniform(0.012, 0.045)
        stone = spline(disc((cx, cy), r, 0.55 * r, 7) + rng.normal(0, 0.2 * r, (7, 2)), True, 6)
        sketch.put(fill(size, place(stone)), np.clip(0.35 + 9 * (u - cx) + 8 * (v - cy), 0.03, 0.95), 0.7)
        sketch.draw(place(stone), 0.8)
    for _ in range(170):
        root = np.array((rng.uniform(0, 1), rng.uniform(0.8, 1.0)))
        tip = (rng.normal(0, 0.025), -rng.uniform(0.02, 0.05))
        sketch.draw(
            place(spline([root, root + np.array((rng.normal(0, 0.01), -0.02)), root + np.array(tip)], n=4)), 0.5
        )
    for _ in range(420):
        spot = np.array([rng.normal(0.93, 0.11), rng.normal(0.23, 0.12)])
        loop = disc(spot, 0.012, 0.009, 7)[: int(rng.integers(4, 7))] + rng.normal(0, 0.003, 2)
        loop = np.roll(loop, int(rng.integers(7)), 0)
        if at(leafy, place(spot)[None])[0] > 0.3:
            sketch.draw(place(loop), 0.6)
