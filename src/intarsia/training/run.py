"""What all trainers stand on: a stage trains one network, and a run takes the steps of its stages.

A trainer brings its networks, their loss and its report. The run brings the schedule, the averaged weights, the order
of the pictures, checkpoints and the log. A run that was killed goes on exactly: the checkpoint holds the weights, their
average, the optimizer and the step, and each step draws its pictures with a generator that is seeded by its number.
"""

import copy
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from rich.console import Console
from rich.progress import Progress
from safetensors.torch import save
from torch import Tensor, nn

from intarsia.errors import OutputError, UsageError, notice
from intarsia.picture import atomic_write, sweep
from intarsia.training.pictures import Crops

Images = Float[Tensor, "b 3 h w"]
Losses = dict[str, float]
Network = TypeVar("Network", bound=nn.Module)

LOGGED = 25  # steps from one line of losses to the next


@dataclass(frozen=True)
class Schedule:
    """The rate of each step: it rises over `warmup` steps to `rate`, stays there, and falls in a straight line to zero
    over the last part of the steps, `decay` (0 to 1)."""

    steps: int
    rate: float
    warmup: int
    decay: float

    def at(self, step: int) -> float:
        left = (self.steps - step) / max(1.0, self.decay * self.steps)
        return self.rate * min(1.0, (step + 1) / self.warmup, left)


@dataclass(frozen=True)
class Cosine:
    """The rate of each step: it rises over `warmup` steps to `rate`, and falls along half a cosine to zero."""

    steps: int
    rate: float
    warmup: int

    def at(self, step: int) -> float:
        return self.rate * min(1.0, (step + 1) / self.warmup) * (1 + math.cos(math.pi * step / self.steps)) / 2


@runtime_checkable
class Draws(Protocol):
    """Pictures to train on."""

    def batch(self, crops: Crops, seed: tuple[int, ...]) -> Images:
        """The same for the same seed."""
        ...

    def digest(self) -> str:
        """By which the same pictures are known again."""
        ...


