"""Feature transforms: time with the models loaded, beside their convolutions alone; seams of tiles, covariance after
each level, large pictures.

    python benchmarks/wct.py CONTENT STYLE [--rounds 5] [--large-size 10240x4096]

Times are medians; start it with MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483647 for the memory habits
of the command. Seams: the same picture in tiles and as a whole, at 2,048 pixels. Covariance: relative error of the
transformed features before they are decoded, and of the re-encoded picture, level by level at alpha 1. --large-size
runs the whole command on the content enlarged to that size, in a process of its own. --coarse-size 3072 --vgg19 FILE:
from coarse to fine against the full size alone, judged by that network."""

import dataclasses
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
from torch import Tensor

from intarsia import picture
from intarsia.decoders import load_decoder
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg import LAYERS, TAPS
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.guide import Guide
from intarsia.measure import ssim, style_distances
from intarsia.methods.adain import AdaIN
from intarsia.methods.wct import WCT, whitened
from intarsia.moments import Moments, moments
from intarsia.sizes import size_of


def at(image: Tensor, size: tuple[int, int]) -> Tensor:
    return picture.resize(image, size)


def seconds(encoder: Encoder, content: Tensor, style: Tensor, rounds: int) -> None:
    """The methods in turn with their convolutions alone, those of every level's encoder and decoder, forward."""
    guide = Guide.everywhere(style)
    methods = {
        "wct": (WCT(), WCT().levels),
        "relu4_1 alone": (WCT(levels=(4,)), (4,)),
        "adain": (AdaIN(), (AdaIN().level,)),
    }
    for name, (method, levels) in methods.items():
        bare, whole = [], []
        work = [one for level in levels for one in convolutions(encoder, level, size_of(content))]
        for _ in range(rounds + 1):
            began = time.perf_counter()
            for padded, weight, bias in work:
                torch.nn.functional.conv2d(padded, weight, bias)
            bare.append(time.perf_counter() - began)
            for _ in method(content, guide, encoder=encoder):
                pass
            whole.append(time.perf_counter() - began - bare[-1])
        alone, all_of_it = statistics.median(bare[1:]), statistics.median(whole[1:])
        told = f"convolutions alone {alone:.3f} s   {all_of_it / alone:.2f} times"
        print(f"{name:16} {all_of_it:.3f} s   least {min(whole[1:]):.3f} s   {told}", flush=True)


