"""Distil VGG-19 into the compact encoder: `python -m intarsia.training.distil --help`.

The student's taps are to be linear codes of the teachers' taps. The loss per tap is |H f - T|^2 / |T|^2, where the head
H is a 1x1 kernel without bias. There are two teachers, because the deep layers of VGG-19 are not at hand: VGG-19 itself
up to relu3_1, and a published VGG-19 of a sixteenth of the size (Wang et al. 2020, Collaborative Distillation), whose
heads approximate relu4_1 and relu5_1.

The start is fitted, not random (`initial_student`). Layer by layer, each channel of the student stands for one of the
teacher's, chosen greedily for how much of the other channels it explains. Its kernel is the least-squares fit of that
channel before ReLU to the student's own previous layer. Training then starts where hours from random weights end.

What is shipped is R f, where H = Q R with orthonormal Q: the same inner products as H f, in as few channels as f has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import torch
import torch.nn.functional as F
from cyclopts import Parameter
from cyclopts import run as run_command
from safetensors.torch import load_file
from torch import Generator, Tensor, nn

from intarsia.encoders.vgg import LAYERS, POOLED, VGG, pad_one
from intarsia.training.fitting import least_squares, patches, set_kernel
from intarsia.training.pictures import Crops, Pictures, as_images
from intarsia.training.run import Losses, Run, Schedule, Stage, ship

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SHALLOW = TAPS[:3]  # taught by VGG-19 itself; the others by the smaller teacher
MEAN, DEVIATION = 0.45, 0.25  # the student's input normalization, folded into its first convolution on export


@dataclass(frozen=True)
class Distil:
    """Settings of a run. Widths: the first block is narrow, because its cost is per pixel; relu2_1 to relu3_1 are wide,
    where a narrow student falls short of VGG-19; the deep blocks are as wide as the teacher that they learn from."""

    widths: tuple[int, ...] = (24, 32, 48, 64, 128, 64, 64, 64, 128, 128, 128, 128, 128)
    steps: int = 8000
    batch: int = 8
    crop: int = 128
    rate: float = 6e-4
    decay: float = 0.3  # part of the steps, the last ones, in which the rate falls to zero
    tap_weights: tuple[float, ...] = (3.0, 1.5, 1.0, 1.0, 1.0)
    average: float = 0.999  # how much of their average the weights keep per step
    noisy: float = 0.15  # part of the crops that get Gaussian noise: an optimizer does not paint on clean photographs
    paintings: float = 0.4  # part of the crops that is from artworks; the training pictures have 0.28
    start: str = "fitted"  # or "random"
    seed: int = 0


# ---- teachers ----------------------------------------------------------------------------------------------------


class Teachers:
    """The two teachers, and their features at the taps: `targets`."""

    def __init__(self, vgg19: Path, small: Path):
        self.vgg19, self.small = _teacher(vgg19), _teacher(small)
        self.heads = {tap: load_file(small)[f"head{tap[4:]}.weight"] for tap in TAPS[3:]}
        self.head_biases = {tap: load_file(small)[f"head{tap[4:]}.bias"] for tap in TAPS[3:]}

    def targets(self, images: Tensor) -> dict[str, Tensor]:
        deep = self.small(images, TAPS[3:])
        heads = {tap: F.conv2d(f, self.heads[tap], self.head_biases[tap]) for tap, f in deep.items()}
        return self.vgg19(images, SHALLOW) | heads

    def of(self, layer: str) -> VGG:
        """The network that the student's layer imitates: VGG-19 up to relu3_1, then the small teacher."""
        return self.vgg19 if LAYERS.index(layer) <= LAYERS.index("3_1") else self.small


def _teacher(path: Path) -> VGG:
    """The network of a teacher file. It takes RGB in 0..1: the file's `conv0` (1x1) is folded into the first layer."""
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
    """`count` channels that together explain most of the others in the least-squares sense. This is pivoted elimination
    on the second moment (c, c): each time the channel is taken that removes most of what is left."""
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
    generator, batches = Generator().manual_seed(settings.seed), images.split(16)
    for layer in LAYERS[: len(settings.widths)]:
        conv = student.conv(layer)
        wanted = [_before_relu(teachers.of(layer), batch, layer) for batch in batches]
        features = torch.cat([one.transpose(0, 1).flatten(1) for one in wanted], 1)
        some = torch.randperm(features.shape[1], generator=generator)[:200_000]
        sample = F.relu(features[:, some]).double()
        chosen = choose_channels(sample @ sample.T, min(conv.out_channels, len(sample)))
        given = (_entering(student, _normalized(batch), layer) for batch in batches)
        pairs = (patches(a, b[:, chosen], generator, 400 * len(a)) for a, b in zip(given, wanted, strict=True))
        set_kernel(conv, least_squares(((a.double(), b.double()) for a, b in pairs), 1e-6))
        print(f"  fitted conv{layer}: {len(chosen)} of {len(features)} channels", flush=True)
    return student


