"""What a method yields, a frame, and the descent of those that optimize."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import DivergedError
from intarsia.large import copied
from intarsia.types import Image

State = dict[str, Tensor]  # flat and made of tensors alone, so that it can be kept in a safetensors file
Parameters = dict[str, Tensor]  # what is optimized, by name
Objective = Callable[[Parameters], Mapping[str, Float[Tensor, ""]]]  # terms; without a graph, the gradients are there


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
    public code uses it) or "adam". state: go on from there; it is exact. When the loss or a parameter stops being
    finite, the last finite ones are restored and the rate halved, once; the second time DivergedError, with them as
    `.parameters`."""
    now = {name: value.detach().clone().requires_grad_(True) for name, value in start.items()}
    del start
    rate = rate if rate is not None else {"lbfgs": 1.0, "adam": 0.02}[optimizer]
    good, first, retried = {name: value.detach().clone() for name, value in now.items()}, 0, False
    descent = _optimizer(optimizer, now, rate, history)
    if state is not None:
        for name, value in now.items():
            value.data.copy_(state[f"parameter.{name}"])
            good[name].copy_(state[f"good.{name}"])
        first, retried = int(state["step"]), bool(state["retried"])
        descent = _optimizer(optimizer, now, float(state["rate"]), history)
        _restore(descent, state)
    step = first
    while step < steps:
        terms: dict[str, Tensor] = {}

        def closure() -> Tensor:
            descent.zero_grad()  # noqa: B023 (called before the next turn)
            terms.update(objective(now))  # noqa: B023
            loss = torch.stack(list(terms.values())).sum()  # noqa: B023
            if loss.requires_grad:
                loss.backward()
            if bool(torch.isfinite(loss)):
                _copy(now, good)
            return loss.detach()

        loss = cast(Tensor, descent.step(closure))  # pyright: ignore[reportCallIssue, reportArgumentType]
        if bool(torch.isfinite(loss)) and all(bool(value.detach().sum().isfinite()) for value in now.values()):
            step += 1
            losses = {name: float(value.detach()) for name, value in terms.items()}
            detached = {name: value.detach() for name, value in now.items()}
            yield Descent(detached, losses, _state_of(descent, detached, good, step, retried))
            continue
        if retried:
            error = DivergedError(
                f"the optimization left the finite numbers at step {step + 1} of {steps}, twice. "
                "Try a smaller `rate`, or the other `optimizer`."
            )
            error.parameters = good
            raise error
        retried = True
        _copy(good, now)
        descent = _optimizer(optimizer, now, descent.param_groups[0]["lr"] / 2, history)


def _copy(source: Parameters, target: Parameters) -> None:
    for name, value in source.items():
        target[name].detach().copy_(value.detach())


def _optimizer(name: str, parameters: Parameters, rate: float, history: int) -> torch.optim.Optimizer:
    values = list(parameters.values())
    if name == "adam":
        return torch.optim.Adam(values, rate)
    return torch.optim.LBFGS(values, rate, max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0)


def _state_of(
    descent: torch.optim.Optimizer, now: Parameters, good: Parameters, step: int, retried: bool
) -> Callable[[], State]:
    """Without a copy of what is never written to again: the history of L-BFGS, which is most of it."""

    def state() -> State:
        out = {f"parameter.{name}": _copy_of(value) for name, value in now.items()}
        out |= {f"good.{name}": _copy_of(value) for name, value in good.items()} | {"step": torch.tensor(step)}
        out |= {"retried": torch.tensor(int(retried)), "rate": _as_tensor(float(descent.param_groups[0]["lr"]))}
        for i, values in enumerate(descent.param_groups[0]["params"]):
            for name, value in descent.state[values].items():
                if name == "al":  # scratch space of torch's L-BFGS
                    continue
                if isinstance(value, list):
                    out[f"list.{i}.{name}"] = torch.tensor(len(value))
                    out |= {f"optimizer.{i}.{name}.{j}": item.detach() for j, item in enumerate(value)}
                elif name == "d":
                    out[f"optimizer.{i}.{name}"] = value.detach()
                elif value is not None:
                    out[f"optimizer.{i}.{name}"] = _as_tensor(value)
        return out

    return state


def _copy_of(value: Tensor) -> Tensor:
    """Of a picture on the disk, where it is large."""
    return copied(value) if value.ndim > 1 else value.clone()


def _as_tensor(value: Tensor | float | int) -> Tensor:
    """Python numbers become 0-d int64 or float64, which no tensor of ours is."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    return torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)


def _restore(descent: torch.optim.Optimizer, state: State) -> None:
    """Copies, also of what is not written to: tensors of a file lie where sums are rounded in another order."""
    values = descent.param_groups[0]["params"]
    for key, value in state.items():
        kind, *rest = key.split(".")
        if kind == "list":
            i, name = rest
            listed = [state[f"optimizer.{i}.{name}.{j}"].clone() for j in range(int(value))]
            descent.state[values[int(i)]][name] = listed
        elif kind == "optimizer" and len(rest) == 2:
            plain = value.ndim == 0 and value.dtype in (torch.int64, torch.float64)
            descent.state[values[int(rest[0])]][rest[1]] = value.item() if plain else value.clone()
