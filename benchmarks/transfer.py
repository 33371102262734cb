"""Does what `compact` paints look like the style to the real VGG-19? Five pairs, against the 16 times smaller teacher.

    python benchmarks/transfer.py --cases ../shared/cases --teachers ../shared/teacher --sheet sheet.png

Both paint with the same settings; both are judged by the real VGG-19 at relu1_1, relu2_1, relu3_1, which neither run
looked at. The teacher's heads have a bias, so its isometric form is R of [H b] on features with a channel of ones."""

from pathlib import Path

import cyclopts
import torch
from torch import Tensor, nn

from intarsia import picture
from intarsia.encoders import Encoder, choose_device, choose_precision, load
from intarsia.encoders.vgg import VGG
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide
from intarsia.measure import content_distance, style_distances
from intarsia.methods.gatys import Gatys
from intarsia.sizes import size_of
from intarsia.weights import read_tensors

PAIRS = {
    "city_tubingen.jpg": "starry_night_1280.jpg",
    "portrait_brad_pitt.jpg": "matisse_woman_with_hat.jpg",
    "bridge_golden_gate.jpg": "the_scream_1528.jpg",
    "still_life_vase.jpg": "cezanne_basket_of_apples.jpg",
    "animal_dog.jpg": "great_wave_woodcut.jpg",
}
TAPS = ("relu1_1", "relu2_1", "relu3_1")


class SmallTeacher(nn.Module):
    """The 16 times smaller VGG-19, returning R [f; 1] with [H b] = Q R at its five taps."""

    def __init__(self, path: Path):
        super().__init__()
        self.trunk: VGG = load_vgg19(path, first_padding="reflect")
        tensors = read_tensors(path)
        self.strides, self.channels = self.trunk.strides, {}
        for tap in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"):
            head = torch.cat([tensors[f"head{tap[4:]}.weight"][..., 0, 0], tensors[f"head{tap[4:]}.bias"][:, None]], 1)
            basis = torch.linalg.qr(head.double()).R.float()
            self.register_buffer(tap, basis)
            self.channels[tap] = len(basis)

    def basis(self, tap: str) -> None:
        """Always in place already."""

    def forward(self, images: Tensor, taps: list[str], plain: tuple[str, ...] = ()) -> dict[str, Tensor]:
        found = {}
        for tap, features in self.trunk(images, taps).items():
            ones = features.new_ones(features.shape[0], 1, *features.shape[2:])
            basis = self.get_buffer(tap)[..., None, None]
            found[tap] = nn.functional.conv2d(torch.cat([features, ones], 1), basis)
        return found


def main(*, cases: Path, teachers: Path, sheet: Path | None = None, size: int = 512, loss: str = "gram") -> None:
    device = choose_device("cpu")
    judge = Encoder("vgg19", load_vgg19(teachers / "vgg19_to_relu3_4.safetensors", first_padding="reflect"))
    deep = load("compact", precision="fp32", device="cpu")
    painters = {
        "compact": load("compact", device="cpu"),
        "teacher": Encoder(
            "teacher",
            SmallTeacher(teachers / "vgg19_distilled_16x.safetensors"),  # pyright: ignore[reportArgumentType]
            choose_precision("auto", device),
        ),
    }
    method, rows, means = Gatys(loss=loss), [], {name: [] for name in painters}  # pyright: ignore[reportArgumentType]
    for content_name, style_name in PAIRS.items():
        content = picture.read(cases / "content" / content_name).image
        content = picture.resize(content, picture.fit(*size_of(content), size))
        style = picture.read(cases / "style" / style_name).image
        row = [content, picture.resize(style, picture.fit(*size_of(style), size))]
        for name, encoder in painters.items():
            *_, last = method(content, Guide.everywhere(style), encoder=encoder)
            taps = style_distances(judge, last.image, style, TAPS)
            means[name].append(sum(taps.values()) / 3)
            kept = content_distance(deep, last.image, content)
            told = " ".join(f"{value:.4f}" for value in taps.values())
            print(f"{content_name:24} {name:8} {told}  mean {means[name][-1]:.4f}  content {kept:.3f}", flush=True)
            row.append(last.image)
        rows.append(row)
    ratios = [a / b for a, b in zip(means["compact"], means["teacher"], strict=True)]
    average = {name: sum(values) / len(values) for name, values in means.items()}
    print(f"mean {average}; ratio of means {average['compact'] / average['teacher']:.2f}; worst pair {max(ratios):.2f}")
    if sheet is not None:
        picture.write(sheet, _sheet(rows))


def _sheet(rows: list[list[Tensor]], height: int = 320) -> Tensor:
    """Content, style, compact, teacher; one pair per row."""
    lines = []
    for row in rows:
        shown = [picture.resize(one, (height, round(one.shape[-1] * height / one.shape[-2]))) for one in row]
        lines.append(torch.cat(shown, 2))
    width = max(line.shape[-1] for line in lines)
    return torch.cat([nn.functional.pad(line, (0, width - line.shape[-1]), value=1.0) for line in lines], 1)


if __name__ == "__main__":
    cyclopts.run(main)