def _before_relu(network: VGG, images: Tensor, layer: str) -> Tensor:
    return network.conv(layer)(pad_one(_entering(network, images, layer)))


def _entering(network: VGG, images: Tensor, layer: str) -> Tensor:
    """What a layer of the network is given."""
    if layer == LAYERS[0]:
        return images
    before = f"relu{LAYERS[LAYERS.index(layer) - 1]}"
    features = network(images, [before])[before]
    return F.max_pool2d(features, 2) if layer in POOLED else features


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


class Student(nn.Module):
    """The network, and for each tap its head, a 1x1 kernel (teacher channels, student channels, 1, 1)."""

    def __init__(self, network: VGG, heads: Mapping[str, Tensor]):
        super().__init__()
        self.network = network
        self.heads = nn.ParameterDict({tap: head[..., None, None] for tap, head in heads.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.network(_normalized(images), TAPS)
        return {tap: F.conv2d(features[tap], self.heads[tap]) for tap in TAPS}

    def parts(self) -> tuple[VGG, dict[str, Tensor]]:
        """The network, and the heads as matrices."""
        return self.network, {tap: self.heads[tap].detach()[..., 0, 0] for tap in TAPS}


def begin(run: Run, settings: Distil, teachers: Teachers) -> Stage[Student]:
    """The stage that the checkpoint holds, or else a new one with a fitted start."""
    state = run.read()
    student = _blank(settings, state["network"]) if state else _fitted(run, settings, teachers)
    stage = Stage(
        name="student",
        network=student,
        descent=torch.optim.AdamW(student.parameters(), weight_decay=1e-4),
        loss=partial(batch_loss, settings, teachers, student),
        schedule=Schedule(settings.steps, settings.rate, 100, settings.decay),
        keep=settings.average,
        crops=Crops(settings.batch, settings.crop, settings.noisy, settings.paintings),
        seed=(settings.seed,),
        clipped=student.network,
    )
    return stage.restore(state) if state else stage


def _blank(settings: Distil, weights: Mapping[str, Tensor]) -> Student:
    """A student with room for these weights."""
    return Student(new_student(settings), {tap: weights[f"heads.{tap}"][..., 0, 0] for tap in TAPS})


def _fitted(run: Run, settings: Distil, teachers: Teachers) -> Student:
    run.say("fitting the start")
    some = cast(Pictures, run.pictures).sample(192, settings.seed)
    side = some.shape[1] // 4  # the middle of each picture is enough
    images = as_images(some[:, side : 3 * side, side : 3 * side])
    network = initial_student(settings, teachers, images)
    return Student(network, fit_heads(network, teachers, images))


def batch_loss(settings: Distil, teachers: Teachers, student: Student, images: Tensor) -> tuple[Tensor, Losses]:
    """The weighted sum of the taps' squared relative errors, and these errors."""
    with torch.autocast(images.device.type, torch.bfloat16):
        with torch.no_grad():
            targets = teachers.targets(images)
        coded = student(images)
    squares = torch.stack([_relative_square(coded[tap], targets[tap]) for tap in TAPS])
    errors = squares.detach().sqrt().tolist()
    return squares @ images.new_tensor(settings.tap_weights), {
        tap: float(e) for tap, e in zip(TAPS, errors, strict=True)
    }


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
    ship(tensors, path, metadata)


def distil(
    settings: Distil, pictures: Path, teachers: Teachers, checkpoint: Path, out: Path, until: int, minutes: float = 3.0
) -> None:
    """Takes the steps that the checkpoint does not hold yet, up to `until`, and writes `out`. minutes: from one
    checkpoint to the next."""
    whole = Pictures.read(pictures)
    run = Run("intarsia.training.distil", settings, whole, checkpoint, settings.steps, until, minutes)
    stage = begin(run, settings, teachers)

    def report(what: str) -> str:
        errors = tap_errors(*stage.average.parts(), teachers, whole.pixels[whole.held])
        figures = " ".join(f"{error:.4f}" for error in errors.values())
        run.say(f"step {stage.step}: {what} {figures}")
        return figures

    if stage.step == 0:
        report("held out")
    for _ in run.go(stage):
        if stage.step % 1000 == 0:
            report("held out")
    found = {"steps": str(stage.step), "held_out_errors": report("held out, end")}
    export(*stage.average.parts(), out, run.metadata() | found)


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
