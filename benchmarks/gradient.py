"""A linear gradient between two very different styles: blends against one constraint per region.

    python benchmarks/gradient.py --cases ../shared/cases --vgg19 ../shared/teacher/vgg19_to_relu3_4.safetensors

Five bands, each band's distance to its mixture of the styles under the real VGG-19 at relu1_1, relu2_1, relu3_1; the
gap score is the largest. Painted with `compact`."""

from pathlib import Path

import cyclopts
import torch

from intarsia import picture
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide, Region
from intarsia.measure import band_distances, border_score
from intarsia.methods.gatys import Gatys
from intarsia.pyramid import size_of

TRIPLES = (
    ("city_tubingen.jpg", "starry_night_1280.jpg", "the_scream_1528.jpg"),
    ("landscape_yosemite.jpg", "great_wave_woodcut.jpg", "seurat_grande_jatte_pointillism.jpg"),
    ("portrait_brad_pitt.jpg", "matisse_woman_with_hat.jpg", "mosaic_roman_ducks.jpg"),
)


def main(*, cases: Path, vgg19: Path, size: int = 512, sheet: Path | None = None) -> None:
    judge = Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect"))
    painter = load("compact", device="cpu")
    rows = []
    for content_name, *style_names in TRIPLES:
        content = picture.read(cases / "content" / content_name).image
        content = picture.resize(content, picture.fit(*size_of(content), size))
        first, second = (picture.read(cases / "style" / name).image for name in style_names)
        h, w = size_of(content)
        ramp = ((torch.arange(w) + 0.5) / w).expand(h, w)
        guide = Guide((Region(first, 1 - ramp, name="left"), Region(second, ramp, name="right")))
        row = []
        for name, method in (("blends", Gatys()), ("one per region", Gatys(blends=False))):
            *_, last = method(content, guide, encoder=painter)
            bands = band_distances(judge, last.image, guide)
            seam = border_score(last.image, content, ramp)
            told = " ".join(f"{band:.3f}" for band in bands)
            print(f"{content_name:24} {name:15} {told}  gap {max(bands):.3f}  border {seam:+.3f}", flush=True)
            row.append(last.image)
        rows.append(torch.cat(row, 2))
    if sheet is not None:
        width = max(row.shape[-1] for row in rows)
        picture.write(sheet, torch.cat([torch.nn.functional.pad(row, (0, width - row.shape[-1])) for row in rows], 1))


if __name__ == "__main__":
    cyclopts.run(main)