def convolutions(encoder: Encoder, level: int, size: tuple[int, int]) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Input with its border, weight and bias of each, on noise."""
    network, work = load_decoder(encoder, level).network, []
    for layer in LAYERS[: 1 + TAPS.index(f"relu{level}_1")]:
        conv, stride = encoder.network.conv(layer), encoder.strides[f"relu{layer}"]  # pyright: ignore[reportAttributeAccessIssue]
        work.append(_inputs(conv, size, stride, encoder.precision))
    stride = 2 ** (level - 1)
    for i, layer in enumerate(network.layers):  # pyright: ignore[reportAttributeAccessIssue]
        last = i + 1 == len(network.layers)  # pyright: ignore[reportAttributeAccessIssue]
        precision = torch.float32 if last else encoder.precision
        work.append(_inputs(network.conv(i), size, stride, precision))  # pyright: ignore[reportAttributeAccessIssue]
        stride //= 2 if layer.grows else 1
    return work


def _inputs(conv: torch.nn.Conv2d, size: tuple[int, int], stride: int, precision: torch.dtype):
    noise = torch.randn(1, conv.in_channels, size[0] // stride + 2, size[1] // stride + 2)
    assert conv.bias is not None
    placed = (one.to(precision).contiguous(memory_format=torch.channels_last) for one in (noise, conv.weight.detach()))
    return *placed, conv.bias.detach().to(precision)


def seams(encoder: Encoder, content: Tensor, style: Tensor, side: int = 512) -> None:
    guide, images = Guide.everywhere(style), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tile in (4096, side):
            *_, last = dataclasses.replace(WCT(), tile=tile)(content, guide, encoder=encoder)
            images.append(last.image)
    wrong = 255 * (images[0] - images[1]).abs()
    print(f"tiles of {side}: mean {float(wrong.mean()):.3f} / 255, most {float(wrong.max()):.1f} / 255", flush=True)


def covariances(encoder: Encoder, content: Tensor, style: Tensor) -> None:
    image = content
    for level in (5, 4, 3, 2, 1):
        decoder = load_decoder(encoder, level)
        here, there = (encoder(one, [decoder.tap], [decoder.tap])[decoder.tap].float() for one in (image, style))
        maps = whitened(moments(here), moments(there), encoder, decoder.tap)
        moved = maps(here)
        image = decoder(moved.to(encoder.precision), (image.shape[1], image.shape[2]))
        again = encoder(image, [decoder.tap], [decoder.tap])[decoder.tap].float()
        told = "  ".join(f"{off(moments(one), moments(there)):.4f}" for one in (moved, again))
        print(f"relu{level}_1  transformed, re-encoded  {told}", flush=True)


def off(now: Moments, wanted: Moments) -> float:
    return float((now.covariance() - wanted.covariance()).norm() / wanted.covariance().norm())


def coarse(content: Tensor, style: Tensor, size: int, judge: Encoder) -> None:
    content = picture.resize(content, picture.fit(*size_of(content), size))
    for coarsest in (0, 1024):
        began = time.perf_counter()
        with warnings.catch_warnings(action="ignore"):
            *_, last = WCT(coarsest=coarsest)(content, Guide.everywhere(style))
        spent = time.perf_counter() - began
        seen = (picture.resize(one, picture.fit(*size_of(one), 1024)) for one in (last.image, content))
        image, photograph = seen
        top, left = size_of(content)[0] // 2 - 384, size_of(content)[1] // 2 - 512
        part = last.image[:, top : top + 768, left : left + 1024]
        near, far = (
            statistics.mean(style_distances(judge, shown, style, list(judge.channels)).values())
            for shown in (part, image)
        )
        told = f"style distance at 1024 px {far:.3f}, of a detail {near:.3f}; ssim {ssim(image, photograph):.3f}"
        print(f"{size_of(content)}, coarsest {coarsest}: {spent:.0f} s, {told}", flush=True)


def large(content: Path, style: Path, size: str) -> None:
    w, h = map(int, size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "large.png")
        child = "import sys; from intarsia import picture as p; w, h = int(sys.argv[3]), int(sys.argv[4]);"
        child += "p.write(sys.argv[2], p.resize(p.read(sys.argv[1]).image, (h, w)))"
        subprocess.run([sys.executable, "-c", child, content, source, str(w), str(h)], check=True)
        began = time.perf_counter()
        command = [sys.executable, "-c", "from intarsia.cli import main; main()", "stylize", source, style]
        command += ["-o", Path(folder, "out.png"), "--method", "wct", "--quiet"]
        subprocess.run(command, check=True)
        spent, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(
            f"{size}: {spent:.0f} s, peak {peak / 2**20:.2f} GiB"
        )  # the larger of the command and of making its input


def main(
    content: Path,
    style: Path,
    /,
    *,
    rounds: int = 5,
    size: int = 512,
    parts: str = "tsc",
    large_size: str = "",
    coarse_size: int = 0,
    vgg19: Path | None = None,
) -> None:
    torch.manual_seed(0)
    encoder = load("compact", device="cpu")
    first, second = picture.read(content).image, picture.read(style).image
    print(f"{encoder.precision}, {torch.get_num_threads()} threads, {rounds} rounds")
    if "t" in parts:
        seconds(encoder, at(first, (size, size)), at(second, (size, size)), rounds)
    if "c" in parts:
        covariances(encoder, at(first, (size, size)), at(second, (size, size)))
    if "s" in parts:
        seams(encoder, at(first, (1536, 2048)), second)
    if coarse_size and vgg19 is not None:
        coarse(first, second, coarse_size, Encoder("vgg19", load_vgg19(vgg19, first_padding="reflect")))
    if large_size:
        large(content, style, large_size)


if __name__ == "__main__":
    cyclopts.run(main)
