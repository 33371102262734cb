"""Style transfer by optimizing the picture: Gatys, Ecker, Bethge 2015/2016, with soft regions.

    minimize over the image X
      sum over regions r  strength_r^3 * mass_r / mass * sum over taps t  w_t |G_t(X; r) - G_t(S_r)|^2 / |G_t(S_r)|^2
      + content_weight * |F(X) - F(content)|^2 / |F(content)|^2  +  tv * TV(X)

G is the second moment under a map over the map's mass (`moments.py`). Each tap is divided by its target, unlike in the
paper, so that the weights mean the same for every style, size and encoder; `paper="gatys2016"` has the paper's own
layers and weights. Other defaults of ours, each with its figures in docs/quality.md: the distance between textures is
Wasserstein's; relu5_1 has no say; the content is seen at relu3_1; and X is the optimized picture with its colors
smoothed. Soft borders between regions are constrained as mixtures (`guide.blends`), not one region at a time.
`loss="patches"` adds the nearest-neighbor patch term (`patchwork.py`), and `copy_patches` ends with patches of the
styles themselves (`copying.py`).
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from intarsia.color import color_moments, smooth_chroma
from intarsia.encoders import Encoder
from intarsia.engine import Descent, Frame, Parameters, State, descend, joined
from intarsia.large import check_memory
from intarsia.large.forecast import Forecast, Plan, room_for
from intarsia.methods.parts import copying
from intarsia.methods.parts.goal import Goal, every_tap
from intarsia.networks import Networks
from intarsia.scene import Scene, View, painted
from intarsia.sizes import coarse_to_fine, resize, size_of, split_steps
from intarsia.types import Image, Size

HISTORY = 10  # pairs of vectors that L-BFGS remembers
ROUNDS = 3  # times that patches are matched at each size; 6 gave the same pictures
# pixels around the picture that are painted along, and cut off: what the network sees beyond an edge, zeros, gives a
# garish rim; 2, 8 and 16 pixels were no better, and the statistics without the rim leave it bare
MARGIN = 4
# last steps in which the margin is a pixel wider, so that the network halves at other pixels: without them, every other
# edge is stronger; 30 overshoot
SHIFTED = 8


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Gatys:
    """Paints by optimization: slow next to the feed-forward methods, and the best pictures."""

    steps: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Evaluations of loss and gradient in all, most of them at the coarse sizes."""
    content_weight: Annotated[float, Field(ge=0)] = 0.13
    """How much the content's shapes count against the style; 0 forgets them."""
    tv: Annotated[float, Field(ge=0)] = 0.3
    """Weight of total variation, which calms noise."""
    chroma_smoothing: Annotated[int, Field(ge=0, le=16)] = 2
    """Times that colors, but not their luminance, are smoothed over 3 x 3 pixels: no colored specks."""
    loss: Literal["gram", "moments", "wasserstein", "patches"] = "wasserstein"
    """What a texture is: its Gram matrix, its mean and covariance, the Gaussian they make (Wasserstein distance), or
    its patches beside its Gram matrix."""
    style_taps: Annotated[tuple[str, ...], Field(min_length=1)] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    """Layers whose statistics are the style. relu5_1 adds forms of the style's own, at the cost of the content's."""
    tap_weights: tuple[Annotated[float, Field(ge=0)], ...] = ()
    """Weight of each style tap, in their order; when not given 1, but 0.1 for relu4_1 and 0.03 for relu5_1."""
    patch_taps: Annotated[tuple[str, ...], Field(min_length=1)] = ("relu3_1", "relu4_1")
    """Layers whose patches are matched, with loss patches."""
    patch_weight: Annotated[float, Field(ge=0)] = 1.0
    """How much patches count beside Gram matrices, with loss patches."""
    semantic_weight: Annotated[float, Field(ge=0)] = 1.0
    """How much the maps count beside the features when patches are matched where regions meet."""
    content_tap: str = "relu3_1"
    """Layer whose features are the content."""
    init: Literal["content", "noise", "statistics"] = "content"
    """What the picture starts as: the content, noise, or noise in the styles' colors."""
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    """L-BFGS converges in fewer steps; Adam needs less memory."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Step length; 1 for lbfgs and 0.02 for adam when not given."""
    coarsest: Annotated[int, Field(ge=16)] = 128
    """Long side of the first, coarsest size."""
    factor: Annotated[float, Field(gt=1, le=8)] = 2.0
    """From each size to the next."""
    blends: bool = True
    """Treat soft borders as mixtures of the styles; off: one constraint per region, as in the papers."""
    copy_patches: bool = False
    """At the end every small patch gives way to the one of its style that resembles it most: the painter's own strokes,
    at the cost of fine shapes."""
    paper: Literal["none", "gatys2016", "partial"] = "none"
    """A paper's own layers, weights and Gram loss in place of ours: Gatys et al. 2016, or partial style transferring
    (Zhou)."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the noise."""
    tile: Annotated[int, Field(ge=0)] = 0
    """Side of the tiles that large pictures are painted in, in pixels; 0 chooses it, and where tiles are needed."""
    networks: Networks = Field(default_factory=Networks)
    """The network that looks at the picture, and where it runs."""

    default_size: ClassVar[int | None] = 512
    takes_long: ClassVar[bool] = True
    __call__ = painted

    @model_validator(mode="after")
    def _taps_fit(self) -> "Gatys":
        if len(set(self.style_taps)) < len(self.style_taps):
            raise ValueError(f"style_taps names a tap twice: {', '.join(self.style_taps)}")
        if len(set(self.patch_taps)) < len(self.patch_taps):
            raise ValueError(f"patch_taps names a tap twice: {', '.join(self.patch_taps)}")
        if self.tap_weights and len(self.tap_weights) != len(self.style_taps):
            raise ValueError(f"{len(self.style_taps)} style taps came with {len(self.tap_weights)} tap weights")
        if self.tile and self.loss == "patches":
            raise ValueError("patches are matched all over the picture, not in tiles; leave tile at 0")
        return self

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        encoder.check_taps(every_tap(self, encoder))
        room = self._room(scene, encoder, None if state is None else float(state["room"]))
        rounds, costs = self.rounds(scene.size), self._costs(scene.size)
        first = 0 if state is None else int(state["level"])
        image = state["image"].to(encoder.device) if state is not None and "image" in state else scene.start
        goal, place = None, {"room": torch.tensor(room, dtype=torch.float64)}
        if state is not None and first == len(rounds):  # of a finished run: nothing is left to do
            assert image is not None
            image = self._finished(image, scene.at(scene.size))
            yield Frame(scene.shown(image), self.steps, self.steps, {}, 1.0, functools.partial(dict, state))
        for level, one in list(enumerate(rounds))[first:]:
            plan, before = self._plan(self.forecast(encoder, one.size), room), sum(n.steps for n in rounds[:level])
            if goal is None or one.canvas != rounds[level - 1].canvas:
                goal = None  # ahead of the next, which may be as large
                goal = Goal.build(self, encoder, scene.at(one.size, one.margin), plan.side)
            begun = state if state is not None and level == first and "step" in state else None
            for i, (now, losses, kept) in self._round(goal, image, one.steps, plan, begun):
                image, done = now, (sum(costs[:level]) + costs[level] * i / one.steps) / sum(costs)
                kept = joined(kept, place | {"level": torch.tensor(level)})
                if i == one.steps:  # the next round begins with the picture, and lets go of the rest
                    kept = functools.partial(dict, place | {"level": torch.tensor(level + 1), "image": image})
                if before + i == self.steps:
                    now, done = self._finished(image, goal.view.visible), 1.0
                yield Frame(scene.shown(now), before + i, self.steps, losses, done, kept)

    def _room(self, scene: Scene, encoder: Encoder, known: float | None) -> float:
        """Bytes that each size may take. Raises MemoryLimitError where there are not as many as it takes."""
        forecast = self.forecast(encoder, scene.size)
        room = room_for(forecast, self._whole, encoder.device) if known is None else known
        copies = copying.memory(scene.size, scene.guide) if self.copy_patches else 0.0
        check_memory(forecast.announced(self._plan(forecast, room)) + copies, scene.size, encoder.device)
        return room

    def _costs(self, size: Size) -> list[float]:
        """Of every round, and of what follows the last, in steps at a pixel."""
        last = copying.STEPS * self.copy_patches * math.prod(size)
        return [*(one.steps * (math.prod(one.size) + 4096) for one in self.rounds(size)), last]

    def rounds(self, size: Size) -> list["Round"]:
        """Sizes from coarse to fine and the steps at each. With patches each size comes `ROUNDS` times and shares its
        steps out, or fewer times where there are fewer steps. The last steps are taken with another margin, unless
        patches are copied after them, of which each brings its own edges."""
        sizes, out = coarse_to_fine(size, self.coarsest, self.factor)[-self.steps :], []
        for one, n in zip(sizes, split_steps(self.steps, len(sizes)), strict=True):
            k = min(ROUNDS if self.loss == "patches" else 1, n)
            out += [Round(one, self._margin, (i + 1) * n // k - i * n // k) for i in range(k)]
        last = out.pop()
        shifted = min(SHIFTED, last.steps // 4) if self._margin and not self.copy_patches else 0
        both = last._replace(steps=last.steps - shifted), Round(last.size, self._margin + 1, shifted)
        return out + [one for one in both if one.steps]

    def _round(
        self, goal: Goal, image: Image | None, steps: int, plan: Plan, state: State | None
    ) -> Iterator[tuple[int, "Step"]]:
        """From the picture before, or from a state within this round; steps are counted from its beginning."""
        view = goal.view
        if state is not None:
            canvas = state["parameter.image"].to(view.content.device)
        else:
            canvas = self._first(view) if image is None else view.framed(image)
        goal = goal.matched(canvas, state)
        del image
        first = 1 if state is None else int(state["step"]) + 1
        for i, (now, losses, inner) in enumerate(self._descent(goal, canvas, steps, plan, state), first):
            shown = view.visible.composed(view.inner(self.shown(now["image"])).clamp(0, 1))
            yield i, Step(shown, losses, joined(inner, goal.state()))

    def _descent(self, goal: Goal, image: Image, steps: int, plan: Plan, state: State | None) -> Iterator[Descent]:
        def objective(now: Parameters) -> Mapping[str, Tensor]:
            shown = self.shown(now["image"])
            if len(goal.tiles) == 1:
                return goal(shown)
            leaf = shown.detach().requires_grad_()
            terms = goal(leaf)
            shown.backward(leaf.grad)
            return terms

        rate = self.rate if plan.optimizer == self.optimizer else None
        more = {"optimizer": plan.optimizer, "rate": rate, "history": plan.history, "state": state}
        return descend(objective, {"image": image}, steps, **more)

    def shown(self, image: Image) -> Image:
        """The picture that an optimized one stands for. Without the smoothing, specks of color hide in what the network
        hardly sees."""
        return image if self.paper != "none" else smooth_chroma(image, self.chroma_smoothing)

    def _finished(self, image: Image, view: View) -> Image:
        """What is shown of the last step. view: without a margin."""
        if not self.copy_patches:
            return image
        return view.composed(self.shown(copying.made_of_patches(image, view, self.seed)).clamp(0, 1))

    @property
    def _whole(self) -> Plan:
        return Plan(None, self.optimizer, HISTORY)

    @property
    def _margin(self) -> int:
        """Papers have none, and patches of the style, which know edges, are to be found at their own places."""
        return 0 if self.paper != "none" or self.loss == "patches" else MARGIN

    def _plan(self, forecast: Forecast, room: float) -> Plan:
        return self._whole if self.loss == "patches" else forecast.plan(self._whole, room, self.tile)

    def forecast(self, encoder: Encoder, size: Size) -> Forecast:
        """What a picture of `size` (h, w) takes on top of what is loaded, from the layers' channels. Measured with the
        compact encoder in bf16, as a whole: 1,070 bytes a pixel, where this says 1,100; patches added 220, where this
        says 235."""
        every = every_tap(self, encoder)
        deepest = max(encoder.strides[tap] for tap in every)
        layers = sum(c / encoder.strides[t] ** 2 for t, c in encoder.channels.items() if encoder.strides[t] <= deepest)
        taps = self.patch_taps if self.loss == "patches" else ()
        matching = sum((22 * encoder.channels[t] + 200) / encoder.strides[t] ** 2 for t in taps)
        return Forecast(
            size,
            3.5 * encoder.precision.itemsize * layers + matching,
            encoder.reach(every),
            MARGIN + 1 if self.paper == "none" else 0,
        )

    def memory(self, encoder: Encoder, size: Size) -> float:
        """In bytes, on top of what is loaded, without tiles."""
        return self.forecast(encoder, size).memory(self._whole)

    def _first(self, view: View) -> Image:
        """The picture before the first step."""
        content = view.content
        if self.init == "content":
            return content
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(content.shape, generator=generator).to(content.device)
        if self.init == "noise":
            return 0.5 + 0.1 * noise
        out = content * (1 - view.cover)
        for share, region in zip(view.shares, view.guide.regions, strict=True):
            part = None if region.style_map is None else resize(region.style_map[None], size_of(region.style))[0]
            colors = color_moments(region.style, part)
            values, vectors = torch.linalg.eigh(colors.covariance()[0])
            root = ((vectors * values.clamp_min(0).sqrt()) @ vectors.T).to(content)
            mean = colors.mean()[0].to(content)
            out = out + share * (mean[:, None, None] + torch.einsum("cd,dhw->chw", root, noise))
        return out.clamp(0, 1)


class Round(NamedTuple):
    """Steps of one descent. margin: of the canvas, around the picture; rate: as `descend` takes it."""

    size: Size
    margin: int
    steps: int
    rate: float | None = None

    @property
    def canvas(self) -> tuple[Size, int]:
        return self.size, self.margin


class Step(NamedTuple):
    """image: what is visible after it, in the colors that are painted with; losses: those it started from."""

    image: Image
    losses: Mapping[str, float]
    state: Callable[[], State]
