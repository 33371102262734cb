"""What the methods share: the frame that they yield, one descent at one size, the moments of a guide's styles."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia import scratch, tiles
from intarsia.encoders import Encoder
from intarsia.errors import DivergedError
from intarsia.guide import Guide, Region
from intarsia.moments import Moments, moments
from intarsia.picture import fit, resize
from intarsia.pyramid import pool_to_grid, size_of

Image = Float[Tensor, "3 _ _"]
State = dict[str, Tensor]  # flat and made of tensors alone, so that it can be kept in a safetensors file
Objective = Callable[[Image], Mapping[str, Float[Tensor, ""]]]  # terms; without a graph, the gradient is in image.grad


@dataclass(frozen=True, eq=False)
class Frame:
    """The picture after one step.

    image: as it would be kept now, 0..1, at the size being worked on; step: 1..steps, and 0 within a long first one;
    losses: the weighted terms of the objective that this step started from; done: part of the whole computation so far,
    0..1 (a step at a large size counts for more); state(): all that is needed to go on from here exactly."""

    image: Image
    step: int
    steps: int
    losses: Mapping[str, float]
    done: float
    state: Callable[[], State]

    @property
    def loss(self) -> float:
        return sum(self.losses.values())


def style_moments(
    encoder: Encoder, guide: Guide, long_side: int, taps: tuple[str, ...], side: int | None = None
) -> dict[str, Moments]:
    """Per tap the moments of every region's style under its style map, r at once. A style that several regions use at
    one scale is encoded once; one with a longer side than `side` in tiles of that side."""
    found = {
        members: _moments_of(encoder, style, taps, maps, side)
        for members, style, maps in styles_once(guide, lambda region: round(long_side * region.style_scale))
    }
    return by_region(found, taps)


def styles_once(
    guide: Guide, long_side: Callable[[Region], int]
) -> Iterator[tuple[tuple[int, ...], Image, Float[Tensor, "r h w"]]]:
    """Each style as large as it is looked at, with the numbers of the regions that use it at one scale, and their style
    maps."""
    together: dict[tuple[int, float], list[int]] = {}
    for r, region in enumerate(guide.regions):
        together.setdefault((id(region.style), region.style_scale), []).append(r)
    for members in together.values():
        region = guide.regions[members[0]]
        size = fit(*size_of(region.style), max(16, long_side(region)))
        maps = torch.stack([_style_map(guide.regions[r], size) for r in members])
        yield tuple(members), resize(region.style, size), maps


def by_region(found: Mapping[tuple[int, ...], Mapping[str, Moments]], taps: Sequence[str]) -> dict[str, Moments]:
    """Per tap the moments of all regions, in their order. found: of the regions of one style, by their numbers."""
    order = torch.tensor(list(itertools.chain(*found))).argsort()
    stacked = {tap: Moments.stacked([one[tap] for one in found.values()]) for tap in taps}
    return {tap: Moments(m.mass[order], m.first[order], m.second[order]) for tap, m in stacked.items()}


def _style_map(region: Region, size: tuple[int, int]) -> Float[Tensor, "h w"]:
    """Everywhere where there is none, or where the resizing lost it: its whole style is nearer than nothing."""
    if region.style_map is None:
        return torch.ones(1, 1).expand(size)
    one = resize(region.style_map[None], size)[0]
    return one if float(one.sum()) > 0 else torch.ones_like(one)


@torch.no_grad()
def _moments_of(
    encoder: Encoder, style: Image, taps: tuple[str, ...], maps: Float[Tensor, "r h w"], side: int | None
) -> dict[str, Moments]:
    """Of plain features, put in the encoder's basis afterwards."""
    style, maps = style.to(encoder.device), maps.to(encoder.device)
    if side is not None and max(size_of(style)) > side:
        sums = tiles.moments_of(encoder, style, taps, maps, side)
        plain = {tap: one.to(encoder.device) for tap, one in sums.items()}
    else:
        features = encoder(style, taps, plain=taps).items()
        plain = {tap: moments(of, pool_to_grid(maps, size_of(of), encoder.strides[tap])) for tap, of in features}
    return {tap: one.through(encoder.basis(tap)) for tap, one in plain.items()}


class Descent(NamedTuple):
    image: Image
    losses: Mapping[str, float]
    state: Callable[[], State]


