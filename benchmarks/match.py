"""Matching patches of features: how long it takes, how much memory, and whether it finds what plain products find.

    python benchmarks/match.py --cases ../shared/cases [--size 512] [--tap relu3_1] [--rounds 7] [--memory]

City and Starry Night, both square; an area of 15 % of the city, a rectangle, is matched with all of the painting, and
the rest of it too (`all but 15 %`), and the area with a part of the painting. Plain: patches formed and multiplied in
fp32, 2,048 by 2,048. Both in turn, round by round, in one process; medians. Start it with GOMP_SPINCOUNT=10000
MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483647 for the habits of the command, and `OMP_NUM_THREADS=1`
for one thread. --memory: the peak of a process that does nothing else, over what it held before."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cyclopts
import torch
import torch.nn.functional as F
from torch import Tensor

from intarsia import picture
from intarsia.encoders import load
from intarsia.large.memory import hand_back_memory
from intarsia.match import nearest, places
from intarsia.methods.parts.patchwork import as_rows
from intarsia.sizes import size_of

PICTURES = ("content/city_tubingen.jpg", "style/starry_night_1280.jpg")
PLAIN_CHUNK = 2048


class Job(NamedTuple):
    rows: Tensor
    wanted: Tensor
    pool: Tensor
    offered: Tensor


def plain(rows: Tensor, wanted: Tensor, pool: Tensor, offered: Tensor) -> Tensor:
    found = []
    for at in wanted.split(PLAIN_CHUNK):
        here = F.normalize(rows[at].flatten(1).float(), dim=1)
        best, index = here.new_full((len(at),), -torch.inf), at.new_zeros(len(at))
        for first in range(0, len(offered), PLAIN_CHUNK):
            there = F.normalize(pool[offered[first : first + PLAIN_CHUNK]].flatten(1).float(), dim=1)
            score, column = (here @ there.T).max(1)
            index = torch.where(score > best, first + column, index)
            best = torch.maximum(best, score)
        found.append(index)
    return torch.cat(found)


WAYS: dict[str, Callable[..., Tensor]] = {"ours": nearest, "plain": plain}


@torch.no_grad()
def jobs(cases: Path, size: int, tap: str) -> dict[str, Job]:
    encoder = load("compact")
    image, style = (
        encoder(picture.resize(picture.read(cases / one).image, (size, size)).to(encoder.device), [tap])[tap]
        for one in PICTURES
    )
    (h, w), rows, pool = size_of(image), as_rows(image), as_rows(style)
    area = torch.zeros(h, w, dtype=torch.bool)
    area[h // 4 : h // 4 + round(0.39 * h), w // 3 : w // 3 + round(0.385 * w)] = True
    part, rest, everything = (
        places((h, w), inside=one).to(rows.device) for one in (area, ~area, torch.ones_like(area))
    )
    return {
        "15 % with all": Job(rows, part, pool, everything),
        "all but 15 % with all": Job(rows, rest, pool, everything),
        "15 % with 15 %": Job(rows, part, pool, part),
    }


def compared(job: Job, rounds: int) -> str:
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    found = {name: way(*job) for name, way in WAYS.items()}  # not counted: the first is slower
    for _ in range(rounds):
        for name, way in WAYS.items():
            began = time.perf_counter()
            way(*job)
            times[name].append(time.perf_counter() - began)
    ours, other = (statistics.median(times[name]) for name in WAYS)
    alike = float((found["ours"] == found["plain"]).float().mean())
    spread = f"{min(times['ours']):.2f} to {max(times['ours']):.2f}"
    counts = f"{len(job.wanted)} x {len(job.offered)}"
    return f"{counts} | {ours:.2f} s ({spread}) | {other:.2f} s | {ours / other:.2f} | {100 * alike:.2f} %"


def peak(way: str, job: Job) -> None:
    """Runs in a child process: prints the MiB of its peak over what it held."""
    hand_back_memory()
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    WAYS[way](*job)
    print(_resident("VmHWM") - before)


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def main(
    *,
    cases: Path,
    size: int = 512,
    tap: str = "relu3_1",
    rounds: int = 7,
    memory: bool = False,
    peak_of: str | None = None,
) -> None:
    """peak_of: measure the memory of `ours` or `plain` alone, as the child processes do."""
    every = jobs(cases, size, tap)
    if peak_of is not None:
        return peak(peak_of, every["15 % with all"])
    dtype, threads = every["15 % with all"].rows.dtype, torch.get_num_threads()
    print(f"{size} x {size}, {tap}, features in {dtype}, {threads} threads, {rounds} rounds, medians")
    print("| matched | patches | ours | plain | ours / plain | alike |\n|---|---|---|---|---|---|")
    for name, job in every.items():
        print(f"| {name} | {compared(job, rounds)} |", flush=True)
    for way in WAYS if memory else ():
        command = [sys.executable, __file__, "--cases", str(cases), "--size", str(size), "--tap", tap, "--peak-of", way]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(f"peak of {way}, 15 % with all: {float(told):.0f} MiB")
    return None


if __name__ == "__main__":
    cyclopts.run(main)
