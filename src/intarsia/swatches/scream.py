"""Long bands of thin oil and pastel: a burning sky over a dark fjord, near Munch's Scream (1893)."""

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Place,
    Random,
    Size,
    blend,
    depth,
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
    wave = v + 0.045 * np.sin(2 * np.pi * (1.1 * u + rng.uniform())) * (0.4 + v / 0.35) + ridge(rng, u, 0.03, 1.3, 2)
    wave = wave + 0.03 * noise(rng, size, 3, 2)
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
        turn(palette("26343a 131b16 3a4a42 1f2b38 5a5a3a 28322c 7a6a40 182430 34444e"), rng.uniform(-0.2, 0.2)),
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
    rails = np.zeros(size, np.float32)
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
        rails = np.maximum(rails, bar)
        plan, flow = (
            blend(plan, ramp(palette("2a1a14 8a4024 b0602a"), 0.5 + 0.4 * noise(rng, size, 9, 2)), bar),
            unit(blend(flow, lead, bar)),
        )
    for px in (0.055, 0.1):  # the friends, far off
        body = place(
            spline([(px - 0.015, 0.63), (px - 0.014, 0.52), (px, 0.49), (px + 0.014, 0.52), (px + 0.014, 0.63)])
        )
        plan = blend(plan, palette("1c2026")[0], fill(size, body))
    plan, flow, near = _figure(rng, size, plan, flow, place, rng.uniform(0.44, 0.56))

    board = palette("b08a5c")[0] * (1 + 0.1 * noise(rng, size, 20, 3)[..., None])
    canvas = brush.primed(0.6 * plan + 0.4 * board)
    for stroke, length, load in ((0.036, 0.3, 0.5), (0.02, 0.24, 0.6), (0.014, 0.17, 0.6)):
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
            light=0.08,
            hue=0.045,
            knots=10,
        )
    canvas = brush.cover(
        canvas, plan, flow, rng, width=0.011, length=0.022, where=near, density=2, load=0.6, light=0.05
    )
    canvas = brush.cover(
        canvas, plan, flow, rng, width=0.006, length=0.014, where=near, density=2, load=0.6, light=0.06
    )
    canvas = brush.cover(
        canvas, plan, flow, rng, width=0.012, length=0.07, where=rails * (1 - near), density=2, load=0.6
    )
    chalk = (1 - near) * np.clip(0.05 + 0.4 * noise(rng, size, 3, 2), 0, 0.4)
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
    drawn = brush.Canvas(blend(canvas.color, plan, 0.6 * near).astype(np.float32), canvas.height)
    return brush.light(drawn, relief=0.9, gloss=0.03, tooth=paper(rng, size) * 1.4)


def _figure(
    rng: Random, size: Size, plan: np.ndarray, flow: np.ndarray, place: Place, cx: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The crier: the plan and the flow with it, and where the brush must be small."""
    sway = rng.uniform(-0.03, 0.03)
    half = [
        (-0.2, 1.05),
        (-0.13 + sway, 0.85),
        (-0.085, 0.72),
        (0, 0.68),
        (0.09, 0.72),
        (0.12 + sway, 0.86),
        (0.17, 1.05),
    ]
    x, _ = grid(size)
    robe = ramp(palette("14181a 2a3432 1c2630 4a4a3a"), 0.5 + 0.5 * np.sin(70 * x + 4 * noise(rng, size, 4, 2)))
    inside = fill(size, place(spline([(cx + px, py) for px, py in half])))
    plan = blend(plan, robe, inside)
    flow = unit(blend(flow, direction(np.pi / 2 + 0.3 * noise(rng, size, 4, 2)), inside))
    skin, dark = palette("dcbf86 4a3226")
    limb = [(0.12, 0.84), (0.13, 0.72), (0.075, 0.62), (0.05, 0.6), (0.06, 0.66), (0.085, 0.74), (0.07, 0.82)]
    near = np.zeros(size, np.float32)
    for sign in (-1, 1):  # arms up to the ears
        arm = fill(size, place(spline([(cx + sign * px, py) for px, py in limb])))
        plan, near = blend(plan, skin * 0.82, arm), np.maximum(near, arm)
    side = [
        (0, 0.53),
        (0.062, 0.56),
        (0.058, 0.63),
        (0.03, 0.69),
        (0, 0.71),
        (-0.03, 0.69),
        (-0.058, 0.63),
        (-0.062, 0.56),
    ]
    head = fill(size, place(spline([(cx + px, py) for px, py in side], closed=True)))
    rim = np.clip(head - fill(size, place(disc((cx, 0.615), 0.05, 0.08))), 0, 1)
    plan, near = blend(blend(plan, skin, head), dark, 0.55 * rim), np.maximum(near, head)
    flow = unit(blend(flow, isolines(depth(near)), near))
    for ex, ey, rx, ry in ((-0.024, 0.6, 0.015, 0.015), (0.024, 0.6, 0.015, 0.015), (0, 0.668, 0.013, 0.022)):
        plan = blend(plan, dark, fill(size, place(disc((cx + ex, ey), rx, ry))))
    return plan, flow, near
