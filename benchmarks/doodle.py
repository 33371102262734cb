"""Doodle to painting at 512 px: how long, and does each region look like its part of the style to the real VGG-19?

    python benchmarks/doodle.py --cases ../shared/cases --vgg19 ../shared/teacher/vgg19_to_relu3_4.safetensors

The cases of Champandard's neural-doodle beside its published results, painted with the command's defaults. Per region,
style distance to its own part of the style, and the smallest to another part: mean of relu1_1, relu2_1, relu3_1 of the
real VGG-19, which the run did not look at. Seconds are those of the clock, and of all threads together, which another
program's load does not change much."""

import time
from pathlib import Path

import cyclopts
import torch
from torch import Tensor

from intarsia import picture, sources
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide
from intarsia.measure import region_distances
from intarsia.methods.doodle import Doodle
from intarsia.sizes import size_of

FOLDER = "doodle/neural_doodle"
CASES = {  # the map, the style and its map, the published result
    "Monet": ("Coastline_sem.png", "Monet.jpg", "Monet_sem.png", "published_coastline.png"),
    "Renoir": ("Landscape_sem.png", "Renoir.jpg", "Renoir_sem.png", "published_landscape.png"),
}
PUBLISHED = 345  # columns of the published figures before the result begins


def main(
    *, cases: Path, vgg19: Path | None = None, size: int = 512, loss: str = "patches", sheet: Path | None = None
) -> None:
    judge = None if vgg19 is None else Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect"))
    painter = load("compact", device="cpu")
    rows = []
    for name, files in CASES.items():
        drawn, style, style_map, published = (picture.read(cases / FOLDER / file).image for file in files)
        clock, processor = time.perf_counter(), time.process_time()
        guide = sources.labels(drawn, style, style_map)
        drawn = picture.resize(drawn, picture.fit(*size_of(drawn), size))
        *_, last = Doodle(loss=loss)(drawn, guide, encoder=painter)  # pyright: ignore[reportArgumentType]
        spent = time.perf_counter() - clock, time.process_time() - processor
        threads = torch.get_num_threads()
        print(f"{name}: {spent[0]:.1f} s, {spent[1]:.1f} s of {threads} threads together", flush=True)
        shown = picture.resize(published[:, :, PUBLISHED:], size_of(drawn))
        if judge is not None:
            _tell("ours", last.image, guide, judge)
            _tell("published", shown, guide, judge)
        rows.append([picture.resize(one, (320, 480)) for one in (style, drawn, shown, last.image)])
    if sheet is not None:
        picture.write(sheet, torch.cat([torch.cat(row, 2) for row in rows], 1))


def _tell(label: str, image: Tensor, guide: Guide, judge: Encoder) -> None:
    distances = region_distances(judge, image, guide)
    own = distances.diagonal()
    other = distances.masked_fill(torch.eye(len(own), dtype=torch.bool), torch.inf).amin(1)
    for region, mine, next_best in zip(guide.regions, own.tolist(), other.tolist(), strict=True):
        print(f"  {label:9} {region.name}  own {mine:.4f}  nearest other {next_best:.3f}", flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
