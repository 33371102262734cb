"""A front, not a point: style against content for a method at several strengths, beside pictures that others published.

    python benchmarks/front.py PAIRS --vgg19 FILE -o FOLDER [--method gatys] [--values 0.05 --values 0.13 ...]

PAIRS: a text file, a pair a line: name content style [published picture ...], separated by blanks, relative to the
file. --vgg19: weights of the network that judges, up to relu3_4. Values are content weights for gatys and strotss,
alphas for wct and adain. Per pair a figure (PNG): to the left nearer to the style, down nearer to the content; beside
each point its speckle of color. The figures are printed too.
"""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, NamedTuple

import cyclopts
from cyclopts import Parameter
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from intarsia import picture
from intarsia.encoders import Encoder, load
from intarsia.guide import Guide
from intarsia.measure import TAPS, content_distance, speckle, ssim, style_distances
from intarsia.methods import METHODS
from intarsia.sizes import fit, size_of

VALUES = {
    "gatys": (0.04, 0.08, 0.13, 0.2, 0.4),
    "strotss": (0.25, 0.5, 1, 2, 4),
    "wct": (0.5, 0.7, 0.85, 1.0),
    "adain": (0.5, 0.7, 0.85, 1.0),
}
VARIED = {"gatys": "content_weight", "strotss": "content_weight", "wct": "alpha", "adain": "alpha"}
SIDE, MARGIN, INK, OURS, THEIRS = 560, 70, (60, 55, 50), (30, 100, 170), (190, 60, 40)


class Point(NamedTuple):
    name: str
    style: float
    content: float
    ssim: float
    speckle: float
    ours: bool


def judged(judge: Encoder, name: str, image: Tensor, content: Tensor, style: Tensor, ours: bool) -> Point:
    image = picture.resize(image, size_of(content))
    near = style_distances(judge, image, style)
    spots = speckle(image, Guide.everywhere(style))[1]
    kept = content_distance(judge, image, content, "relu3_4")
    return Point(name, sum(near.values()) / len(TAPS), kept, ssim(image, content), spots, ours)


def figure(title: str, points: list[Point]) -> Image.Image:
    """Both axes logarithmic."""
    page = Image.new("RGB", (SIDE, SIDE), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    spans = []
    for values in ([p.style for p in points], [p.content for p in points]):
        spans.append((math.log(min(values) / 1.3), math.log(max(values) * 1.3)))

    def at(style: float, content: float) -> tuple[float, float]:
        parts = [(math.log(v) - low) / (high - low) for v, (low, high) in zip((style, content), spans, strict=True)]
        return MARGIN + parts[0] * (SIDE - 2 * MARGIN), SIDE - MARGIN - parts[1] * (SIDE - 2 * MARGIN)

    draw.rectangle((MARGIN, MARGIN, SIDE - MARGIN, SIDE - MARGIN), outline=INK)
    draw.text((MARGIN, 20), title, INK, font)
    draw.text((MARGIN, SIDE - 30), "style distance (left is nearer)", INK, font)
    draw.text((MARGIN, 44), "content distance (down is nearer); numbers: speckle of color", INK, font)
    for axis, (low, high) in enumerate(spans):
        for value in (math.exp(low), math.exp((low + high) / 2), math.exp(high)):
            x, y = at(value, math.exp(spans[1][0])) if axis == 0 else at(math.exp(spans[0][0]), value)
            draw.text((x - 14, y + 6) if axis == 0 else (x - 46, y - 8), f"{value:.3f}", INK, font)
    front = sorted((p for p in points if p.ours), key=lambda p: p.style)
    draw.line([at(p.style, p.content) for p in front], OURS, 2)
    for p in points:
        (x, y), color = at(p.style, p.content), OURS if p.ours else THEIRS
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=color)
        draw.text((x + 8, y - 16), f"{p.name}  {p.speckle:.2f}", color, font)
    return page


def main(
    pairs: Path,
    *,
    vgg19: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    method: str = "gatys",
    values: tuple[float, ...] = (),
    size: int = 512,
) -> None:
    judge, encoder = load("vgg19", vgg19, precision="fp32"), load()
    out.mkdir(parents=True, exist_ok=True)
    usual = METHODS[method]()
    print("| pair | picture | style | content | ssim | speckle of color |\n|---|---|---|---|---|---|")
    for line in pairs.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        title, *names = line.split()
        content, style, *published = (picture.read(pairs.parent / name).image for name in names)
        content = picture.resize(content, fit(*size_of(content), size))
        points = []
        for value in values or VALUES[method]:
            varied = dataclasses.replace(usual, **{VARIED[method]: value})
            *_, last = varied(content, Guide.everywhere(style), encoder=encoder)
            points.append(judged(judge, f"{VARIED[method]} {value:g}", last.image, content, style, True))
            picture.write(out / f"{title}-{method}-{value:g}.png", last.image)
        for name, image in zip(names[2:], published, strict=True):
            points.append(judged(judge, Path(name).stem, image, content, style, False))
        for p in points:
            print(
                f"| {title} | {p.name} | {p.style:.3f} | {p.content:.3f} | {p.ssim:.2f} | {p.speckle:.2f} |", flush=True
            )
        figure(f"{title}: {method}", points).save(out / f"{title}-{method}.png")


if __name__ == "__main__":
    cyclopts.run(main)
