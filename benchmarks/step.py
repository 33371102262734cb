"""One optimization step against the encoder's bare forward and backward pass, and what each further region costs.

    python benchmarks/step.py [--size 512] [--rounds 9]

All are taken in turn, round by round, in one process; medians and ratios are printed."""

import statistics
import time
from collections.abc import Callable

import cyclopts
import torch

from intarsia import swatches
from intarsia.encoders import load
from intarsia.engine import descend
from intarsia.guide import Guide, Region
from intarsia.methods.gatys import Gatys, Goal


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


def bare(encoder, image: torch.Tensor, taps: list[str]) -> None:
    image = image.clone().requires_grad_()
    sum(features.float().sum() for features in encoder(image, taps).values()).backward()


def main(*, size: int = 512, rounds: int = 9, encoder: str = "compact") -> None:
    loaded, method = load(encoder), Gatys()
    content = swatches.paint("watercolor", (size, size), 1)
    styles = [swatches.paint(name, (size, size)) for name in list(swatches.SWATCHES)[:8]]
    runs: dict[str, Callable[[], object]] = {}
    taps = list(method.style_taps)
    runs["bare forward + backward"] = lambda: bare(loaded, content, taps)

    def steps(guide: Guide) -> Callable[[], object]:
        goal = Goal.build(method, loaded, content, guide.merged())
        descent = descend(goal, content, 10**6)
        for _ in range(12):  # fill the history of L-BFGS: its cost is part of a step
            next(descent)
        return lambda: next(descent)

    runs["step, 1 region"] = steps(Guide.everywhere(styles[0]))
    for count in (2, 4, 8):
        for kind, maps in (("hard", hard_stripes(count, size)), ("soft", soft_stripes(count, size))):
            guide = Guide(tuple(Region(*pair) for pair in zip(styles, maps, strict=False)))
            runs[f"step, {count} {kind} regions"] = steps(guide)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"{size} x {size}, {encoder}, {loaded.precision}, {torch.get_num_threads()} threads, {rounds} rounds, medians"
    )
    for name, seconds in middle.items():
        against = seconds / middle["bare forward + backward"]
        more = seconds / middle["step, 1 region"]
        print(f"{name:28} {1000 * seconds:7.1f} ms   {against:5.2f} of bare   {more:5.2f} of one region")


if __name__ == "__main__":
    cyclopts.run(main)
