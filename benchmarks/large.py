"""Pictures larger than memory: loss and gradient by tiles against the whole picture's, and a run of the whole command.

    python benchmarks/large.py CONTENT STYLE [--size 4096] [--steps 12] [--fits 1280] [-- FLAGS OF intarsia stylize]

First at a size where both fit: how far the gradient by tiles is from that of the whole, in fp32, and the time of a step
in turn, in one process. Then `intarsia stylize` at the full size: its largest resident set, and seconds per step at
that size. With `--coarsest` of that size all steps are there, which fills the history of L-BFGS: its peak."""

import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cyclopts
import torch

from intarsia import picture
from intarsia.encoders import load
from intarsia.guide import Guide
from intarsia.methods.gatys import Gatys
from intarsia.methods.parts.goal import Goal
from intarsia.scene import View
from intarsia.sizes import size_of


def against_the_whole(content: torch.Tensor, style: torch.Tensor, sides: list[int], rounds: int) -> None:
    h, w = size_of(content)
    noisy = (content + 0.1 * torch.randn(content.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    print(f"{w} x {h}, {torch.get_num_threads()} threads, medians of {rounds} rounds in turn, processor time")
    print("| tiles | gradient, fp32: relative distance to the whole's | step, bf16 where it is fast | of the whole |")
    print("|---|---|---|---|")
    names: list[int | None] = [None, *sides]
    exact, fast = (
        {
            side: Goal.build(Gatys(), load("compact", precision=one), View.of(content, Guide.everywhere(style)), side)
            for side in names
        }
        for one in ("fp32", "auto")
    )
    gradients = {side: _gradient(goal, noisy) for side, goal in exact.items()}
    times: dict[int | None, list[float]] = {side: [] for side in names}
    for _ in range(rounds):
        for side, goal in fast.items():
            began = time.process_time()
            _gradient(goal, noisy)
            times[side].append(time.process_time() - began)
    whole, median = gradients[None], {side: statistics.median(many) for side, many in times.items()}
    for side in names:
        wrong = float((gradients[side] - whole).norm() / whole.norm())
        told = "whole" if side is None else f"{side} px"
        print(f"| {told} | {wrong:.1e} | {median[side]:.2f} s | {median[side] / median[None]:.2f} |")


def _gradient(goal: Goal, image: torch.Tensor) -> torch.Tensor:
    pixels = image.clone().requires_grad_()
    loss = torch.stack(list(goal(pixels).values())).sum()
    if loss.requires_grad:
        loss.backward()
    assert pixels.grad is not None
    return pixels.grad


def whole_command(content: Path, style: str, size: int, steps: int, flags: tuple[str, ...]) -> None:
    command = [str(Path(sys.executable).with_name("intarsia")), "stylize", str(content), style, "--json"]
    with tempfile.TemporaryDirectory() as folder:
        wanted = ["-o", f"{folder}/out.png", "--size", str(size), "--steps", str(steps), *flags]
        began, seen = time.monotonic(), []
        with subprocess.Popen([*command, *wanted], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "notice":
                    print(event["message"])
                if event["event"] == "step" and max(event["size"]) == size:
                    seen.append(time.monotonic())
        assert process.returncode == 0
    seconds = [b - a for a, b in itertools.pairwise(seen)]
    each = f"median {statistics.median(seconds):.1f} s a step" if seconds else "one step"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    told = f"{time.monotonic() - began:.0f} s in all, {len(seen)} steps at the full size, {each}"
    print(f"{content.name} at {size} px, {steps} steps: {told}; peak {peak:.2f} GiB")


def main(
    content: Path, style: str, *flags: str, size: int = 4096, steps: int = 12, fits: int = 1280, rounds: int = 3
) -> None:
    """fits: long side at which the whole picture is compared; 0 leaves that out."""
    if fits:
        small, wanted = picture.read(content).image, picture.read(style).image
        small = picture.resize(small, picture.fit(*size_of(small), fits))
        against_the_whole(small, wanted, [1024, 512, 256], rounds)
    whole_command(content, style, size, steps, flags)


if __name__ == "__main__":
    cyclopts.run(main)
