"""An encoder for many pictures with the same styles."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder

Features = dict[str, Float[Tensor, "_ _ _"]]
ROOM = 256 * 2**20  # bytes of features that are kept
GLANCES = 1000  # pictures of which it is known that they have come once
SAMPLES = 64  # values that a glance takes in


class Kept(NamedTuple):
    image: Float[Tensor, "3 _ _"]
    features: Features


@dataclass(frozen=True, eq=False)
class Remembering(Encoder):
    """Keeps the features of a picture that comes a second time, as the styles of a batch do, at each of their sizes.

    A picture is known again by all its pixels, so the answer is the encoder's own, and no method has to know. Pictures
    that are being optimized never come again; they pass through. What finds no room is computed each time."""

    glanced: dict[Hashable, None] = field(default_factory=dict)
    kept: dict[Hashable, Kept] = field(default_factory=dict)

    @classmethod
    def of(cls, encoder: Encoder) -> "Remembering":
        return cls(encoder.name, encoder.network, encoder.precision, encoder.device)

    def __call__(self, image: Float[Tensor, "3 h w"], taps: Iterable[str], plain: Iterable[str] = ()) -> Features:
        taps, plain = tuple(taps), tuple(plain)
        if image.requires_grad:
            return super().__call__(image, taps, plain)
        key = (taps, plain, _glance(image))
        known = self.kept.get(key)
        if known is not None and torch.equal(known.image, image):
            return dict(known.features)
        features = super().__call__(image, taps, plain)
        if key in self.glanced and known is None:
            self._keep(key, Kept(image.clone(), dict(features)))
        self.glanced[key] = None
        if len(self.glanced) > GLANCES:
            self.glanced.pop(next(iter(self.glanced)))
        return features

    def _keep(self, key: Hashable, new: Kept) -> None:
        if _size(new) + sum(map(_size, self.kept.values())) <= ROOM:
            self.kept[key] = new


def _glance(image: Float[Tensor, "3 h w"]) -> Hashable:
    """Enough to tell most pictures apart."""
    values = image.detach().flatten()
    return (*image.shape, *values[:: max(1, len(values) // SAMPLES)].tolist())


def _size(kept: Kept) -> int:
    return sum(tensor.numel() * tensor.itemsize for tensor in (kept.image, *kept.features.values()))
