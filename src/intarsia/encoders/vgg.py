"""The trunk of VGG-19 (Simonyan & Zisserman 2014) at any widths: `vgg19` and `compact` are both this network."""

import itertools
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
        layers = LAYERS[: 1 + max(TAPS.index(tap) for tap in wanted)]
        x = images.contiguous(memory_format=torch.channels_last)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        found: dict[str, Tensor] = {}
        padded = _pad_edge(x) if self.first_padding == "replicate" else pad_one(x)
        for layer, following in itertools.zip_longest(layers, layers[1:]):
            conv, tap, pooled = self.conv(layer), f"relu{layer}", following in POOLED
            if pooled and tap not in wanted and self.pool is F.max_pool2d:
                padded = relu_pad_one(self.pool(conv(padded), 2))  # a quarter of the work: the largest stays so
                continue
            if following is None or pooled or min(padded.shape[-2:]) == 3:
                x = F.relu_(conv(padded))
                padded = pad_one(self.pool(x, 2).to(x.dtype) if pooled else x) if following else padded
            else:
                weight, bias = (conv.get_parameter(name).to(padded.dtype) for name in ("weight", "bias"))
                x, padded = ConvReluPad.apply(padded, weight, bias, tap in wanted)
            if tap in wanted:
                found[tap] = self.get_submodule(f"basis{layer}")(x) if tap in based else x
        return found


def pad_one(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h+2 w+2"]:
    """Reflect by one pixel; sides of a single pixel are repeated."""
    return ReflectPad.apply(x) if min(x.shape[-2:]) > 1 else _pad_edge(x)


def relu_pad_one(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h+2 w+2"]:
    """`pad_one(relu(x))`, for what only convolutions take: its gradient is overwritten."""
    return ReluPad.apply(x) if min(x.shape[-2:]) > 1 else _pad_edge(F.relu(x))


def _pad_edge(x: Tensor) -> Tensor:
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")  # which comes in fp32 under autocast, as averages do
    return padded.to(x.dtype, memory_format=torch.channels_last)


class ReflectPad(torch.autograd.Function):
    """`F.pad(x, (1, 1, 1, 1), mode="reflect")` that keeps channels last, which torch's own does not."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        out = _frame(x)
        _inner(out).copy_(x)
        return _reflect(out)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        folded = _folded(grad.clone(memory_format=torch.channels_last))
        return folded.contiguous(memory_format=torch.channels_last)


class ReluPad(torch.autograd.Function):
    """Both in one pass through memory in either direction, which costs more here than the convolutions between."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        out = _frame(x)
        torch.clamp_min(x, 0, out=_inner(out))
        ctx.save_for_backward(_reflect(out))  # which the next convolution keeps anyway
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _where_positive(_folded(grad), ctx.saved_tensors[0])


class ConvReluPad(torch.autograd.Function):
    """A layer between two others: relu(conv(padded)), if it is kept, and the same padded for the next one,
    which alone may take it: its gradient is overwritten."""

    @staticmethod
    def forward(ctx, padded: Tensor, weight: Tensor, bias: Tensor, keep: bool) -> tuple[Tensor | None, Tensor]:
        x = F.relu_(F.conv2d(padded, weight, bias))
        out = _frame(x)
        _inner(out).copy_(x)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(_reflect(out), padded, weight)
        return x if keep else None, out

    @staticmethod
    def backward(ctx, grad_kept: Tensor | None, grad: Tensor | None):  # pyright: ignore[reportIncompatibleMethodOverride]
        out, padded, weight = ctx.saved_tensors
        given = [x for x in (None if grad is None else _folded(grad), grad_kept) if x is not None]
        both = _where_positive(given[0] if len(given) == 1 else given[0].add_(given[1]), out)
        wanted = list(ctx.needs_input_grad[:3])
        sides = [1, 1], [0, 0], [1, 1], False, [0, 0], 1  # stride, padding, dilation, not transposed, groups
        return *torch.ops.aten.convolution_backward(both, padded, weight, [len(weight)], *sides, wanted), None


def _frame(x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    return torch.empty((b, c, h + 2, w + 2), dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


def _inner(framed: Tensor) -> Tensor:
    return framed[:, :, 1:-1, 1:-1]


def _where_positive(grad: Tensor, framed: Tensor) -> Tensor:
    """The gradient before a ReLU whose answer is the inner part."""
    return torch.ops.aten.threshold_backward(grad, _inner(framed), 0)


def _reflect(framed: Tensor) -> Tensor:
    """Fills the frame from the inner part."""
    framed[:, :, 0, 1:-1], framed[:, :, -1, 1:-1] = framed[:, :, 2, 1:-1], framed[:, :, -3, 1:-1]
    framed[:, :, :, 0], framed[:, :, :, -1] = framed[:, :, :, 2], framed[:, :, :, -3]
    return framed


def _folded(grad: Tensor) -> Tensor:
    """The inner part with the frame's gradient added to where it was copied from, in place."""
    grad[:, :, :, 2] += grad[:, :, :, 0]
    grad[:, :, :, -3] += grad[:, :, :, -1]
    grad[:, :, 2, 1:-1] += grad[:, :, 0, 1:-1]
    grad[:, :, -3, 1:-1] += grad[:, :, -1, 1:-1]
    return _inner(grad)
