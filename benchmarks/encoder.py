"""The compact encoder: its cost against VGG-19's, and how well it stands for it on pictures it was not trained on.

    python benchmarks/encoder.py [--train ../shared/train --teachers ../shared/teacher]

Cost: forward + backward to the pixels of a 512 x 512 picture at relu1_1 .. relu5_1, compact with its bases R, VGG-19
with random weights (time does not depend on them), in turn, same mode. Errors: |H f - T| / |T| in fp32, H refitted on
pictures of the training part, since the file ships R alone."""

import statistics
import time
from pathlib import Path

import cyclopts
import torch

from intarsia.encoders import Encoder, load
from intarsia.encoders.compact import TAPS, load_compact
from intarsia.encoders.vgg import VGG
from intarsia.training.distil import DEVIATION, MEAN, Teachers, fit_heads, tap_errors
from intarsia.training.pictures import Pictures
from intarsia.training.pictures import as_images as images_of

VGG19 = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512)


def cost(size: int, rounds: int, precision: str) -> None:
    compact = load("compact", precision=precision)
    vgg19 = Encoder("vgg19", VGG(VGG19).frozen().to(compact.device), compact.precision, compact.device)
    image = torch.rand(3, size, size, device=compact.device)
    times: dict[str, list[float]] = {"compact": [], "vgg19": []}
    for _ in range(rounds):
        for encoder in (compact, vgg19):
            pixels = image.clone().requires_grad_()
            began = time.perf_counter()
            sum(features.float().sum() for features in encoder(pixels, TAPS).values()).backward()
            times[encoder.name].append(time.perf_counter() - began)
    small, large = (statistics.median(values[1:]) for values in times.values())
    print(f"{size} x {size}, {compact.precision}, {torch.get_num_threads()} threads, median of {rounds - 1} rounds")
    print(f"compact {1000 * small:.0f} ms, VGG-19 {1000 * large:.0f} ms: 1/{large / small:.1f}")


class FromNormalized(VGG):
    """The shipped network for the training's own measure, which hands it normalized pictures."""

    def __init__(self, shipped: VGG):
        super().__init__([shipped.channels[tap] for tap in shipped.channels])
        self.load_state_dict(shipped.state_dict())

    def forward(self, images, taps):
        return super().forward(images * DEVIATION + MEAN, taps)


@torch.no_grad()
def errors(train: Path, teachers: Path, fitted_on: int) -> None:
    both = Teachers(teachers / "vgg19_to_relu3_4.safetensors", teachers / "vgg19_distilled_16x.safetensors")
    pictures = Pictures.read(train)
    shipped = FromNormalized(load_compact(isometric=False))
    heads = fit_heads(shipped, both, images_of(pictures.sample(fitted_on, 0)))
    found = tap_errors(shipped, heads, both, pictures.pixels[pictures.held])
    print(f"relative errors on {len(pictures.held)} held-out pictures: " + " ".join(f"{e:.4f}" for e in found.values()))


def main(
    *,
    train: Path | None = None,
    teachers: Path | None = None,
    size: int = 512,
    rounds: int = 12,
    precision: str = "auto",
    fitted_on: int = 512,
) -> None:
    cost(size, rounds, precision)
    if train is not None and teachers is not None:
        errors(train, teachers, fitted_on)


if __name__ == "__main__":
    cyclopts.run(main)
