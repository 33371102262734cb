"""One optimization step against the encoder's bare forward and backward pass, and what each further region costs.

    python benchmarks/step.py [--size 512] [--rounds 9]

Times: all are taken in turn, round by round, in one process; medians and ratios are printed, of the wall and of the
processor (which other programs disturb less). Memory: each kind in a process of its own, the peak of its resident set
from the building of the goal on, through 13 steps, also over what it held before."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cyclopts
import torch

from intarsia import sources, swatches
from intarsia.encoders import Encoder, load
from intarsia.engine import descend
from intarsia.guide import Guide, Region
from intarsia.methods.gatys import Gatys, Goal
from intarsia.scene import View

KINDS = ("1 hard", "2 hard", "2 soft", "4 hard", "4 soft", "8 hard", "8 soft", "64 patches")
MEASURED = ("1 hard", "8 hard", "8 soft", "64 patches")  # of which the peak of memory is taken
HISTORY = 12  # steps that fill the history of L-BFGS, whose cost is part of a step
BARE = "bare forward + backward"


def soft_stripes(count: int, size: int) -> list[torch.Tensor]:
    """`count` upright stripes with soft borders that sum to 1."""
    across = (torch.arange(size) + 0.5) / size * count
    weights = (1 - (across - 0.5 - torch.arange(count)[:, None]).abs()).clamp(0, 1)
    weights[0, : size // (2 * count)] = 1
    weights[-1, -(size // (2 * count)) :] = 1
    return [stripe.expand(size, size) for stripe in weights / weights.sum(0)]


def hard_stripes(count: int, size: int) -> list[torch.Tensor]:
    owner = torch.arange(size) * count // size
    return [(owner == i).float().expand(size, size) for i in range(count)]


def patches(count: int, size: int) -> Guide:
    """`count` squares with soft windows, each of a label of its own that the style has in another place."""
    side = round(count**0.5)
    place = torch.arange(size) * side // size
    labels = place[:, None] * side + place
    elsewhere = torch.randperm(side * side, generator=torch.Generator().manual_seed(0))[labels]
    style = swatches.paint("starry", (size, size))
    patch = size // side
    return sources.patches(labels, elsewhere, style, content_patch=patch, style_patch=patch)


def guide_of(kind: str, size: int) -> Guide:
    count, form = kind.split()
    if form == "patches":
        return patches(int(count), size)
    maps = soft_stripes(int(count), size) if form == "soft" else hard_stripes(int(count), size)
    styles = [swatches.paint(name, (size, size)) for name in list(swatches.SWATCHES)[: int(count)]]
    return Guide(tuple(Region(*pair) for pair in zip(styles, maps, strict=True)))


def goal_of(encoder: Encoder, kind: str, size: int) -> tuple[Goal, torch.Tensor]:
    content = swatches.paint("watercolor", (size, size), 1)
    return Goal.build(Gatys(), encoder, View.of(content, guide_of(kind, size).merged())), content


def steps(goal: Goal, content: torch.Tensor) -> Iterator[object]:
    descent = descend(lambda now: goal(now["image"]), {"image": content}, 10**6)
    for _ in range(HISTORY):
        next(descent)
    return descent


def bare(encoder: Encoder, size: int) -> Callable[[], object]:
    content, taps = swatches.paint("watercolor", (size, size), 1), list(Gatys().style_taps)

    def run() -> None:
        image = content.clone().requires_grad_()
        torch.stack([features.float().sum() for features in encoder(image, taps).values()]).sum().backward()

    return run


def peak(encoder: str, kind: str, size: int) -> None:
    """Runs in a child process: prints the MiB that it holds before the goal is built, and at its peak from then on."""
    loaded, content, guide = load(encoder), swatches.paint("watercolor", (size, size), 1), guide_of(kind, size).merged()
    bare(loaded, 64)()
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    next(steps(Goal.build(Gatys(), loaded, View.of(content, guide)), content))
    print(json.dumps([before, _resident("VmHWM")]))


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def main(*, size: int = 512, rounds: int = 9, encoder: str = "compact", peak_of: str | None = None) -> None:
    """peak_of: measure the memory of this kind alone, as the child processes do."""
    if peak_of is not None:
        return peak(encoder, peak_of, size)
    loaded = load(encoder)
    runs: dict[str, Callable[[], object]] = {BARE: bare(loaded, size)}
    for kind in KINDS:
        descent = steps(*goal_of(loaded, kind, size))
        runs[kind] = lambda descent=descent: next(descent)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    wall, processor = (
        {name: statistics.median(pair[i] for pair in pairs) for name, pairs in times.items()} for i in (0, 1)
    )
    threads = torch.get_num_threads()
    print(f"{size} x {size}, {encoder}, {loaded.precision}, {threads} threads, {rounds} rounds, medians")
    print("| step | wall | of bare | of one region | processor, of one region |\n|---|---|---|---|---|")
    for name, seconds in wall.items():
        ratios = seconds / wall[BARE], seconds / wall[KINDS[0]], processor[name] / processor[KINDS[0]]
        print(f"| {name} | {1000 * seconds:.0f} ms |" + "".join(f" {ratio:.2f} |" for ratio in ratios), flush=True)
    print(
        "\n| peak of memory | process | less what it held before | of one region, process / less |\n|---|---|---|---|"
    )
    first: tuple[float, float] | None = None
    for kind in MEASURED:
        command = [sys.executable, __file__, "--size", str(size), "--encoder", encoder, "--peak-of", kind]
        before, most = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        first = first or (most, most - before)
        ratios = f"{most / first[0]:.2f} / {(most - before) / first[1]:.2f}"
        print(f"| {kind} | {most:.0f} MiB | {most - before:.0f} MiB | {ratios} |", flush=True)
    return None


if __name__ == "__main__":
    cyclopts.run(main)
