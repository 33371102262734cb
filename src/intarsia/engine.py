"""What a method yields, a frame, and the descent of those that optimize."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import DivergedError
from intarsia.large import copied
from intarsia.optimizers import LBFGS, OPTIMIZERS, Adam, RMSprop
from intarsia.types import Image

State = dict[str, Tensor]  # flat and made of tensors alone, so that it can be kept in a safetensors file
Parameters = dict[str, Tensor]  # what is optimized, by name
Objective = Callable[[Parameters], Mapping[str, Float[Tensor, ""]]]  # terms; without a graph, the gradients are there

# times the loss, which a step of a descent that goes well hardly raises, and at the worst doubles or trebles
FAR = 10.0
RETRIES = 5


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


def joined(state: Callable[[], State], more: State) -> Callable[[], State]:
    """A state, and more beside it."""
    return lambda: state() | more


class Descent(NamedTuple):
    parameters: Parameters
    losses: Mapping[str, float]
    state: Callable[[], State]


def descend(
    objective: Objective,
    start: Parameters,
    steps: int,
    *,
    optimizer: str = "lbfgs",
    rate: float | None = None,
    history: int = 10,
    state: State | None = None,
) -> Iterator[Descent]:
    """`steps` evaluations of loss and gradient, each followed by a move of the parameters.

    start: tensors of any shapes, by name. optimizer: "lbfgs" (one evaluation a step, no line search, as the field's
    public code uses it), "adam" or "rmsprop". state: go on from there; it is exact. A move after which the loss or a
    parameter is not finite, or two in a row after which L-BFGS, whose moves are not looked at beforehand, finds `FAR`
    times the loss, are taken back: with half the rate and without its history it goes on from where that was good.
    After `RETRIES` of these DivergedError, with those parameters as `.parameters`."""
    flat = torch.cat([value.detach().flatten() for value in start.values()])
    now = _named(flat, start)
    good, known, astray, first, retries = flat.clone(), math.inf, 0, 0, 0
    rate = rate if rate is not None else {"lbfgs": 1.0, "adam": 0.02, "rmsprop": 0.002}[optimizer]
    if state is not None:
        flat.copy_(torch.cat([state[f"parameter.{name}"].flatten() for name in now]))
        good.copy_(torch.cat([state[f"good.{name}"].flatten() for name in now]))
        first, retries = int(state["step"]), int(state["retries"])
        known, astray, rate = float(state["known"]), int(state["astray"]), float(state["rate"])
    descent = OPTIMIZERS[optimizer](flat, rate, history)
    if state is not None:
        kept = (key for key in state if key.startswith("optimizer."))
        descent.restore({key.removeprefix("optimizer."): state[key] for key in kept})
    del start
    step = first
    while step < steps:
        for value in now.values():
            value.grad = None
            value.requires_grad_(True)
        with torch.enable_grad():  # whatever the caller has
            terms = objective(now)
            loss = torch.stack(list(terms.values())).sum()
            if loss.requires_grad:
                loss.backward()
        losses = {name: float(value.detach()) for name, value in terms.items()}
        for value in now.values():
            value.requires_grad_(False)
        total = float(loss.detach())
        astray = astray + 1 if optimizer == "lbfgs" and total > FAR * known else 0
        if math.isfinite(total) and astray < 2:
            if not astray:
                good.copy_(flat)
                known = total
            descent.move(flat, torch.cat([_gradient(value) for value in now.values()]))
            if bool(flat.sum().isfinite()):
                step += 1
                yield Descent(now, losses, _state_of(descent, flat, good, now, known, astray, step, retries))
                continue
        if retries == RETRIES:
            error = DivergedError(
                f"the optimization went astray at step {step + 1} of {steps}, and that {RETRIES + 1} times. "
                "Try a smaller `rate`, or the other `optimizer`."
            )
            error.parameters = _named(good, now)
            raise error
        retries, astray = retries + 1, 0
        flat.copy_(good)
        descent = OPTIMIZERS[optimizer](flat, descent.rate / 2, history)


def _named(flat: Tensor, like: Parameters) -> Parameters:
    """Views of the parts of a flat vector, in the shapes of `like`."""
    parts = flat.split([value.numel() for value in like.values()])
    return {name: part.view_as(value) for part, (name, value) in zip(parts, like.items(), strict=True)}


def _gradient(value: Tensor) -> Tensor:
    return torch.zeros_like(value).flatten() if value.grad is None else value.grad.flatten()


def _state_of(
    descent: LBFGS | Adam | RMSprop,
    flat: Tensor,
    good: Tensor,
    named: Parameters,
    known: float,
    astray: int,
    step: int,
    retries: int,
) -> Callable[[], State]:
    def state() -> State:
        out = {f"parameter.{name}": _copy_of(value) for name, value in _named(flat, named).items()}
        out |= {f"good.{name}": _copy_of(value) for name, value in _named(good, named).items()}
        counts = {"step": step, "retries": retries, "astray": astray}
        out |= {name: torch.tensor(count) for name, count in counts.items()}
        out |= {"rate": torch.tensor(descent.rate, dtype=torch.float64)}
        out |= {"known": torch.tensor(known, dtype=torch.float64)}
        return out | {f"optimizer.{name}": _copy_of(value) for name, value in descent.state().items()}

    return state


def _copy_of(value: Tensor) -> Tensor:
    """Of a picture on the disk, where it is large."""
    return copied(value) if value.ndim > 1 else copied(value[None])[0] if value.numel() > 2**20 else value.clone()
