"""Trained networks: seconds of processor time, tiles against the whole, memory, what shows of their grid, and style and
content beside `gatys` and a published picture.

    python benchmarks/fast.py NETWORK STYLE CONTENT... [--vgg19 FILE --size 512 --painted-at 1024]
        [--peer PAINTING] [--large-side 4096]

Seconds are medians of processor time, of the network alone, after one pass to warm up. Tiles: mean and largest
difference from the whole at 2,048 pixels, in levels of 255. Corners: energy of the luminance at the Nyquist frequencies
over all its energy, in the painting and in the style. Grid: its energy at periods of 2 and of 4 pixels over that of the
frequencies beside them, along the side where it is larger; 1 is none. --vgg19: the network that judges, up to
relu3_4; style distances are means over the contents, gatys has its defaults. --painted-at: the long side at which the
network paints, if not `size`, at which all are compared. --peer: a published painting of the first content.
--large-side: the whole command on the first content enlarged to that long side, in a process of its own."""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import cyclopts
import torch

from front import judged
from intarsia import picture
from intarsia.color import luminance
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide
from intarsia.methods import Gatys
from intarsia.models import Model, read_model
from intarsia.nets import painted
from intarsia.sizes import fit, size_of
from intarsia.types import Image


def seconds(model: Model, content: Image, precision: torch.dtype, rounds: int = 5) -> float:
    spent = []
    for _ in range(rounds + 1):
        began = time.process_time()
        painted(model.network, content, precision)
        spent.append(time.process_time() - began)
    return statistics.median(spent[1:])


def corners(image: Image) -> float:
    """Part of the luminance's energy at half a cycle a pixel, along either side, its mean aside."""
    h, w = (length // 2 * 2 for length in size_of(image))
    light = luminance(image)[:h, :w]
    energy = torch.fft.fft2(light - light.mean()).abs().square()
    return float((energy[h // 2].sum() + energy[:, w // 2].sum()) / energy.sum())


def grid(image: Image, period: int) -> float:
    """How far a period in pixels stands out, along either side."""
    h, w = (length // 8 * 8 for length in size_of(image))
    light = luminance(image)[:h, :w]
    energy = torch.fft.fft2(light - light.mean()).abs().square()
    found = []
    for lines in (energy.sum(1), energy.sum(0)):
        at = len(lines) // period
        beside = [lines[at + side * by] for side in (-1, 1) for by in range(3, 7)]
        found.append(float(lines[at] / torch.stack(beside).mean()))
    return max(found)


def at(image: Image, long_side: int) -> Image:
    return picture.resize(image, fit(*size_of(image), long_side))


def large(network: str, content: Image, long_side: int) -> None:
    """Clock and peak memory of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        picture.write(f"{folder}/large.png", at(content, long_side))
        program = [sys.executable, "-c", "from intarsia.cli import main; main()", "stylize", f"{folder}/large.png"]
        began = time.monotonic()
        subprocess.run([*program, network, "--method", "fast", "-o", f"{folder}/out.png", "--quiet"], check=True)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"{long_side} pixels: {time.monotonic() - began:.0f} s, peak {peak:.2f} GiB", flush=True)


def main(
    network: str,
    style: str,
    *contents: Path,
    vgg19: Path | None = None,
    size: int = 512,
    painted_at: int | None = None,
    peer: Path | None = None,
    large_side: int = 0,
    tiles: bool = True,
) -> None:
    warnings.simplefilter("ignore")
    model, encoder, shown = read_model(network), load("compact", device="cpu"), picture.read(style).image
    pictures = [picture.read(path).image for path in contents]
    for side in (512, 1024):
        print(
            f"{side} x {side}: {seconds(model, torch.rand(3, side, side), encoder.precision):.2f} s of processor time"
        )
    if tiles:
        content = at(pictures[0], 2048)
        whole, parts = (painted(model.network, content, encoder.precision, side) for side in (0, 512))
        wrong = (whole - parts).abs() * 255
        print(f"tiles: mean {float(wrong.mean()):.3f}, largest {float(wrong.max()):.1f} of 255")
    small = [at(one, size) for one in pictures]
    ours = [painted(model.network, at(one, painted_at or size), encoder.precision) for one in pictures]
    told = " ".join(f"{1e4 * corners(one):.2f}" for one in ours)
    print(f"corners, of 10,000: {told}; style {1e4 * corners(at(shown, size)):.2f}", flush=True)
    known = {"ours": ours, "contents": small, "style": [at(shown, size)]}
    if peer is not None:
        known["peer"] = [picture.read(peer).image]
    for name, images in known.items():
        print(f"grid, {name}: " + "; ".join(f"{grid(one, 2):.1f} and {grid(one, 4):.1f}" for one in images), flush=True)
    if vgg19 is not None:
        judge = Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect"))
        found: dict[str, list[float]] = {"fast": [], "gatys": []}
        for one, image in zip(small, ours, strict=True):
            *_, last = Gatys()(one, Guide.everywhere(shown), encoder=encoder)
            both = {"fast": image, "gatys": last.image}
            if peer is not None and one is small[0]:
                both["peer"] = picture.resize(picture.read(peer).image, size_of(one))
            for name, painting in both.items():
                point = judged(judge, name, painting, one, shown, ours=True)
                found.setdefault(name, []).append(point.style)
                print(f"{name:6} style {point.style:.4f} content {point.content:.4f}", flush=True)
        ratio = statistics.mean(found["fast"]) / statistics.mean(found["gatys"])
        print(f"style, mean: fast over gatys {ratio:.2f}")
    if large_side:
        large(network, pictures[0], large_side)


if __name__ == "__main__":
    cyclopts.run(main)
