"""Watercolor: feathers and leaves in wet washes that pool at their edges, on rough white paper."""

import cv2
import numpy as np
from jaxtyping import Float

from intarsia.swatches.fields import (
    Random,
    Size,
    blur,
    depth,
    extent,
    line,
    noise,
    palette,
    paper,
    smoothstep,
    spline,
    turn,
)

PIGMENTS = (
    "a5407a 3f8fb0 cbbb40 7a58a8 4fa8a0 e0803a 5f9a4a c83a5a 2f5a9a",
    "2f6a4a 7fa03a c9b03a 3a8a8a 8a5a2a d0703a 4a5a8a a03a4a 5fb0c0",
    "c8503a e0983a a83a6a 3a5a8a 6a8aa8 8a3a3a d0b050 4a7a6a 6a4a8a",
)


def watercolor(rng: Random, size: Size) -> Float[np.ndarray, "h w 3"]:
    width, height = extent(size)
    colors = turn(palette(PIGMENTS[int(rng.integers(len(PIGMENTS)))]), rng.uniform(-0.2, 0.2), rng.uniform(1.0, 1.25))
    tooth = paper(rng, size)
    flow = noise(rng, size, 22, 4, 0.6)
    bloom = noise(rng, size, 5, 4, 0.6)
    # light is what the paper sends back through each wash in turn: densities add
    density = np.zeros((*size, 3), np.float32)

    # pale skies of wash, then drops of color let fall into them
    for _ in range(2):
        cloud = noise(rng, size, 2.2, 5, 0.55)
        mask = smoothstep(0.28, 0.36, cloud)
        density += _wash(colors[rng.integers(len(colors))], mask * 0.11, depth(mask), 0.025, tooth, flow)
    pencil = np.zeros(size, np.uint8)
    for place, reach, lean in _places(rng, width, height):
        child = rng.spawn(1)[0]
        _feather(child, density, pencil, colors, place, reach, lean, (tooth, flow, bloom))
    density += _spatter(rng, size, colors, tooth, flow)
    page = palette("fbf9f2")[0] * (1 + 0.012 * tooth + 0.008 * bloom)[..., None]
    color = page * np.exp(-density)
    graphite = blur(pencil.astype(np.float32) / 255, 0.0004) * np.clip(0.72 + 0.45 * tooth, 0, 1)
    color = color * (1 - 0.62 * graphite[..., None] * (1 - palette("4a4656")[0]))
    return np.clip(color, 0, 1).astype(np.float32)


def _wash(
    color: np.ndarray, amount: np.ndarray, inside: np.ndarray, pool: float, tooth: np.ndarray, flow: np.ndarray
) -> np.ndarray:
    """The density one wash leaves: dark where it dried last, at the rim; grains in the hollows of the paper."""
    rim = np.exp(-np.clip(inside, 0, None) / (0.16 * pool)) * 0.9 + np.exp(-np.clip(inside, 0, None) / pool) * 0.3
    grain = 1 - 0.2 * tooth + 0.16 * flow
    strength = amount * (0.72 + rim) * np.clip(grain, 0.2, 2)
    return (strength[..., None] * -np.log(np.clip(color, 0.04, 0.99))).astype(np.float32)


def _places(rng: Random, width: float, height: float) -> list[tuple[np.ndarray, float, float]]:
    """Feathers thrown on the page: big ones first, then small ones in the gaps."""
    scale = min(width, height)
    taken: list[tuple[np.ndarray, float, float]] = []
    for _ in range(900):
        reach = scale * max(0.07, 0.22 - 0.005 * len(taken)) * rng.uniform(0.7, 1.15)
        place, lean = rng.uniform(-0.02, 1.02, 2) * (width, height), rng.uniform(0, 2 * np.pi)
        if len(taken) < 60 and all(np.hypot(*(place - p)) > 0.5 * (reach + r) for p, r, _ in taken):
            taken.append((place, reach, lean))
    return taken


