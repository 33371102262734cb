"""A head and shoulders taken apart into shaded facets: near Picasso's self portrait of 1907 and what came after."""

import cv2
import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Random,
    Size,
    blend,
    direction,
    disc,
    extent,
    facets,
    fill,
    grid,
    hashed,
    line,
    noise,
    palette,
    paper,
    smoothstep,
    spline,
    turn,
)

# ground, ground, hair, skin light, skin dark, coat light, coat dark, accent
SITTERS = (
    "c37919 a35611 3a2718 ddab6a 9c5a34 dbd5aa 6c5a3a 5a6a72",
    "6a7468 9a8f74 2a2a2a c9b48a 7a6248 a39a82 4a4a48 54708a",
    "2f5a78 7a9aa2 26202a e8b090 b8503a e6d8c0 8a3a30 e0a030",
    "8a3a44 c87a5a 20242e ecc79a a87a5a 7a9a8a 2e4a50 d9b23a",
)


def cubist(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    width, height = extent(size)
    x, y = grid(size)
    colors = turn(palette(SITTERS[int(rng.integers(len(SITTERS)))]), rng.uniform(-0.1, 0.1), rng.uniform(1, 1.2))
    plan, contours = _sitter(rng, size, colors)

    # cut the sitter by straight and bent lines, most of them through the head
    scale = min(width, height)
    sides = []
    for i in range(14):
        angle = rng.choice([0.35, 1.1, 1.75, 2.6]) + rng.uniform(-0.25, 0.25)
        px, py = width * 0.5 + rng.normal(0, 0.2) * scale, height * 0.45 + rng.normal(0, 0.24) * scale
        side = (x - px) * np.cos(angle) + (y - py) * np.sin(angle)
        if i % 3 == 2:
            bow = rng.uniform(0.25, 0.6) * scale
            side = np.hypot(x - px - bow * np.cos(angle), y - py - bow * np.sin(angle)) - bow
        sides.append(side)
    code, _ = facets(sides)
    planes, near = facets([*sides, *[(m - 0.5) * 0.02 for m in contours]])

    # each facet: the plan shoved a little aside, tipped to light or dark, fading toward one of its edges
    angle = 2 * np.pi * hashed(planes, 1)
    shove = 0.035 * scale * (hashed(code, 2) - 0.35)
    px = np.clip((x + shove * np.cos(angle)) * max(size), 0, size[1] - 1).astype(np.int32)
    py = np.clip((y + shove * np.sin(angle)) * max(size), 0, size[0] - 1).astype(np.int32)
    plan = plan[py, px]
    fade = (x * np.cos(angle) + y * np.sin(angle)) / scale * 5.5 + hashed(planes, 4) * 3
    fade = np.abs(fade % 2 - 1)
    tone = 0.68 + 0.42 * hashed(planes, 3) + 0.5 * (fade - 0.5)
    tint = colors[(hashed(planes, 5) * len(colors)).astype(np.int32)]
    plan = blend(plan * tone[..., None], tint, (0.38 * (hashed(planes, 6) > 0.62) * fade).astype(np.float32))
    bright = smoothstep(0.012, 0.0, near) * (hashed(planes, 7) > 0.5)
    plan = np.clip(blend(plan, plan * 1.3 + 0.08, 0.7 * bright), 0, 1).astype(np.float32)

    flow = direction(angle + np.pi / 2 + 0.25 * noise(rng, size, 4, 2))
    canvas = brush.primed(0.6 * plan + 0.4 * colors[1])
    for stroke, length, load in ((0.042, 0.1, 0.8), (0.022, 0.06, 1.0), (0.0115, 0.032, 1.0)):
        canvas = brush.cover(
            canvas,
            plan,
            flow,
            rng,
            width=stroke,
            length=length,
            density=1.3,
            load=load,
            hairs=0.8,
            dry=0.5,
            light=0.09,
            hue=0.022,
        )
    ink = _outlines(rng, size, contours, near)
    passage = (0.6 * (tone - 0.9) * smoothstep(0.0, 0.012, near) + 0.16 * bright)[
        ..., None
    ]  # crisp glazes at the edges
    color = np.clip((0.62 * canvas.color + 0.38 * plan) * (1 + passage), 0, 1)
    color = blend(color, colors[2] * 0.55, ink).astype(np.float32)
    return brush.light(brush.Canvas(color, canvas.height), relief=1.2, gloss=0.08, tooth=paper(rng, size, 0.7))


def _sitter(rng: Random, size: Size, c: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The sitter in flat colors, and the masks whose edges will be drawn."""
    width, height = extent(size)
    scale = min(width, height)
    way = rng.choice([-1.0, 1.0])
    tilt = rng.uniform(-0.12, 0.12)
    masks = []

    def shape(points: np.ndarray | list, drawn: bool = True) -> np.ndarray:
        p = np.asarray(points, np.float64) * (way, 1)
        p = np.stack([p[:, 0] + tilt * (0.4 - p[:, 1]), p[:, 1]], -1) * scale
        mask = fill(size, p + np.array((width / 2, height / 2)))
        if drawn:
            masks.append(mask)
        return mask

    plan = blend(np.broadcast_to(c[0], (*size, 3)), c[1], np.clip(0.5 + 0.8 * noise(rng, size, 3, 3), 0, 1))
    plan = blend(plan, c[7], shape([(-0.5, 0.1), (-0.2, -0.5), (-0.6, -0.5)]) * 0.6)
    plan = blend(plan, c[4], shape([(0.55, -0.2), (0.3, 0.3), (0.55, 0.4)]) * 0.6)
    plan = blend(plan, c[5], shape([(-0.48, 0.55), (-0.4, 0.3), (-0.12, 0.2), (0.14, 0.2), (0.42, 0.32), (0.5, 0.55)]))
    plan = blend(plan, c[6], shape([(-0.12, 0.22), (0.0, 0.42), (-0.1, 0.55), (-0.3, 0.55)]))
    plan = blend(plan, c[6] * 0.8, shape([(0.14, 0.22), (0.03, 0.42), (0.12, 0.55), (0.28, 0.55)]))
    plan = blend(plan, c[4], shape([(-0.09, 0.05), (0.1, 0.05), (0.12, 0.26), (0.01, 0.38), (-0.11, 0.24)]))
    jaw = spline(
        [
            (0, -0.4),
            (0.17, -0.33),
            (0.2, -0.12),
            (0.16, 0.06),
            (0.05, 0.18),
            (-0.06, 0.17),
            (-0.17, 0.04),
            (-0.2, -0.14),
            (-0.17, -0.33),
        ],
        closed=True,
    )
    plan = blend(plan, c[3], shape(jaw))
    plan = blend(plan, c[4], shape([(0.02, -0.24), (0.2, -0.2), (0.17, 0.04), (0.05, 0.17), (0.03, 0.02)]) * 0.75)
    hair = spline(
        [
            (-0.2, -0.12),
            (-0.22, -0.34),
            (-0.06, -0.47),
            (0.14, -0.43),
            (0.22, -0.28),
            (0.2, -0.14),
            (0.12, -0.27),
            (-0.1, -0.28),
        ],
        closed=True,
    )
    plan = blend(plan, c[2], shape(hair))
    plan = blend(plan, c[3] * 1.1, shape([(-0.02, -0.2), (0.035, -0.19), (0.075, 0.0), (0.0, 0.03), (-0.03, 0.01)]))
    plan = blend(plan, c[4] * 0.8, shape([(0.035, -0.19), (0.08, 0.0), (0.03, 0.03)]))
    for ex, ey, big in ((-0.09, -0.14, 1.0), (0.1, -0.13, 1.2)):
        lid = (
            np.array([(-0.055, 0.0), (-0.02, -0.026), (0.03, -0.024), (0.06, 0.004), (0.02, 0.022), (-0.025, 0.022)])
            * big
        )
        plan = blend(plan, c[5], shape(lid + np.array((ex, ey))))
        plan = blend(plan, c[2] * 0.6, shape(disc((ex + 0.005, ey), 0.02 * big)))
        brow = (
            np.array([(-0.065, -0.035), (0.0, -0.062), (0.065, -0.04), (0.065, -0.052), (0.0, -0.08), (-0.065, -0.05)])
            * big
        )
        plan = blend(plan, c[2], shape(brow + np.array((ex, ey)), drawn=False))
    plan = blend(plan, c[4] * 0.7 + (0.12, 0, 0), shape([(-0.06, 0.085), (0.0, 0.07), (0.07, 0.085), (0.0, 0.115)]))
    return np.clip(plan, 0, 1).astype(np.float32), masks


def _outlines(rng: Random, size: Size, masks: list[np.ndarray], near: np.ndarray) -> np.ndarray:
    """Dark drawing with a loaded brush: around the forms thick and thin, along some facets thinly."""
    swell = 0.5 + 0.5 * noise(rng, size, 7, 3)
    drawn = np.zeros(size, np.uint8)
    for mask in masks:
        found, _ = cv2.findContours((mask > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for outline in found:
            line(drawn, (outline[:, 0].astype(np.float64) + 0.5) / max(size), 0.006)
    form = drawn.astype(np.float32) / 255 * smoothstep(0.12, 0.5, swell)
    thin = smoothstep(0.0028, 0.0012, near) * smoothstep(0.3, 0.6, swell) * 0.85
    return np.clip(np.maximum(form, thin) * 0.85, 0, 1).astype(np.float32)
