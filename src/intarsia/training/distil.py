"""Distil VGG-19 into the compact encoder: `python -m intarsia.training.distil --help`.

The student's taps are asked to be linear codes of the teachers' taps: per tap |H f - T|^2 / |T|^2, H a 1x1 head without
bias. Two teachers, because VGG-19's own deep layers are not at hand: VGG-19 itself up to relu3_1, and a published
VGG-19 of a sixteenth of the size (Wang et al. 2020, Collaborative Distillation), whose heads approximate relu4_1 and
relu5_1.

The start is fitted, not drawn (`initial_student`): layer by layer, each student channel is one of the teacher's, chosen
greedily for how much of the other channels it explains, and its kernel is the least-squares fit of that channel's
pre-activation from the student's own previous layer. Training then starts where hours from random weights end.

What is shipped is R f, where H = Q R with orthonormal Q: the same inner products as H f in as few channels as f has.
"""

import dataclasses
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import torch
import torch.nn.functional as F
from cyclopts import Parameter
from cyclopts import run as run_command
from safetensors.torch import load_file, save_file
from torch import Generator, Tensor

from intarsia.encoders.vgg import LAYERS, VGG
from intarsia.training.pictures import Crops, as_images, draw, kinds, read_pictures, split

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SHALLOW = TAPS[:3]  # taught by VGG-19 itself; the others by the smaller teacher
MEAN, DEVIATION = 0.45, 0.25  # the student's input normalization, folded into its first convolution on export


@dataclass(frozen=True)
class Distil:
    """Settings of a run. Widths: the first block narrow, because its cost is per pixel; relu2_1 to relu3_1 wide, where
    a narrow student falls short of VGG-19; the deep blocks as wide as the teacher that they learn from."""

    widths: tuple[int, ...] = (24, 32, 48, 64, 128, 64, 64, 64, 128, 128, 128, 128, 128)
    steps: int = 8000
    batch: int = 8
    crop: int = 128
    rate: float = 6e-4
    decay: float = 0.3  # the last part of the steps over which the rate falls to zero
    tap_weights: tuple[float, ...] = (3.0, 1.5, 1.0, 1.0, 1.0)
    average: float = 0.999  # of the weights, per step
    noisy: float = (
        0.15  # part of the crops that get Gaussian noise: what an optimizer paints on is not a clean photograph
    )
    paintings: float = 0.4  # part of the crops from artworks; the training pictures have 0.28
    start: str = "fitted"  # or "random"
    seed: int = 0


# ---- teachers ----------------------------------------------------------------------------------------------------


class Teachers:
    """The two teachers' features: `targets` at the taps, `layers` at every layer (with the values before ReLU)."""

    def __init__(self, vgg19: Path, small: Path):
        self.vgg19, self.small = _teacher(vgg19), _teacher(small)
        self.heads = {tap: load_file(small)[f"head{tap[4:]}.weight"] for tap in TAPS[3:]}
        self.head_biases = {tap: load_file(small)[f"head{tap[4:]}.bias"] for tap in TAPS[3:]}

    def targets(self, images: Tensor) -> dict[str, Tensor]:
        deep = self.small(images, TAPS[3:])
        heads = {tap: F.conv2d(f, self.heads[tap], self.head_biases[tap]) for tap, f in deep.items()}
        return self.vgg19(images, SHALLOW) | heads

    def layer(self, images: Tensor, layer: str) -> Tensor:
        """What the student's layer imitates: VGG-19's up to relu3_1, then the small teacher's."""
        network = self.vgg19 if LAYERS.index(layer) <= LAYERS.index("3_1") else self.small
        return network(images, [f"relu{layer}"])[f"relu{layer}"]


def _teacher(path: Path) -> VGG:
    """A teacher file as a network that takes RGB in 0..1: its `conv0` (1x1) folded into the first convolution."""
    tensors = load_file(path)
    layers = [layer for layer in LAYERS if f"conv{layer}.weight" in tensors]
    network = VGG([tensors[f"conv{layer}.weight"].shape[0] for layer in layers])
    mix, shift = tensors["conv0.weight"][..., 0, 0], tensors["conv0.bias"]
    first = tensors["conv1_1.weight"]
    tensors["conv1_1.weight"] = torch.einsum("ochw,ci->oihw", first, mix)
    tensors["conv1_1.bias"] = tensors["conv1_1.bias"] + torch.einsum("ochw,c->o", first, shift)
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})
    return network.frozen()


