"""Train decoders for an encoder: `python -m intarsia.training.decoders --help`.

The loss compares the pixels, and the features of the pixels (Li et al. 2017, arXiv:1705.08086, eq. 1). It takes the
logarithm of both errors for each picture. So halving an error counts the same for every picture, level and encoder. The
peak signal-to-noise ratio is such a mean of logarithms too. Some crops come with the features that `wct` makes of them,
with another crop as the style, since that is what a decoder is used for: no picture has these features, so the error is
that of the features of what is painted.

Levels are trained in turn, from 1 to 5. As in the training of the encoder, a level starts from fitted weights, not from
random ones. Its first layers are solved by least squares, one after the other, for the encoder's features that they
mirror. The other layers are those of the decoder of the level below, which takes exactly these features.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from cyclopts import Parameter
from cyclopts import run as run_command
from jaxtyping import Float
from safetensors import safe_open
from torch import Generator, Tensor, nn

from intarsia.decoders import LEVELS, Mirror, load_decoder
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg import LAYERS, POOLED
from intarsia.methods.wct import whitened
from intarsia.moments import moments
from intarsia.training.fitting import Rows, kernel_of, least_squares, patches, set_kernel
from intarsia.training.pictures import Crops, Pictures, as_images
from intarsia.training.run import Images, Losses, Run, Schedule, Stage, ship
from intarsia.weights import read_tensors


@dataclass(frozen=True)
class Decoders:
    """Settings of a run. A tuple has one value for each of the levels 1 to 5. When a run goes on, only its steps may be
    other than before."""

    steps: tuple[int, ...] = (800, 800, 1000, 1200, 1500)
    batch: int = 8
    crop: tuple[int, ...] = (64, 64, 96, 128, 128)
    rate: float = 8e-4
    decay: float = 0.9  # part of a level's steps, the last ones, in which the rate falls to zero
    feature: float = 0.3  # weight of the error of the features; that of the pixels has 1
    judged: int = 4  # crops of each batch whose features are compared: this costs as much as the decoder itself
    average: float = 0.97  # how much of their average the weights keep per step
    noisy: float = 0.0  # part of the crops that get Gaussian noise
    paintings: float = 0.3  # part of the crops that is taken from artworks
    halved: float = 0.0  # part of the crops that is reduced from twice the size: sharper
    transformed: int = 0  # crops of each batch whose features are transformed
    fitted: int = 192  # pictures that a level's start is fitted on; its coordinates are fitted on half of them
    seed: int = 0


# ---- the fitted start --------------------------------------------------------------------------------------------


@torch.no_grad()
def initial_decoder(level: int, encoder: Encoder, below: Mirror | None, images: Images) -> Mirror:
    """The decoder that training starts from: its first layers are fitted on `images`, the others are those of the
    decoder `below`."""
    torch.manual_seed(level)
    decoder = Mirror(level, encoder.channels)
    inherited = 0 if below is None or level < 3 else len(below.layers)
    for index in range(len(decoder.layers) - inherited):
        if decoder.layers[index].target:
            _fit(decoder, index, encoder, images)
        else:
            _keep(decoder.conv(index))
    for i in range(inherited):
        mine, theirs = (network.conv(len(network.layers) - 1 - i) for network in (decoder, cast(Mirror, below)))
        mine.load_state_dict(theirs.state_dict())
    return decoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _keep(conv: nn.Conv2d) -> None:
    """Starts a layer that passes its features on unchanged; any further channels are random mixtures of them."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    count = min(conv.weight.shape[:2])
    conv.weight[:count] = 0
    conv.weight[range(count), range(count), 1, 1] = 1
    nn.init.zeros_(cast(Tensor, conv.bias))


def _fit(decoder: Mirror, index: int, encoder: Encoder, images: Images) -> None:
    """Sets the kernel that best makes the layer's target out of what the layers before it give."""
    set_kernel(decoder.conv(index), least_squares(_pairs(decoder, index, encoder, images, fitted=True), 1e-4))


