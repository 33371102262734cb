"""Hypercolumns: what a network sees at all of its layers around one pixel, as a row, and where rows are taken.

Which pixels are looked at is a function of seed and step alone, so that nothing is to be kept to go on from a step.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.sizes import size_of

Rows = Float[Tensor, "_ c"]


@dataclass(frozen=True, eq=False)
class Places:
    """Pixels, and what each counts, above 0."""

    y: Int[Tensor, " n"]
    x: Int[Tensor, " n"]
    weight: Float[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.y)


def on_a_grid(weights: Float[Tensor, "h w"], count: int, generator: torch.Generator) -> Places:
    """About `count` pixels under a map, on a square grid that begins anywhere; every row of it is shifted by chance, so
    that no pattern of the picture falls in with it. Each counts what the map says there. The heaviest pixel, where the
    grid misses a small map."""
    h, w = size_of(weights)
    step = max(1.0, float(weights.sum() / (weights.max().clamp_min(1e-12) * count)) ** 0.5)
    ys = (torch.rand(1, generator=generator) + torch.arange(int(h / step) + 1)) * step
    shifts = torch.rand(len(ys), 1, generator=generator) if step > 1 else torch.zeros(len(ys), 1)
    xs = (shifts + torch.arange(int(w / step) + 1)) * step
    y, x = ys[:, None].expand_as(xs).flatten().long(), xs.flatten().long()
    inside = ((y < h) & (x < w)).to(weights.device)
    y, x = y.to(weights.device)[inside], x.to(weights.device)[inside]
    weight = weights[y, x]
    held = weight > 1e-3 * weights.max()
    if not bool(held.any()):
        y, x = (weights.argmax()[None] // w, weights.argmax()[None] % w)
        return Places(y, x, weights[y, x])
    return Places(y[held], x[held], weight[held])


def drawn(weights: Float[Tensor, "h w"], count: int, generator: torch.Generator) -> Places:
    """`count` pixels, or all that there are, each as likely as the map says; all count the same."""
    flat = weights.flatten().cpu()
    likely = torch.empty(len(flat)).exponential_(generator=generator) / flat  # the least of them, as in a race
    taken = likely.topk(min(count, int((flat > 0).sum())), largest=False).indices.to(weights.device)
    w = weights.shape[1]
    return Places(taken // w, taken % w, torch.ones(len(taken), device=weights.device))


@dataclass(frozen=True, eq=False)
class Columns:
    """The layers of one picture. strides: of each tap, in pixels; scales: what its features are multiplied by; bases:
    of those that came without (`Encoder.basis`)."""

    features: Mapping[str, Float[Tensor, "c h w"]]
    strides: Mapping[str, int]
    scales: Mapping[str, float]
    bases: Mapping[str, Tensor | None]

    def at(self, places: Places) -> Rows:
        """The features of all taps with a scale around these pixels, bilinear, in fp32 and in the encoder's bases."""
        return torch.cat([scale * self._of(tap, places) for tap, scale in self.scales.items()], 1)

    def _of(self, tap: str, places: Places) -> Rows:
        rows, basis = _sampled(self.features[tap], places, self.strides[tap]), self.bases.get(tap)
        return rows if basis is None else rows @ basis.to(rows).T

    def lengths(self, places: Places) -> dict[str, float]:
        """Of the rows of every tap, in the root mean square."""
        found = {tap: self._of(tap, places).square().sum(1).mean() for tap in self.features}
        return {tap: max(1e-6, float(square) ** 0.5) for tap, square in found.items()}


def _sampled(features: Float[Tensor, "c h w"], places: Places, stride: int) -> Rows:
    h, w = size_of(features)
    rows = features.permute(1, 2, 0).flatten(0, 1)
    if stride == 1:
        return rows.index_select(0, places.y * w + places.x).float()
    (top, bottom, down), (left, right, along) = (
        _between(at, stride, length) for at, length in ((places.y, h), (places.x, w))
    )
    corners = torch.cat([top * w + left, top * w + right, bottom * w + left, bottom * w + right])
    parts = torch.stack([(1 - down) * (1 - along), (1 - down) * along, down * (1 - along), down * along])
    found = rows.index_select(0, corners).view(4, len(places), -1)
    return (found.float() * parts[:, :, None]).sum(0)


def _between(at: Int[Tensor, " n"], stride: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """The two positions of a layer around each pixel's center, and how far from the first to the second."""
    place = ((at + 0.5) / stride - 0.5).clamp(0, length - 1)
    first = place.floor().long()
    return first, (first + 1).clamp_max(length - 1), place - first
