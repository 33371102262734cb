"""How well the warp of `deform` does its work, how long it takes, and how much memory.

    python benchmarks/deform.py CASES [SIZE [FOLDER]]

CASES is a folder with deform/keypoints.json, as for points.py. Each pair of pictures is painted with points that are
found and with those made by hand, by either painter, at a long side of SIZE, 256 if not given. Pictures go to FOLDER:
content, content bent, painting before it is bent, and result, side by side.
"""

import itertools
import json
import resource
import sys
import time
import warnings
from pathlib import Path

import torch

from intarsia import picture
from intarsia.encoders import load
from intarsia.geometry import folds, sample, seen_at
from intarsia.guide import Guide
from intarsia.methods import Deform
from intarsia.methods.deform import Bent
from intarsia.sizes import fit, resize, size_of


def main(folder: Path, size: int, out: Path | None) -> None:
    encoder = load("compact")
    cases = {
        name: one for name, one in json.loads((folder / "deform/keypoints.json").read_text()).items() if "pairs" in one
    }
    for name, by_hand, painter in itertools.product(cases, (False, True), ("gatys", "strotss")):
        content, style = (picture.read(folder / cases[name][side]).image for side in ("content", "style"))
        content = resize(content, fit(*size_of(content), size))
        hand = tuple((*a, *b) for a, b in cases[name]["pairs"].values())
        method = Deform(painter=painter, points=hand if by_hand else ())
        began, used = time.monotonic(), time.process_time()
        *_, frame = method(content, Guide.everywhere(style), encoder=encoder)
        took = f"{time.monotonic() - began:.1f} s, of processors {time.process_time() - used:.1f} s"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        kind = f"{'hand' if by_hand else 'found'} {painter}"
        print(f"{name:7} {kind:14} {_work(frame)}  {took}  peak so far {peak:.2f} GiB", flush=True)
        if out is not None:
            row = [content, sample(content, frame.grid).clamp(0, 1), frame.unwarped, frame.image]
            picture.write(out / f"{name}-{kind.replace(' ', '-')}-{size}.png", torch.cat(row, 2))


def _work(frame: Bent) -> str:
    (points, targets), side = frame.ways, torch.tensor(size_of(frame.image)[::-1])
    before, after = (((one - targets) * side).norm(dim=1) / max(side) for one in (points, seen_at(points, frame.grid)))
    closer = 100 * (1 - after.mean() / before.mean())
    off = f"{100 * before.mean():.1f} % off before, {100 * after.mean():.1f} after: {closer:.0f} % closer"
    return f"{len(points):2} points  {off}  folds {100 * folds(frame.grid):.2f} %"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 256,
        Path(sys.argv[3]) if len(sys.argv) > 3 else None,
    )
