"""Stained glass: a rose of overlapping circles with a flower in leaded, streaky, luminous panes."""

import numpy as np
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Random,
    Size,
    along,
    blend,
    blur,
    direction,
    extent,
    facets,
    grid,
    hashed,
    noise,
    palette,
    ramp,
    smoothstep,
    turn,
)

PANES = (  # pale, pale, warm, warm, hot, cool, cool, leaf, violet
    "ece4d6 d9cbb4 e0b060 c98a3a a83a3a 6f9cc4 2f5f9a 5f8a52 8a5a8c",
    "dce8e6 b9d3d0 f0cf6a e08a3a c8402e 3f8fb0 1f3f7a 2f7a5a 6a4a9a",
    "f0dcc8 e6b8a0 f2c14a d9702e 9a2038 4f7ac0 26347a 7a9a3a 7a2f6a",
)


def glass(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    width, height = extent(size)
    x, y = grid(size)
    scale = min(width, height)
    colors = turn(palette(PANES[int(rng.integers(len(PANES)))]), rng.uniform(-0.1, 0.1), rng.uniform(1.05, 1.3))
    # a slightly unsteady hand
    dx = x - width / 2 + 0.004 * noise(rng, size, 4, 2)
    dy = y - height / 2 + 0.004 * noise(rng, size, 4, 2)
    far, angle = np.hypot(dx, dy) / scale, np.arctan2(dy, dx)
    fold = int(rng.choice([6, 8, 8, 10]))
    spin = rng.uniform(0, 2 * np.pi / fold)

    # the rose: two wreaths of overlapping circles between rings; petals within; a trellis outside
    wreath, reach = rng.uniform(0.2, 0.24), rng.uniform(0.17, 0.2)
    around = [
        np.hypot(dx - scale * wreath * np.cos(t), dy - scale * wreath * np.sin(t)) / scale - reach
        for t in spin + 2 * np.pi * np.arange(fold) / fold
    ]
    outer = [
        np.hypot(dx - scale * 0.45 * np.cos(t), dy - scale * 0.45 * np.sin(t)) / scale - 0.19
        for t in spin + 2 * np.pi * (np.arange(fold) + 0.5) / fold
    ]
    rings = [far - 0.135, far - 0.43, far - 0.47]
    petals = int(rng.choice([5, 6, 8]))
    bloom = far - 0.135 * (0.62 + 0.34 * np.cos(petals * (angle - spin)))
    heart = far - 0.038
    sector = np.sin(petals / 2 * (angle - spin)) * np.maximum(far, 0.02) * 2 / petals
    trellis = [np.sin(np.pi * (dx + s * dy) / (0.3 * scale) + rng.uniform(0, 3)) * 0.3 / np.pi / 1.4 for s in (1, -1)]
    inside, within = far < 0.47, far < 0.135
    hidden = np.float32(1)
    sides = [
        *rings,
        heart,
        np.where(within & (far > 0.038), bloom, hidden),
        np.where(within & (far > 0.038), sector, hidden),
    ]
    sides += [np.where((far < 0.43) & ~within, c, hidden) for c in around]
    sides += [np.where((far > 0.2) & ~(inside & (far > 0.43)), c, hidden) for c in outer]
    spokes = np.sin(fold * (angle - spin)) * far / fold
    sides.append(np.where((far > 0.43) & inside, spokes, hidden))
    sides += [np.where(far > 0.47, t, hidden) for t in trellis]
    code, near = facets(sides)

    # a pane's color comes from how far out it lies and how many circles cover it, so that the rose keeps its order
    cover = sum((c < 0).astype(np.int32) for c in around) + 2 * sum((c < 0).astype(np.int32) for c in outer)
    zone = np.digitize(far, [0.038, 0.135, 0.27, 0.36, 0.43, 0.47]) * 7 + cover * 3 + (bloom < 0) * within * 5
    order = rng.permutation(64)
    pick = order[(zone % 64).astype(np.int32)] % len(colors)
    stray = hashed(code, 3)
    pick = np.where(stray > 0.74, (stray * 997).astype(np.int32) % len(colors), pick)
    pick = np.where(far > 0.47, (stray * 2.4).astype(np.int32), pick)
    pick = np.where(within & (bloom < 0), 4 - (stray * 1.8).astype(np.int32), pick)
    pick = np.where(within & (bloom >= 0), 7, np.where(far < 0.038, 2, pick))

    # the glass itself: streaks pulled each pane's own way, a second color swimming in it, ripples and seeds
    lean = 2 * np.pi * hashed(code, 5)
    drift = noise(rng, size, 9, 3)
    streak = along(noise(rng, size, 34, 3, 0.7), direction(lean + 1.1 * drift), 0.05) * 2.2
    partner = (pick + 1 + (hashed(code, 7) * 2).astype(np.int32)) % len(colors)
    swim = smoothstep(-0.5, 0.9, streak + 0.5 * drift) * 0.55
    pane = blend(colors[pick], colors[partner], swim.astype(np.float32))
    pane = pane * (0.72 + 0.5 * hashed(code, 9))[..., None]
    glow = smoothstep(0.0, 0.055, near)
    sun = (
        0.95
        + 0.3 * np.exp(-(((dx / scale + 0.15) / 0.4) ** 2 + ((dy / scale + 0.2) / 0.4) ** 2))
        + 0.1 * noise(rng, size, 2, 2)
    )
    pane = pane * (sun * (0.7 + 0.38 * glow) * (1 + 0.14 * streak))[..., None]
    pane = pane + 0.18 * (glow * smoothstep(0.2, 1.0, streak + drift))[..., None]
    seeds = smoothstep(1.15, 1.5, noise(rng, size, 110, 2, 0.6))
    pane = np.clip(pane + 0.25 * seeds[..., None], 0, 1)
    halo = blur(pane.astype(np.float32), 0.012)

    # the lead: a round came with solder on it, dark against the light, with some light spilled over
    came = 0.0042 * (1 + 0.25 * noise(rng, size, 12, 2)) * np.where(np.abs(far - 0.45) < 0.05, 1.5, 1.0)
    lead = smoothstep(1.0 + 0.6 / (0.0042 * max(size)), 1.0 - 0.3 / (0.0042 * max(size)), near / came)
    bulge = np.sqrt(np.clip(1 - (near / came) ** 2, 0, 1)) * came
    metal = ramp(palette("17171a 34343a 55555c"), 0.4 + 0.4 * noise(rng, size, 60, 3)) + 0.12 * halo
    color = blend(np.clip(0.86 * pane + 0.16 * halo, 0, 1), metal, lead)
    height = blur((bulge * 0.8 * lead + 0.0006 * streak * (1 - lead)).astype(np.float32), 0.0006)
    return brush.light(brush.Canvas(color.astype(np.float32), height), relief=0.9, gloss=0.16)
