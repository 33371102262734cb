"""Geometry and texture together: Kim, Kolkin, Salavon, Shakhnarovich 2020, "Deformable Style Transfer".

    minimize over the image X and the pulls d of its key points
      content(X) + style(X) + style(W)                               the terms of `gatys` or of `strotss`
      + warp_weight * mean over the pairs i |p'_i + d_i - p_i|       L_warp, eq. 5
      + smooth_weight * TV(field of the warp)                        R_TV, eq. 6
    and show W, which is X seen through a thin-plate spline: at p'_i it looks at p'_i + d_i

p are key points of the content, and p' the places that those of the style ask for, carried over by the similarity that
fits best (ways.py); the border is held. Departures: R_TV is of squares, |field's slopes|^2, with which a warp spreads
out instead of tearing faces between the points (`paper="dst"` has the paper's); the spline's centers are the p' and not
where p has come to, so that the grid is linear in d and its matrix is made once; the pulls begin where L_warp is 0 and
have a descent of their own; the warp fades with the guide, for what it does not reach stays as it is.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.engine import Descent, Frame, Parameters, State, descend, joined
from intarsia.geometry import field_energy, field_variation, pixel_centers, sample, tell_of_folds
from intarsia.geometry.files import rows_of
from intarsia.large import check_memory
from intarsia.methods.gatys import Gatys, Round
from intarsia.methods.parts import ways
from intarsia.methods.parts.bending import UNIT, Canvas
from intarsia.methods.parts.goal import Goal
from intarsia.methods.parts.ways import Ways
from intarsia.methods.strotss import Samples, Strotss, in_order, pyramid
from intarsia.networks import Networks
from intarsia.optimizers import Adam
from intarsia.scene import Scene, painted
from intarsia.sizes import resize, size_of
from intarsia.types import Grid, Image, Points

ALPHA, BETA, GAMMA = 8.0, 0.5, 50.0  # of the paper, for STROTSS, whose own alpha of 16 times 0.5 is 8
PACE = 0.03  # of a side: how far a point is pulled in a step, times the root of the long side in pixels
Coordinate = Annotated[float, Field(ge=0, le=1)]
Row = tuple[Coordinate, Coordinate, Coordinate, Coordinate]


def _read(points: Any) -> Any:
    """A points file is read at once, so that a recipe holds the pairs."""
    alone = points[0] if isinstance(points, list | tuple) and len(points) == 1 else points  # as the command line has it
    return rows_of(alone) if isinstance(alone, str | Path) else points


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Deform:
    """Paints, and bends the picture toward the shapes of the style, both in one descent."""

    painter: Literal["strotss", "gatys"] = "strotss"
    """The method that paints: strotss, with which shapes stay whole, or gatys, which takes half the time."""
    steps: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Evaluations of loss and gradient in all, most of them at the coarse sizes."""
    content_weight: Annotated[float, Field(ge=0)] | None = None
    """How much the content's shapes count against the style; that of the painter when not given."""
    warp: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of the style's geometry is taken: 0 none, 1 all that the pairs of points ask for."""
    points: Annotated[tuple[Row, ...], BeforeValidator(_read)] = ()
    """Pairs of points, a file as `intarsia points` writes it, or rows x, y, x, y of content and style; found when not
    given."""
    warp_weight: Annotated[float, Field(ge=0)] = 0.5
    """How much it counts that points come where they should."""
    smooth_weight: Annotated[float, Field(ge=0)] = 24.0
    """How much it counts that the warp is even."""
    paper: Literal["none", "dst"] = "none"
    """Evenness as in the paper, its total variation and its weights, in place of ours: all points come to their places,
    and what is between them may be torn."""
    coarsest: Annotated[int, Field(ge=16)] = 128
    """Long side of the first, coarsest size."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the places that strotss looks at."""
    networks: Networks = Field(default_factory=Networks)
    """The network that looks at the picture, and where it runs."""

    default_size: ClassVar[int | None] = 512
    takes_long: ClassVar[bool] = True
    __call__ = painted

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        check_memory(2 * self._alone.memory(encoder, scene.size), scene.size, encoder.device)
        if state is not None and "points" in state:
            points = Ways(state["points"], state["targets"])
        else:
            points = self._ways(scene, encoder)
        paint = (
            self._bent(points, scene, encoder, state) if len(points.points) else self._straight(scene, encoder, state)
        )
        for frame in paint:
            if frame.done == 1:
                tell_of_folds(frame.grid)
            yield frame

    @property
    def _alone(self) -> Gatys | Strotss:
        """The method that paints, as it does without a warp."""
        kind = {"gatys": Gatys, "strotss": Strotss}[self.painter]
        own = {} if self.content_weight is None else {"content_weight": self.content_weight}
        return kind(steps=self.steps, coarsest=self.coarsest, seed=self.seed, networks=self.networks, **own)

    def _ways(self, scene: Scene, encoder: Encoder) -> Ways:
        if not self.warp:
            return ways.none()
        return (ways.given(self.points, scene) if self.points else ways.found(scene, encoder)).as_far_as(self.warp)

    def _straight(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator["Bent"]:
        for frame in self._alone.paint(scene, encoder, state):
            yield Bent(**vars(frame), unwarped=frame.image, grid=pixel_centers(size_of(frame.image)), ways=ways.none())

    def _bent(self, points: Ways, scene: Scene, encoder: Encoder, state: State | None) -> Iterator["Bent"]:
        rounds = self._alone.rounds(scene.size)
        costs = [one.steps * (math.prod(one.size) + 4096) for one in rounds]
        image, pulls, first = scene.start, points.points - points.targets, 0  # with which L_warp is 0
        if state is not None:
            image = state["image"].to(encoder.device) if "image" in state else image
            pulls, first = state["pulls"], int(state["level"])
        for level, one in list(enumerate(rounds))[first:]:
            canvas = Canvas.of(points, in_order(scene.at(one.size, one.margin)))
            easel = self._easel(canvas, pulls, encoder, level, one)
            place = {**points._asdict(), "level": torch.tensor(level), "pulls": pulls}
            before = sum(n.steps for n in rounds[:level])
            for i, now in self._round(easel, canvas, image, pulls, one, state):
                shown = canvas.shown(easel.shown(now.parameters), now.parameters["pulls"])
                done = (sum(costs[:level]) + costs[level] * i / one.steps) / sum(costs)
                kept = joined(now.state, place)
                if i == one.steps and level + 1 < len(rounds):  # the next round lets go of the rest
                    image, pulls = shown.unwarped, now.parameters["pulls"].cpu().double()
                    more = {"level": torch.tensor(level + 1), "image": image, "pulls": pulls}
                    kept = functools.partial(dict, place | more)
                bent, unwarped = scene.shown(shown.image), scene.shown(shown.unwarped)
                yield Bent(bent, before + i, self.steps, now.losses, done, kept, unwarped, shown.grid, points)
            state = None

    def _round(
        self, easel: "Easel", canvas: Canvas, image: Image | None, pulls: Points, one: Round, state: State | None
    ) -> Iterator[tuple[int, Descent]]:
        """Steps counted from 1: from the picture before, or from a state within this round. The pulls have a descent of
        their own: the terms of the warp have edges, at which L-BFGS goes astray."""
        framed = canvas.view.content if image is None else canvas.view.framed(image)
        state = state if state is not None and "step" in state else None
        at = first = 0 if state is None else int(state["step"])
        pulls = pulls.to(framed) if state is None else state["pull.values"].to(framed)
        own = Adam(pulls.flatten(), PACE * max(one.size) ** -0.5)
        if state is not None:
            own.restore({name: state[f"pull.{name}"] for name in own.state()})

        def objective(now: Parameters) -> Mapping[str, Tensor]:
            pulls.grad = None
            pulls.requires_grad_(True)
            image = easel.shown(now)
            terms = {**easel.terms(image, at), "bent": easel.style(canvas.seen(image, pulls), at)}
            return terms | self._geometry(canvas, pulls)

        def pulled() -> State:
            return {f"pull.{name}": one.clone() for name, one in (own.state() | {"values": pulls}).items()}

        if state is not None and first == one.steps:  # nothing is left to do
            here = {name: state[f"parameter.{name}"].to(framed) for name in easel.start(framed)}
            yield first, Descent(here | {"pulls": pulls}, {}, functools.partial(dict, state))
        descent = descend(
            objective, easel.start(framed), one.steps, optimizer=easel.optimizer, rate=easel.rate, state=state
        )
        for i, now in enumerate(descent, first + 1):
            at = i  # a new step takes new places
            pulls.requires_grad_(False)
            assert pulls.grad is not None, "every step has looked at the warp"
            own.move(pulls.view(-1), pulls.grad.flatten())
            yield i, Descent(now.parameters | {"pulls": pulls}, now.losses, joined(now.state, pulled()))

    def _geometry(self, canvas: Canvas, pulls: Points) -> dict[str, Tensor]:
        if self.paper == "dst":
            return {"warp": BETA * canvas.miss(pulls), "smooth": GAMMA / UNIT * field_variation(canvas.coarse(pulls))}
        energy = field_energy(canvas.coarse(pulls))
        return {"warp": self.warp_weight * canvas.miss(pulls), "smooth": self.smooth_weight * energy}

    def _easel(self, canvas: Canvas, pulls: Points, encoder: Encoder, level: int, one: Round) -> "Easel":
        """pulls: of the warp with which the regions go."""
        alone, view = self._alone, canvas.view
        bent = canvas.bent(pulls)
        if isinstance(alone, Gatys):
            goal = Goal.build(alone, encoder, view)
            other = goal if bent is view else Goal.build(alone, encoder, bent)
            return Easel(
                lambda image: {"image": image},
                lambda now: alone.shown(now["image"]),
                lambda image, step: goal(image),
                lambda image, step: other.style(image),
                alone.optimizer,
                one.rate,
            )
        samples = Samples.build(alone, encoder, view, level)
        others = samples if bent is view else Samples.build(alone, encoder, bent, level)
        return Easel(pyramid, samples.smooth, samples, others.texture, "adam", samples.rate(one))


class Easel(NamedTuple):
    """What a painter does to a picture on a canvas.

    start: the parameters of a picture; shown: the picture of parameters; terms, style: of a picture, at a step, all
    terms and those of the style alone."""

    start: Callable[[Image], Parameters]
    shown: Callable[[Parameters], Image]
    terms: Callable[[Image, int], Mapping[str, Tensor]]
    style: Callable[[Image, int], Float[Tensor, ""]]
    optimizer: str
    rate: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class Bent(Frame):
    """The picture after one step, which is `unwarped` seen through `grid`, "h w 2". ways: of its key points, as far as
    they are to come."""

    unwarped: Image
    grid: Grid
    ways: Ways

    def on_the_way(self, content: Image, part: float) -> Image:
        """A picture between the content, 0, and this one, 1, in geometry and in color."""
        straight = pixel_centers(size_of(self.image)).to(self.grid)
        content = resize(content.to(self.unwarped), size_of(self.image))
        return sample(torch.lerp(content, self.unwarped, part), torch.lerp(straight, self.grid, part)).clamp(0, 1)
