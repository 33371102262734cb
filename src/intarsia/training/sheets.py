"""What can be seen of a training on its way: a sheet of samples, and the curves of its losses."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Float

from intarsia.sizes import resize, size_of
from intarsia.types import Image

GAP = 8  # pixels between the pictures of a sheet
COLORS = ((200, 60, 40), (40, 90, 180), (60, 140, 60), (150, 100, 30), (120, 60, 150), (90, 90, 90))  # RGB, of curves
WIDE, HIGH, BORDER = 900, 420, 56  # of the picture of the curves, and around them


def sheet(rows: Sequence[Sequence[Image]], height: int = 256) -> Image:
    """Pictures in rows, each of this height, on white; shorter rows end early."""
    shown = [[resize(one, _at(one, height)) for one in row] for row in rows]
    width = max(sum(one.shape[2] + GAP for one in row) for row in shown) + GAP
    page = torch.ones(3, len(rows) * (height + GAP) + GAP, width)
    for i, row in enumerate(shown):
        left, top = GAP, GAP + i * (height + GAP)
        for one in row:
            page[:, top : top + height, left : left + one.shape[2]] = one
            left += one.shape[2] + GAP
    return page


def _at(image: Image, height: int) -> tuple[int, int]:
    h, w = size_of(image)
    return height, max(1, round(w * height / h))


def curves(history: Mapping[str, Sequence[float]]) -> Image:
    """Each loss over the steps, smoothed, on a logarithmic scale; with its name and its last value."""
    page = np.full((HIGH, WIDE, 3), 255, np.uint8)
    kept = {name: _smoothed(values) for name, values in history.items() if values and max(values) > 0}
    low = np.floor(min((np.log10(one).min() for one in kept.values()), default=-1.0))
    high = max(low + 1, np.ceil(max((np.log10(one).max() for one in kept.values()), default=0.0)))

    def height(value: float) -> int:
        return round(HIGH - BORDER - (np.log10(value) - low) / (high - low) * (HIGH - 2 * BORDER))

    for power in range(int(low), int(high) + 1):
        cv2.line(page, (BORDER, height(10.0**power)), (WIDE - BORDER, height(10.0**power)), (225, 225, 225), 1)
        _write(page, f"{10.0**power:g}", (4, height(10.0**power) + 4), (90, 90, 90))
    steps = max((len(one) for one in kept.values()), default=0)
    _write(page, f"{steps} steps", (WIDE - BORDER - 80, HIGH - BORDER + 24), (90, 90, 90))
    for i, (name, values) in enumerate(kept.items()):
        color = COLORS[i % len(COLORS)]
        x = np.linspace(BORDER, WIDE - BORDER, len(values)).round().astype(np.int32)
        y = np.array([height(value) for value in values], np.int32)
        cv2.polylines(page, [np.stack([x, y], 1)], False, color, 2, cv2.LINE_AA)
        _write(page, f"{name} {values[-1]:.4g}", (BORDER + 150 * i, BORDER - 24), color)
    return torch.from_numpy(page).permute(2, 0, 1).float() / 255


def _smoothed(values: Sequence[float]) -> Float[np.ndarray, " m"]:
    """Means of neighboring steps, at most 800 of them: a single batch tells little."""
    many = max(1, len(values) // 400)
    whole = np.maximum(np.asarray(values[: len(values) // many * many], np.float64), 1e-6)
    return whole.reshape(-1, many).mean(1)


def _write(page: np.ndarray, text: str, place: tuple[int, int], color: tuple[int, int, int]) -> None:
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
