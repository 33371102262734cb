"""Train decoders for an encoder: `python -m intarsia.training.decoders --help`.

A decoder is asked for the pixels and for their features (Li et al. 2017, arXiv:1705.08086, eq. 1). Of both the
logarithm is taken, picture by picture: to halve an error counts the same for every picture, level and encoder, and the
mean of the logarithm is what the peak signal-to-noise ratio reports.

Levels are trained in turn, from 1 to 5. As the encoder's training does, each starts fitted instead of drawn: its first
layers are solved, one after the other, by least squares for the features that they mirror, and the rest is the decoder
of the level below, which takes exactly those features.
"""

import dataclasses
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import torch
import torch.nn.functional as F
from cyclopts import Parameter
from cyclopts import run as run_command
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from intarsia.decoders import LEVELS, Mirror, load_decoder
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg import LAYERS, POOLED, pad_one
from intarsia.errors import UsageError
from intarsia.training.pictures import Crops, as_images, draw, kinds, read_pictures, split
from intarsia.weights import read_tensors

Images = Float[Tensor, "b 3 h w"]


@dataclass(frozen=True)
class Decoders:
    """Settings of a run. Those in parentheses are of levels 1 to 5; steps may be changed when a run goes on, the others
    not."""

    steps: tuple[int, ...] = (800, 800, 1000, 1200, 1500)
    batch: int = 8
    crop: tuple[int, ...] = (64, 64, 96, 128, 128)
    rate: float = 8e-4
    decay: float = 0.9  # the last part of a level's steps, over which the rate falls to zero
    feature: float = 0.3  # weight of the features' error beside the pixels'
    judged: int = 4  # crops of each batch whose features are compared: they cost as much as the decoder itself
    average: float = 0.97  # of the weights, per step
    noisy: float = 0.0
    paintings: float = 0.3
    fitted: int = 192  # pictures that the start and the coordinates of a level are fitted on
    seed: int = 0

    def crops(self, level: int) -> Crops:
        return Crops(self.batch, self.crop[level - 1], self.noisy, self.paintings)


# ---- the fitted start --------------------------------------------------------------------------------------------


@torch.no_grad()
def initial_decoder(level: int, encoder: Encoder, below: Mirror | None, images: Images) -> Mirror:
    """The layers above the level below are fitted on `images`, the others are those of its decoder."""
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
    """Features pass unchanged; channels beyond them are random mixtures."""
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    count = min(conv.weight.shape[:2])
    conv.weight[:count] = 0
    conv.weight[range(count), range(count), 1, 1] = 1
    nn.init.zeros_(cast(Tensor, conv.bias))


def _fit(decoder: Mirror, index: int, encoder: Encoder, images: Images) -> None:
    """The least-squares kernel from what the layers before give to the layer's target."""
    layer, conv = decoder.layers[index], decoder.conv(index)
    gram, product = torch.zeros(()).double(), torch.zeros(()).double()
    for batch, generator in _batches(images, index):
        given = decoder.through(_features(encoder, batch, decoder.tap).float(), index)
        wanted = _target(layer.target, encoder, batch)
        wanted = F.pixel_unshuffle(wanted, 2) if layer.grows else wanted
        patches, wanted = _patches(given, generator, wanted)
        gram = gram + (patches.T @ patches).double()
        product = product + (patches.T @ wanted).double()
    gram += 1e-4 * torch.diag(gram.diagonal() + 1e-3 * gram.diagonal().mean())
    _set_kernel(conv, torch.linalg.solve(gram, product).T.float())


def _batches(images: Images, seed: int) -> Iterator[tuple[Images, torch.Generator]]:
    generator = torch.Generator().manual_seed(seed)
    yield from ((batch, generator) for batch in images.split(8))


