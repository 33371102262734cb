"""A tiny encoder without weights, exactly invertible: space to depth, then an orthonormal mix of the channels.

Most laws that a method must keep can be tested on it in milliseconds."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Toy(nn.Module):
    """Taps relu1_1 .. relu5_1 with strides 1, 2, 4, 8, 16 and 3 stride² channels, of which at most 48 are returned."""

    def __init__(self, seed: int = 0, limit: int = 48):
        super().__init__()
        self.strides = {f"relu{i + 1}_1": 2**i for i in range(5)}
        self.channels = {tap: min(3 * stride**2, limit) for tap, stride in self.strides.items()}
        generator = torch.Generator().manual_seed(seed)
        for tap, stride in self.strides.items():
            square = torch.randn(3 * stride**2, 3 * stride**2, generator=generator)
            self.register_buffer(tap, torch.linalg.qr(square).Q[: self.channels[tap]], persistent=False)

    def basis(self, tap: str) -> None:
        """No other basis than its own."""

    def forward(
        self, images: Float[Tensor, "b 3 h w"], taps: Iterable[str], plain: Iterable[str] = ()
    ) -> dict[str, Float[Tensor, "b c h2 w2"]]:
        found = {}
        for tap in taps:
            blocks = F.pixel_unshuffle(images, self.strides[tap])
            found[tap] = torch.einsum("dc,bchw->bdhw", self.get_buffer(tap), blocks)
        return found