# ---- the fitted start --------------------------------------------------------------------------------------------


def choose_channels(moment: Tensor, count: int) -> list[int]:
    """`count` channels that together explain most of the others in the least-squares sense: pivoted elimination on
    the second moment (c, c), each time the channel that takes away most of what is left."""
    left, chosen = moment.clone(), []
    for _ in range(count):
        diagonal = left.diagonal()
        gain = left.square().sum(0) / diagonal.clamp_min(1e-12)
        gain[diagonal < 1e-6 * moment.diagonal().mean()] = -1
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        left = left - torch.outer(left[:, best], left[best]) / left[best, best].clamp_min(1e-12)
    return chosen


@torch.no_grad()
def initial_student(settings: Distil, teachers: Teachers, images: Tensor) -> VGG:
    student = new_student(settings)
    if settings.start == "random":
        return student
    generator = Generator().manual_seed(settings.seed)
    batches = images.split(16)
    for index, layer in enumerate(LAYERS[: len(settings.widths)]):
        conv = student.conv(layer)
        before = f"relu{LAYERS[index - 1]}" if index else None
        features = torch.cat([teachers.layer(b, layer).permute(1, 0, 2, 3).flatten(1) for b in batches], 1)
        some = torch.randperm(features.shape[1], generator=generator)[:200_000]
        sample = features[:, some].double()
        chosen = choose_channels(sample @ sample.T, min(conv.out_channels, len(sample)))
        width = 9 * conv.in_channels + 1
        gram, product = torch.zeros(width, width).double(), torch.zeros(width, len(chosen)).double()
        for batch in batches:
            given = student(_normalized(batch), [before])[before] if before else _normalized(batch)
            given = F.max_pool2d(given, 2) if layer in ("2_1", "3_1", "4_1", "5_1") else given
            patches = F.unfold(F.pad(given, (1,) * 4, mode="reflect"), 3).transpose(0, 1).flatten(1)  # (9 c, n)
            wanted = _before_relu(teachers, batch, layer)[:, chosen].transpose(0, 1).flatten(1)
            some = torch.randperm(patches.shape[1], generator=generator)[: 400 * len(batch)]
            a = F.pad(patches[:, some], (0, 0, 0, 1), value=1.0).double()
            gram, product = gram + a @ a.T, product + a @ wanted[:, some].double().T
        gram += 1e-6 * torch.diag(gram.diagonal() + 1e-3 * gram.diagonal().mean())
        solution = torch.linalg.solve(gram, product).T.float()
        conv.weight[: len(chosen)] = solution[:, :-1].reshape(len(chosen), *conv.weight.shape[1:])
        cast(Tensor, conv.bias)[: len(chosen)] = solution[:, -1]
        print(f"  fitted conv{layer}: {len(chosen)} of {len(features)} channels", flush=True)
    return student


def _before_relu(teachers: Teachers, images: Tensor, layer: str) -> Tensor:
    index = LAYERS.index(layer)
    network = teachers.vgg19 if index <= LAYERS.index("3_1") else teachers.small
    before = f"relu{LAYERS[index - 1]}"
    given = network(images, [before])[before] if index else images
    given = F.max_pool2d(given, 2) if layer in ("2_1", "3_1", "4_1", "5_1") else given
    return network.conv(layer)(F.pad(given, (1,) * 4, mode="reflect"))


def new_student(settings: Distil) -> VGG:
    torch.manual_seed(settings.seed)
    student = VGG(settings.widths)
    for layer in LAYERS[: len(settings.widths)]:
        conv = student.conv(layer)
        torch.nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        torch.nn.init.zeros_(cast(Tensor, conv.bias))
    return student.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _normalized(images: Tensor) -> Tensor:
    return (images - MEAN) / DEVIATION


# ---- heads and errors --------------------------------------------------------------------------------------------


@torch.no_grad()
def fit_heads(student: VGG, teachers: Teachers, images: Tensor) -> dict[str, Tensor]:
    """The best heads in the least-squares sense, (teacher channels, student channels) per tap."""
    grams: dict[str, Tensor] = {}
    products: dict[str, Tensor] = {}
    for batch in images.split(8):
        features, targets = student(_normalized(batch), TAPS), teachers.targets(batch)
        for tap in TAPS:
            f, t = (
                x.transpose(0, 1).flatten(1)[:, :: 8 if tap == "relu1_1" else 2] for x in (features[tap], targets[tap])
            )
            grams[tap] = grams.get(tap, torch.zeros(())) + (f @ f.T).double()
            products[tap] = products.get(tap, torch.zeros(())) + (f @ t.T).double()
    damp = {tap: 1e-6 * torch.eye(len(g)) * g.diagonal().mean() for tap, g in grams.items()}
    return {tap: torch.linalg.solve(grams[tap] + damp[tap], products[tap]).T.float() for tap in TAPS}