def _patches(given: Tensor, generator: torch.Generator, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, 9 c + 1) that a kernel is multiplied with, the last column ones, and what is `wanted` there (n, d), at
    some random positions."""
    b, c, h, w = given.shape
    n = min(b * h * w, 3200)
    i = torch.randperm(b * h * w, generator=generator)[:n]
    image, y, x = i // (h * w), i // w % h, i % w
    around = pad_one(given).unfold(2, 3, 1).unfold(3, 3, 1)[image, :, y, x].reshape(n, 9 * c)
    return F.pad(around, (0, 1), value=1.0), wanted[image, :, y, x]


def _kernel(conv: nn.Conv2d) -> Float[Tensor, "o n"]:
    """Weights and bias as one matrix, which is multiplied with the rows of `_patches`."""
    return torch.cat([conv.weight.flatten(1), cast(Tensor, conv.bias)[:, None]], 1)


@torch.no_grad()
def _set_kernel(conv: nn.Conv2d, kernel: Float[Tensor, "o n"]) -> None:
    conv.weight.copy_(kernel[:, :-1].reshape(conv.weight.shape))
    cast(Tensor, conv.bias).copy_(kernel[:, -1])


def _target(tap: str, encoder: Encoder, images: Images) -> Tensor:
    """What a layer imitates: pixels, or features; of a block's last layer pooled, as the next block takes them."""
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
    """Adam on the kernels, in coordinates in which the patches that they meet are white and what they make has size 1.

    Features are far from centered and neighbors alike, so that in the kernels' own coordinates a step is either too
    long along the common direction or too short along all others. forth: per layer the matrix S of kernel = V S, with
    V the coordinates."""

    def __init__(self, decoder: Mirror, forth: list[Tensor]):
        self.kernels, self.forth = [decoder.conv(i) for i in range(len(decoder.layers))], forth
        self.coordinates = [
            torch.linalg.solve(matrix.double(), _kernel(conv).detach().double(), left=False).float()
            for conv, matrix in zip(self.kernels, forth, strict=True)
        ]
        self.adam = torch.optim.Adam(self.coordinates, betas=(0.9, 0.99))

    def step(self, rate: float) -> None:
        """Reads the gradients of the kernels, and moves them."""
        for conv, matrix, coordinates in zip(self.kernels, self.forth, self.coordinates, strict=True):
            by_weight, by_bias = cast(Tensor, conv.weight.grad), cast(Tensor, cast(Tensor, conv.bias).grad)
            coordinates.grad = torch.cat([by_weight.flatten(1), by_bias[:, None]], 1) @ matrix.T
        self.adam.param_groups[0]["lr"] = rate
        self.adam.step()
        for conv, matrix, coordinates in zip(self.kernels, self.forth, self.coordinates, strict=True):
            _set_kernel(conv, coordinates @ matrix)


@torch.no_grad()
def whitening(decoder: Mirror, encoder: Encoder, images: Images) -> list[Tensor]:
    """Per layer S = s (A + damping)^-1/2: A the second moment of the patches, s the size of what the kernel makes."""
    found = []
    for index in range(len(decoder.layers)):
        moment, made, count = torch.zeros(()).double(), 0.0, 0
        for batch, generator in _batches(images, index):
            given = decoder.through(_features(encoder, batch, decoder.tap).float(), index)
            patches, _ = _patches(given, generator, given)
            moment, count = moment + (patches.T @ patches).double(), count + len(patches)
            made += float((patches @ _kernel(decoder.conv(index)).T).var(0).sum())
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


