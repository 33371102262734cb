"""Feed-forward networks: one style each, painted in a single pass.

`Singular` is the residual network of Johnson et al. 2016 (arXiv:1603.08155), with instance normalization (Ulyanov et
al. 2016, arXiv:1607.08022) and with resize-convolutions in place of transposed ones, which leave a checkerboard
(Odena et al. 2016). `Multimodal` has three subnets, each of which works at twice the size of the one before and is
trained at it (Wang et al. 2017, arXiv:1612.01895): large forms first, brushwork last.

A network is called with the side of the tiles that it is to work in. Each layer goes through its map tile by tile, and
the statistics of its normalization are those of the whole map: a tile does not show, and no layer is computed twice.
"""

import math
from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from intarsia.color import LUMINANCE
from intarsia.encoders.vgg import pad_one
from intarsia.large import Box, boxes, disk, let_go
from intarsia.sizes import pad_to_multiple, size_of
from intarsia.types import Image

EPSILON = 1e-5  # added to the variance of a channel
GRAY = 0.5  # what a painting begins as
LEAK = 0.1  # of the last layer before a painting: with plain ReLU, places where all its channels were 0 stayed gray
Maps = Float[Tensor, "b _c _h _w"]


# ---- layers ----------------------------------------------------------------------------------------------------------


class Layer(nn.Module):
    """A convolution within a reflected border; then, if `normed`, instance normalization and ReLU. enlarged: its input
    is enlarged to twice the size first, smoothly: with each position four times, as in the papers, half of the pixels
    that a convolution sees repeat, and a lattice of two pixels stayed (benchmarks/RESULTS.md); leak: see `Norm`."""

    def __init__(
        self,
        given: int,
        made: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        enlarged: bool = False,
        normed: bool = True,
        leak: float = 0.0,
    ):
        super().__init__()
        self.stride, self.enlarged, self.border = stride, enlarged, kernel // 2
        self.conv = nn.Conv2d(given, made, kernel, stride, bias=not normed)
        self.norm = Norm(made, leak) if normed else None

    def forward(self, x: Maps, side: int = 0, relu: bool = True) -> Maps:
        """side: of the tiles, in positions of its own map; 0 for the whole at once."""
        if side:
            return self._in_tiles(x, side, relu)
        y = self.conv(padded(_doubled(x) if self.enlarged else x, self.border))
        return y if self.norm is None else self.norm(y, relu)

    def _in_tiles(self, x: Maps, side: int, relu: bool) -> Maps:
        h, w = ((2 if self.enlarged else 1) * length // self.stride for length in size_of(x))
        dtype = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else x.dtype
        out = disk.empty((1, h, w, self.conv.out_channels), dtype, x.device).permute(0, 3, 1, 2)  # channels last
        sums = torch.zeros(2, self.conv.out_channels, dtype=torch.float64, device=x.device)
        parts = boxes((h, w), side)
        for box in parts:
            piece = self.conv(self._around(x, box))
            box.of(out).copy_(piece)
            if self.norm is not None:
                sums += _sums(piece)
            let_go(x, out)
        for box in parts if self.norm is not None else ():
            here = box.of(out)
            here.copy_(cast(Norm, self.norm).by(here, sums / (h * w), relu))
            let_go(out)
        return out

    def _around(self, x: Maps, box: Box) -> Maps:
        """What the convolution needs to make a box of its map: with what lies around it, and reflected where that is
        beyond the edge."""
        times, (h, w) = 2 if self.enlarged else 1, size_of(x)
        wanted = Box(*(length * self.stride for length in box))
        inner = wanted.grown(self.border, (times * h, times * w))
        source = Box(inner.top // times, inner.left // times, -(-inner.bottom // times), -(-inner.right // times))
        source = source.grown(1, (h, w)) if self.enlarged else source  # what is enlarged lies between positions
        part = source.of(x).contiguous(memory_format=torch.channels_last)
        if self.enlarged:
            start = Box(source.top * 2, source.left * 2, source.bottom * 2, source.right * 2)
            part = inner.within(start).of(_doubled(part))
        beyond = (
            self.border - (wanted.left - inner.left),
            self.border - (inner.right - wanted.right),
            self.border - (wanted.top - inner.top),
            self.border - (inner.bottom - wanted.bottom),
        )
        return F.pad(part, beyond, mode="reflect").contiguous(memory_format=torch.channels_last)


class Norm(nn.Module):
    """Instance normalization, and ReLU if asked for: each channel of each map to mean 0 and deviation 1, then to the
    mean and deviation that were learned. leak: slope below 0."""

    def __init__(self, channels: int, leak: float = 0.0):
        super().__init__()
        self.leak = leak
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Maps, relu: bool = True) -> Maps:
        if torch.is_grad_enabled():
            return cast(Tensor, _Normalized.apply(x, self.weight, self.bias, self.slope(relu)))
        found = F.group_norm(x, len(self.weight), self.weight, self.bias, EPSILON)
        return F.leaky_relu_(found, self.slope(relu)) if relu else found

    def by(self, x: Maps, means: Float[Tensor, "2 c"], relu: bool) -> Maps:
        """The same with the given means of the channels and of their squares, in fp64."""
        scale = self.weight * (means[1] - means[0].square() + EPSILON).rsqrt()
        shift = self.bias - means[0] * scale
        found = torch.addcmul(shift.float()[:, None, None], x.float(), scale.float()[:, None, None])
        return F.leaky_relu_(found, self.slope(relu)) if relu else found

    def slope(self, relu: bool) -> float:
        """Below 0."""
        return self.leak if relu else 1.0


class Residual(nn.Module):
    """x plus what two layers make of it."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = Layer(width, width), Layer(width, width)

    def forward(self, x: Maps, side: int = 0) -> Maps:
        y = self.second(self.first(x, side), side, relu=False)
        if not side:
            return x + y
        for box in boxes(size_of(y), side):
            box.of(y).add_(box.of(x))
            let_go(x, y)
        return y


class _Normalized(torch.autograd.Function):
    """With its gradient by rows of channels: torch's own takes fifty times as long as the pass before it where channels
    are last."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, slope: float) -> Tensor:
        b, c, h, w = x.shape
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, enabled=False):
            out, mean, scale = torch.native_group_norm(x, weight, bias, b, c, h * w, c, EPSILON)
        out = F.leaky_relu_(out, slope) if slope < 1 else out
        ctx.slope = slope
        ctx.save_for_backward(x, out if slope < 1 else x, weight, mean.float(), scale.float())
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        x, out, weight, mean, scale = ctx.saved_tensors
        b, c, h, w = x.shape
        if ctx.slope < 1:
            grad = torch.ops.aten.leaky_relu_backward(grad, out, ctx.slope, True)
        many = math.gcd(h * w, 64)  # positions side by side: sums over rows of a few channels are slow
        rows, by_out = (one.permute(0, 2, 3, 1).reshape(b, -1, many * c).float() for one in (x, grad))

        def total(one: Tensor) -> Float[Tensor, "b c"]:
            return one.sum(1).view(b, many, c).sum(1)

        def repeated(one: Float[Tensor, "b c"]) -> Tensor:
            return one.repeat(1, many)[:, None]

        mean, scale = mean.view(b, c), scale.view(b, c)
        by_bias = total(by_out)
        by_weight = (total(by_out * rows) - mean * by_bias) * scale
        # dx = weight * scale * (dy - mean of dy - normalized x * mean of (dy * normalized x))
        slope = -weight * scale.square() * by_weight / (h * w)
        shift = -weight * scale * by_bias / (h * w) - slope * mean
        by_x = torch.addcmul(repeated(shift), by_out, repeated(weight * scale)).addcmul_(rows, repeated(slope))
        by_x = by_x.to(x.dtype).view(b, h, w, c).permute(0, 3, 1, 2)
        return by_x, by_weight.sum(0).to(weight), by_bias.sum(0).to(weight), None


