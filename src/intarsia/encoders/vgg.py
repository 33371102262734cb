"""The trunk of VGG-19 (Simonyan & Zisserman 2014) at any widths: `vgg19` and `compact` are both this network."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

LAYERS = tuple(f"{block}_{i}" for block, depth in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4)) for i in range(1, depth + 1))
TAPS = tuple(f"relu{layer}" for layer in LAYERS)
POOLED = ("2_1", "3_1", "4_1", "5_1")  # layers that a pooling by 2 precedes


class VGG(nn.Module):
    """3x3 convolutions with ReLU and padding of 1, pooling by 2 between blocks.

    widths: output channels of conv1_1, conv1_2, ...; 13 of them end at relu5_1, 16 at relu5_4.
    bases: taps that are returned in another basis, `basis{tap} @ features` (see `compact`).
    pooling: "max" or "average".
    first_padding: "reflect", or "replicate" for the first convolution alone (fewer artefacts at the border).
    """

    def __init__(
        self,
        widths: Sequence[int],
        bases: Iterable[str] = (),
        pooling: str = "max",
        first_padding: str = "reflect",
    ):
        super().__init__()
        self.pool = {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
        self.first_padding = first_padding
        self.bases = frozenset(bases)
        self.channels: dict[str, int] = {}
        self.strides: dict[str, int] = {}
        stride, before = 1, 3
        for layer, width in zip(LAYERS, widths, strict=False):
            stride *= 2 if layer in POOLED else 1
            self.add_module(f"conv{layer}", nn.Conv2d(before, width, 3))
            if f"relu{layer}" in self.bases:
                self.add_module(f"basis{layer}", nn.Conv2d(width, width, 1, bias=False))
            self.channels[f"relu{layer}"], self.strides[f"relu{layer}"] = width, stride
            before = width

    def conv(self, layer: str) -> nn.Conv2d:
        return cast(nn.Conv2d, self.get_submodule(f"conv{layer}"))

    def frozen(self) -> "VGG":
        """Ready to look at pictures: no gradients to the weights, channels last."""
        return self.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def basis(self, tap: str) -> Float[Tensor, "c c"] | None:
        """The matrix that turns a tap's own features into what is returned there; None where that is themselves."""
        return cast(nn.Conv2d, self.get_submodule(f"basis{tap[4:]}")).weight[..., 0, 0] if tap in self.bases else None

    def forward(
        self, images: Float[Tensor, "b 3 h w"], taps: Iterable[str], plain: Iterable[str] = ()
    ) -> dict[str, Float[Tensor, "b c h2 w2"]]:
        """Features at `taps`, from RGB in 0..1; nothing below the deepest tap is computed. plain: taps of them whose
        own features are returned, without the basis."""
        wanted, based = set(taps), self.bases - set(plain)
        deepest = max(TAPS.index(tap) for tap in wanted)
        found, x = {}, images.contiguous(memory_format=torch.channels_last)
        for layer in LAYERS[: deepest + 1]:
            if layer in POOLED:
                x = self.pool(x, 2)
            padded = _pad_edge(x) if layer == "1_1" and self.first_padding == "replicate" else pad_one(x)
            x = F.relu_(self.conv(layer)(padded))
            tap = f"relu{layer}"
            if tap in wanted:
                found[tap] = self.get_submodule(f"basis{layer}")(x) if tap in based else x
        return found


def pad_one(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h+2 w+2"]:
    """Reflect by one pixel; sides of a single pixel are repeated."""
    return ReflectPad.apply(x) if min(x.shape[-2:]) > 1 else _pad_edge(x)


def _pad_edge(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="replicate").contiguous(memory_format=torch.channels_last)


class ReflectPad(torch.autograd.Function):
    """`F.pad(x, (1, 1, 1, 1), mode="reflect")` that keeps channels last: torch's own leaves that layout, and a
    forward and backward pass of the compact encoder then takes 1.2 times as long."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        out = torch.empty((b, c, h + 2, w + 2), dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
        out[:, :, 1:-1, 1:-1] = x
        out[:, :, 0, 1:-1], out[:, :, -1, 1:-1] = x[:, :, 1], x[:, :, -2]
        out[:, :, :, 0], out[:, :, :, -1] = out[:, :, :, 2], out[:, :, :, -3]
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows = grad[:, :, 1:-1].clone(memory_format=torch.channels_last)
        rows[:, :, 1] += grad[:, :, 0]
        rows[:, :, -2] += grad[:, :, -1]
        columns = rows[:, :, :, 1:-1]
        columns[:, :, :, 1] += rows[:, :, :, 0]
        columns[:, :, :, -2] += rows[:, :, :, -1]
        return columns.contiguous(memory_format=torch.channels_last)