@dataclass
class Run:
    """All that a run needs to go on exactly: written whole to the checkpoint. done: the finished levels."""

    settings: Decoders
    encoder: Encoder
    decoder: Mirror
    optimizer: Whitened
    average: dict[str, Tensor]
    step: int = 0
    done: dict[int, Mirror] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        settings: Decoders,
        encoder: Encoder,
        level: int,
        done: dict[int, Mirror],
        images: Images,
        start: Path | None = None,
    ) -> "Run":
        images = images.to(encoder.device)
        if start is not None and f"level{level}.convs.0.weight" in read_tensors(start):
            decoder = cast(Mirror, load_decoder(encoder, level, start).network).requires_grad_(True)
        else:
            decoder = initial_decoder(level, encoder, done.get(level - 1), images).to(encoder.device)
        optimizer = Whitened(decoder, whitening(decoder, encoder, images[: settings.fitted // 2]))
        return cls(settings, encoder, decoder, optimizer, _copies(decoder), 0, done)

    @property
    def level(self) -> int:
        return self.decoder.level

    @property
    def steps(self) -> int:
        return self.settings.steps[self.level - 1]

    def rate(self) -> float:
        """Warmed up over 20 steps, then flat, then falling in a straight line to zero."""
        left = (self.steps - self.step) / max(1.0, self.settings.decay * self.steps)
        return self.settings.rate * min(1.0, (self.step + 1) / 20, left)

    def advance(self, images: Images) -> tuple[float, float]:
        """One step; gives the signal-to-noise ratio and the features' relative error of this batch."""
        with torch.no_grad():
            features = _features(self.encoder, images, self.decoder.tap)
        made = _decoded(self.decoder, self.encoder, features)
        judged = slice(0, self.settings.judged)
        pixel = _square(made, images)
        feature = _relative(_features(self.encoder, made[judged], self.decoder.tap), features[judged])
        loss = (pixel + 1e-6).log().mean() + self.settings.feature * (feature + 1e-6).log().mean()
        self.decoder.zero_grad()
        loss.backward()
        self.optimizer.step(self.rate())
        self.step += 1
        keep = min(self.settings.average, self.step / (self.step + 10))
        for name, value in self.decoder.named_parameters():
            self.average[name].lerp_(value.detach(), 1 - keep)
        return float(-10 * pixel.detach().log10().mean()), float(feature.detach().sqrt().mean())

    def averaged(self) -> Mirror:
        return _built(self.level, self.encoder, self.average).frozen()

    def save(self, path: Path) -> None:
        state = {
            "settings": json.dumps(dataclasses.asdict(self.settings)),
            "level": self.level,
            "step": self.step,
            "run": self.decoder.state_dict(),
            "average": self.average,
            "forth": self.optimizer.forth,
            "coordinates": self.optimizer.coordinates,
            "adam": self.optimizer.adam.state_dict(),
            "done": {level: decoder.state_dict() for level, decoder in self.done.items()},
        }
        torch.save(state, f"{path}.new")
        os.replace(f"{path}.new", path)

    @classmethod
    def resume(cls, settings: Decoders, encoder: Encoder, path: Path) -> "Run":
        state = torch.load(path, weights_only=True, map_location=encoder.device)
        _check_settings(settings, json.loads(state["settings"]), path)
        done = {level: _built(level, encoder, weights).frozen() for level, weights in state["done"].items()}
        decoder = _built(state["level"], encoder, state["run"])
        optimizer = Whitened(decoder, state["forth"])
        for mine, kept in zip(optimizer.coordinates, state["coordinates"], strict=True):
            mine.copy_(kept)
        optimizer.adam.load_state_dict(state["adam"])
        return cls(settings, encoder, decoder, optimizer, state["average"], state["step"], done)


def _copies(decoder: Mirror) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in decoder.named_parameters()}


def _built(level: int, encoder: Encoder, weights: dict[str, Tensor]) -> Mirror:
    decoder = Mirror(level, encoder.channels)
    decoder.load_state_dict(weights)
    return decoder.to(encoder.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _check_settings(now: Decoders, before: dict, path: Path) -> None:
    asked = json.loads(json.dumps(dataclasses.asdict(now)))
    changed = [f"{key} was {before.get(key)}" for key in asked if key != "steps" and before.get(key) != asked[key]]
    if changed:
        raise UsageError(f"{path} is of a run with other settings: {', '.join(changed)}. Only steps may change.")


def export(done: dict[int, Mirror], path: Path, metadata: dict[str, str]) -> None:
    """The shipped file: fp16, `level{l}.convs.{i}.weight` and `.bias`."""
    tensors = {}
    for level, decoder in sorted(done.items()):
        for name, value in decoder.state_dict().items():
            tensors[f"level{level}.{name}"] = value.half().contiguous().cpu()
    save_file(tensors, path, metadata)


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
    """Trains what the checkpoint does not hold yet, and writes `out`. until: stop after this many steps in all; start:
    weights that a run ended with; minutes: between checkpoints."""
    names, pixels = read_pictures(pictures)
    rows, held = split(names)
    photos, arts = kinds(names, rows)
    some = np.random.default_rng(settings.seed).choice(rows, min(settings.fitted, len(rows)), replace=False)
    run = Run.resume(settings, encoder, checkpoint) if checkpoint.exists() else None
    log = Log(checkpoint.with_suffix(".log"), settings, run)
    for level in LEVELS[run.level - 1 if run else 0 :]:
        if run is None or run.level != level:
            run = Run.begin(settings, encoder, level, run.done if run else {}, as_images(pixels[some]), start)
            log.held_out(run, pixels[held[:24]])
        saved = time.monotonic()
        while run.step < run.steps:
            if until is not None and log.count >= until:
                run.save(checkpoint)
                return
            rng = np.random.default_rng((settings.seed, level, run.step))  # each step draws its own: resuming is exact
            log.step(run, *run.advance(draw(pixels, photos, arts, settings.crops(level), rng).to(encoder.device)))
            if time.monotonic() - saved > 60 * minutes:
                run.save(checkpoint)
                saved = time.monotonic()
                log.held_out(run, pixels[held[:24]])
        run.done[level] = run.averaged()
        run.save(checkpoint)
        log.held_out(run, pixels[held[:24]])
    assert run is not None
    errors = {level: held_out_errors(decoder, encoder, pixels[held]) for level, decoder in run.done.items()}
    log.say("held out, end: " + " ".join(f"{ratio:.2f} dB {error:.4f}" for ratio, error in errors.values()))
    metadata = {
        "training": json.dumps(dataclasses.asdict(settings)),
        "command": " ".join(["python -m intarsia.training.decoders", *(a.rpartition("/")[2] for a in sys.argv[1:])]),
        "encoder": encoder.name,
        "start": json.dumps(_metadata(start)) if start else "fitted",
        "pictures": hashlib.sha256(pixels.tobytes()).hexdigest(),
        "held_out_psnr": " ".join(f"{ratio:.2f}" for ratio, _ in errors.values()),
        "held_out_feature_errors": " ".join(f"{error:.4f}" for _, error in errors.values()),
    }
    export(run.done, out, metadata)


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata() or {}


class Log:
    """Lines in a file beside the checkpoint, and a bar with the time left."""

    def __init__(self, path: Path, settings: Decoders, run: Run | None):
        self.file = open(path, "a")  # noqa: SIM115 (open for the whole run)
        self.whole = sum(settings.steps)
        self.first = self.count = sum(settings.steps[: run.level - 1]) + run.step if run else 0
        self.began = time.monotonic()

    def step(self, run: Run, ratio: float, error: float) -> None:
        self.count += 1
        if self.count % 25 == 0:
            self.say(f"level {run.level} step {run.step} of {run.steps}: {ratio:.2f} dB, {error:.4f}; {self.left()}")

    def left(self) -> str:
        """By the mean time of this run's steps so far; deeper levels take longer."""
        seconds = (time.monotonic() - self.began) / (self.count - self.first) * (self.whole - self.count)
        return f"about {seconds / 60:.0f} min left"

    def held_out(self, run: Run, pixels: np.ndarray) -> None:
        ratio, error = held_out_errors(run.averaged(), run.encoder, pixels)
        self.say(f"level {run.level} step {run.step} of {run.steps}, held out: {ratio:.2f} dB, {error:.4f}")

    def say(self, line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=self.file, flush=True)
        print(line, flush=True)


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