def _pairs(
    decoder: Mirror, index: int, encoder: Encoder, images: Images, fitted: bool = False
) -> Iterator[tuple[Rows, Rows]]:
    """Some patches that a layer meets and, if it is to be fitted, its target there, else what it is given there."""
    layer, generator = decoder.layers[index], Generator().manual_seed(index)
    for batch in images.split(8):
        given = decoder.through(_features(encoder, batch, decoder.tap).float(), index)
        wanted = _target(layer.target, encoder, batch) if fitted else given
        wanted = F.pixel_unshuffle(wanted, 2) if fitted and layer.grows else wanted
        yield patches(given, wanted, generator, 3200)


def _target(tap: str, encoder: Encoder, images: Images) -> Tensor:
    """What a layer is fitted to: the pixels, or features of the encoder. Those of a block's last layer come pooled, as
    the encoder's next block takes them."""
    if tap == "image":
        return images
    found = _features(encoder, images, tap).float()
    following = LAYERS[LAYERS.index(tap[4:]) + 1]
    return F.max_pool2d(found, 2) if following in POOLED else found


def _features(encoder: Encoder, images: Images, tap: str) -> Float[Tensor, "b c h2 w2"]:
    with torch.autocast(images.device.type, encoder.precision, enabled=encoder.precision != torch.float32):
        return encoder.network(images, [tap], [tap])[tap]


# ---- coordinates -------------------------------------------------------------------------------------------------


