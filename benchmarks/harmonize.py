"""Five pasted objects, harmonized, beside the naive paste and the published result of deep painterly harmonization.

    python benchmarks/harmonize.py --cases ../shared/cases/harmonize --teachers ../shared/teacher [--keep FOLDER]

style: relative squared distance of Gram matrices, the object's under the tight mask to the painting's, mean of relu1_1,
relu2_1, relu3_1; content: relative squared error to the pasted object at relu3_4, over the mask; both under the real
VGG-19, which the run does not look at. noise: mean |L - median of 3 x 3| in the calmest 40 % of the object over that of
the painting where it is as calm. outside: pixels beyond 1 % of the long side from the mask that are not the painting's
to the bit (of the same painting saved as PNG). Seconds, of the clock and of the processor, and the peak resident set
are those of the whole command."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import cyclopts
import numpy as np
import torch
from torch import Tensor

from intarsia import picture
from intarsia.encoders import Encoder
from intarsia.encoders.vgg19 import load_vgg19
from intarsia.losses import gram_loss
from intarsia.maps import grow
from intarsia.moments import moments
from intarsia.sizes import pool_to_grid, size_of

CASES = ("03", "05", "09", "12", "27")
STYLE, CONTENT = ("relu1_1", "relu2_1", "relu3_1"), "relu3_4"


def main(*flags: str, cases: Path, teachers: Path, keep: Path | None = None) -> None:
    judge = Encoder("vgg19", load_vgg19(teachers / "vgg19_to_relu3_4.safetensors", first_padding="reflect"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        for name in CASES:
            painting, naive, published = (
                picture.read(cases / name / file).image for file in ("target.jpg", "naive.jpg", "reference.png")
            )
            size = size_of(painting)
            naive, published = picture.resize(naive, size), picture.resize(published, size)
            mask = (picture.resize(picture.read_map(cases / name / "mask.jpg")[None], size)[0] > 0.5).float()
            picture.write(folder / "painting.png", painting)
            ours, cost = harmonized(folder / "painting.png", cases / name, folder / f"{name}.png", flags)
            rows = {"naive": naive, "published": published, "ours": ours}
            of = {key: measures(judge, one, painting, naive, mask) for key, one in rows.items()}
            far = grow(mask, max(size) / 100) == 0
            outside = int((ours != picture.read(folder / "painting.png").image).any(0)[far].sum())
            print(f"{name}: {size[1]} x {size[0]}, {cost}, {outside} pixels changed outside")
            for key, (style, content, noise) in of.items():
                print(
                    f"  {key:9} style {style:.3f} ({style / of['naive'][0]:.2f} of naive, "
                    f"{style / of['published'][0]:.2f} of published), content {content:.3f} "
                    f"({content / of['published'][1]:.2f} of published), noise {noise:.2f}",
                    flush=True,
                )


def harmonized(painting: Path, case: Path, target: Path, flags: tuple[str, ...]) -> tuple[Tensor, str]:
    command = [str(Path(sys.executable).with_name("intarsia")), "harmonize", str(painting), "-o", str(target)]
    command += ["--pasted", str(case / "naive.jpg"), "--mask", str(case / "mask.jpg"), "--quiet", *flags]
    began = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    worked = used.ru_utime + used.ru_stime
    told = f"{time.monotonic() - began:.1f} s, {worked:.1f} of the processor, {used.ru_maxrss / 2**20:.2f} GiB"
    return picture.read(target).image, told


@torch.no_grad()
def measures(
    judge: Encoder, image: Tensor, painting: Tensor, naive: Tensor, mask: Tensor
) -> tuple[float, float, float]:
    ours, theirs, before = (judge(one, (*STYLE, CONTENT)) for one in (image, painting, naive))
    held = {tap: pool_to_grid(mask[None], size_of(ours[tap]), judge.strides[tap]) for tap in ours}
    inner = {tap: one * (one > 0.5) for tap, one in held.items()}
    style = [float(gram_loss(moments(ours[tap], inner[tap]), moments(theirs[tap]))) for tap in STYLE]
    wrong, whole = (one.square().sum(0) for one in (ours[CONTENT] - before[CONTENT], before[CONTENT]))
    content = float((wrong * held[CONTENT]).sum() / (whole * held[CONTENT]).sum())
    inside = mask.numpy() > 0.5
    own, steep = grain(image)
    calm = np.quantile(steep[inside], 0.4)
    other, flat = grain(painting)
    return sum(style) / len(style), content, float(own[inside & (steep <= calm)].mean() / other[flat <= calm].mean())


def grain(image: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Of each pixel the grain, and how steep its surroundings are, in L of CIELAB."""
    light = cv2.cvtColor(image.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2LAB)[..., 0]
    smooth = cv2.GaussianBlur(light, (0, 0), 2)
    steep = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.abs(light - cv2.medianBlur(light, 3)), steep


if __name__ == "__main__":
    cyclopts.run(main)
