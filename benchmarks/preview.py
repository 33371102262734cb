"""Quick looks: time from a changed map to the picture, beside the method called anew, and how far the two are apart.

    python benchmarks/preview.py CONTENT STYLE STYLE [--size 384] [--rounds 20] [--threads 2]

A region is moved across the content, as if it were being painted; the rest takes the other style."""

import statistics
import time
from pathlib import Path

import cyclopts
import torch

import intarsia
from intarsia import picture
from intarsia.guide import Guide, Region
from intarsia.methods.wct import WCT
from intarsia.sizes import size_of
from intarsia.sources import ellipse


def run(content: Path, first: Path, second: Path, /, *, size: int = 384, rounds: int = 20, threads: int = 2) -> None:
    torch.set_num_threads(threads)
    styles = [picture.read(str(one)).image for one in (first, second)]
    began = time.perf_counter()
    look = intarsia.preview(str(content), size=size)
    opened = time.perf_counter() - began
    anew, kept, apart = [], [], 0.0
    for i in range(rounds + 1):
        region = ellipse(size_of(look.content), (0.2 + 0.6 * i / rounds, 0.5), (0.15, 0.25))
        guide = Guide((Region(styles[0], region, name="region"), Region(styles[1], 1 - region, name="rest")))
        began = time.perf_counter()
        image = look(guide)
        kept.append(time.perf_counter() - began)
        began = time.perf_counter()
        *_, frame = WCT()(picture.resize(picture.read(str(content)).image, size_of(look.content)), guide)
        anew.append(time.perf_counter() - began)
        apart = max(apart, float((frame.image - image).abs().max()))
    told = f"median {statistics.median(kept[1:]):.3f} s   largest {max(kept[1:]):.3f} s   first {kept[0]:.3f} s"
    print(f"{size} px   opening {opened:.2f} s   {told}   anew {statistics.median(anew[1:]):.3f} s   apart {apart:.1e}")


if __name__ == "__main__":
    cyclopts.run(run)
