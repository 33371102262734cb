"""Training of feed-forward networks: what `intarsia train` does.

    for each step: crops of photographs, one pass of the network, the loss of its paintings, one step of Adam

Beside the network, under its name, there are while it is trained: a checkpoint to go on from, samples, the curves of
the losses, and a log.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal

import torch
import torch.distributed
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass
from torch import Tensor, nn

from intarsia import picture
from intarsia.encoders import Encoder
from intarsia.errors import OutputError, UsageError, notice
from intarsia.models import Model, write_model
from intarsia.nets import NETS, Multimodal, Singular, painted
from intarsia.training.photographs import SEEN, Photographs
from intarsia.training.pictures import Crops
from intarsia.training.run import Cosine, Images, Losses, Run, Stage
from intarsia.training.sheets import curves, sheet
from intarsia.training.stylization import Objective, Weighed
from intarsia.types import Image

WARMUP = 50  # steps in which the rate rises
SKIPPED, TIMED = 3, 20  # first steps that are not timed, and those by which the others are planned
SPARE = 0.95  # of the minutes given that go into steps; the rest into samples and checkpoints
AVERAGE = 0.99  # how much of their average the weights keep per step
SAMPLES = 4  # pictures on a sheet
Kind = Singular | Multimodal


@dataclass(frozen=True)
class Usual:
    """What a network is trained with where nothing else is asked for."""

    blocks: int
    crop: int
    sizes: tuple[int, ...]
    batch: int
    rate: float
    content: float


# Multimodal takes thrice as long for a crop, so it looks at one a step, at a rate for so few. With a content weight of
# 0.2 it is farther from the style at full size than singular is, with 0.1 nearer at every size (benchmarks/RESULTS.md).
USUAL = {
    "singular": Usual(5, 256, (512,), 2, 2e-3, Weighed.content),
    "multimodal": Usual(3, 512, (256, 512, 1024), 1, 1e-3, 0.1),
}


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Training:
    """Settings of a training. When it goes on, only its steps may be other than before."""

    network: Literal["singular", "multimodal"] = "singular"
    """singular, one network, the quicker; multimodal, three in a row: large forms of a small picture first, brushwork
    at the full size last, for pictures of 1,024 pixels or so."""
    width: Annotated[int, Field(ge=2, le=256)] = 16
    """Channels at the full size; 16 is quick, 32 is the papers' own."""
    blocks: Annotated[int, Field(ge=1, le=32)] | None = None
    """Residual blocks; 5 for singular, 3 in each part of multimodal."""
    minutes: Annotated[float, Field(gt=0)] = 30.0
    """Time that the training may take; its first steps are timed, and all others planned by them."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Steps to take, whatever the time."""
    batch: Annotated[int, Field(ge=1)] | None = None
    """Crops a step, in all processes together; 2 for singular, 1 for multimodal."""
    crop: Annotated[int, Field(ge=64)] | None = None
    """Side of the crops in pixels, a multiple of 16; 256 for singular, 512 for multimodal."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Of Adam; it rises in the first steps, and falls to zero at the end. 0.002 for singular, 0.001 for multimodal."""
    style_size: tuple[Annotated[int, Field(ge=16)], ...] = ()
    """Long side at which the style is looked at, one for each size that is painted: 512 for singular; 256, 512 and 1024
    for multimodal."""
    level_weight: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """What each size that is painted counts; 1 when not given."""
    loss: Literal["gram", "moments", "wasserstein"] = "wasserstein"
    """What a texture is, as in gatys."""
    content_weight: Annotated[float, Field(ge=0)] | None = None
    """How much the content's shapes count against the style; 0.13 for singular, 0.1 for multimodal."""
    style_taps: Annotated[tuple[str, ...], Field(min_length=1)] = Weighed.style_taps
    """Layers whose statistics are the style."""
    content_tap: str = Weighed.content_tap
    """Layer whose features are the content."""
    tv: Annotated[float, Field(ge=0)] = 0.3
    """Weight of total variation, which calms noise."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the first weights and the order of pictures."""

    @model_validator(mode="after")
    def _fits(self) -> "Training":
        levels = NETS[self.network].levels
        for name, given in (("style_size", self.style_size), ("level_weight", self.level_weight)):
            if given and len(given) != levels:
                raise ValueError(f"{name} has {len(given)} values, and {self.network} paints at {levels} sizes")
        if len(set(self.style_taps)) < len(self.style_taps):
            raise ValueError(f"style_taps names a tap twice: {', '.join(self.style_taps)}")
        if self.side % 16:
            raise ValueError(f"crop is {self.side}, and has to be a multiple of 16")
        return self

    @property
    def usual(self) -> Usual:
        """Where nothing else is asked for."""
        return USUAL[self.network]

    @property
    def side(self) -> int:
        """Of the crops."""
        return self.crop or self.usual.crop

    @property
    def sizes(self) -> tuple[int, ...]:
        """At which the styles are looked at."""
        return self.style_size or self.usual.sizes

    @property
    def crops(self) -> Crops:
        """What a step looks at."""
        return Crops(self.batch or self.usual.batch, self.side, noisy=0.0, paintings=0.0)

    @property
    def weighed(self) -> Weighed:
        """What a painting is to be."""
        content = self.usual.content if self.content_weight is None else self.content_weight
        return Weighed(self.loss, content, self.tv, self.level_weight, self.style_taps, self.content_tap)

    def explicit(self) -> dict[str, Any]:
        """All settings, with what is usual where nothing was asked for: what is kept of a training."""
        filled = {
            "blocks": self.architecture()["blocks"],
            "batch": self.crops.batch,
            "crop": self.side,
            "rate": self.schedule(1).rate,
            "style_size": self.sizes,
            "content_weight": self.weighed.content,
        }
        return asdict(self) | filled

    def schedule(self, steps: int) -> Cosine:
        """Of the rate, over so many steps."""
        return Cosine(steps, self.rate or self.usual.rate, WARMUP)

    def architecture(self) -> dict[str, Any]:
        """The network's own settings."""
        blocks = self.blocks or self.usual.blocks
        if self.network == "singular":
            return {"width": self.width, "blocks": blocks}
        return {"widths": [self.width // 2, self.width // 2, self.width], "blocks": blocks}


@dataclass(frozen=True, kw_only=True)
class Whole(Training):
    """A training with all that it goes by. styles, pictures: their sums."""

    styles: tuple[str, ...] = ()
    pictures: str = ""
    encoder: str = ""


@dataclass(frozen=True)
class Crew:
    """The processes that train together, as torchrun starts them: which this one is, and how many they are."""

    rank: int = 0
    size: int = 1


@dataclass(frozen=True, eq=False)
class Trainer:
    """One training. styles: one, or one for each size that the network paints at; out: the network's file; start: one
    whose weights to begin with, in place of random ones."""

    settings: Training
    styles: Sequence[Image]
    encoder: Encoder
    photographs: Photographs
    out: Path
    crew: Crew = Crew()
    told: Mapping[str, str] = field(default_factory=dict)
    start: Model | None = None
    every: float = 3.0  # minutes from one checkpoint, with its samples, to the next

    def __call__(self) -> None:
        """Takes the steps that the checkpoint does not hold yet, and writes the network. Raises UsageError for the
        checkpoint of a training with other settings, and OutputError."""
        run = self._run()
        state = run.read(self.encoder.device, fixed=True)
        stage = self._begun()
        if state is not None:
            stage = stage.restore(state)
            run.say(f"goes on from step {stage.step}")
        if "steps" not in stage.extra:
            self._plan(run, stage)
        steps = stage.extra["steps"] if self.settings.steps is None else self.settings.steps
        stage.schedule = self.settings.schedule(steps)
        for saved in replace(run, steps=steps).go(stage):
            if saved:
                self._show(stage)
        self._finish(run, stage)

    def _plan(self, run: Run, stage: Stage[Kind]) -> None:
        """Takes the first steps, and says by their time how many there are to be."""
        if self.settings.steps is not None:
            stage.extra["steps"] = self.settings.steps
            return
        began = monotonic()
        for _ in replace(run, steps=SKIPPED + TIMED).go(stage):
            if stage.step == SKIPPED:
                began = monotonic()
        seconds = self._agreed((monotonic() - began) / max(1, stage.step - SKIPPED))
        left = max(0.0, 60 * self.settings.minutes * SPARE - stage.step * seconds)
        stage.extra["steps"] = stage.step + round(left / seconds)
        run.save(stage)
        run.say(f"{seconds:.2f} s a step: {stage.extra['steps']} steps in {self.settings.minutes:g} minutes")

    def _agreed(self, seconds: float) -> float:
        """The same in all processes: the mean."""
        if self.crew.size == 1:
            return seconds
        total = torch.tensor(seconds, device=self.encoder.device)
        torch.distributed.all_reduce(total)
        return float(total) / self.crew.size

    def _run(self) -> Run:
        sums = tuple(hashlib.sha256(style.numpy().tobytes()).hexdigest()[:16] for style in self.styles)
        facts = {"styles": sums, "pictures": self.photographs.digest(), "encoder": self.encoder.name}
        whole = Whole(**self.settings.explicit(), **facts)
        checkpoint = self.out.with_suffix(".checkpoint")
        return Run("intarsia train", whole, self.photographs, checkpoint, 0, None, self.every, self.crew.rank > 0)

    def _begun(self) -> Stage[Kind]:
        settings = self.settings
        torch.manual_seed(settings.seed)
        network = NETS[settings.network](**settings.architecture())
        if self.start is not None:
            self._take_over(network)
        network.to(self.encoder.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        styles = self.styles if len(self.styles) > 1 else [self.styles[0]] * network.levels
        objective = Objective.of(settings.weighed, self.encoder, styles, settings.sizes)
        passed = network if self.crew.size == 1 else nn.parallel.DistributedDataParallel(network)
        return Stage(
            name=settings.network,
            network=network,
            descent=torch.optim.Adam(network.parameters(), betas=(0.9, 0.99)),
            loss=partial(_loss, passed, objective),
            schedule=settings.schedule(settings.steps or 1 << 30),
            keep=AVERAGE,
            crops=settings.crops,
            seed=(settings.seed,),
        )

    def _take_over(self, network: Kind) -> None:
        """The weights to begin with. Raises UsageError for those of another architecture."""
        assert self.start is not None
        given = self.start.network.state_dict()
        if {name: one.shape for name, one in given.items()} != {
            n: one.shape for n, one in network.state_dict().items()
        }:
            raise UsageError(
                f"`start` is {self.start.name} with {dict(self.start.settings)}, and {self.settings.network} with "
                f"{self.settings.architecture()} is to be trained. Ask for the same `network`, `width` and `blocks`."
            )
        network.load_state_dict(given)

    def _show(self, stage: Stage[Kind]) -> None:
        """Samples and curves, beside the network; what cannot be written does not stop the training."""
        self.photographs.tell_broken()
        if self.crew.rank:
            return
        try:
            picture.write(str(self.out.with_suffix(SEEN[0])), self._sheet(stage.average))
            picture.write(str(self.out.with_suffix(SEEN[1])), curves(stage.history))
        except OutputError as error:
            notice(str(error))

    def _sheet(self, network: Kind) -> Image:
        """The styles, then the same pictures each time, larger than they are trained on, and what they become."""
        crops = replace(self.settings.crops, batch=SAMPLES, crop=2 * self.settings.side)
        contents = (
            Photographs(self.photographs.pictures).drawn(crops, (self.settings.seed, 1 << 40)).to(self.encoder.device)
        )
        rows = [
            [content, painted(network, content, self.encoder.precision)] for content in contents.to(self.encoder.device)
        ]
        return sheet([list(self.styles), *([one.cpu() for one in row] for row in rows)])

    def _finish(self, run: Run, stage: Stage[Kind]) -> None:
        self._show(stage)
        if self.crew.rank:
            return
        told = {"training": json.dumps(asdict(run.settings)), "steps": str(stage.step), **self.told}
        write_model(self.out, stage.average, self.styles[0], self.settings.architecture(), told)
        run.checkpoint.unlink(missing_ok=True)


def _loss(passed: nn.Module, objective: Objective, images: Images) -> tuple[Tensor, Losses]:
    """Of a batch, and its terms."""
    device, precision = objective.encoder.device, objective.encoder.precision
    images = images.to(device).contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        paintings = passed(images)
    terms = objective(paintings, images)
    return torch.stack(list(terms.values())).sum(), {name: float(term.detach()) for name, term in terms.items()}
