"""Pen and charcoal: a ruined arcade hatched along its forms, on warm paper."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
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

PAPERS = ("e8e1c8 2a2622 6a5a48", "f1f0ec 16181c 5a5c60", "e2d0ae 38200f 8a4a2a", "d5d8d4 1a2232 3f4c66")


def ink(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    width, height = extent(size)
    x, y = grid(size)
    sheet, black, wash = palette(PAPERS[int(rng.integers(len(PAPERS)))])
    tone, angle, outlines = _ruin(rng, size)
    tooth = paper(rng, size)

    # charcoal first, rubbed along the forms and caught by the tooth; then a thin wash in the darks
    rubbed = along(noise(rng, size, 60, 3, 0.7), direction(angle + 0.9), 0.03)
    coal = np.clip(0.55 * (tone - 0.15) + 0.3 * rubbed * tone, 0, 1) * smoothstep(
        -0.7, 0.8, tooth + 2.2 * (tone - 0.35)
    )
    color = blend(np.broadcast_to(sheet, (*size, 3)), wash, 0.55 * np.clip(coal, 0, 1))

    # hatching: each darker tone adds a set of lines across the ones before
    pen = np.zeros(size, np.uint8)
    for turn, level, gap, thick in (
        (0.0, 0.16, 0.0095, 0.0016),
        (0.55, 0.36, 0.009, 0.0016),
        (-0.5, 0.52, 0.0085, 0.0018),
        (1.45, 0.68, 0.008, 0.0022),
    ):
        _hatch(rng, pen, tone, angle + turn, level, gap, thick)
    for outline, weight in outlines:
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


def _ruin(rng: Random, size: Size) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, float]]]:
    """Darkness, hatching angle and outlines of an arcade with sky, trees and rubble."""
    width, height = extent(size)
    flip = bool(rng.uniform() < 0.5)
    u, v, place = stage(size, flip)
    outlines: list[tuple[np.ndarray, float]] = []
    cloud = noise(rng, size, 2.5, 4)
    tone = np.clip(0.08 + 0.16 * cloud - 0.1 * v, 0, 0.3)
    angle = np.full(size, 0.5 if flip else -0.5, np.float32) + 0.25 * noise(rng, size, 2, 2)

    def put(mask: np.ndarray, dark: np.ndarray | float, way: np.ndarray | float) -> None:
        nonlocal tone, angle
        tone = tone * (1 - mask) + dark * mask
        angle = np.where(mask > 0.5, way, angle).astype(np.float32)

    # far hills, and the ground
    hill = 0.62 + ridge(rng, u, 0.06, 1.3)
    put(smoothstep(-0.003, 0.003, v - hill), 0.22 + 0.2 * noise(rng, size, 8, 3), 0.3)
    floor = 0.8 + ridge(rng, u, 0.012, 2)
    ground = smoothstep(-0.003, 0.003, v - floor)
    t = np.linspace(0, 1, 60)
    outlines.append(
        (
            place(np.stack([t, 0.62 + 0 * t], -1)) * (1, 0)
            + np.stack([0 * t, at(hill, place(np.stack([t, 0.5 + 0 * t], -1))) * height], -1),
            0.7,
        )
    )

    # the arcade: a broken wall, arches that recede, light from one side
    count = int(rng.integers(2, 4))
    left, right = rng.uniform(0.02, 0.1), rng.uniform(0.86, 0.97)
    spans = np.cumsum(np.r_[0, 0.72 ** np.arange(count)])
    spans = left + (right - left) * spans / spans[-1]
    tops = rng.uniform(0.1, 0.16) + 0.1 * (spans - left)
    jag = np.linspace(spans[0], spans[-1], 22)
    broken = (
        np.interp(jag, spans, tops)
        + np.abs(rng.normal(0, 0.03, 22)) * (rng.uniform(0, 1, 22) < 0.6)
        + 0.2 * smoothstep(0.8, 1.0, (jag - left) / (right - left))
    )
    rim = np.stack([np.repeat(jag, 2)[1:], np.repeat(broken, 2)[:-1]], -1)
    feet = lambda s: 0.86 - 0.08 * (s - left) / (right - left)  # noqa: E731
    wall = fill(size, place(np.concatenate([[(spans[0], feet(spans[0]))], rim, [(spans[-1], feet(spans[-1]))]])))
    courses = 0.1 * smoothstep(0.75, 0.95, np.abs(np.sin(np.pi * v * 26 + 0.6 * cloud)))
    put(wall, 0.2 + 0.17 * noise(rng, size, 6, 4) + courses, 0.12)
    outlines.append((place(rim), 1.3))
    for a, b in pairwise(spans):
        wide = b - a
        pier = 0.17 * wide
        x0, x1, base, spring = (
            a + pier,
            b - pier * 0.6,
            feet((a + b) / 2),
            np.interp(a, spans, tops) + 0.24 + 0.1 * (a - left),
        )
        middle, half = (x0 + x1) / 2, (x1 - x0) / 2
        rise = half * width / height * rng.uniform(1.05, 1.35)
        swing = np.linspace(np.pi, 0, 40)
        bow = np.stack([middle + half * np.cos(swing), spring - rise * np.sin(swing) ** 0.9], -1)
        opening = np.concatenate([[(x0, base)], bow, [(x1, base)]])
        ring = fill(size, place((bow - (middle, spring)) * (1.22, 1.2) + (middle, spring)))
        round_ = np.arctan2((v - spring) * height, (u - middle) * width) * (-1 if flip else 1)
        joints = 0.3 * (np.abs((round_ * 5.2) % 1 - 0.5) > 0.43)
        put(ring * wall, 0.16 + joints + 0.12 * noise(rng, size, 9, 3), (np.pi - round_ if flip else round_))
        hole = fill(size, place(opening))
        beyond = np.clip(
            0.3 + 0.75 * (v - spring + rise) / (base - spring + rise) - 0.5 * (u - x0) / (2 * half), 0.02, 1
        )
        put(hole, beyond * 0.6 + 0.1 * cloud, 1.25)
        inner = np.concatenate(
            [
                [(x0, base)],
                bow[:27],
                ((bow - (middle, spring)) * (0.8, 0.84) + (middle + 0.16 * half, spring))[26::-1],
                [(x0 + 0.36 * half, base - 0.02)],
            ]
        )
        put(fill(size, place(inner)), 0.85 - 0.25 * v, 0.05)
        second = (opening - (middle, base)) * (0.42, 0.58) + (middle + 0.28 * half, base - 0.03)
        put(fill(size, place(second)), 0.08, 0.4)
        outlines += [(place(second), 0.9), (place(inner), 0.8)]
        for s in (1.0, 1.2):
            outlines.append((place((bow - (middle, spring)) * (s, s) + (middle, spring)), 1.5 / s))
        for px, fat in ((x0 - pier * 0.55, pier * 0.42), (x1 + pier * 0.2, pier * 0.3)):  # engaged columns, round
            across = (u - px) / fat
            shaft = (np.abs(across) < 1) * (v > spring) * (v < base + 0.015)
            put(shaft.astype(np.float32), np.clip(0.42 + 0.5 * across, 0.03, 0.92), 0.08)
            cap = fill(
                size,
                place(
                    [
                        (px - 1.5 * fat, spring - 0.035),
                        (px + 1.5 * fat, spring - 0.035),
                        (px + fat, spring + 0.012),
                        (px - fat, spring + 0.012),
                    ]
                ),
            )
            put(cap, 0.35 + 0.4 * (u > px), 0.9)
            for s in (-1, 1):
                outlines.append(
                    (place(np.stack([np.full(12, px + s * fat), np.linspace(spring, base + 0.01, 12)], -1)), 1.0)
                )
            outlines.append(
                (
                    place(
                        [
                            (px - 1.5 * fat, spring - 0.035),
                            (px + 1.5 * fat, spring - 0.035),
                            (px + fat, spring + 0.012),
                            (px - fat, spring + 0.012),
                        ]
                    ),
                    1.1,
                )
            )
    shadow = ground * np.clip(
        0.25
        + 0.5 * smoothstep(0.0, 0.1, 0.1 - np.abs(v - floor - 0.05 - 0.1 * (u - 0.4)))
        + 0.3 * noise(rng, size, 5, 4),
        0.05,
        0.9,
    )
    put(ground, shadow, 0.12 if flip else -0.12)

    # a tree over the broken end, weeds and rubble
    crown = noise(rng, size, 8, 4, 0.65) + 2.2 - 9.5 * np.hypot((u - 0.93) * 0.8, (v - 0.24) * 0.75)
    leafy = smoothstep(0.35, 0.6, crown)
    put(
        leafy,
        np.clip(0.4 + 0.42 * noise(rng, size, 13, 3) + 0.5 * (u - 0.93), 0.05, 0.95),
        2.2 * noise(rng, size, 10, 2),
    )
    trunk = spline([(0.915, 0.84), (0.935, 0.6), (0.925, 0.4), (0.95, 0.3), (0.965, 0.4), (0.965, 0.6), (0.975, 0.84)])
    put(fill(size, place(trunk)), 0.75, 1.4)
    outlines.append((place(trunk), 1.2))
    for _ in range(26):
        cx, cy, r = rng.uniform(0.0, 1.0), rng.uniform(0.83, 0.97), rng.uniform(0.012, 0.045)
        stone = spline(disc((cx, cy), r, 0.55 * r, 7) + rng.normal(0, 0.2 * r, (7, 2)), True, 6)
        mask = fill(size, place(stone))
        put(mask, np.clip(0.35 + 9 * (u - cx) + 8 * (v - cy), 0.03, 0.95), 0.7)
        outlines.append((place(stone), 0.9))
    for _ in range(170):
        cx, cy = rng.uniform(0, 1), rng.uniform(0.8, 1.0)
        blade = spline(
            [
                (cx, cy),
                (cx + rng.normal(0, 0.01), cy - 0.02),
                (cx + rng.normal(0, 0.025), cy - rng.uniform(0.02, 0.05)),
            ],
            n=4,
        )
        outlines.append((place(blade), 0.6))
    for _ in range(330):  # leaves, scribbled
        p = np.array([rng.normal(0.93, 0.1), rng.normal(0.23, 0.11)])
        if at(leafy, place(p)[None])[0] > 0.3:
            loop = disc(p, 0.012, 0.009, 7)[: int(rng.integers(4, 7))] + rng.normal(0, 0.003, 2)
            outlines.append((place(np.roll(loop, int(rng.integers(7)), 0)), 0.7))
    return np.clip(tone, 0, 1).astype(np.float32), angle, outlines
