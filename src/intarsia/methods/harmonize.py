"""Pasted objects repainted so that they belong to the painting: only what the guide reaches moves.

    for each size, coarse to fine
      q(p)   = the place of the painting that place p of the object resembles most        (correspondence.py)
      target = moments of the painting's features over all q(p), and in part over all of the painting
      minimize over the image X, where the guide reaches
        strength^3 * sum over taps t  W(moments of F_t(X), target_t)
        + content_weight * |F(X) - F(content)|^2 / |F(content)|^2 + histogram * H(X) + tv * TV(X)
        + local_color * mean over p  |color of X around p - color of the painting around q(p)|^2

Luan, Paris, Shechtman, Bala 2018, "Deep painterly harmonization": the object is matched twice. The first pass paints it
from matches that every place finds by itself, the second, from what the first gave, by one field in which neighbors
agree, at all taps. Ours takes the coarse sizes for the first pass and the full size for the second. Other departures:
W is Wasserstein's distance in place of Gram matrices; colors have a say in the matches; histograms have none unless
they are asked for; and the finer the painting's own grain, the less noise is let through. docs/quality.md has the
figures.

`paper="partial"` is the form of "Partial style transferring" (Zhou): for every 3 x 3 patch of features the squared
distance of its Gram matrix to that of its match, at relu3_1, relu4_1 and relu5_1, in one pass at the full size.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from intarsia.color import smooth_chroma
from intarsia.encoders import Encoder
from intarsia.engine import Descent, Frame, Parameters, State, descend, joined
from intarsia.guide import Guide
from intarsia.large import Box, Features, check_memory
from intarsia.large.forecast import Forecast, Plan
from intarsia.losses import histogram_loss, outside_range, squared_error, total_variation, wasserstein_loss
from intarsia.measure import grain, strokes
from intarsia.methods.parts import patchgrams
from intarsia.methods.parts.correspondence import coherent, colors_of, field_of_matches, side_of, taken_from
from intarsia.methods.parts.crop import Asked, Crop
from intarsia.methods.wct import WCT
from intarsia.moments import Moments, Support, moments, supports
from intarsia.networks import Networks
from intarsia.scene import Scene, View, painted
from intarsia.sizes import coarse_to_fine, grid_of, pool_to_grid, resize, size_of, split_steps
from intarsia.styles import moments_of
from intarsia.types import Image, Map

MATCHED = 768  # long side of the painting at which places are matched; a larger one is made smaller for it
HISTORY = 10  # pairs of vectors that L-BFGS remembers
TAP_WEIGHTS = {"relu4_1": 0.3, "relu5_1": 0.1}  # of 1
GRAIN = 1.4  # of a painting, in L of CIELAB, at which `tv` counts as it is given
CALM = 0.025  # contrast of strokes in the calm quarter of a painting from which all of its brushwork is taken
LEAST = 0.5  # brushwork that is taken of a painting without strokes
SIDE = 1024  # of the tiles that a style is encoded in
QUANTILES = 256
QUICK = 0.8  # alpha of the feature transform, of an object that is not small
HALO = 8  # pixels around the guide's reach, beside what the network sees, that are worked on


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Harmonize:
    """Repaints what the guide reaches, an object pasted on a painting say, from the places of its style, the painting,
    that it resembles."""

    steps: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Evaluations of loss and gradient in all, most of them at the coarse sizes."""
    content_weight: Annotated[float, Field(ge=0)] = 0.09
    """How much the object's shapes count against the painting's brushwork; 0 forgets them."""
    brushwork: Annotated[float, Field(ge=0, le=1)] | None = None
    """How much of the painting's brushwork is taken, 0 to 1; when not given it is estimated from the strokes in the
    calm parts of the painting."""
    palette: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Part that the painting as a whole has in what the object is to look like; the rest comes from the places that it
    resembles. A small object has less of it."""
    color_weight: Annotated[float, Field(ge=0)] = 2.0
    """How much colors count beside shapes where the object is matched with the painting."""
    local_color: Annotated[float, Field(ge=0)] = 0.5
    """How much each place keeps to the colors of the place that it resembles, so that colors stay where they belong."""
    coherence: Annotated[int, Field(ge=0, le=8)] = 2
    """Reach, in positions of a layer, within which neighbors come to agree on where they are taken from in the last
    pass; 0: every place by itself."""
    histogram: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the distance of the histograms of features at the first layer."""
    tv: Annotated[float, Field(ge=0)] = 0.5
    """Weight of total variation, which calms noise; more where the painting has less grain, and less where more."""
    chroma_smoothing: Annotated[int, Field(ge=0, le=16)] = 2
    """Times that colors, but not their luminance, are smoothed over 3 x 3 pixels: no colored specks."""
    style_taps: Annotated[tuple[str, ...], Field(min_length=1)] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    """Layers whose statistics are the brushwork."""
    content_tap: str = "relu3_1"
    """Layer whose features are the object's shapes."""
    match_tap: str = "relu3_1"
    """Layer whose patches are matched."""
    coarsest: Annotated[int, Field(ge=16)] = 320
    """Long side of the painting at the first, coarsest size."""
    quick: bool = False
    """A feature transform from the same matches instead: for dragging an object about, in a second or two."""
    paper: Literal["none", "partial"] = "none"
    """A paper's own layers, weights and loss in place of ours: partial style transferring (Zhou). Strengths between 0
    and 1 have no say in it."""
    networks: Networks = Field(default_factory=Networks)
    """The network that looks at the picture, and where it runs."""

    default_size: ClassVar[int | None] = None
    takes_long: ClassVar[bool] = True
    __call__ = painted

    @model_validator(mode="after")
    def _goes_together(self) -> "Harmonize":
        if len(set(self.style_taps)) < len(self.style_taps):
            raise ValueError(f"style_taps names a tap twice: {', '.join(self.style_taps)}")
        if self.quick and self.paper != "none":
            raise ValueError(
                "quick is a transform from our own matches, which no paper has; give one of quick and paper"
            )
        return self

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        encoder.check_taps(self._taps)
        crop = Crop.of(scene, encoder.reach(self._taps) + HALO)
        check_memory(self._memory(encoder, crop), crop.box.size, encoder.device)
        yield from self._quickly(crop, encoder) if self.quick else self._descended(crop, encoder, state)

    def _descended(self, crop: Crop, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        levels = self._levels(crop)
        costs = [steps * (math.prod(crop.size_at(scale)) + 4096) for scale, steps in levels]
        image, first = crop.start, 0 if state is None else int(state["level"])
        for level, (scale, steps) in list(enumerate(levels))[first:]:
            before, last = sum(n for _, n in levels[:level]), level + 1 == len(levels)
            for i, now in self._at_one_size(crop, scale, steps, image, encoder, last, state):
                image = now.parameters["image"]
                done = (sum(costs[:level]) + costs[level] * i / steps) / sum(costs)
                kept = joined(now.state, {"level": torch.tensor(level)})
                yield Frame(crop.shown(image), before + i, self.steps, now.losses, done, kept)
            state = None

    def _at_one_size(
        self,
        crop: Crop,
        scale: float,
        steps: int,
        image: Image | None,
        encoder: Encoder,
        last: bool,
        state: State | None,
    ) -> Iterator[tuple[int, Descent]]:
        """The steps, counted from 1, each with what is to be seen of the picture. From the picture of the size before,
        or from a state within this size."""
        view = crop.at(scale)
        image = view.content if image is None else resize(image, view.size)
        if state is None:
            matches = self._matches(crop, scale, image, encoder, last)
        else:
            matches = {name: one.to(encoder.device) for name, one in state.items() if name.startswith("matches.")}
        goal = self._goal(crop, view, scale, encoder, matches)
        first = 0
        if state is not None:
            image, first = goal.shown(state["parameter.image"].to(encoder.device)), int(state["step"])
        if state is not None and first == steps:  # nothing is left to do here
            yield steps, Descent({"image": image}, {}, functools.partial(dict, state))
        descent = descend(goal, {"image": image}, steps, history=HISTORY, state=state)
        for i, (now, losses, inner) in enumerate(descent, first + 1):
            yield i, Descent({"image": goal.shown(now["image"])}, losses, joined(inner, matches))

    def _quickly(self, crop: Crop, encoder: Encoder) -> Iterator[Frame]:
        """By `wct`, whose moments of each style are taken under a map of what is asked for."""
        content = crop.view.content
        asked = self._asked(crop, 1.0, self._matches(crop, 1.0, content, encoder, last=True))
        regions = zip(crop.guide.regions, asked, strict=True)
        guide = Guide(tuple(dataclasses.replace(one, style_map=(m / m.max()).cpu()) for one, (_, m) in regions))
        transform = WCT(alpha=QUICK * crop.fullness, networks=self.networks)
        for frame in transform.paint(Scene.of(content, guide, encoder.device), encoder, None):
            yield dataclasses.replace(frame, image=crop.shown(frame.image))

    @property
    def _taps(self) -> tuple[str, ...]:
        if self.paper != "none":
            return patchgrams.TAPS
        return tuple(dict.fromkeys((*self.style_taps, self.content_tap, self.match_tap)))

    def _levels(self, crop: Crop) -> list[tuple[float, int]]:
        """Sizes, as parts of the full one, and the steps at each."""
        if self.paper != "none":
            return [(1.0, self.steps)]
        sizes = coarse_to_fine(crop.scene.size, self.coarsest)[-self.steps :]
        scales = [max(size) / crop.long_side for size in sizes]
        return list(zip(scales, split_steps(self.steps, len(scales)), strict=True))

    def _matches(self, crop: Crop, scale: float, image: Image, encoder: Encoder, last: bool) -> State:
        """matches.taken.r: how often each position of the style of region r is taken by `image`, (gh, gw), 0..1;
        matches.colors: those of the places that are taken, where they are taken to, (3, gh, gw)."""
        if self.paper != "none":
            return {}
        scale, out, mixed, whole = min(scale, MATCHED / crop.long_side), {}, [], []
        view = crop.at(scale)
        for r, (style, style_map) in enumerate(crop.styles(scale)):
            ours = side_of(encoder, resize(image, view.size), view.shares[r], self.match_tap)
            theirs = side_of(encoder, style.to(image), style_map.to(image), self.match_tap)
            at, found = field_of_matches(ours, theirs, self.color_weight)
            if last and self.coherence:
                found = coherent(at, found, ours.size, theirs, self.coherence)
            out[f"matches.taken.{r}"] = taken_from(found, theirs.size)
            colors = ours.colors.clone()
            colors.flatten(1)[:, at] = theirs.colors.flatten(1)[:, found]
            mixed.append(ours.part * colors)
            whole.append(ours.part)
        return out | {"matches.colors": torch.stack(mixed).sum(0) / torch.stack(whole).sum(0).clamp_min(1e-6)}

    def _asked(self, crop: Crop, scale: float, matches: State) -> list["Asked"]:
        """Of each region its style, and what each place of it counts for: as often as it is taken, and in part as the
        style's own map says."""
        out, palette = [], self.palette * crop.fullness
        for r, (style, style_map) in enumerate(crop.styles(scale)):
            taken = matches[f"matches.taken.{r}"]
            whole, here = style_map.to(taken), resize(taken[None], size_of(style))[0]
            both = (1 - palette) * here / here.mean() + palette * whole / whole.mean()
            out.append((style.to(taken), both))
        return out

    def _goal(
        self, crop: Crop, view: View, scale: float, encoder: Encoder, matches: State
    ) -> "Goal | patchgrams.PatchGoal":
        if self.paper != "none":
            return patchgrams.PatchGoal.build(encoder, view, crop.styles(scale))
        asked = self._asked(crop, scale, matches)
        return Goal.build(self, encoder, view, asked, matches["matches.colors"], crop.fullness)

    def _memory(self, encoder: Encoder, crop: Crop) -> float:
        """In bytes, on top of what is loaded. Measured: see benchmarks/RESULTS.md."""
        network = 3.5 * encoder.precision.itemsize * encoder.channels_a_pixel(self._taps)
        return Forecast(crop.box.size, network, 0).memory(Plan(None, "lbfgs", HISTORY))


@dataclasses.dataclass(frozen=True, eq=False)
class Goal:
    """The objective at one size: call it with the parameters, get its weighted terms."""

    method: Harmonize
    encoder: Encoder
    view: View
    supports: dict[str, list[Support]]  # of the regions, per tap
    targets: dict[str, Moments]
    importance: Float[Tensor, " r"]  # fullness x strength^3 x part of the painted area
    content: Float[Tensor, "c h2 w2"]
    content_importance: Float[Tensor, "h2 w2"]
    colors: Float[Tensor, "3 h3 w3"]  # of the places that are taken
    histograms: list[Float[Tensor, "q _"]]  # of features at the first tap, one per region; none where not asked for
    tv: float

    @classmethod
    @torch.no_grad()
    def build(
        cls, method: Harmonize, encoder: Encoder, view: View, asked: Sequence[Asked], colors: Tensor, fullness: float
    ) -> "Goal":
        """asked: of each region the style and its places; colors: of the places taken; fullness: as in `Crop`."""
        taps, deepest = method.style_taps, max(encoder.strides[tap] for tap in method._taps)
        grids = {tap: grid_of(view.size, encoder.strides[tap], deepest) for tap in method._taps}
        held = {tap: pool_to_grid(view.shares, grid, encoder.strides[tap]) for tap, grid in grids.items()}
        content = encoder(view.content, method._taps)[method.content_tap]
        return cls(
            method,
            encoder,
            view,
            supports={tap: supports(held[tap]) for tap in taps},
            targets=_targets(encoder, asked, taps),
            importance=_importance(method, view, asked, fullness),
            content=content,
            content_importance=_content_importance(method, view, content, held[method.content_tap]),
            colors=colors,
            histograms=[_histogram(encoder, taps[0], *one) for one in asked] if method.histogram else [],
            tv=method.tv * _calm(view, asked),
        )

    def __call__(self, now: Parameters) -> dict[str, Float[Tensor, ""]]:
        image = self._smooth(now["image"])
        features, of = self.encoder(self._kept(image), self.method._taps), self.method
        style = self._style(features)
        content = squared_error(features[of.content_tap], self.content, self.content_importance)
        terms = {"style": style, "content": content}
        if of.local_color:
            terms["color"] = of.local_color * self._away_in_color(image)
        if self.histograms:
            terms["histogram"] = of.histogram * self._away_in_histograms(features[of.style_taps[0]])
        return terms | {"tv": self.tv * total_variation(self._kept(image)), "range": 10 * outside_range(now["image"])}

    def _style(self, features: Features) -> Float[Tensor, ""]:
        each = []
        for tap, target in self.targets.items():
            weight = self.importance * TAP_WEIGHTS.get(tap, 1.0)
            each.append((weight * wasserstein_loss(moments(features[tap], self.supports[tap]), target)).sum())
        return torch.stack(each).sum()

    def _away_in_histograms(self, features: Float[Tensor, "c h w"]) -> Float[Tensor, ""]:
        pairs = zip(self.supports[self.method.style_taps[0]], self.histograms, strict=True)
        each = [histogram_loss(features, support, wanted) for support, wanted in pairs]
        return (self.importance * torch.stack(each)).sum()

    def _away_in_color(self, image: Image) -> Float[Tensor, ""]:
        grid = size_of(self.colors)
        cover = F.adaptive_avg_pool2d(self.view.cover[None], grid)[0]
        gap = (colors_of(image, grid) - self.colors).square().sum(0)
        return (cover * gap).sum() / cover.sum()

    def shown(self, image: Image) -> Image:
        """What is to be seen of the picture that is optimized."""
        return self.view.composed(self._smooth(image).clamp(0, 1))

    def _smooth(self, image: Image) -> Image:
        return smooth_chroma(image, self.method.chroma_smoothing)

    def _kept(self, image: Image) -> Image:
        return self.view.kept(image, Box.whole(self.view.size))


def _targets(encoder: Encoder, asked: Sequence[Asked], taps: Sequence[str]) -> dict[str, Moments]:
    """Per tap the moments that each region is to have, in the encoder's basis."""
    each = [moments_of(encoder, style, taps, places[None], SIDE) for style, places in asked]
    stacked = {tap: Moments.stacked([one[tap] for one in each]) for tap in taps}
    return {tap: one.to(encoder.device).through(encoder.basis(tap)) for tap, one in stacked.items()}


def _importance(method: Harmonize, view: View, asked: Sequence[Asked], fullness: float) -> Float[Tensor, " r"]:
    """fullness x strength^3 x part of the painted area. Cubed: the picture answers to the logarithm of a weight, as in
    `gatys`."""
    pairs = zip(view.guide.regions, asked, strict=True)
    mass = view.shares.sum((1, 2))
    strength = mass.new_tensor([region.strength * _brushwork(method, style) for region, (style, _) in pairs])
    return fullness * strength**3 * mass / view.cover.sum()


def _brushwork(method: Harmonize, style: Image) -> float:
    if method.brushwork is not None:
        return method.brushwork
    return min(1.0, max(LEAST, strokes(style) / CALM))


def _content_importance(
    method: Harmonize, view: View, content: Float[Tensor, "c h w"], held: Float[Tensor, "r h w"]
) -> Float[Tensor, "h w"]:
    """What each position's squared error counts for, over the energy of the features in what is painted."""
    energy = (content.float().square().sum(0) * held.sum(0)).sum().clamp_min(1e-12)
    weights = held.new_tensor([region.content_weight for region in view.guide.regions])
    return method.content_weight * torch.einsum("r,rhw->hw", weights, held) / energy


def _calm(view: View, asked: Sequence[Asked]) -> float:
    """What total variation counts for: less where the paintings have more grain."""
    mass = view.shares.sum((1, 2))
    grains = mass.new_tensor([grain(style)[0] for style, _ in asked])
    return float((mass * GRAIN / grains.clamp_min(GRAIN / 4)).sum() / mass.sum())


def _histogram(encoder: Encoder, tap: str, style: Image, places: Map) -> Float[Tensor, "q c"]:
    """Quantiles of every channel, each place counted as often as it is asked for."""
    features = encoder(style, [tap])[tap].float()
    weight = pool_to_grid(places[None], size_of(features), encoder.strides[tap])[0].flatten()
    values, order = features.flatten(1).sort(1)
    summed = (weight / weight.sum())[order].cumsum(1)
    at = (torch.arange(QUANTILES, device=values.device) + 0.5) / QUANTILES
    index = torch.searchsorted(summed, at.expand(len(values), -1).contiguous()).clamp_max(values.shape[1] - 1)
    return values.gather(1, index).T.contiguous()