def padded(x: Float[Tensor, "b c h w"], by: int) -> Float[Tensor, "b c h2 w2"]:
    """Reflected by so many positions on every side."""
    if by == 1 and torch.is_grad_enabled():
        return pad_one(x)
    return F.pad(x, (by, by, by, by), mode="reflect").contiguous(memory_format=torch.channels_last)


def _sums(piece: Maps) -> Float[Tensor, "2 c"]:
    """Of each channel and of its squares."""
    rows = piece.float()
    return torch.stack([rows.sum((0, 2, 3)), rows.square().sum((0, 2, 3))]).double()


# ---- networks --------------------------------------------------------------------------------------------------------


class Singular(nn.Module):
    """Two layers down, residual blocks, and two up again. width: channels at the full size; twice and four times as
    many below. The maps' sides are to be multiples of 4."""

    multiple, levels = 4, 1

    def __init__(self, width: int = 16, blocks: int = 5):
        super().__init__()
        self.layers = nn.ModuleList(_hourglass(width, blocks))
        self.out = Layer(width, 3, 9, normed=False)

    def forward(self, images: Float[Tensor, "b 3 h w"], side: int = 0) -> list[Float[Tensor, "b 3 h w"]]:
        """The painting, alone in a list, in fp32, about 0..1 but not clamped."""
        x = images
        for layer in self.layers:
            x = layer(x, side)
        return [GRAY + self.out(x, side).float()]