class Whitened:
    """Adam on coordinates of the kernels in which the patches are white and the outputs have size 1.

    Features are far from centered, and neighbors are alike. On the kernels themselves a step is therefore too long in
    the direction that all patches share, or too short in all others. back: per layer the matrix S that leads from the
    coordinates V back to the kernel V S."""

    def __init__(self, decoder: Mirror, back: list[Tensor]):
        self.kernels, self.back = [decoder.conv(i) for i in range(len(decoder.layers))], back
        self.coordinates = [
            torch.linalg.solve(matrix.double(), kernel_of(conv).detach().double(), left=False).float()
            for conv, matrix in zip(self.kernels, back, strict=True)
        ]
        self.adam = torch.optim.Adam(self.coordinates, betas=(0.9, 0.99))
        self.param_groups = self.adam.param_groups

    def step(self) -> None:
        """Moves the kernels by their gradients."""
        for conv, matrix, coordinates in zip(self.kernels, self.back, self.coordinates, strict=True):
            by_weight, by_bias = cast(Tensor, conv.weight.grad), cast(Tensor, cast(Tensor, conv.bias).grad)
            coordinates.grad = torch.cat([by_weight.flatten(1), by_bias[:, None]], 1) @ matrix.T
        self.adam.step()
        for conv, matrix, coordinates in zip(self.kernels, self.back, self.coordinates, strict=True):
            set_kernel(conv, coordinates @ matrix)

    def state_dict(self) -> dict[str, Any]:
        return {"back": self.back, "coordinates": self.coordinates, "adam": self.adam.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.back = state_dict["back"]
        for own, kept in zip(self.coordinates, state_dict["coordinates"], strict=True):
            own.copy_(kept)
        self.adam.load_state_dict(state_dict["adam"])
        self.param_groups = self.adam.param_groups  # loading has replaced them


@torch.no_grad()
def whitening(decoder: Mirror, encoder: Encoder, images: Images) -> list[Tensor]:
    """The matrices S of `Whitened`, one per layer: S = s (A + damping)^-1/2, with A the second moment of the patches
    and s the deviation of the kernel's outputs."""
    found = []
    for index in range(len(decoder.layers)):
        moment, made, count = torch.zeros(()).double(), 0.0, 0
        for rows, _ in _pairs(decoder, index, encoder, images):
            moment, count = moment + (rows.T @ rows).double(), count + len(rows)
            made += float((rows @ kernel_of(decoder.conv(index)).T).var(0).sum())
        values, vectors = torch.linalg.eigh(moment / count)
        values = values.clamp_min(0) + 1e-4 * values.mean()
        size = (made / len(images.split(8)) / decoder.conv(index).out_channels) ** 0.5
        found.append((size * (vectors * values.rsqrt()) @ vectors.T).float())
    return found


# ---- errors ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def held_out_errors(decoder: Mirror, encoder: Encoder, pixels: np.ndarray) -> tuple[float, float]:
    """Mean over pictures of the peak signal-to-noise ratio of decode(encode(x)) in dB, and of the relative error
    |E(D(f)) - f| / |f|, in the encoder's precision."""
    ratios, errors = [], []
    for i in range(0, len(pixels), 4):
        images = as_images(pixels[i : i + 4]).to(encoder.device)
        features = _features(encoder, images, decoder.tap)
        made = _decoded(decoder, encoder, features).clamp(0, 1)
        ratios += (-10 * _square(made, images).log10()).tolist()
        errors += _relative(_features(encoder, made, decoder.tap), features).sqrt().tolist()
    return float(np.mean(ratios)), float(np.mean(errors))


def _decoded(decoder: Mirror, encoder: Encoder, features: Tensor) -> Images:
    with torch.autocast(features.device.type, encoder.precision, enabled=encoder.precision != torch.float32):
        return decoder(features)


def _square(a: Tensor, b: Tensor) -> Float[Tensor, " b"]:
    return (a - b).square().flatten(1).mean(1)


def _relative(a: Tensor, b: Tensor) -> Float[Tensor, " b"]:
    a, b = a.float(), b.float()
    return _square(a, b) / b.square().flatten(1).mean(1).clamp_min(1e-12)


# ---- the run -----------------------------------------------------------------------------------------------------


def begin(
    settings: Decoders, encoder: Encoder, level: int, done: dict[int, Mirror], images: Images, start: Path | None = None
) -> Stage[Mirror]:
    """A level's start: from the file `start` if that holds the level, else fitted on `images`. done: the finished
    decoders."""
    images = images.to(encoder.device)
    if start is not None and f"level{level}.convs.0.weight" in read_tensors(start):
        decoder = cast(Mirror, load_decoder(encoder, level, start).network).requires_grad_(True)
    else:
        decoder = initial_decoder(level, encoder, done.get(level - 1), images).to(encoder.device)
    back = whitening(decoder, encoder, images[: settings.fitted // 2])
    return _stage(settings, decoder, encoder, back, {name: one.state_dict() for name, one in done.items()})


def resume(settings: Decoders, encoder: Encoder, state: Mapping[str, Any]) -> Stage[Mirror]:
    """The stage of a checkpoint, as `Run.read` gives it."""
    decoder = _built(state["extra"]["level"], encoder, state["network"])
    return _stage(settings, decoder, encoder, state["descent"]["back"], {}).restore(state)


def _stage(
    settings: Decoders, decoder: Mirror, encoder: Encoder, back: list[Tensor], done: dict[int, dict[str, Tensor]]
) -> Stage[Mirror]:
    level = decoder.level
    return Stage(
        name=f"level {level}",
        network=decoder,
        descent=Whitened(decoder, back),
        loss=partial(batch_loss, settings, encoder, decoder),
        schedule=Schedule(settings.steps[level - 1], settings.rate, 20, settings.decay),
        keep=settings.average,
        crops=Crops(settings.batch, settings.crop[level - 1], settings.noisy, settings.paintings, settings.halved),
        seed=(settings.seed, level),
        before=sum(settings.steps[: level - 1]),
        extra={"level": level, "done": done},
    )


def batch_loss(settings: Decoders, encoder: Encoder, decoder: Mirror, images: Images) -> tuple[Tensor, Losses]:
    """The loss of a batch, its signal-to-noise ratio in dB, and the relative error of its features."""
    images = images.to(encoder.device)
    with torch.no_grad():
        features = _features(encoder, images, decoder.tap)
    made = _decoded(decoder, encoder, features)
    judged = slice(0, settings.judged)
    pixel = _square(made, images)
    feature = _relative(_features(encoder, made[judged], decoder.tap), features[judged])
    loss = (pixel + 1e-6).log().mean() + settings.feature * (feature + 1e-6).log().mean()
    if settings.transformed:
        wanted = transformed(features, settings.transformed, encoder, decoder.tap)
        missed = _relative(_features(encoder, _decoded(decoder, encoder, wanted), decoder.tap), wanted)
        loss = loss + settings.feature * (missed + 1e-6).log().mean()
    ratio, error = -10 * pixel.detach().log10().mean(), feature.detach().sqrt().mean()
    return loss, {"dB": float(ratio), "features": float(error)}


@torch.no_grad()
def transformed(features: Float[Tensor, "b c h w"], count: int, encoder: Encoder, tap: str) -> Tensor:
    """The last `count` crops, each with the mean and covariance of the crop before it, at alpha 1 / count to 1."""
    every, out = [moments(one) for one in features], []
    for k in range(count):
        i = len(features) - count + k
        out.append(whitened(every[i], every[i - 1], encoder, tap).weakened((k + 1) / count)(features[i]))
    return torch.stack(out).contiguous(memory_format=torch.channels_last)


def _built(level: int, encoder: Encoder, weights: Mapping[str, Tensor]) -> Mirror:
    decoder = Mirror(level, encoder.channels)
    decoder.load_state_dict(weights)
    return decoder.to(encoder.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def train(
    settings: Decoders,
    encoder: Encoder,
    pictures: Path,
    checkpoint: Path,
    out: Path,
    until: int | None = None,
    start: Path | None = None,
    minutes: float = 3.0,
) -> None:
    """Trains what the checkpoint does not hold yet, and writes `out`. until: stop after this many
    steps of all levels together; start: weights that an earlier run wrote; minutes: from one checkpoint to the next.
    Raises UsageError if the checkpoint is of a run with other settings."""
    whole = Pictures.read(pictures)
    run = Run("intarsia.training.decoders", settings, whole, checkpoint, sum(settings.steps), until, minutes)
    some, judged = as_images(whole.sample(settings.fitted, settings.seed)), whole.pixels[whole.held[:24]]

    def report(stage: Stage[Mirror]) -> None:
        ratio, error = held_out_errors(stage.average, encoder, judged)
        run.say(f"{stage.place}, held out: {ratio:.2f} dB, {error:.4f}")

    state, stage, done = run.read(encoder.device, fixed=True), None, {}
    if state:
        stage = resume(settings, encoder, state)
        done = {level: _built(level, encoder, weights) for level, weights in stage.extra["done"].items()}
    for level in LEVELS[stage.network.level - 1 if stage else 0 :]:
        if stage is None or stage.network.level != level:
            stage = begin(settings, encoder, level, done, some, start)
            report(stage)
        for saved in run.go(stage):
            if saved:
                report(stage)
        if not stage.finished:
            return
        done[level] = stage.average
        report(stage)
    _export(run, encoder, done, out, start)


def _export(run: Run, encoder: Encoder, done: dict[int, Mirror], out: Path, start: Path | None) -> None:
    """The shipped file: fp16, `level{l}.convs.{i}.weight` and `.bias`."""
    whole = cast(Pictures, run.pictures)
    held = whole.pixels[whole.held]
    errors = [held_out_errors(decoder, encoder, held) for decoder in done.values()]
    run.say("held out, end: " + " ".join(f"{ratio:.2f} dB {error:.4f}" for ratio, error in errors))
    found = {
        "encoder": encoder.name,
        "start": json.dumps(safe_open(start, "pt").metadata() or {}) if start else "fitted",
        "held_out_psnr": " ".join(f"{ratio:.2f}" for ratio, _ in errors),
        "held_out_feature_errors": " ".join(f"{error:.4f}" for _, error in errors),
    }
    tensors = {f"level{level}.{name}": t for level, one in done.items() for name, t in one.state_dict().items()}
    ship(tensors, out, run.metadata() | found)


def main(
    *,
    pictures: Path,
    encoder: str = "compact",
    weights: Path | None = None,
    device: str = "auto",
    checkpoint: Path = Path("decoders.pt"),
    out: Path = Path("decoders.safetensors"),
    until: int | None = None,
    start: Path | None = None,
    settings: Annotated[Decoders, Parameter(name="*")] = Decoders(),
) -> None:
    """Train decoders for an encoder.

    Parameters
    ----------
    pictures
        Folder with manifest.csv and pictures of one size.
    encoder
        compact or vgg19.
    weights
        The encoder's weights, if not its own.
    device
        cpu, cuda, mps or auto.
    checkpoint
        Resumed from when it exists.
    out
        The weights, written at the end.
    until
        Stop early after this many steps of all levels together; the checkpoint goes on later.
    start
        Weights that an earlier run wrote: the levels that it holds go on from them instead of a fitted start.
    """
    train(settings, load(encoder, weights, device), pictures, checkpoint, out, until, start)


if __name__ == "__main__":
    run_command(main)
