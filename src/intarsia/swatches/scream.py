"""Long bands of thin oil and pastel: a burning sky over a dark fjord, near Munch's Scream (1893)."""

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Random,
    Size,
    blend,
    direction,
    disc,
    fill,
    grid,
    isolines,
    noise,
    palette,
    paper,
    ramp,
    ridge,
    smoothstep,
    spline,
    stage,
    turn,
    unit,
)

SKIES = (
    "c43a10 e2702a d9a04a c84b14 e8b75c b5522a 7f8f7c d2612a cf8a3c",
    "8c2a3a c85a4a e6a06a a03a50 f0c27a 7a4a6a 6a88a0 d87a5a e0a85a",
    "b87a10 e8b030 f0d070 c86a1a f2dc92 a8602a 7a9a8a e09a2a d8b450",
)


def scream(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    flipped = bool(rng.uniform() < 0.35)
    u, v, place = stage(size, flipped)
    sky_colors = turn(palette(SKIES[int(rng.choice(3, p=[0.6, 0.2, 0.2]))]), rng.uniform(-0.06, 0.06))

    # the sky: a warped ladder of bands
    wave = v + 0.045 * np.sin(2 * np.pi * (1.1 * u + rng.uniform())) * (0.4 + v / 0.35) + ridge(rng, u, 0.025, 2.2)
    wave = wave + 0.02 * noise(rng, size, 3, 2)
    rungs = sky_colors[rng.integers(0, len(sky_colors), 26)]
    plan = ramp(rungs, wave * 2.4)
    field = wave
    # the water, and the land that coils around it
    shore = rng.uniform(0.33, 0.4)
    coil = (
        v
        + 0.14 * np.sin(2 * np.pi * (0.75 * u + rng.uniform()))
        + 0.5 * np.exp(-(((u - 0.98) / 0.28) ** 2)) * (v - 0.3)
    )
    coil = coil + 0.03 * noise(rng, size, 3, 2) + 0.25 * np.hypot(u - 0.62, v - 0.5)
    land = ramp(
        turn(palette("2b3a3c 151e17 4a5a4a 26323e 6a6a44 303931 8a7a4a 1c2830 3f4f58"), rng.uniform(-0.2, 0.2)),
        (coil * 2.9) % 1,
    )
    water = ramp(palette("c9a24e 8a8a5a 5a7a78 b08a44 3f5a66"), (wave * 5.5) % 1)
    below = smoothstep(-0.004, 0.004, v - shore - ridge(rng, u, 0.012, 1.3))
    plan, field = blend(plan, water, below), field
    hills = smoothstep(-0.004, 0.004, v - shore - 0.17 + 0.2 * smoothstep(0.35, 1.0, u) - ridge(rng, u, 0.03, 1.2))
    plan = blend(plan, land, hills)
    flow = unit(blend(isolines(field), isolines(coil.astype(np.float32)), hills))

    # the bridge and its rail run off to the left, planks toward the eye
    deck = np.array([(-0.02, 0.62), (0.06, 0.62), (1.02, 1.02), (-0.02, 1.02)])
    on = fill(size, place(deck))
    planks = np.arctan2(v - 0.56, u + 0.04)
    wood = ramp(palette("6a4a34 9a7a52 4a3a34 b08a5a 5a5a50 7a4a30 8a6a4a"), (planks * 6.0) % 1)
    plan = blend(plan, wood, on)
    lead = direction(np.arctan2(v - 0.56, (u + 0.04)) if not flipped else np.pi - np.arctan2(v - 0.56, u + 0.04))
    flow = unit(blend(flow, lead, on))
    for rise, fat in ((0.0, 0.012), (0.09, 0.01), (0.19, 0.016)):
        rail = np.array(
            [
                (0.02, 0.615 - 0.1 * rise),
                (1.02, 1.0 - 1.6 * rise),
                (1.02, 1.0 - 1.6 * rise + 2.2 * fat),
                (0.02, 0.615 - 0.1 * rise + fat * 0.5),
            ]
        )
        bar = fill(size, place(rail))
        plan, flow = (
            blend(plan, ramp(palette("4a2a1c 8a4a24 b0703a"), 0.5 + 0.4 * noise(rng, size, 9, 2)), bar),
            unit(blend(flow, lead, bar)),
        )
    for px in (0.055, 0.1):  # the friends, far off
        body = place(
            spline([(px - 0.015, 0.63), (px - 0.014, 0.52), (px, 0.49), (px + 0.014, 0.52), (px + 0.014, 0.63)])
        )
        plan = blend(plan, palette("1c2026")[0], fill(size, body))
    plan, flow = _figure(rng, size, plan, flow, place, rng.uniform(0.44, 0.56))

    board = palette("b08a5c")[0] * (1 + 0.1 * noise(rng, size, 20, 3)[..., None])
    canvas = brush.primed(0.35 * plan + 0.65 * board)
    for stroke, length, load in ((0.034, 0.3, 0.5), (0.017, 0.22, 0.7), (0.008, 0.16, 0.8)):
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
            dry=0.8,
            light=0.13,
            hue=0.045,
            knots=10,
        )
    chalk = np.clip(0.15 + 0.5 * noise(rng, size, 3, 2), 0, 0.6)
    canvas = brush.cover(
        canvas,
        np.clip(plan * 1.35 + 0.06, 0, 1),
        flow,
        rng,
        width=0.0045,
        length=0.12,
        where=chalk,
        load=0.6,
        hairs=1,
        dry=0.9,
        knots=10,
        light=0.2,
    )
    return brush.light(canvas, relief=0.9, gloss=0.03, tooth=paper(rng, size) * 1.4)