@dataclass(eq=False)
class Stage(Generic[Network]):
    """One network in training; `average` is a copy of it with averaged weights.

    descent: an optimizer of torch, or what has its methods and `param_groups`; loss: of a batch, with figures for the
    log; keep: how much of their average the weights keep per step; seed: of the order of pictures; before: steps of
    the stages before; extra: what its trainer adds to the checkpoint; clipped: the part of the network whose gradients
    are clipped to a length of 1; parts: in which a batch is looked at, one after the other; history: of every figure,
    step by step."""

    name: str
    network: Network
    descent: Any
    loss: Callable[[Images], tuple[Tensor, Losses]]
    schedule: Schedule | Cosine
    keep: float
    crops: Crops
    seed: tuple[int, ...]
    before: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    clipped: nn.Module | None = None
    parts: int = 1
    step: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    average: Network = field(init=False)

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.network).requires_grad_(False)

    @property
    def finished(self) -> bool:
        return self.step >= self.schedule.steps

    @property
    def place(self) -> str:
        return f"{self.name} step {self.step} of {self.schedule.steps}"

    def advance(self, images: Images) -> Losses:
        """One step; gives the figures of this batch."""
        losses = self._gradients(images)
        if self.clipped is not None:
            nn.utils.clip_grad_norm_(self.clipped.parameters(), 1.0)
        for group in self.descent.param_groups:
            group["lr"] = self.schedule.at(self.step)
        self.descent.step()
        self.step += 1
        keep = min(self.keep, self.step / (self.step + 10))  # a young average forgets its start faster
        for mean, weight in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(weight.detach(), 1 - keep)
        for name, value in losses.items():
            self.history.setdefault(name, []).append(value)
        return losses

    def _gradients(self, images: Images) -> Losses:
        """Those of the loss of the batch: the mean over its parts, which become smaller where the memory of a device
        does not hold them."""
        while True:
            self.network.zero_grad()
            sums: Losses = {}
            try:
                for part in images.chunk(self.parts):
                    loss, losses = self.loss(part)
                    (loss * (len(part) / len(images))).backward()
                    for name, value in losses.items():
                        sums[name] = sums.get(name, 0.0) + value * len(part) / len(images)
                return sums
            except torch.OutOfMemoryError:
                if self.parts >= len(images):
                    raise
            self.parts = min(2 * self.parts, len(images))
            torch.cuda.empty_cache()
            notice(
                f"the device's memory does not hold {len(images)} crops at once: from here on a step looks at them in "
                f"{self.parts} parts and adds up their gradients. The result is the same, a step takes longer."
            )

    def state(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "descent")}
        return parts | {"step": self.step, "extra": self.extra, "history": self.history}

    def restore(self, state: Mapping[str, Any]) -> "Stage[Network]":
        """Goes back to where `state` was taken, and gives itself."""
        for name in ("network", "average", "descent"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.extra, self.history = state["step"], state["extra"], state["history"]
        return self


@dataclass(frozen=True, eq=False)
class Run:
    """One call of a trainer. command: its module; settings: a dataclass; steps: of all stages together; until: stop
    after this many of them; minutes: from one checkpoint to the next; silent: neither shows nor writes anything, as all
    but one of several processes that train together."""

    command: str
    settings: Any
    pictures: Draws
    checkpoint: Path
    steps: int
    until: int | None = None
    minutes: float = 3.0
    silent: bool = False

    def go(self, stage: Stage) -> Iterator[bool]:
        """Takes the steps of a stage that are left, as far as `until`, and writes the checkpoint at the end. Yields
        after each step whether the checkpoint was written just now."""
        saved, last = time.monotonic(), self.steps if self.until is None else min(self.until, self.steps)
        screen, above = Console(stderr=True), sys.stdout.isatty()  # on a terminal, lines go above the bar
        with Progress(console=screen, redirect_stdout=above, speed_estimate_period=600, disable=self.silent) as bar:
            bar.add_task(stage.name, total=last, completed=stage.before + stage.step)
            while not stage.finished and stage.before + stage.step < last:
                self._show(stage, stage.advance(self.pictures.batch(stage.crops, (*stage.seed, stage.step))), bar)
                due = time.monotonic() - saved > 60 * self.minutes
                if due:
                    self._keep(stage)
                    saved = time.monotonic()
                yield due
        self.save(stage)

    def _keep(self, stage: Stage) -> None:
        """On a full disk, the last good checkpoint stays, and the run goes on."""
        try:
            self.save(stage)
        except OutputError as error:
            notice(f"{error} The checkpoint before it is as it was, and the training goes on.")

    def _show(self, stage: Stage, losses: Losses, bar: Progress) -> None:
        task, figures = bar.tasks[0], ", ".join(f"{name} {value:.4f}" for name, value in losses.items())
        bar.update(task.id, completed=stage.before + stage.step, description=f"{stage.name}: {figures}")
        if stage.step % LOGGED == 0:
            self.say(f"{stage.place}: {figures}; about {(task.time_remaining or 0) / 60:.0f} min left")

    def say(self, line: str) -> None:
        """Shows a line, and adds it with the time to the log beside the checkpoint."""
        if self.silent:
            return
        print(line, flush=True)
        with open(self.checkpoint.with_suffix(".log"), "a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    def save(self, stage: Stage) -> None:
        """Replaces the checkpoint by a whole new one, or leaves it as it is. Raises OutputError."""
        if self.silent:
            return
        state = {"command": self.command, "settings": json.dumps(asdict(self.settings))} | stage.state()
        atomic_write(self.checkpoint, lambda stream: torch.save(state, stream))

    def read(self, device: torch.device | str = "cpu", fixed: bool = False) -> dict[str, Any] | None:
        """What `save` wrote, for `Stage.restore`; None if there is no checkpoint. Only tensors and plain values are
        read, never code. Raises UsageError for the checkpoint of another trainer and, if the settings are `fixed`, for
        that of a run with other settings than this one, `steps` aside."""
        sweep([self.checkpoint.parent])
        if not self.checkpoint.exists():
            return None
        state = torch.load(self.checkpoint, weights_only=True, map_location=device)
        if state.get("command") != self.command:
            raise UsageError(f"{self.checkpoint} is no checkpoint of {self.command}. Name another file, or remove it.")
        before, now = json.loads(state["settings"]), json.loads(json.dumps(asdict(self.settings)))
        changed = [f"{key} was {before.get(key)}" for key in now if key != "steps" and before.get(key) != now[key]]
        if fixed and changed:
            told = ", ".join(changed)
            raise UsageError(f"{self.checkpoint} is of a run with other settings: {told}. Only steps may change.")
        return state

    def metadata(self) -> dict[str, str]:
        """How weights came about: the settings, the command without folders, and the sha256 of the pictures."""
        return {
            "training": json.dumps(asdict(self.settings)),
            "command": " ".join([f"python -m {self.command}", *(a.rpartition("/")[2] for a in sys.argv[1:])]),
            "pictures": self.pictures.digest(),
        }


def ship(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Writes weights in fp16 as safetensors, whole or not at all."""
    atomic_write(path, save({name: value.half().contiguous().cpu() for name, value in tensors.items()}, metadata))
