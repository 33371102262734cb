"""Stone tesserae set in rows around a figure, in mortar: near the Roman floors."""

import numpy as np
import scipy
from jaxtyping import Float

from intarsia.swatches import brush
from intarsia.swatches.fields import (
    Random,
    Size,
    at,
    blend,
    blur,
    depth,
    disc,
    extent,
    fill,
    grid,
    isolines,
    noise,
    palette,
    ramp,
    smoothstep,
    spline,
    turn,
)

STONES = (  # ground, ground, dark, warm, warm light, cool, cool dark, accent
    "cfc4ad b3a68c 2e2a26 9a4a2e c98a52 6f8a86 33504f d9b450",
    "d9d2c0 c2b49a 26282e 7a3430 b8683e 7f9aa6 2c4660 c9a24a",
    "3a5a66 2c4652 1e2226 b8502e e0a050 a8c0a8 e6dcc0 e0c060",
    "c9a878 b08a5c 3a261e 7a2e22 e0c898 5f7a5a 2e4a3e 8aa6b0",
)


def mosaic(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    stones = turn(
        palette(STONES[int(rng.choice(4, p=[0.4, 0.2, 0.2, 0.2]))]), rng.uniform(-0.1, 0.1), rng.uniform(1, 1.2)
    )
    plan, contour = _cartoon(rng, size, stones)
    tile = 1 / rng.uniform(44, 52)
    sites = _sites(rng, size, contour, tile)
    heading = at(_rows(contour), sites)
    owner, gap, px, py = _cells(size, sites, heading, tile)

    # each stone: its place's color, its own vein and chipped edge, a crown that catches light
    lots = rng.uniform(0, 1, (6, 40000)).astype(np.float32)
    stone = at(plan, sites)
    stone = np.clip(stone * (0.72 + 0.5 * lots[0, : len(sites), None]) + 0.09 * (lots[1:4, : len(sites)].T - 0.5), 0, 1)
    chip = noise(rng, size, 120, 3, 0.7)
    body = smoothstep(0.06, 0.16, gap / tile + 0.03 * chip)
    vein = noise(rng, size, 60, 4, 0.8)
    color = stone[owner] * (1 + 0.09 * vein + 0.07 * chip)[..., None]
    mortar = ramp(palette("4a4238 8a8070"), 0.35 + 0.35 * noise(rng, size, 150, 3, 0.8)) * (0.75 + 0.25 * stones[0])
    color = blend(mortar, color, body)
    lean_x, lean_y = (lots[4:6, : len(sites)] - 0.5)[:, owner] * 0.16
    crown = smoothstep(0, 0.3, gap / tile) * 0.006 + lean_x * px + lean_y * py + 0.0005 * chip + 0.0004 * vein
    height = blur((body * (crown + 0.003)).astype(np.float32), 0.0008)
    worn = 1 + 0.12 * noise(rng, size, 2.5, 3)
    return brush.light(brush.Canvas((color * worn[..., None]).astype(np.float32), height), relief=0.9, gloss=0.1)


def _rows(contour: np.ndarray) -> np.ndarray:
    """The rows' flow, from the smoothed distance to the nearest contour."""
    return isolines(blur(contour, 0.012))


def _sites(rng: Random, size: Size, contour: np.ndarray, tile: float) -> Float[np.ndarray, "n 2"]:
    """Where the stones lie: Lloyd's relaxation with square cells turned to the rows (Hausner 2001)."""
    width, height = extent(size)
    sites = brush.scatter(rng, size, tile)
    sites = sites[((sites > -0.4 * tile) & (sites < np.array([width, height]) + 0.4 * tile)).all(1)]
    n = 170
    nodes = np.stack(np.meshgrid((np.arange(n) + 0.5) / n, (np.arange(n) + 0.5) / n), -1).reshape(-1, 2)
    nodes = nodes[(nodes < (width, height)).all(1)]
    flow, signed = _rows(contour), contour
    keep = np.abs(at(signed, nodes)) > 0.12 * tile  # rows stop at a contour, not on it
    nodes = nodes[keep]
    for _ in range(7):
        owner = _nearest(sites, at(flow, sites), nodes, 5)
        count = np.maximum(np.bincount(owner, minlength=len(sites)), 1)[:, None]
        mean = np.stack([np.bincount(owner, nodes[:, i], len(sites)) for i in (0, 1)], -1) / count
        lonely = np.bincount(owner, minlength=len(sites))[:, None] == 0
        sites = np.where(lonely, sites, mean)
    return sites


def _nearest(sites: np.ndarray, heading: np.ndarray, points: np.ndarray, k: int) -> np.ndarray:
    _, near = scipy.spatial.KDTree(sites).query(points, min(k, len(sites)))
    away = points[:, None] - sites[near]
    a, b = heading[near][..., 0], heading[near][..., 1]
    far = np.maximum(np.abs(away[..., 0] * a + away[..., 1] * b), np.abs(away[..., 1] * a - away[..., 0] * b))
    return np.take_along_axis(near, far.argmin(1)[:, None], 1)[:, 0]


def _cells(
    size: Size, sites: np.ndarray, heading: np.ndarray, tile: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel its stone, the distance to the next stone, and its place in the stone's own frame."""
    h, w = size
    long = max(size)
    block = max(1, round(tile * long / 5))
    rows, columns = -(-h // block), -(-w // block)
    middles = (np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1) + 0.5) * block / long
    k = min(9, len(sites))
    near = scipy.spatial.KDTree(sites).query(middles.reshape(-1, 2), k)[1].reshape(rows, columns, k)
    near = np.repeat(np.repeat(near, block, 0), block, 1)[:h, :w]
    x, y = grid(size)
    first = np.full(size, np.inf, np.float32)
    second, owner = first.copy(), np.zeros(size, np.int64)
    px, py = np.zeros(size, np.float32), np.zeros(size, np.float32)
    sites, heading = sites.astype(np.float32), heading.astype(np.float32)
    for i in range(k):
        n = near[..., i]
        dx, dy, a, b = x - sites[n, 0], y - sites[n, 1], heading[n, 0], heading[n, 1]
        p, q = dx * a + dy * b, dy * a - dx * b
        far = np.maximum(np.abs(p), np.abs(q)) + 0.12 * np.hypot(p, q)
        wins = far < first
        second = np.where(wins, first, np.minimum(second, far))
        first, owner = np.where(wins, far, first), np.where(wins, n, owner)
        px, py = np.where(wins, p, px), np.where(wins, q, py)
    return owner, second - first, px, py


def _cartoon(rng: Random, size: Size, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The design in flat colors, and the signed distance whose level lines the rows follow."""
    width, height = extent(size)
    scale = min(width, height)
    x, y = grid(size)
    plan = blend(np.broadcast_to(c[0], (*size, 3)), c[1], smoothstep(0.1, 0.5, noise(rng, size, 5, 2)))
    edge = np.minimum.reduce([x, y, width - x, height - y])  # distance to the frame
    masks = []

    def inlay(plan: np.ndarray, mask: np.ndarray, color: np.ndarray, guide: bool = True) -> np.ndarray:
        if guide:
            masks.append(depth(mask))
        return blend(plan, color, mask)

    # the sea or ground lines, then the animal, then the border
    for i in range(int(rng.integers(2, 5))):
        top = height * (0.3 + 0.15 * i) + 0.02 * np.sin(2 * np.pi * (2.5 * x + rng.uniform()))
        plan = blend(plan, c[5], (np.abs(y - top) < 0.011) * (np.sin(21 * x + 3 * i + rng.uniform(0, 6)) > 0.1))
    way, kind = rng.choice([-1.0, 1.0]), rng.choice(["duck", "fish", "fish", "duck"])
    center = np.array([width / 2, height / 2])
    put = lambda p, dx=0.0, dy=0.0, s=1.0: (np.asarray(p) * s + (dx, dy)) * (way * scale, scale) + center  # noqa: E731
    if kind == "duck":
        body = spline(
            [
                (-0.14, -0.3),
                (-0.06, -0.36),
                (0.01, -0.31),
                (0.0, -0.2),
                (-0.02, -0.1),
                (0.08, -0.05),
                (0.22, -0.03),
                (0.36, -0.1),
                (0.3, 0.06),
                (0.16, 0.17),
                (-0.02, 0.19),
                (-0.15, 0.1),
                (-0.15, -0.04),
                (-0.09, -0.16),
                (-0.09, -0.22),
            ],
            closed=True,
        )
        plan = inlay(plan, fill(size, put([(-0.11, -0.31), (-0.25, -0.26), (-0.25, -0.23), (-0.1, -0.24)])), c[7])
        for lx in (0.0, 0.1):
            leg = [
                (lx, 0.16),
                (lx + 0.03, 0.16),
                (lx + 0.02, 0.28),
                (lx - 0.06, 0.31),
                (lx - 0.07, 0.28),
                (lx - 0.01, 0.26),
            ]
            plan = inlay(plan, fill(size, put(leg)), c[7], guide=False)
        plan = inlay(plan, fill(size, put(body)), c[2])
        inside = fill(size, put(np.asarray(body) * 0.86 + (0.012, -0.008)))
        plan = blend(plan, c[6], inside)
        wing = spline([(-0.06, 0.02), (0.08, -0.03), (0.26, -0.03), (0.16, 0.08), (0.0, 0.11)], closed=True)
        plan = inlay(plan, fill(size, put(wing)), c[3])
        for i in range(3):
            plan = blend(
                plan,
                c[4] if i % 2 == 0 else c[2],
                fill(
                    size,
                    put(
                        spline(
                            [
                                (-0.03, 0.03 + 0.025 * i),
                                (0.08, 0.0 + 0.025 * i),
                                (0.2, -0.01 + 0.02 * i),
                                (0.08, 0.02 + 0.025 * i),
                            ],
                            closed=True,
                        )
                    ),
                ),
            )
        plan = blend(plan, c[4], fill(size, put(disc((-0.065, -0.3), 0.028))))
        plan = blend(plan, c[2], fill(size, put(disc((-0.065, -0.3), 0.013))))
    else:
        for dx, dy, s, ink, belly in ((0.01, -0.1, 0.82, c[6], c[5]), (0.03, 0.17, 0.6, c[3], c[4])):
            body = spline(
                [
                    (-0.34, 0.02),
                    (-0.2, -0.11),
                    (0.0, -0.14),
                    (0.2, -0.06),
                    (0.3, -0.02),
                    (0.4, -0.14),
                    (0.38, 0.02),
                    (0.42, 0.15),
                    (0.3, 0.05),
                    (0.18, 0.1),
                    (0.0, 0.14),
                    (-0.2, 0.11),
                ],
                closed=True,
            )
            plan = blend(plan, ink, fill(size, put([(-0.1, -0.12), (0.05, -0.22), (0.14, -0.08)], dx, dy, s)))
            plan = inlay(plan, fill(size, put(body, dx, dy, s)), c[2])
            plan = blend(plan, ink, fill(size, put(np.asarray(body) * (0.9, 0.84), dx, dy, s)))
            low = spline(
                [(-0.28, 0.03), (-0.1, 0.02), (0.15, 0.02), (0.28, 0.02), (0.15, 0.075), (-0.1, 0.1)], closed=True
            )
            plan = blend(plan, belly, fill(size, put(low, dx, dy, s)))
            for i in range(4):
                bar = spline(
                    [
                        (-0.08 + 0.08 * i, -0.1),
                        (-0.05 + 0.08 * i, 0.0),
                        (-0.08 + 0.08 * i, 0.06),
                        (-0.06 + 0.08 * i, 0.0),
                        (-0.1 + 0.08 * i, -0.09),
                    ]
                )
                plan = blend(plan, c[7], fill(size, put(bar, dx, dy, s)))
            plan = blend(plan, c[0], fill(size, put(disc((-0.22, -0.02), 0.034), dx, dy, s)))
            plan = blend(plan, c[2], fill(size, put(disc((-0.22, -0.02), 0.017), dx, dy, s)))
    band = 0.115 * scale
    across = (edge / band).astype(np.float32)
    run = np.where((x < y) ^ (width - x < y), y, x) / (0.13 * scale)
    scroll = np.sin(2 * np.pi * run) * 0.22 + 0.5
    ring = np.stack([c[2], c[3], c[4], c[6], c[7]])
    frame = np.where(
        (np.abs(across - scroll) < 0.13)[..., None], ring[1], np.where((across > scroll)[..., None], ring[2], ring[3])
    )
    frame = np.where((across < 0.16)[..., None] | (across > 0.84)[..., None], ring[0], frame)
    plan = blend(plan, frame, (across < 1).astype(np.float32))
    inner = np.minimum.reduce([np.abs(m) for m in masks])
    rows = np.where(across < 1.02, np.abs(edge - 0.0), np.minimum(inner, np.abs(edge - band)))
    return np.clip(plan, 0, 1).astype(np.float32), rows.astype(np.float32)