def descend(
    objective: Objective,
    image: Image,
    steps: int,
    *,
    optimizer: str = "lbfgs",
    rate: float | None = None,
    history: int = 10,
    state: State | None = None,
) -> Iterator[Descent]:
    """`steps` evaluations of loss and gradient, each followed by a move of the image.

    optimizer: "lbfgs" (one evaluation a step, no line search, as the field's public code uses it) or "adam".
    state: go on from there; it is exact. When loss or pixels stop being finite, the last finite picture is restored and
    the rate halved, once; the second time DivergedError, with that picture as `.image`."""
    pixels = image.detach().clone().requires_grad_(True)
    del image
    rate = rate if rate is not None else {"lbfgs": 1.0, "adam": 0.02}[optimizer]
    descent = _optimizer(optimizer, pixels, rate, history)
    good, first, retried = pixels.detach().clone(), 0, False
    if state is not None:
        pixels.data.copy_(state["image"])
        first, retried = int(state["step"]), bool(state["retried"])
        good.copy_(state["good"])
        descent = _optimizer(optimizer, pixels, float(state["rate"]), history)
        _restore(descent, state)
    step = first
    while step < steps:
        terms: dict[str, Tensor] = {}

        def closure() -> Tensor:
            descent.zero_grad()  # noqa: B023 (called before the next turn)
            terms.update(objective(pixels))  # noqa: B023
            loss = torch.stack(list(terms.values())).sum()  # noqa: B023
            if loss.requires_grad:
                loss.backward()
            if bool(torch.isfinite(loss)):
                good.copy_(pixels.detach())
            return loss.detach()

        loss = cast(Tensor, descent.step(closure))  # pyright: ignore[reportCallIssue, reportArgumentType]
        if bool(torch.isfinite(loss)) and bool(pixels.detach().sum().isfinite()):
            step += 1
            losses = {name: float(value.detach()) for name, value in terms.items()}
            yield Descent(pixels.detach(), losses, _state_of(descent, pixels, good, step, retried))
            continue
        if retried:
            h, w = pixels.shape[-2:]
            error = DivergedError(
                f"the picture left the finite numbers at step {step + 1} of {steps} at {w} x {h}, twice. "
                "Try a smaller rate, or the other optimizer."
            )
            error.image = good
            raise error
        retried = True
        pixels.data.copy_(good)
        descent = _optimizer(optimizer, pixels, descent.param_groups[0]["lr"] / 2, history)


def _optimizer(name: str, pixels: Tensor, rate: float, history: int) -> torch.optim.Optimizer:
    if name == "adam":
        return torch.optim.Adam([pixels], rate)
    return torch.optim.LBFGS([pixels], rate, max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0)


def _state_of(
    descent: torch.optim.Optimizer, pixels: Tensor, good: Tensor, step: int, retried: bool
) -> Callable[[], State]:
    """Without a copy of what is never written to again: the history of L-BFGS, which is most of it."""

    def state() -> State:
        out = {"image": scratch.copied(pixels.detach()), "good": scratch.copied(good), "step": torch.tensor(step)}
        out |= {"retried": torch.tensor(int(retried)), "rate": _as_tensor(float(descent.param_groups[0]["lr"]))}
        for name, value in descent.state[pixels].items():
            if name == "al":  # scratch space of torch's L-BFGS
                continue
            if isinstance(value, list):
                out[f"list.{name}"] = torch.tensor(len(value))
                out |= {f"optimizer.{name}.{i}": item.detach() for i, item in enumerate(value)}
            elif name == "d":
                out[f"optimizer.{name}"] = value.detach()
            elif value is not None:
                out[f"optimizer.{name}"] = _as_tensor(value)
        return out

    return state


def _as_tensor(value: Tensor | float | int) -> Tensor:
    """Python numbers become 0-d int64 or float64, which no tensor of ours is."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    return torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)


def _restore(descent: torch.optim.Optimizer, state: State) -> None:
    """Copies, also of what is not written to: tensors of a file lie where sums are rounded in another order."""
    (pixels,) = descent.param_groups[0]["params"]
    for key, value in state.items():
        kind, _, name = key.partition(".")
        if kind == "list":
            descent.state[pixels][name] = [state[f"optimizer.{name}.{i}"].clone() for i in range(int(value))]
        elif kind == "optimizer" and "." not in name:
            plain = value.ndim == 0 and value.dtype in (torch.int64, torch.float64)
            descent.state[pixels][name] = value.item() if plain else value.clone()
