"""A linear gradient between two very different styles: what the bands and the line in the middle look like.

    python benchmarks/gradient.py --cases ../shared/cases --vgg19 ../shared/teacher/vgg19_to_relu3_4.safetensors

Painted with `compact`; judged by the real VGG-19 at relu1_1, relu2_1, relu3_1. Gap = the largest distance of five bands
to their mixtures of the styles. Border = the border score along the line of equal shares.

A border score sets the painting against its content, so it also shows what the content has along the line: where the
content has a strong edge of its own there, or a calm sky, every painting evens it out, and scores. Therefore
- further pairs have contents that are ordinary along the line. The rule, fixed before any of them was painted: the
  first two contents in alphabetical order, other than the named one, whose own ratio at the line is 0.9 to 1.1, and the
  styles in alphabetical order, two for each;
- beside each score stand the two ratios, and the scores at other lines of the same painting, parallel and without any
  border: their mean and deviation, and the part of them that is at least as far from 0."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cyclopts
import torch
from torch import Tensor

from intarsia import picture
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide, Region
from intarsia.measure import band_distances, border_ratio, border_score
from intarsia.methods.gatys import Gatys
from intarsia.sizes import size_of

Triple = tuple[str, str, str]  # a content and two styles

NAMED: Triple = ("city_tubingen.jpg", "starry_night_1280.jpg", "the_scream_1528.jpg")
EXTRAORDINARY: tuple[Triple, ...] = (  # contents with a calm line (0.8) and with an edge along it (1.5)
    ("landscape_yosemite.jpg", "great_wave_woodcut.jpg", "seurat_grande_jatte_pointillism.jpg"),
    ("portrait_brad_pitt.jpg", "matisse_woman_with_hat.jpg", "mosaic_roman_ducks.jpg"),
)
SUFFIXES = (".jpg", ".png")


def content_of(cases: Path, name: str, size: int) -> Tensor:
    content = picture.read(cases / "content" / name).image
    return picture.resize(content, picture.fit(*size_of(content), size))


def ramp_of(content: Tensor) -> Tensor:
    """From 0 at the left to 1 at the right."""
    h, w = size_of(content)
    return ((torch.arange(w) + 0.5) / w).expand(h, w)


def by_rule(cases: Path, size: int, count: int = 2) -> Iterator[Triple]:
    """See above: ordinary contents, alphabetical styles."""
    names = [
        sorted(path.name for path in (cases / kind).iterdir() if path.suffix in SUFFIXES)
        for kind in ("content", "style")
    ]
    styles = iter(name for name in names[1] if name not in NAMED)
    for name in names[0]:
        if count and name != NAMED[0] and 0.9 <= ratio_at(content_of(cases, name, size)) <= 1.1:
            count -= 1
            yield name, next(styles), next(styles)


def ratio_at(image: Tensor, at: float = 0.5) -> float:
    ramp = ramp_of(image)
    return border_ratio(image, ramp < at, ramp >= at) or 0.0


def line_told(image: Tensor, content: Tensor) -> str:
    """The score at the middle line, what it is made of, and the scores where there is no border."""
    ramp = ramp_of(content)
    lines = [at / 50 for at in range(5, 46) if abs(at - 25) > 2]
    found = [border_score(image, content, (ramp < at).float(), (ramp >= at).float()) or 0.0 for at in (0.5, *lines)]
    middle, others = found[0], torch.tensor(found[1:])
    further = float((others.abs() >= abs(middle)).float().mean())
    return (
        f"{middle:+.3f} | {ratio_at(image):.2f} - {ratio_at(content):.2f} | "
        f"{float(others.mean()):+.2f} ± {float(others.std()):.2f} | {100 * further:.0f} %"
    )


LINE_COLUMNS = "border | painting - content | at other lines | of them as far from 0"


def main(
    *,
    cases: Path,
    vgg19: Path,
    size: int = 512,
    naive: Annotated[bool, cyclopts.Parameter(negative=())] = False,
    more: Annotated[bool, cyclopts.Parameter(negative=())] = False,
    sheet: Path | None = None,
) -> None:
    """naive: also with one constraint per region; more: also over two contents that are not ordinary along the line;
    sheet: where to write all pictures as one."""
    judge = Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect"))
    painter, shown = load("compact", device="cpu"), []
    methods = {"blends": Gatys()} | ({"one per region": Gatys(blends=False)} if naive else {})
    print(f"| content, styles | method | bands | gap | {LINE_COLUMNS} |\n|---|---|---|---|---|---|---|---|")
    for content_name, *style_names in (NAMED, *by_rule(cases, size), *(EXTRAORDINARY if more else ())):
        content = content_of(cases, content_name, size)
        first, second = (picture.read(cases / "style" / name).image for name in style_names)
        ramp = ramp_of(content)
        guide = Guide((Region(first, 1 - ramp, name="left"), Region(second, ramp, name="right")))
        told = ", ".join(Path(name).stem for name in (content_name, *style_names))
        for name, method in methods.items():
            *_, last = method(content, guide, encoder=painter)
            bands = band_distances(judge, last.image, guide)
            each = " ".join(f"{band:.3f}" for band in bands)
            print(f"| {told} | {name} | {each} | {max(bands):.3f} | {line_told(last.image, content)} |", flush=True)
            shown.append(last.image)
    if sheet is not None:
        width = max(image.shape[-1] for image in shown)
        rows = [torch.nn.functional.pad(image, (0, width - image.shape[-1])) for image in shown]
        picture.write(sheet, torch.cat(rows, 1))


if __name__ == "__main__":
    cyclopts.run(main)
