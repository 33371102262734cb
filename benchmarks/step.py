"""One optimization step against the convolutions alone, what each further region costs, and where the time goes.

    python benchmarks/step.py [--size 512] [--rounds 9] [--loss gram --loss wasserstein] [--kernels]

Convolutions alone: the encoder's, forward and backward to their input, on the same shapes, nothing between them.
Times: all are taken in turn, round by round, in one process; medians and ratios are printed, of the wall and of the
processor (which other programs disturb less). `OMP_NUM_THREADS=1` for one thread; start it with
MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=2147483647 for the memory habits of the command. Memory
(--memory): each kind in a process of its own, the peak of its resident set from the building of the goal on, through 13
steps, also over what it held before. --kernels: a profiler's table of one step, by kernel."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import cyclopts
import torch

from intarsia import sources, swatches
from intarsia.color import smooth_chroma
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg import LAYERS, TAPS
from intarsia.engine import descend
from intarsia.guide import Guide, Region
from intarsia.methods.gatys import Gatys
from intarsia.methods.parts.goal import Goal
from intarsia.scene import View

KINDS = ("1 hard", "2 hard", "2 soft", "4 hard", "4 soft", "8 hard", "8 soft", "64 patches")
MEASURED = ("1 hard", "8 hard", "8 soft", "64 patches")  # of which the peak of memory is taken
HISTORY = 12  # steps that fill the history of L-BFGS, whose cost is part of a step
BARE = "convolutions alone"


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


def goal_of(encoder: Encoder, kind: str, size: int, loss: str = "wasserstein") -> tuple[Goal, torch.Tensor]:
    content = swatches.paint("watercolor", (size, size), 1)
    method = Gatys(loss=loss)  # pyright: ignore[reportArgumentType]
    goal = Goal.build(method, encoder, View.of(content, guide_of(kind, size).merged()))
    return goal.matched(content), content


def steps(goal: Goal, content: torch.Tensor) -> Iterator[object]:
    """Steps as the method takes them, colors smoothed."""
    times = goal.method.chroma_smoothing
    descent = descend(lambda now: goal(smooth_chroma(now["image"], times)), {"image": content}, 10**6)
    for _ in range(HISTORY):
        next(descent)
    return descent


def convolutions(encoder: Encoder, size: int) -> Callable[[], object]:
    """Those down to the deepest style tap, one after the other, each on a picture of noise of its own."""
    deepest = max(TAPS.index(tap) for tap in Gatys().style_taps)
    work = []
    for layer in LAYERS[: deepest + 1]:
        conv, side = encoder.network.conv(layer), size // encoder.strides[f"relu{layer}"]  # pyright: ignore[reportAttributeAccessIssue]
        weight, bias = (value.to(encoder.precision) for value in (conv.weight.detach(), conv.bias.detach()))
        padded, answer = (
            torch.randn(1, channels, n, n).to(encoder.precision).contiguous(memory_format=torch.channels_last)
            for channels, n in ((conv.in_channels, side + 2), (conv.out_channels, side))
        )
        work.append((padded, weight.contiguous(memory_format=torch.channels_last), bias, answer))
    sides = [1, 1], [0, 0], [1, 1], False, [0, 0], 1

    def run() -> None:
        for padded, weight, bias, answer in work:
            torch.nn.functional.conv2d(padded, weight, bias)
            torch.ops.aten.convolution_backward(answer, padded, weight, [len(weight)], *sides, [True, False, False])

    return run


def kernels(encoder: Encoder, size: int, loss: str) -> None:
    """By kernel, the processor time of a step."""
    descent = steps(*goal_of(encoder, KINDS[0], size, loss))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for _ in range(5):
            next(descent)
    rows = sorted(profile.key_averages(), key=lambda row: -row.self_cpu_time_total)
    print(f"\n| kernel, {loss}, {size} x {size} | ms a step | calls |\n|---|---|---|")
    for row in rows[:24]:
        print(f"| {row.key} | {row.self_cpu_time_total / 5000:.1f} | {row.count / 5:.0f} |")


def peak(encoder: str, kind: str, size: int) -> None:
    """Runs in a child process: prints the MiB that it holds before the goal is built, and at its peak from then on."""
    loaded, content, guide = load(encoder), swatches.paint("watercolor", (size, size), 1), guide_of(kind, size).merged()
    convolutions(loaded, 64)()
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    next(steps(Goal.build(Gatys(), loaded, View.of(content, guide)), content))
    print(json.dumps([before, _resident("VmHWM")]))


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def main(
    *,
    size: int = 512,
    rounds: int = 9,
    encoder: str = "compact",
    loss: list[str] | None = None,
    regions: bool = True,
    memory: bool = False,
    kernel: Annotated[bool, cyclopts.Parameter(name="--kernels")] = False,
    peak_of: str | None = None,
) -> None:
    """peak_of: measure the memory of this kind alone, as the child processes do."""
    if peak_of is not None:
        return peak(encoder, peak_of, size)
    loaded, losses = load(encoder), loss or ["gram", "moments", "wasserstein", "patches"]
    runs: dict[str, Callable[[], object]] = {BARE: convolutions(loaded, size)}
    wanted = [(KINDS[0], one) for one in losses]
    wanted += [(kind, "wasserstein") for kind in KINDS[1:]] if regions else []
    for kind, one in wanted:
        descent = steps(*goal_of(loaded, kind, size, one))
        runs[f"{kind}, {one}"] = lambda descent=descent: next(descent)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter(), time.process_time()
            run()
            times[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    wall, processor = (
        {name: statistics.median(pair[i] for pair in pairs) for name, pairs in times.items()} for i in (0, 1)
    )
    threads, one = torch.get_num_threads(), next((name for name in runs if name == f"{KINDS[0]}, wasserstein"), BARE)
    print(f"{size} x {size}, {encoder}, {loaded.precision}, {threads} threads, {rounds} rounds, medians")
    print(f"| step | wall | of convolutions | of {one} | processor, of {one} |\n|---|---|---|---|---|")
    for name, seconds in wall.items():
        ratios = seconds / wall[BARE], seconds / wall[one], processor[name] / processor[one]
        print(f"| {name} | {1000 * seconds:.0f} ms |" + "".join(f" {ratio:.2f} |" for ratio in ratios), flush=True)
    if kernel:
        for one in losses:
            kernels(loaded, size, one)
    if memory:
        peaks(encoder, size)
    return None


def peaks(encoder: str, size: int) -> None:
    print("\n| peak of memory | process | less what it held before | of one region, process / less |")
    print("|---|---|---|---|")
    first: tuple[float, float] | None = None
    for kind in MEASURED:
        command = [sys.executable, __file__, "--size", str(size), "--encoder", encoder, "--peak-of", kind]
        before, most = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        first = first or (most, most - before)
        ratios = f"{most / first[0]:.2f} / {(most - before) / first[1]:.2f}"
        print(f"| {kind} | {most:.0f} MiB | {most - before:.0f} MiB | {ratios} |", flush=True)


if __name__ == "__main__":
    cyclopts.run(main)
