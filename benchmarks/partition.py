"""Automatic partition at 512 px against masks drawn by hand, beside k-means in RGB with the same number of regions.

    python benchmarks/partition.py --cases ../shared/cases --sheet partition.jpg

Intersection over union with the region that a mask shows; with three regions, a union of two may be taken for it, for
both methods alike. Where a map has several regions (photo_01), the mean over them, each with one region of its own.
Constants are the same for all; K is chosen by the picture, 2 or 3. Time is processor time of a partition with the
encoder loaded, and elapsed time."""

import itertools
import json
import time
from pathlib import Path
from statistics import mean, median

import cyclopts
import torch
from scipy.optimize import linear_sum_assignment

from intarsia import picture
from intarsia.encoders import load
from intarsia.partition import Partition, Seeds, partition
from intarsia.partition.coloring import overlay
from intarsia.sizes import size_of
from intarsia.sources import maps_of_colors, polygon

MASKS = Path(__file__).with_name("masks")
K = {
    "content/portrait_brad_pitt.jpg": 2,
    "content/portrait_man_street.jpg": 3,
    "content/city_tubingen.jpg": 3,
    "content/bridge_golden_gate.jpg": 2,
    "content/landscape_yosemite.jpg": 3,
    "content/still_life_vase.jpg": 2,
    "regions/photo_01/content.png": 3,
    "regions/photo_28/content.png": 2,
}
# The bouquet is pale on a pale wall, the jug grayer than the cloth beneath it: no clustering at 2 or 3 regions has set
# apart what a person sees there. A person can say so; this is printed, and not counted.
POINTS = {
    "content/still_life_vase.jpg": (
        *("0.55,0.75=1", "0.6,0.3=1"),
        *("0.15,0.3=2", "0.2,0.92=2", "0.92,0.6=2", "0.9,0.92=2", "0.6,0.05=2"),
    )
}
SKY = "#ffffff"  # in the map of photo_28


def truths(cases: Path, name: str, size: tuple[int, int]) -> torch.Tensor:
    """What is to be found, (r, h, w), true inside."""
    drawn = MASKS / f"{Path(name).stem}.json"
    if drawn.exists():
        covered = torch.zeros(size)
        for points in json.loads(drawn.read_text())["polygons"]:  # one inside another is a hole
            covered = (covered - polygon(size, torch.tensor(points))).abs()
        return covered[None] > 0.5
    if name == "content/portrait_man_street.jpg":
        return picture.resize(picture.read_map(cases / "regions/cysmith_face/mask.png")[None], size) > 0.5
    maps = maps_of_colors(picture.read((cases / name).with_name("content_seg.png")).image)
    kept = [maps[SKY]] if "photo_28" in name else list(maps.values())
    return picture.resize(torch.stack(kept), size) > 0.5


def score(found: Partition, truth: torch.Tensor) -> float:
    labels = torch.arange(found.k)
    if len(truth) > 1:
        table = torch.tensor([[iou(found.labels == label, one) for label in labels] for one in truth])
        rows, columns = linear_sum_assignment(-table.numpy())
        return float(table[rows, columns].mean())
    unions = itertools.chain(*(itertools.combinations(labels, n) for n in range(1, found.k)))
    return max(iou(torch.isin(found.labels, torch.stack(union)), truth[0]) for union in unions)


def iou(found: torch.Tensor, truth: torch.Tensor) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def main(*, cases: Path, repeats: int = 3, carry: str = "upsample", sheet: Path | None = None) -> None:
    encoder = load("compact", device="cpu")
    scores, baseline, times, rows = [], [], [], []
    for name, k in K.items():
        content = picture.read(cases / name).image
        content = picture.resize(content, picture.fit(*size_of(content), 512))
        truth = truths(cases, name, size_of(content))
        spent = []
        for _ in range(repeats):
            began = time.process_time(), time.perf_counter()
            found = partition(content, k, encoder=encoder, carry=carry)
            spent.append((time.process_time() - began[0], time.perf_counter() - began[1]))
        simple = partition(content, k, method="kmeans")
        scores.append(score(found, truth))
        baseline.append(score(simple, truth))
        times.append([median(column) for column in zip(*spent, strict=True)])
        told = f"processor {times[-1][0]:.2f} s  elapsed {times[-1][1]:.2f} s"
        print(f"{name:32} K={k}  IoU {scores[-1]:.3f}  k-means {baseline[-1]:.3f}  {told}", flush=True)
        if name in POINTS:
            seeds = Seeds.parse(POINTS[name])
            steered = score(partition(content, k, encoder=encoder, carry=carry, seeds=seeds), truth)
            print(f"{'':32} K={k}  IoU {steered:.3f}  with {len(POINTS[name])} seed points", flush=True)
        row = torch.cat([content, overlay(content, found.labels), overlay(content, simple.labels)], 2)
        rows.append(torch.nn.functional.pad(row, (0, 1536 - row.shape[2], 0, 512 - row.shape[1])))
    worst = max(one[0] for one in times)
    print(f"mean {mean(scores):.3f}  least {min(scores):.3f}  k-means {mean(baseline):.3f}  longest {worst:.2f} s")
    if sheet is not None:
        half = len(rows) // 2
        pairs = [torch.cat(pair, 2) for pair in zip(rows[:half], rows[half:], strict=True)]
        whole = torch.cat(pairs, 1)
        picture.write(sheet, picture.resize(whole, (whole.shape[1] // 2, whole.shape[2] // 2)))


if __name__ == "__main__":
    cyclopts.run(main)
