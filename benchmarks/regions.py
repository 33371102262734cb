"""Two hard regions with very different styles: whether each style's texture ends in its own region, and the seam.

    python benchmarks/regions.py --cases ../shared/cases --vgg19 ../shared/teacher/vgg19_to_relu3_4.safetensors

Painted with `compact`; style distances of each region to its own style and to the other's, judged by the real VGG-19 at
relu1_1, relu2_1, relu3_1. Two kinds of maps: left and right halves over the pairs of `gradient.py`, whose line has no
edge of the content, and sky and ground from the hand-drawn masks beside this file, whose border is an edge of the
content's own, which no painting keeps in full: there the border score says little, and the two ratios say more."""

import json
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import torch
from torch import Tensor

from gradient import LINE_COLUMNS, NAMED, by_rule, content_of, line_told, ramp_of
from intarsia import picture
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide, Region
from intarsia.measure import border_ratio, region_distances
from intarsia.methods import METHODS
from intarsia.sizes import size_of
from intarsia.sources import polygon

Case = tuple[str, str, str, bool]  # a content, two styles, whether the border is the sky's
SKIES = ("bridge_golden_gate.jpg", "city_tubingen.jpg", "landscape_yosemite.jpg")


def sky_of(content: Tensor, name: str) -> Tensor:
    """Its hand-drawn polygons, each adding to the sky, hard."""
    drawn = json.loads((Path(__file__).parent / "masks" / f"{Path(name).stem}.json").read_text())
    parts = [polygon(size_of(content), torch.tensor(points)) for points in drawn["polygons"]]
    return (torch.stack(parts).amax(0) > 0.5).float()


def cases_of(cases: Path, size: int, halves: bool, skies: bool) -> Iterator[Case]:
    if halves:
        yield from ((*triple, False) for triple in (NAMED, *by_rule(cases, size)))
    if skies:
        yield from ((name, *NAMED[1:], True) for name in SKIES)


def main(
    *,
    cases: Path,
    vgg19: Path,
    size: int = 512,
    halves: bool = True,
    skies: bool = True,
    method: str = "gatys",
    sheet: Path | None = None,
) -> None:
    """sheet: where to write all pictures as one."""
    judge = Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect"))
    painter, shown = load("compact", device="cpu"), []
    print(
        f"| content, styles | to its own | to the other's | times | {LINE_COLUMNS} |\n|---|---|---|---|---|---|---|---|"
    )
    for content_name, first_name, second_name, is_sky in cases_of(cases, size, halves, skies):
        content = content_of(cases, content_name, size)
        one = sky_of(content, content_name) if is_sky else (ramp_of(content) < 0.5).float()
        first, second = (picture.read(cases / "style" / name).image for name in (first_name, second_name))
        guide = Guide((Region(first, one, name="first"), Region(second, 1 - one, name="second")))
        *_, last = METHODS[method]()(content, guide, encoder=painter)
        (a, a_other), (b_other, b) = region_distances(judge, last.image, guide).tolist()
        if is_sky:
            ratios = [border_ratio(image, one > 0.5, one <= 0.5) or 0.0 for image in (last.image, content)]
            line = f"{ratios[0] - ratios[1]:+.3f} | {ratios[0]:.2f} - {ratios[1]:.2f} | | "
        else:
            line = line_told(last.image, content)
        told = ", ".join(Path(name).stem for name in (content_name, first_name, second_name)) + (
            ", sky" if is_sky else ""
        )
        worst = min(a_other / a, b_other / b)
        print(f"| {told} | {a:.3f}, {b:.3f} | {a_other:.3f}, {b_other:.3f} | {worst:.0f} | {line} |", flush=True)
        shown.append(last.image)
    if sheet is not None:
        width = max(image.shape[-1] for image in shown)
        rows = [torch.nn.functional.pad(image, (0, width - image.shape[-1])) for image in shown]
        picture.write(sheet, torch.cat(rows, 1))


if __name__ == "__main__":
    cyclopts.run(main)
