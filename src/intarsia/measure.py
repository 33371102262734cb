"""How results are judged. Use an encoder that the run did not optimize: numbers of its own prove nothing."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.losses import content_loss, gram_loss
from intarsia.moments import moments
from intarsia.picture import fit, resize
from intarsia.pyramid import pool_to_grid, size_of

Image = Float[Tensor, "3 _ _"]


@torch.no_grad()
def style_distances(
    encoder: Encoder,
    image: Image,
    style: Image,
    taps: Sequence[str] = ("relu1_1", "relu2_1", "relu3_1"),
    share: Float[Tensor, "_ _"] | None = None,
) -> dict[str, float]:
    """|G(image) - G(style)|² / |G(style)|² per tap, the style at the image's long side; 0 = same texture.

    share: which part of the image counts, 0..1, of any size; None = all of it."""
    shown = resize(style, fit(*size_of(style), max(size_of(image))))
    painted, wanted = encoder(image, taps), encoder(shown, taps)
    out = {}
    for tap in taps:
        maps = None
        if share is not None:
            whole = resize(share[None], size_of(image))
            maps = pool_to_grid(whole, size_of(painted[tap]), encoder.strides[tap])
        out[tap] = float(gram_loss(moments(painted[tap], maps), moments(wanted[tap])))
    return out


@torch.no_grad()
def content_distance(encoder: Encoder, image: Image, content: Image, tap: str = "relu4_1") -> float:
    """|F(image) - F(content)|² / |F(content)|² at one tap; the pictures must be of one size."""
    return float(content_loss(encoder(image, [tap])[tap], encoder(content, [tap])[tap]))
