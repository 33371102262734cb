"""Trained networks side by side at a large size: nearness to the style at several scales, and a sheet to look at.

    python benchmarks/nets.py STYLE CONTENT... --network FILE --network FILE ... --vgg19 FILE -o sheet.png [--size 1024]

Per network the means over the contents: style distance of painting and style brought to each of the long sides 1,024,
512 and 256 (fine brushwork, forms, large forms), content distance at 512, speckle of color, and seconds of processor
time. --vgg19: the network that judges, up to relu3_4. On the sheet a row per content: the content, then the paintings
in the networks' order; in the row below, the middle of each painting, pixel by pixel.
"""

import time
import warnings
from pathlib import Path
from statistics import mean
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from front import judged
from intarsia import picture
from intarsia.encoders import load
from intarsia.measure import TAPS, style_distances
from intarsia.models import read_model
from intarsia.nets import painted
from intarsia.sizes import fit, size_of
from intarsia.training.sheets import sheet
from intarsia.types import Image

SCALES = (1024, 512, 256)
DETAIL = 320


def at(image: Image, long_side: int) -> Image:
    return picture.resize(image, fit(*size_of(image), long_side))


def detail(image: Image) -> Image:
    (h, w), half = size_of(image), DETAIL // 2
    return image[:, h // 2 - half : h // 2 + half, w // 2 - half : w // 2 + half]


def main(
    style: Path,
    *contents: Path,
    network: tuple[Path, ...],
    vgg19: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    size: int = 1024,
) -> None:
    warnings.simplefilter("ignore")
    judge, precision = load("vgg19", vgg19, precision="fp32"), load("compact", device="cpu").precision
    shown = picture.read(style).image
    pictures = [at(picture.read(path).image, size) for path in contents]
    rows: list[list[Image]] = [[one] for one in pictures]
    print("| network | style at 1,024 | 512 | 256 | content | speckle of color | seconds |")
    print("|---|---|---|---|---|---|---|")
    for path in network:
        model, found = read_model(str(path)), []
        for row, content in zip(rows, pictures, strict=True):
            began = time.process_time()
            row.append(painted(model.network, content, precision))
            spent = time.process_time() - began
            near = [sum(style_distances(judge, at(row[-1], n), shown).values()) / len(TAPS) for n in SCALES]
            point = judged(judge, path.stem, at(row[-1], 512), at(content, 512), shown, ours=True)
            found.append((*near, point.content, point.speckle, spent))
        told = " | ".join(f"{mean(column):.4f}" for column in zip(*found, strict=True))
        print(f"| {path.stem} | {told} |", flush=True)
    whole = [one for row in rows for one in (row, [detail(each) for each in row])]
    picture.write(str(out), sheet(whole, DETAIL))


if __name__ == "__main__":
    cyclopts.run(main)
