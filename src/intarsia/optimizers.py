"""The descents that pictures are painted by, on one flat vector. Each move takes one gradient.

They are our own because torch's first import its compiler, which takes longer than 20 steps, and its L-BFGS reads the
history twice as often as this one (docs/speed.md).
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Vector = Float[Tensor, " n"]
LONGEST = 0.25  # root mean square of a step, in a picture's range; descents that went well took 0.08 at most
LEAST = 1e-10  # of the product of a step and its change of gradient: below, the pair tells nothing about curvature


class LBFGS:
    """Limited-memory BFGS (Nocedal 1980) without a line search, as the field's public code uses it: the first step is
    as long as min(1, 1 / |gradient|_1), all later ones are the quasi-Newton step itself, times the rate. No step is
    longer than `LONGEST`: what nobody looks at before it is shown is to be no noise.

    The two loops run over inner products alone, as Chen et al. 2014 ("Large-scale L-BFGS using MapReduce") do, so that
    the history is read in three products of a matrix and a vector."""

    def __init__(self, like: Vector, rate: float = 1.0, history: int = 10):
        self.rate, self.history = rate, history
        self.pairs = torch.empty(2, history, len(like), dtype=like.dtype, device=like.device)  # steps, their changes
        self.order: list[int] = []  # rows of it that hold a pair, from the oldest to the newest
        self.products = np.zeros((2, history, history))  # of step i, of change i with change j, if i is no newer
        self.last: tuple[Vector, Vector] | None = None  # gradient, and the step that came of it

    def move(self, values: Vector, gradient: Vector) -> None:
        """Moves `values`, in place. gradient: is kept."""
        if self.last is not None:
            self._remember(torch.sub(gradient, self.last[0], out=self.last[0]), self.last[1])
        direction = self._direction(gradient) if self.order else None
        if direction is None or not float(direction @ gradient) < 0:
            self.order = []
            direction = gradient * -min(1.0, 1.0 / max(float(gradient.abs().sum()), 1e-30))
        length = float(direction.norm()) * self.rate / len(direction) ** 0.5
        self.last = gradient, direction.mul_(self.rate * min(1.0, LONGEST / max(length, 1e-30)))
        values.add_(direction)

    def _remember(self, change: Vector, step: Vector) -> None:
        """What a step changed in the gradient."""
        if not float(change @ step) > LEAST:
            return
        row = self.order.pop(0) if len(self.order) == self.history else len(self.order)
        self.order.append(row)
        self.pairs[0, row], self.pairs[1, row] = step, change
        self.products[:, :, row] = self._with(change)
        self.products[1, row] = self.products[1, :, row]

    def _with(self, vector: Vector) -> np.ndarray:
        """Its products with all pairs, (2, history); 0 for rows that hold none."""
        out, held = np.zeros((2, self.history)), len(self.order)
        for kind, rows in enumerate(self.pairs[:, :held]):
            out[kind, :held] = (rows @ vector).cpu().numpy()
        return out

    def _direction(self, gradient: Vector) -> Vector:
        """-H g, where q = g + sum of changes_i y_i comes of the first loop and H g = scale q + sum of steps_i s_i of
        the second (Nocedal & Wright, algorithm 7.4)."""
        (along_steps, along_changes), (products, curvature) = self._with(gradient), self.products
        steps, changes = np.zeros((2, self.history))
        newest = self.order[-1]
        scale = products[newest, newest] / curvature[newest, newest]
        for i in reversed(self.order):
            changes[i] = -(along_steps[i] + products[i] @ changes) / products[i, i]
        for i in self.order:
            along = scale * (along_changes[i] + curvature[i] @ changes) + products[:, i] @ steps
            steps[i] = -changes[i] - along / products[i, i]
        out, held = gradient * -float(scale), len(self.order)
        for kind, parts in enumerate((-steps, -scale * changes)):
            out.addmv_(self.pairs[kind, :held].T, torch.from_numpy(parts[:held]).to(out))
        return out

    def state(self) -> dict[str, Tensor]:
        """All of it, as tensors, which later moves overwrite."""
        order, products = torch.tensor(self.order, dtype=torch.int64), torch.from_numpy(self.products)
        steps, changes = self.pairs[:, : len(self.order)]
        out = {"order": order, "products": products, "steps": steps, "changes": changes}
        return out if self.last is None else out | dict(zip(("last", "step"), self.last, strict=True))

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.order, self.products = state["order"].tolist(), state["products"].cpu().numpy().copy()
        for rows, name in zip(self.pairs, ("steps", "changes"), strict=True):
            rows[: len(self.order)] = state[name]
        if "last" in state:  # copied, since tensors of a file lie where sums are rounded in another order
            last, step = (state[name].to(self.pairs.device, copy=True) for name in ("last", "step"))
            self.last = last, step


class Adam:
    """Kingma & Ba 2015, with the usual 0.9, 0.999 and 1e-8."""

    def __init__(self, like: Vector, rate: float = 0.02, history: int = 0):
        self.rate, self.moves = rate, 0
        self.mean, self.square = torch.zeros_like(like), torch.zeros_like(like)

    def move(self, values: Vector, gradient: Vector) -> None:
        """Moves `values`, in place."""
        self.moves += 1
        self.mean.lerp_(gradient, 0.1)
        self.square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        spread = self.square.sqrt().div_((1 - 0.999**self.moves) ** 0.5).add_(1e-8)
        values.addcdiv_(self.mean, spread, value=-self.rate / (1 - 0.9**self.moves))

    def state(self) -> dict[str, Tensor]:
        return {"moves": torch.tensor(self.moves), "mean": self.mean, "square": self.square}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.moves = int(state["moves"])
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])


class RMSprop:
    """Tieleman & Hinton 2012, with the usual 0.99 and 1e-8."""

    def __init__(self, like: Vector, rate: float = 0.002, history: int = 0):
        self.rate, self.square = rate, torch.zeros_like(like)

    def move(self, values: Vector, gradient: Vector) -> None:
        """Moves `values`, in place."""
        self.square.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
        values.addcdiv_(gradient, self.square.sqrt().add_(1e-8), value=-self.rate)

    def state(self) -> dict[str, Tensor]:
        return {"square": self.square}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.square.copy_(state["square"])


OPTIMIZERS: dict[str, type[LBFGS | Adam | RMSprop]] = {"lbfgs": LBFGS, "adam": Adam, "rmsprop": RMSprop}