class Multimodal(nn.Module):
    """A style subnet for forms at a quarter of the size, an enhance subnet at half of it, and a refine subnet at the
    full size. Each of the last two takes what the one before has painted, enlarged, and adds to it: so it begins near
    what is there already, where the paper's has to learn first to pass it on, which a short training has no time for.
    widths: channels at the size of each subnet. The maps' sides are to be multiples of 16."""

    multiple, levels = 16, 3

    def __init__(self, widths: Sequence[int] = (8, 8, 16), blocks: int = 3):
        super().__init__()
        self.style, self.enhance = Streams(widths[0], blocks), Streams(widths[1], blocks, halved=True)
        self.refine = nn.ModuleList(_hourglass(widths[2], blocks))
        self.out = Layer(widths[2], 3, normed=False)

    def forward(self, images: Float[Tensor, "b 3 h w"], side: int = 0) -> list[Float[Tensor, "b 3 h2 w2"]]:
        """The painting at a quarter, at half, and at the full size, in fp32, about 0..1 but not clamped."""
        coarse = GRAY + self.style(F.avg_pool2d(images, 4), side)
        start = _doubled(coarse)
        middle = start + self.enhance(start, side)
        x = start = _doubled(middle)
        for layer in self.refine:
            x = layer(x, side)
        return [coarse, middle, start + self.out(x, side).float()]


class Streams(nn.Module):
    """The body of the first two subnets of `Multimodal`: color and luminance, each three layers, two of them down, and
    residual blocks; then both together, residual blocks and two layers up. halved: it works at half the size of what
    it is given."""

    def __init__(self, width: int, blocks: int, halved: bool = False):
        super().__init__()
        self.color, self.light = (nn.ModuleList(_stream(given, width, blocks, halved)) for given in (3, 1))
        self.body = nn.ModuleList(Residual(8 * width) for _ in range(blocks))
        self.up = nn.ModuleList(
            Layer(given * width, made * width, enlarged=True, leak=leak)
            for given, made, leak in [(8, 4, 0.0), *[(4, 2, 0.0)] * halved, ((2 if halved else 4), 2, LEAK)]
        )
        self.out = Layer(2 * width, 3, normed=False)

    def forward(self, images: Float[Tensor, "b 3 h w"], side: int = 0) -> Float[Tensor, "b 3 h w"]:
        """What is to be added to a picture, in fp32."""
        color, light = images, torch.einsum("c,bchw->bhw", images.new_tensor(LUMINANCE), images)[:, None]
        for one, other in zip(self.color, self.light, strict=True):
            color, light = one(color, side), other(light, side)
        x = torch.cat([color, light], 1)
        for layer in (*self.body, *self.up):
            x = layer(x, side)
        return self.out(x, side).float()


def _stream(given: int, width: int, blocks: int, halved: bool) -> Iterator[nn.Module]:
    if halved:
        yield Layer(given, width, stride=2)
    yield Layer(width if halved else given, width, 9)
    yield from (Layer(width, 2 * width, stride=2), Layer(2 * width, 4 * width, stride=2))
    yield from (Residual(4 * width) for _ in range(blocks))


def _hourglass(width: int, blocks: int) -> Iterator[nn.Module]:
    yield Layer(3, width, 9)
    yield from (Layer(width, 2 * width, stride=2), Layer(2 * width, 4 * width, stride=2))
    yield from (Residual(4 * width) for _ in range(blocks))
    yield from (Layer(4 * width, 2 * width, enlarged=True), Layer(2 * width, width, enlarged=True, leak=LEAK))


def _doubled(images: Maps) -> Float[Tensor, "b _c h2 w2"]:
    return F.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)


NETS: dict[str, type[Singular] | type[Multimodal]] = {"singular": Singular, "multimodal": Multimodal}
LEAST = 64  # side of a picture below which there is too little for a network to look at


@torch.no_grad()
def painted(
    network: Singular | Multimodal, image: Image, precision: torch.dtype = torch.float32, side: int = 0
) -> Image:
    """The image as the network paints it, in 0..1, in fp32. side: of the tiles, in pixels; 0 for the whole at once."""
    padded_up = pad_to_multiple(image, network.multiple if min(size_of(image)) >= LEAST else LEAST)
    images = padded_up[None].contiguous(memory_format=torch.channels_last)
    with torch.autocast(image.device.type, precision, enabled=precision != torch.float32):
        found = network(images, side)[-1][0]
    return Box.whole(size_of(image)).of(found.clamp_(0, 1))


def bytes_per_pixel(network: Singular | Multimodal, precision: torch.dtype) -> float:
    """Of the part of a picture that is in work: the maps around a layer at the full size, and the picture itself."""
    return 8 * precision.itemsize * network.out.conv.in_channels + 60