def _feather(
    rng: Random,
    density: np.ndarray,
    pencil: np.ndarray,
    colors: np.ndarray,
    place: np.ndarray,
    reach: float,
    lean: float,
    grounds: tuple[np.ndarray, ...],
) -> None:
    """One feather or leaf: a wash of two pigments that meet wet, split barbs, a second darker glaze, a drawn quill."""
    size = density.shape[:2]
    long = max(size)
    slim = rng.uniform(0.24, 0.4)
    bend = rng.uniform(-0.25, 0.25)
    leafy = rng.uniform() < 0.35
    ax, ay = np.cos(lean), np.sin(lean)
    turned = lambda p: np.stack([p[:, 0] * ax - p[:, 1] * ay, p[:, 0] * ay + p[:, 1] * ax], -1) * reach + place  # noqa: E731
    t = np.linspace(0, 1, 60)
    spine = np.stack([2 * t - 1, bend * (1 - (2 * t - 1) ** 2)], -1)
    wide = slim * np.sin(np.pi * t ** (0.75 if leafy else 0.6)) ** (0.8 if leafy else 0.55)
    ragged = 1 + (0.05 if leafy else 0.1) * np.interp(t, np.linspace(0, 1, 16), rng.uniform(-1, 1, 16))
    upper = spine + np.stack([0 * t, wide * ragged], -1)
    lower = spine - np.stack([0 * t, wide * (2 - ragged)], -1)
    outline = turned(np.concatenate([upper, lower[::-1]]))
    low = np.floor((outline.min(0) - 0.03) * long).astype(int)
    high = np.ceil((outline.max(0) + 0.03) * long).astype(int)
    x0, y0, x1, y1 = max(low[0], 0), max(low[1], 0), min(high[0], size[1]), min(high[1], size[0])
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    box = np.s_[y0:y1, x0:x1]
    tooth, flow, bloom = (g[box] for g in grounds)
    full = np.zeros((y1 - y0, x1 - x0), np.uint8)

    def shape(points: np.ndarray) -> np.ndarray:
        full[:] = 0
        fixed = np.round((points * long - (x0, y0) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(full, [fixed], (255,), cv2.LINE_AA, 4)
        return full.astype(np.float32) / 255

    def inside(mask: np.ndarray) -> np.ndarray:
        hard = (mask > 0.5).astype(np.uint8)
        return cv2.distanceTransform(hard, cv2.DIST_L2, 5).astype(np.float32) / long

    mask = shape(outline)
    rough = cv2.GaussianBlur(mask, (0, 0), max(0.002 * long, 0.4)) + 0.16 * flow
    mask = (
        smoothstep(0.42, 0.42 + min(0.9, 0.5 + 0.5 * 256 / long), rough)
        if long < 200
        else smoothstep(0.44, 0.56, rough)
    )
    x, y = np.meshgrid((np.arange(x0, x1) + 0.5) / long, (np.arange(y0, y1) + 0.5) / long)
    u = ((x - place[0]) * ax + (y - place[1]) * ay) / reach
    v = ((y - place[1]) * ax - (x - place[0]) * ay) / reach - bend * (1 - u**2)
    # barbs comb back from the quill and leave slits of white
    barb = np.sin((u * 1.0 - np.abs(v) * 1.4) * rng.uniform(34, 50) + 2.5 * bloom + 1.5 * flow)
    slit = smoothstep(0.78, 0.95, np.sin((u - np.abs(v) * 1.2) * 9 + 5 * bloom)) * smoothstep(0.05, 0.16, np.abs(v))
    mask = (mask * (1 - 0.75 * slit * (not leafy))).astype(np.float32)
    first, second, third = colors[rng.permutation(len(colors))[:3]]
    meet = smoothstep(-0.5, 0.5, u * rng.choice([-1, 1]) + 0.7 * bloom + 0.25 * flow)
    amount = 0.42 + 0.4 * rng.uniform() + 0.3 * bloom * (0.4 + meet)
    edge = inside(mask)
    body = density[box]
    body += _wash(first, mask * amount * (1 - meet), edge, 0.008, tooth, flow)
    body += _wash(second, mask * amount * meet, edge, 0.008, tooth, flow)
    body += _wash(third, mask * 0.3 * smoothstep(0.1, 0.8, barb) * (0.3 + 0.7 * meet), edge, 0.01, tooth, flow)
    half = mask * smoothstep(-0.01, 0.01, v * rng.choice([-1, 1]))
    body += _wash(first, half * 0.28 * smoothstep(-0.6, 0.7, bloom), inside(half), 0.006, tooth, flow)
    # the quill in pencil, and a few barbs
    line(pencil, turned(np.concatenate([spine[:1] - (0.22, 0), spine])), 0.0022, 0.9)
    for s in np.linspace(0.12, 0.92, int(rng.integers(7, 13))):
        i = int(s * 59)
        for side in (upper, lower):
            tip = side[min(i + 8, 59)] if not leafy else side[min(i + 6, 59)]
            middle = spine[i] * 0.45 + tip * 0.55 + (0.02, 0)
            line(
                pencil,
                turned(spline([spine[i], middle, spine[i] * 0.12 + tip * 0.88], n=6)),
                0.0013,
                rng.uniform(0.3, 0.75),
            )


def _spatter(rng: Random, size: Size, colors: np.ndarray, tooth: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Drops shaken from the brush."""
    width, height = extent(size)
    total = np.zeros((*size, 3), np.float32)
    for color in colors[rng.permutation(len(colors))[:4]]:
        drops = np.zeros(size, np.uint8)
        for _ in range(34):
            x, y = rng.uniform(0, 1, 2) * (width, height)
            radius = 0.0012 + 0.006 * rng.uniform() ** 3
            t = np.linspace(0, 2 * np.pi, 16, endpoint=False)
            wobble = radius * (1 + 0.2 * rng.uniform(-1, 1, 16))
            drop = np.stack([x + wobble * np.cos(t), y + wobble * np.sin(t)], -1)
            cv2.fillPoly(drops, [np.round((drop * max(size) - 0.5) * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
        mask = drops.astype(np.float32) / 255
        total += _wash(color, 0.4 * mask, depth(mask), 0.003, tooth, flow)
    return total
