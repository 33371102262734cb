"""Networks that turn the features of one tap back into a picture: `load_decoder(encoder, 4)(features)`.

The decoder of level l takes the *plain* features of relu{l}_1, `encoder(image, [tap], plain=[tap])[tap]`. Where taps
have a basis R (see `encoders.compact`), f holds more than R f does: R has rank 79 of 128 at relu4_1, 99 at relu5_1. A
transform that is meant for R f is carried over to f as a matrix (`transforms.Affine.within`), which costs nothing per
position.

It mirrors the encoder: 3x3 convolutions with reflect padding and ReLU, at the same strides. Where the encoder pools, a
convolution makes four times the channels, which become 2 x 2 positions (Shi et al. 2016, arXiv:1609.05158), evened so
that what is flat stays flat. The last of these makes the pixels, so that nothing but level 1 computes at the full size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from intarsia.encoders import Encoder
from intarsia.encoders.toy import Toy
from intarsia.encoders.vgg import LAYERS, pad_one, relu_pad_one
from intarsia.errors import UsageError
from intarsia.weights import check_tensors, read_tensors, verify

SHA256 = "1e878a4a0c0858951f44686288b678de3257f1b22c98df3f78e76620e8abf502"
LEVELS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Layer:
    """One convolution. grows: its channels become 2 x 2 positions. target: what it is fitted to before training, a tap
    of the encoder or "image"; "" where it starts as the identity."""

    given: int
    made: int
    grows: bool = False
    target: str = ""


def layers_of(level: int, channels: Mapping[str, int]) -> list[Layer]:
    """The layers of the decoder of relu{level}_1, for an encoder with these channels per tap.

    Levels 3 to 5 go to the features of the level below, and then on as its decoder does."""
    given = channels[f"relu{level}_1"]
    if level == 1:
        middle = channels["relu1_2"]
        return [Layer(given, middle), Layer(middle, middle), Layer(middle, 3, target="image")]
    if level == 2:
        middle = 2 * channels["relu1_2"]
        return [Layer(given, middle), Layer(middle, middle), Layer(middle, 3, True, "image")]
    block = [f"relu{layer}" for layer in LAYERS if layer.startswith(f"{level - 1}_")]
    layers = [Layer(given, channels[block[-1]], target=block[-1])]  # pooled, as the encoder's next block takes it
    for i, tap in enumerate([block[1], block[0]] if len(block) > 2 else [block[0]]):
        layers.append(Layer(layers[-1].made, channels[tap], i == 0, tap))
    return [*layers, *layers_of(level - 1, channels)]


class Mirror(nn.Module):
    """The network: from plain features of relu{level}_1 to pixels."""

    def __init__(self, level: int, channels: Mapping[str, int]):
        super().__init__()
        self.level, self.tap = level, f"relu{level}_1"
        self.layers = layers_of(level, channels)
        self.convs = nn.ModuleList(nn.Conv2d(at.given, at.made * (4 if at.grows else 1), 3) for at in self.layers)

    def conv(self, index: int) -> nn.Conv2d:
        return cast(nn.Conv2d, self.convs[index])

    def frozen(self) -> "Mirror":
        """Ready to use: no gradients to the weights, channels last."""
        return self.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h2 w2"]:
        """Pictures of 2^(level - 1) times the size, in fp32, about 0..1 but not clamped."""
        padded = self._entering(features, len(self.layers) - 1)
        with torch.autocast(padded.device.type, enabled=False):  # bf16 has no more than 8 bits, as the file has
            return self._layer(padded.float(), len(self.layers) - 1)

    def through(self, features: Float[Tensor, "b c h w"], count: int) -> Float[Tensor, "b d h2 w2"]:
        """What comes out of the first `count` layers; all but the last layer of a decoder end with ReLU."""
        if not count:
            return features.contiguous(memory_format=torch.channels_last)
        return F.relu_(self._layer(self._entering(features, count - 1), count - 1))

    def _entering(self, features: Tensor, index: int) -> Tensor:
        """What enters a layer: with a border of one position."""
        padded = pad_one(features.contiguous(memory_format=torch.channels_last))
        for before in range(index):
            padded = relu_pad_one(self._layer(padded, before))
        return padded

    def _layer(self, padded: Tensor, index: int) -> Tensor:
        conv = self.conv(index)
        if not self.layers[index].grows:
            return conv(padded)
        return F.pixel_shuffle(F.conv2d(padded, *evened(conv.weight, cast(Tensor, conv.bias))), 2)


def evened(
    weight: Float[Tensor, "four_o c 3 3"], bias: Float[Tensor, " four_o"]
) -> tuple[Float[Tensor, "four_o c 3 3"], Float[Tensor, " four_o"]]:
    """The nearest kernel whose four subpixels answer alike to features that are the same everywhere. Left alone, the
    four differ a little where a transform has made features that no picture has, and what is flat gets a grid."""
    four = weight.unflatten(0, (-1, 4))
    sums = four.sum((3, 4), keepdim=True)
    four = four - (sums - sums.mean(1, keepdim=True)) / 9
    bias = bias.unflatten(0, (-1, 4)).mean(1).repeat_interleave(4)
    return four.flatten(0, 1), bias


class Unmixed(nn.Module):
    """The inverse of a tap of the toy encoder: exact where the tap keeps all channels."""

    def __init__(self, level: int, toy: Toy):
        super().__init__()
        self.level, self.tap = level, f"relu{level}_1"
        self.register_buffer("mix", toy.get_buffer(self.tap), persistent=False)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h2 w2"]:
        blocks = torch.einsum("dc,bdhw->bchw", self.get_buffer("mix"), features)
        return F.pixel_shuffle(blocks, 2 ** (self.level - 1))


@dataclass(frozen=True, eq=False)
class Decoder:
    """network: what computes; precision: what it computes in (pixels come in fp32)."""

    network: Mirror | Unmixed
    precision: torch.dtype = torch.float32

    @property
    def level(self) -> int:
        return self.network.level

    @property
    def tap(self) -> str:
        """Whose plain features it takes."""
        return self.network.tap

    @property
    def reach(self) -> int:
        """How many positions of the tap around a place have a say in its pixels: the halo of a tile."""
        reach, stride = 0.0, 1
        for layer in self.network.layers if isinstance(self.network, Mirror) else ():
            reach += 1 / stride
            stride *= 2 if layer.grows else 1
        return int(-(-reach // 1))

    def __call__(
        self, features: Float[Tensor, "c h w"], size: tuple[int, int] | None = None
    ) -> Float[Tensor, "3 h2 w2"]:
        """The picture with these plain features, RGB, 0..1. size: (h, w) of the picture that they are from, if the
        encoder had to pad it to a multiple of the stride; what was added is cut off."""
        kind = features.device.type
        with torch.autocast(kind, self.precision, enabled=self.precision != torch.float32):
            image = self.network(features[None])[0].clamp(0, 1)
        return image if size is None else image[:, : size[0], : size[1]]


def load_decoder(encoder: Encoder, level: int, weights: Path | None = None) -> Decoder:
    """The decoder of relu{level}_1 of `encoder`; see `load_decoders`."""
    return load_decoders(encoder, [level], weights)[level]


def load_decoders(encoder: Encoder, levels: Sequence[int], weights: Path | None = None) -> dict[int, Decoder]:
    """The decoders of relu{level}_1 of `encoder` for some levels, on its device and in its precision; their file is
    read once.

    weights: a file that `intarsia.training.decoders` wrote; compact and toy need none. Raises UsageError for
    other levels than 1 to 5, and for an encoder whose decoders are not embedded; WeightsError for bad files."""
    for level in levels:
        if level not in LEVELS:
            raise UsageError(f"there is no decoder of level {level}. Levels are 1 to 5, for relu1_1 to relu5_1.")
    if isinstance(toy := encoder.network, Toy):
        return {one: Decoder(Unmixed(one, toy).to(encoder.device), encoder.precision) for one in levels}
    if not levels:
        return {}
    if weights is not None:
        return _built(encoder, levels, weights)
    if encoder.name != "compact":
        raise UsageError(
            f"the package holds decoders for the compact encoder only, not for {encoder.name}. "
            f"Train them with python -m intarsia.training.decoders --encoder {encoder.name}, and give the file."
        )
    with as_file(files("intarsia") / "decoders.safetensors") as embedded:
        verify(embedded, SHA256)
        return _built(encoder, levels, embedded)


def _built(encoder: Encoder, levels: Sequence[int], path: Path) -> dict[int, Decoder]:
    tensors, out = read_tensors(path), {}
    for level in levels:
        prefix = f"level{level}."
        own = {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
        network = Mirror(level, encoder.channels)
        shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        network.load_state_dict(check_tensors(own, shapes, f"decoder of level {level} in {path.name}"))
        out[level] = Decoder(network.frozen().to(encoder.device), encoder.precision)
    return out
