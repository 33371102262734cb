"""How near automatic pairs come to pairs made by hand, and how long they take.

    python benchmarks/points.py CASES

CASES is a folder with deform/keypoints.json: for each pair of pictures their paths and points made by hand. A spline
through these says where a point of the content belongs in the style.
"""

import json
import sys
import time
from pathlib import Path

import torch

from intarsia import picture
from intarsia.encoders import load
from intarsia.geometry import Pairs, border_points, sample, seen_at, thin_plate, warp_grid
from intarsia.methods.parts.buddies import best_pairs
from intarsia.sizes import size_of
from intarsia.types import Image

INNER = torch.tensor([[0.3, 0.3], [0.7, 0.35], [0.5, 0.6], [0.35, 0.75], [0.7, 0.7]]).double()


def main(folder: Path) -> None:
    torch.set_num_threads(2)
    encoder = load("compact")
    cases = json.loads((folder / "deform" / "keypoints.json").read_text())
    for name, case in ((name, case) for name, case in cases.items() if isinstance(case, dict)):
        content, style = (picture.read(folder / case[side]).image for side in ("content", "style"))
        hand = torch.tensor(list(case["pairs"].values())).double()
        for finest in ("relu3_1", "relu2_1", "relu1_1"):
            began = time.monotonic()
            pairs = best_pairs(encoder, content, style, finest=finest)
            seconds = time.monotonic() - began
            told = _told(_off(Pairs.of(hand[:, 0], hand[:, 1]), pairs, content, style))
            print(f"{name:8} {finest}  {len(pairs):3} pairs  {told}  {seconds:.1f} s")
            warped, wrong = _known(content), "no pairs"
            known = best_pairs(encoder, content, sample(content.float(), warped), finest=finest)
            if len(known):
                wrong = _told(100 * (seen_at(known.content, warped) - known.style).norm(dim=1))
            print(f"{'':8} its own warp: {len(known):3} pairs  {wrong}")


def _off(hand: Pairs, pairs: Pairs, content: Image, style: Image) -> torch.Tensor:
    """How far each pair's point of the style is from where the hand-made pairs have it, in percent of the width."""
    (height, width), spline = size_of(style), thin_plate(hand.content, hand.style, size_of(content))
    return 100 * ((spline(pairs.content) - pairs.style) * torch.tensor([1, height / width])).norm(dim=1)


def _known(image: Image) -> torch.Tensor:
    """A warp by up to 6 % of a side."""
    moved = INNER + 0.12 * (torch.rand(5, 2, generator=torch.Generator().manual_seed(0)).double() - 0.5)
    return warp_grid(torch.cat([border_points(), INNER]), torch.cat([border_points(), moved]), size_of(image))


def _told(off: torch.Tensor) -> str:
    if not len(off):
        return "none"
    return f"median {float(off.median()):.1f} %, nine of ten within {float(off.quantile(0.9)):.1f} %"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