@torch.no_grad()
def tap_errors(student: VGG, heads: dict[str, Tensor], teachers: Teachers, pixels: np.ndarray) -> dict[str, float]:
    """|H f - T| / |T| per tap over all pictures together, in fp32."""
    wrong, whole = dict.fromkeys(TAPS, 0.0), dict.fromkeys(TAPS, 0.0)
    for i in range(0, len(pixels), 4):
        images = as_images(pixels[i : i + 4])
        features, targets = student(_normalized(images), TAPS), teachers.targets(images)
        for tap in TAPS:
            coded = F.conv2d(features[tap], heads[tap][..., None, None])
            wrong[tap] += float((coded - targets[tap]).square().sum())
            whole[tap] += float(targets[tap].square().sum())
    return {tap: (wrong[tap] / whole[tap]) ** 0.5 for tap in TAPS}


# ---- the run -----------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """All that a run needs to go on exactly: written whole to the checkpoint."""

    settings: Distil
    student: VGG
    heads: dict[str, torch.nn.Parameter]
    average: dict[str, Tensor]
    optimizer: torch.optim.AdamW
    step: int = 0

    @classmethod
    def begin(cls, settings: Distil, student: VGG, heads: dict[str, Tensor]) -> "Run":
        parameters = {tap: torch.nn.Parameter(head[..., None, None]) for tap, head in heads.items()}
        optimizer = torch.optim.AdamW([*student.parameters(), *parameters.values()], settings.rate, weight_decay=1e-4)
        run = cls(settings, student, parameters, {}, optimizer)
        run.average = {name: value.detach().clone() for name, value in run.tensors()}
        return run

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.student.named_parameters()
        yield from ((f"head{tap[4:]}", head) for tap, head in self.heads.items())

    def rate(self) -> float:
        """Warmed up over 100 steps, then flat, then falling in a straight line to zero."""
        left = (self.settings.steps - self.step) / (self.settings.decay * self.settings.steps)
        return self.settings.rate * min(1.0, (self.step + 1) / 100, left)

    def advance(self, images: Tensor, targets: dict[str, Tensor]) -> dict[str, float]:
        """One step; gives the relative errors of this batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with torch.autocast(images.device.type, torch.bfloat16):
            features = self.student(_normalized(images), TAPS)
            coded = {tap: F.conv2d(features[tap], self.heads[tap]) for tap in TAPS}
        squares = {tap: _relative_square(coded[tap], targets[tap]) for tap in TAPS}
        loss = torch.stack([squares[tap] for tap in TAPS]) @ images.new_tensor(self.settings.tap_weights)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(self.settings.average, self.step / (self.step + 10))
        for name, value in self.tensors():
            self.average[name].lerp_(value.detach(), 1 - keep)
        return {tap: float(square.detach()) ** 0.5 for tap, square in squares.items()}

    def averaged(self) -> tuple[VGG, dict[str, Tensor]]:
        student = new_student(self.settings)
        student.load_state_dict({name: self.average[name] for name in student.state_dict()})
        return student, {tap: self.average[f"head{tap[4:]}"][..., 0, 0] for tap in TAPS}

    def save(self, path: Path) -> None:
        state = {"run": dict(self.tensors()), "average": self.average, "optimizer": self.optimizer.state_dict()}
        torch.save(
            state | {"step": self.step, "settings": json.dumps(dataclasses.asdict(self.settings))}, f"{path}.new"
        )
        os.replace(f"{path}.new", path)

    @classmethod
    def resume(cls, settings: Distil, path: Path) -> "Run":
        state = torch.load(path, weights_only=True)
        student = new_student(settings)
        heads = {tap: state["run"][f"head{tap[4:]}"].detach()[..., 0, 0] for tap in TAPS}
        run = cls.begin(settings, student, heads)
        student.load_state_dict({name: state["run"][name] for name in student.state_dict()})
        run.optimizer.load_state_dict(state["optimizer"])
        run.average, run.step = state["average"], state["step"]
        return run


def _relative_square(coded: Tensor, target: Tensor) -> Tensor:
    target = target.float()
    return (coded.float() - target).square().sum() / target.square().sum()


def export(student: VGG, heads: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """The shipped file: fp16, normalization folded in, R of each head as `basis{tap}` (R is c x c)."""
    tensors = {name: value.detach().clone() for name, value in student.state_dict().items()}
    first = tensors["conv1_1.weight"]
    tensors["conv1_1.bias"] = tensors["conv1_1.bias"] - (first * MEAN / DEVIATION).sum((1, 2, 3))
    tensors["conv1_1.weight"] = first / DEVIATION
    for tap, head in heads.items():
        tensors[f"basis{tap[4:]}.weight"] = torch.linalg.qr(head.double()).R.float()[..., None, None]
    save_file({name: value.half().contiguous() for name, value in tensors.items()}, path, metadata)


def distil(settings: Distil, pictures: Path, teachers: Teachers, checkpoint: Path, out: Path, until: int) -> None:
    from rich.console import Console
    from rich.progress import Progress

    names, pixels = read_pictures(pictures)
    train, held = split(names)
    photos, arts = kinds(names, train)
    crops = Crops(settings.batch, settings.crop, settings.noisy, settings.paintings)
    rng = np.random.default_rng(settings.seed)
    side = pixels.shape[1] // 4  # the middle of each picture is enough to fit the start on
    some = rng.choice(train, min(192, len(train)), replace=False)
    sample = as_images(pixels[some, side : 3 * side, side : 3 * side])
    if checkpoint.exists():
        run = Run.resume(settings, checkpoint)
    else:
        print("fitting the start", flush=True)
        student = initial_student(settings, teachers, sample)
        run = Run.begin(settings, student, fit_heads(student, teachers, sample))
    log = open(checkpoint.with_suffix(".log"), "a")  # noqa: SIM115 (open for the whole run)

    def report(what: str) -> dict[str, float]:
        errors = tap_errors(*run.averaged(), teachers, pixels[held])
        figures = " ".join(f"{error:.4f}" for error in errors.values())
        print(f"{time.strftime('%H:%M:%S')} step {run.step}: {what} {figures}", file=log, flush=True)
        return errors

    if run.step == 0:
        report("held out")
    with Progress(console=Console(file=sys.stderr)) as progress:
        bar = progress.add_task("distil", total=min(until, settings.steps), completed=run.step)
        while run.step < min(until, settings.steps):
            rng = np.random.default_rng((settings.seed, run.step))  # each step draws its own: resuming is exact
            images = draw(pixels, photos, arts, crops, rng)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                targets = teachers.targets(images)
            errors = run.advance(images, targets)
            progress.update(bar, completed=run.step, description=" ".join(f"{e:.3f}" for e in errors.values()))
            if run.step % 250 == 0:
                run.save(checkpoint)
            if run.step % 1000 == 0:
                report("held out")
    run.save(checkpoint)
    errors = report("held out, end")
    metadata = {
        "training": json.dumps(dataclasses.asdict(settings)),
        "command": " ".join(["python -m intarsia.training.distil", *(a.rpartition("/")[2] for a in sys.argv[1:])]),
        "steps": str(run.step),
        "pictures": hashlib.sha256(pixels.tobytes()).hexdigest(),
        "held_out_errors": " ".join(f"{error:.4f}" for error in errors.values()),
    }
    student, heads = run.averaged()
    export(student, heads, out, metadata)


def main(
    *,
    pictures: Path,
    vgg19: Path,
    small: Path,
    checkpoint: Path = Path("distil.pt"),
    out: Path = Path("compact.safetensors"),
    until: int | None = None,
    settings: Annotated[Distil, Parameter(name="*")] = Distil(),
) -> None:
    """Train the compact encoder.

    Parameters
    ----------
    pictures
        Folder with manifest.csv and pictures of one size.
    vgg19
        Safetensors of VGG-19 up to conv3_1 or deeper.
    small
        Safetensors of the smaller teacher with its heads.
    checkpoint
        Resumed from when it exists.
    out
        The weights, written at the end.
    until
        Stop early at this step; the checkpoint goes on later.
    """
    distil(settings, pictures, Teachers(vgg19, small), checkpoint, out, until or settings.steps)


if __name__ == "__main__":
    run_command(main)