def _figure(rng, size, plan, flow, place, cx):
    sway = rng.uniform(-0.03, 0.03)
    body = spline(
        [
            (cx - 0.2, 1.05),
            (cx - 0.13 + sway, 0.85),
            (cx - 0.085, 0.72),
            (cx, 0.68),
            (cx + 0.09, 0.72),
            (cx + 0.12 + sway, 0.86),
            (cx + 0.17, 1.05),
        ]
    )
    inside = fill(size, place(body))
    x, _ = grid(size)
    robe = ramp(palette("14181a 2a3432 1c2630 4a4a3a"), 0.5 + 0.5 * np.sin(70 * x + 4 * noise(rng, size, 4, 2)))
    plan, flow = (
        blend(plan, robe, inside),
        unit(blend(flow, direction(np.pi / 2 + 0.3 * noise(rng, size, 4, 2)), inside)),
    )
    skin = palette("d2b27a")[0]
    for sign in (-1, 1):  # arms up to the ears
        arm = spline(
            [
                (cx + sign * 0.12, 0.84),
                (cx + sign * 0.13, 0.72),
                (cx + sign * 0.075, 0.62),
                (cx + sign * 0.05, 0.6),
                (cx + sign * 0.06, 0.66),
                (cx + sign * 0.085, 0.74),
                (cx + sign * 0.07, 0.82),
            ]
        )
        plan = blend(plan, skin * 0.82, fill(size, place(arm)))
    head = spline(
        [
            (cx, 0.53),
            (cx + 0.062, 0.56),
            (cx + 0.058, 0.63),
            (cx + 0.03, 0.69),
            (cx, 0.71),
            (cx - 0.03, 0.69),
            (cx - 0.058, 0.63),
            (cx - 0.062, 0.56),
        ],
        closed=True,
    )
    plan = blend(plan, skin, fill(size, place(head)))
    for ex, ey, rx, ry in ((-0.022, 0.605, 0.013, 0.013), (0.022, 0.605, 0.013, 0.013), (0, 0.668, 0.012, 0.02)):
        plan = blend(plan, palette("3a2a20")[0], fill(size, place(disc((cx + ex, ey), rx, ry))))
    return plan, flow
