import os
import subprocess
import sys

import pytest
import torch

from intarsia import picture
from intarsia.cli import run

TOY = ["--encoder", "toy", "--coarsest", "16", "--precision", "fp32"]


@pytest.fixture
def stylize(folder):
    """`stylize("content.png", "style.png", "-o", "out.png")`: the command with quick settings; gives its exit code."""

    def call(*arguments: str, steps: int = 4, size: int = 64) -> int:
        return run(["stylize", *arguments, *TOY, "--steps", str(steps), "--size", str(size)])

    return call


@pytest.fixture
def write_map(folder):
    """`write_map("left.png", left=1)`: a mask of the content's size, gray left and right halves."""

    def write(name: str, left: float = 0, right: float = 0, size: tuple[int, int] = (48, 64)) -> str:
        gray = torch.full(size, float(right))
        gray[:, : size[1] // 2] = left
        picture.write(name, gray.expand(3, *size))
        return name

    return write


@pytest.fixture
def start(folder):
    """A process of its own, for what only a process has: signals, pipes, terminals."""
    started = []

    def begin(*arguments: str, environment: dict[str, str] | None = None, **streams) -> subprocess.Popen:
        program = [sys.executable, "-c", "from intarsia.cli import main; main()", *arguments]
        settings = {**os.environ, "OMP_NUM_THREADS": "1"} | (environment or {})
        started.append(subprocess.Popen(program, env=settings, **streams))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
