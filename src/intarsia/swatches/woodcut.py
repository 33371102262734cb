"""A woodblock print: a great wave in flat colors and carved lines, near Hokusai (1831)."""

import cv2
import numpy as np
from jaxtyping import Float

from intarsia.swatches.fields import (
    Place,
    Random,
    Size,
    along,
    blend,
    blur,
    depth,
    direction,
    fill,
    grid,
    line,
    noise,
    palette,
    paper,
    smoothstep,
    spline,
    stage,
    turn,
)

INKS = (  # paper, sky, sky dark, deep, middle, pale, foam, wood
    "dad4b4 c7c3a6 8d8a78 1f3350 41668a 8fb0b0 ece6cf c29a62",
    "e6d8b8 e6b89a b8624a 22303c 3a6a72 9cc0a8 f2e8cc a85a3a",
    "d8d4c4 b8c0c0 5a6a78 2a2a4a 5a5a92 a8a8c8 eee9dc b88a6a",
)


class Block:
    """The print as it is built: flat colors, and the plate of dark lines that is printed over them."""

    def __init__(self, size: Size, color: np.ndarray, rng: Random):
        self.size, self.color, self.rng = size, color, rng
        self.lines = np.zeros(size, np.uint8)

    def area(self, mask: np.ndarray, color: np.ndarray) -> None:
        """Print a color; what lay below, lines too, is covered."""
        self.color = blend(self.color, color, mask)
        self.lines = (self.lines * (1 - mask)).astype(np.uint8)

    def cut(self, points: np.ndarray, width: float) -> None:
        """A carved line that swells and thins."""
        pieces = max(1, len(points) // 5)
        swell = 0.7 + 0.45 * np.sin(np.arange(pieces) * 0.9 + self.rng.uniform(0, 6))
        for i, part in enumerate(np.array_split(np.arange(len(points)), pieces)):
            line(self.lines, points[part[0] : part[-1] + 2], width * float(swell[i]))


def woodcut(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    x, y = grid(size)
    inks = turn(palette(INKS[int(rng.choice(3, p=[0.7, 0.15, 0.15]))]), rng.uniform(-0.08, 0.08), rng.uniform(1, 1.3))
    paper_tone, sky, dusk, deep, middle, _, foam, wood = inks
    flip = bool(rng.uniform() < 0.4)
    u, v, place = stage(size, flip)

    # the sky, wiped by hand from light to dark, with bars of cloud; the mountain far off
    wipe = 0.85 * np.exp(-(((v - 0.66) / 0.2) ** 2)) + 0.35 * np.exp(-v / 0.08) + 0.05 * noise(rng, size, 4, 3)
    print_ = Block(size, blend(np.broadcast_to(sky, (*size, 3)), dusk, np.clip(wipe, 0, 1)), rng)
    for _ in range(5):
        cy, cx, long = rng.uniform(0.05, 0.5), rng.uniform(0.3, 1.0), rng.uniform(0.12, 0.4)
        t = np.linspace(0, 1, 30)
        bar = np.stack([cx + long * (t - 0.5), cy + 0 * t], -1)
        fat = 0.012 * np.sin(np.pi * t) ** 0.4
        mask = fill(
            size, place(np.concatenate([bar - np.stack([0 * t, fat], -1), (bar + np.stack([0 * t, fat], -1))[::-1]]))
        )
        print_.area(mask * 0.75, paper_tone)
    sun = rng.uniform() < 0.35
    if sun:
        at = place((rng.uniform(0.66, 0.85), rng.uniform(0.14, 0.3)))
        print_.area(smoothstep(0.078, 0.074, np.hypot(x - at[0], y - at[1])), palette("b8442e")[0])
    peak = rng.uniform(0.56, 0.7)
    cone = spline(
        [
            (peak - 0.2, 0.73),
            (peak - 0.08, 0.64),
            (peak - 0.014, 0.585),
            (peak + 0.014, 0.585),
            (peak + 0.08, 0.64),
            (peak + 0.22, 0.73),
        ]
    )
    mountain = fill(size, place(cone))
    snow = v - 0.63 - 0.025 * np.abs(np.sin(48 * u)) * np.sin(17 * u + 1)
    print_.area(mountain, middle * 0.85)
    print_.area(mountain * smoothstep(0.004, -0.004, snow), foam)
    print_.cut(place(cone), 0.0028)

    # swells from far to near; the great wave stands behind the nearest two
    _swell(print_, place, u, v, inks, 0.7, 0.035, 1.4)
    _great_wave(print_, place, inks)
    _boat(print_, place, wood, foam, (rng.uniform(0.6, 0.8), rng.uniform(0.72, 0.77)))
    _swell(print_, place, u, v, inks, 0.82, 0.065, 1.1)
    if rng.uniform() < 0.7:
        _boat(print_, place, wood, foam, (rng.uniform(0.2, 0.45), rng.uniform(0.86, 0.9)))
    _swell(print_, place, u, v, inks, 0.95, 0.07, 0.8)
    return _impression(rng, print_, paper_tone, deep)


def _stripes(block: Block, mask: np.ndarray, field: np.ndarray, inks: np.ndarray, rate: float) -> None:
    """Water: tapering stripes of deep, middle and pale along the field's level lines, with lines cut between them."""
    _, _, _, deep, middle, pale, foam, _ = inks
    size = mask.shape
    wander = field + 0.011 * noise(block.rng, size, 4, 3)
    phase = wander * rate
    weight = 0.1 + 0.62 * noise(block.rng, size, 4, 2)  # where a stripe swells and dies out
    wave = np.cos(2 * np.pi * phase)
    soft = rate / max(size) * 2.2
    block.area(mask, middle)
    block.area(mask * smoothstep(-soft, soft, wave - 0.15 + weight), deep)
    block.area(mask * smoothstep(-soft, soft, -wave - 0.45 - 0.6 * weight), pale)
    block.area(mask * smoothstep(-soft, soft, np.cos(2 * np.pi * (phase + 0.28)) - 0.86 + 0.5 * weight), foam)
    hair = smoothstep(0.1 + 1.5 * soft, 0.02, np.abs((phase * 2.0) % 1 - 0.5)) * smoothstep(-0.3, 0.2, -weight + 0.2)
    block.lines = np.maximum(block.lines, (mask * hair * 170).astype(np.uint8))


def _foam(block: Block, crest: np.ndarray, inks: np.ndarray, reach: float, claws: float) -> None:
    """Scallops all along a crest, in three rows, and fingers that curl off its free side."""
    rng, foam, pale, size = block.rng, inks[6], inks[5], block.size
    long = max(size)
    heading = np.gradient(crest, axis=0)
    heading = heading / np.maximum(np.linalg.norm(heading, axis=1, keepdims=True), 1e-9)
    out = np.stack([heading[:, 1], -heading[:, 0]], -1)
    if out[:, 1].mean() > 0:
        out = -out
    for row, (offset, big) in enumerate(((0.3, 0.8), (-0.25, 0.65), (-0.7, 0.5))):
        count = int(np.linalg.norm(np.diff(crest, axis=0), axis=1).sum() / (reach * 0.55)) + 1
        for s in rng.permutation(np.linspace(0, len(crest) - 1, count)):
            i = int(s)
            center = crest[i] + out[i] * reach * (offset + rng.uniform(-0.25, 0.25)) + rng.normal(0, 0.12, 2) * reach
            radius = reach * big * rng.uniform(0.45, 0.9)
            knots = np.linspace(0, 2 * np.pi, 11)[:-1]
            bumpy = radius * (1 + 0.16 * rng.uniform(-1, 1, 10))
            cloud = spline(
                np.stack([center[0] + bumpy * np.cos(knots), center[1] + bumpy * np.sin(knots)], -1), True, 5
            )
            fixed = np.round((cloud * long - 0.5) * 16).astype(np.int32)
            mask = np.zeros(size, np.uint8)
            cv2.fillPoly(mask, [fixed], (255,), cv2.LINE_AA, 4)
            x0, y0 = np.maximum(np.floor(cloud.min(0) * long - 3), 0).astype(int)
            x1, y1 = np.ceil(cloud.max(0) * long + 3).astype(int)
            if x1 <= x0 or y1 <= y0 or x0 >= size[1] or y0 >= size[0]:
                continue
            box = np.s_[y0:y1, x0:x1]
            soft = mask[box].astype(np.float32) / 255
            tone = foam if rng.uniform() < 0.8 else 0.5 * foam + 0.5 * pale
            block.color[box] = blend(block.color[box], tone, soft)
            block.lines[box] = (block.lines[box] * (1 - soft)).astype(np.uint8)
            turnaway = np.arctan2(out[i, 1], out[i, 0])
            arc = np.cos(knots[0] + np.linspace(0, 2 * np.pi, len(cloud)) - turnaway) > -0.35
            start = int(np.argmin(arc)) if not arc.all() else 0
            order = np.roll(np.arange(len(cloud)), -start)
            block.cut(cloud[order][arc[order]], 0.0024)
            if row and rng.uniform() < 0.5:
                block.cut(center + (cloud[order][arc[order]] - center) * 0.55, 0.0016)
    for s in rng.uniform(0, len(crest) - 1, int(claws * len(crest))):
        i = int(s)
        lean = np.arctan2(out[i, 1], out[i, 0]) + rng.uniform(-0.5, 0.5)
        curl = rng.choice([-1, 1]) * rng.uniform(0.8, 2.0)
        t = np.linspace(0, 1, 28)
        bend = np.cumsum(direction(lean + curl * t), 0) / 28 * reach * rng.uniform(1.0, 2.0)
        path = crest[i] + out[i] * reach * 0.3 + bend
        for radius, dark in ((0.23, True), (0.23, False)):
            for p, taper in zip(path, 1 - 0.8 * t, strict=True):
                at = np.round((p * long - 0.5) * 16).astype(int)
                size_px = max(1, round((radius * reach * taper + (0.0016 if dark else 0)) * long * 16))
                cv2.circle(block.lines, tuple(at.tolist()), size_px, (235 if dark else 0,), -1, cv2.LINE_AA, 4)
                if not dark:
                    cv2.circle(block.color, tuple(at.tolist()), size_px, tuple(map(float, foam)), -1, cv2.LINE_8, 4)


def _great_wave(block: Block, place: Place, inks: np.ndarray) -> None:
    """The one that is about to break: its back, the hollow under its lip, foam, claws and spray."""
    rng, size = block.rng, block.size
    top, tip = rng.uniform(0.09, 0.17), rng.uniform(0.46, 0.54)
    back = [
        (-0.1, 0.4),
        (0.05, 0.3),
        (0.16, top + 0.07),
        (tip - 0.22, top),
        (tip - 0.1, top + 0.015),
        (tip - 0.01, top + 0.09),
        (tip + 0.035, top + 0.2),
    ]
    face = [
        (tip + 0.01, top + 0.19),
        (tip - 0.05, top + 0.17),
        (tip - 0.12, top + 0.23),
        (tip - 0.155, top + 0.36),
        (tip - 0.11, top + 0.49),
        (tip + 0.03, 0.73),
        (tip + 0.2, 0.8),
        (1.1, 0.84),
    ]
    crest, hollow = place(spline(back)), place(spline(face))
    outline = np.concatenate([crest, hollow, place([(1.1, 1.1), (-0.1, 1.1)])])
    body = fill(size, outline)
    field = depth(fill(size, np.concatenate([hollow, place([(1.1, -0.1), (tip + 0.1, -0.1)])])))
    _stripes(block, body, field, inks, 17)
    block.cut(hollow, 0.0045)
    # the curl's thin edge of darker water, then foam over the back and claws over the hollow
    lip = np.concatenate([crest[-60:], hollow[:40]])
    _foam(block, place(spline(back[1:])), inks, 0.036, 0.0)
    _foam(block, lip, inks, 0.036, 0.9)
    for _ in range(150):
        p = place((tip + rng.normal(0.06, 0.12), top + abs(rng.normal(0.1, 0.16))))
        at = np.round((p * max(size) - 0.5) * 16).astype(int)
        radius = max(1, round(rng.uniform(0.0012, 0.0042) * max(size) * 16))
        cv2.circle(block.color, tuple(at.tolist()), radius, tuple(map(float, inks[6])), -1, cv2.LINE_8, 4)


def _swell(
    block: Block, place: Place, u: np.ndarray, v: np.ndarray, inks: np.ndarray, level: float, tall: float, waves: float
) -> None:
    """A nearer sea with leaning peaks."""
    rng = block.rng
    shift = rng.uniform()

    def peaks(t: np.ndarray) -> np.ndarray:
        bow = np.abs(np.sin(np.pi * (waves * t + shift + 0.05 * np.sin(9 * t))))
        return level - tall * 1.9 * (1 - bow) ** 1.4

    t = np.linspace(-0.05, 1.05, 120)
    crest = place(np.stack([t, peaks(t)], -1))
    mask = fill(block.size, np.concatenate([crest, place([(1.1, 1.2), (-0.1, 1.2)])]))
    lines = (v - peaks(u)) * 0.75 + 0.25 * tall * np.sin(2 * np.pi * (waves * 0.5 * u + shift))
    _stripes(block, mask, lines.astype(np.float32), inks, 22)
    block.cut(crest, 0.0035)
    near = np.flatnonzero(np.abs(np.sin(np.pi * (waves * t + shift + 0.05 * np.sin(9 * t)))) < 0.55)
    for part in np.split(near, np.flatnonzero(np.diff(near) > 1) + 1):
        if len(part) > 6:
            _foam(block, crest[part], inks, 0.02 + 0.12 * tall, 0.35)


def _boat(block: Block, place: Place, wood: np.ndarray, foam: np.ndarray, at: tuple[float, float]) -> None:
    size = block.size
    hull = np.array(
        [
            (-0.17, -0.045),
            (-0.08, 0.0),
            (0.05, 0.012),
            (0.15, -0.03),
            (0.19, -0.075),
            (0.13, 0.0),
            (0.04, 0.045),
            (-0.07, 0.032),
        ]
    )
    outline = place(spline(hull, True, 8) + at)
    block.area(fill(size, outline), wood)
    block.area(fill(size, place(spline(hull * (0.9, 0.35) + (0, 0.006), True, 8) + at)), wood * 0.62)
    block.cut(np.concatenate([outline, outline[:1]]), 0.003)
    for i in range(6):
        head = place(np.array([(-0.06 + 0.03 * i, -0.012)]) + at)[0]
        t = np.linspace(0, 2 * np.pi, 13)
        ring = head + 0.0095 * np.stack([np.cos(t), np.sin(t)], -1)
        block.area(fill(size, ring), foam * 0.95)
        block.cut(ring, 0.0022)


def _impression(rng: Random, block: Block, paper_tone: np.ndarray, deep: np.ndarray) -> np.ndarray:
    """Ink on paper: the plank's grain in the flats, mottling, plates a hair out of register."""
    size = block.size
    grain_way = direction(0.12 * noise(rng, size, 2, 2))
    plank = along(noise(rng, size, 120, 2, 0.8), grain_way, 0.09) * 2.5
    knots = np.sin(2 * np.pi * (26 * grid(size)[1] + 1.6 * noise(rng, size, 1.5, 2)))
    inked = np.abs(block.color - paper_tone).mean(-1)
    wear = np.clip(0.05 + 0.13 * plank + 0.035 * knots + 0.08 * noise(rng, size, 70, 3, 0.8), 0, 0.6)
    color = blend(block.color, paper_tone, np.clip(wear * (0.35 + 1.6 * inked), 0, 1).astype(np.float32))
    shift = np.array([[1, 0, 0.0014], [0, 1, -0.0011]], np.float32)
    shift[:, 2] *= max(size)
    lines = cv2.warpAffine(block.lines, shift, (size[1], size[0]), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    broken = smoothstep(-1.35, -0.7, plank + 0.6 * noise(rng, size, 90, 3, 0.8))
    color = blend(color, deep * 0.85, (np.clip(lines * 1.15, 0, 1) * (0.55 + 0.45 * broken)).astype(np.float32))
    fibers = 1 + 0.03 * paper(rng, size) + 0.035 * noise(rng, size, 3, 3)
    edge = blur(np.ascontiguousarray(color.astype(np.float32)), 0.0005)
    return np.clip(edge * fibers[..., None], 0, 1).astype(np.float32)
