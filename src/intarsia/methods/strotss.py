"""Style transfer by relaxed optimal transport and self-similarity: Kolkin, Salavon, Shakhnarovich 2019, "STROTSS".

    for each size, coarse to fine, and at each step some pixels of the image X
      A, B = hypercolumns of X at its pixels, and of the style (hypercolumns.py)
      minimize over the levels of a Laplacian pyramid of X
        REMD(A, B) + moment_weight * W(X, style) + palette_weight / alpha * REMD(colors) + tv * TV(X)
        + content_weight * (alpha * |alike(A) - alike(A of the content)|
                            + moment_weight * shape_weight * |F(X) - F(content)|^2)

REMD is the relaxed earth mover's distance, alike the cosine distances of all pixels from each other, alpha 16 at a long
side of 64 and half as much at twice the side. Regions: pixels are sampled under soft maps, those of the style under its
own, and soft borders are mixtures (`guide.blends`).

Departures (benchmarks/RESULTS.md has what was measured): moments are not those of the samples but of all the picture,
compared by Wasserstein's distance as in `gatys`, which also brings the term of shapes, that keeps faces; every layer is
as long as the others in a hypercolumn, and colors stand outside of it, for in it they turned garish; Adam in place of
RMSprop, in fewer and longer steps; and the picture begins as the content. `paper="strotss"` has none of these but the
encoder's own layers and a palette in RGB.
"""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from intarsia.color import smooth_chroma
from intarsia.encoders import Encoder
from intarsia.engine import Descent, Frame, Parameters, State, descend, joined
from intarsia.guide import Guide, blends
from intarsia.large import Features, check_memory
from intarsia.large.forecast import Forecast, Plan
from intarsia.losses import mean_and_covariance_loss, relaxed_emd, self_similarity_loss
from intarsia.methods.gatys import MARGIN, Gatys, Round
from intarsia.methods.parts.codes import mean_shares
from intarsia.methods.parts.goal import Goal
from intarsia.methods.parts.hypercolumns import Columns, Places, Rows, drawn, on_a_grid
from intarsia.networks import Networks
from intarsia.scene import Scene, View, painted
from intarsia.sizes import coarse_to_fine, size_of, split_steps
from intarsia.styles import styles_once
from intarsia.types import Image, Size

ALPHA = 16.0  # what the content counts at a long side of 64; half of it at twice the side
LEVELS = 5  # of the Laplacian pyramid
TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
TAP_WEIGHTS = {"relu1_1": 0.5, "relu5_1": 0.5}  # of 1
CALM = 0.2  # of the step length, in the last third of the steps at a size
FEWEST = 256  # samples of a small region


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Strotss:
    """Paints by moving samples of the picture's features onto those of the style; keeps how alike its places are."""

    steps: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Evaluations of loss and gradient in all, most of them at the coarse sizes."""
    content_weight: Annotated[float, Field(ge=0)] = 0.5
    """How much the content counts against the style: how alike places are, and shapes; 0 forgets it."""
    samples: Annotated[int, Field(ge=16, le=65_536)] = 1024
    """Places of the picture that are looked at in one step."""
    style_samples: Annotated[int, Field(ge=16, le=65_536)] = 1024
    """Places of the style that they are compared with."""
    shape_weight: Annotated[float, Field(ge=0)] = 0.4
    """How much of the content weight is for its features themselves, as in `gatys`; 0 as in the paper."""
    moment_weight: Annotated[float, Field(ge=0)] = 16.0
    """How much mean and covariance of the features, and the content's shapes, count beside transport."""
    palette_weight: Annotated[float, Field(ge=0)] = 1.0
    """How much colors alone count."""
    taps: Annotated[tuple[str, ...], Field(min_length=1)] = TAPS
    """Layers whose features are compared."""
    tv: Annotated[float, Field(ge=0)] = 2.0
    """Weight of total variation, which calms noise."""
    chroma_smoothing: Annotated[int, Field(ge=0, le=16)] = 2
    """Times that colors, but not their luminance, are smoothed over 3 x 3 pixels: no colored specks."""
    content_taps: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "relu1_1",
        "relu2_1",
        "relu3_1",
        "relu4_1",
        "relu5_1",
    )
    """Layers in which the picture's places are to be as alike as those of the content."""
    rate: Annotated[float, Field(gt=0)] = 0.03
    """Step length of Adam at the first size; half of it at each next one, and less in the last steps of each."""
    coarsest: Annotated[int, Field(ge=16)] = 128
    """Long side of the first, coarsest size."""
    paper: Literal["none", "strotss"] = "none"
    """The paper's own terms, weights, sizes, samples and optimizer in place of ours; it has 200 steps at each size."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the places."""
    networks: Networks = Field(default_factory=Networks)
    """The network that looks at the picture, and where it runs."""

    default_size: ClassVar[int | None] = 512
    takes_long: ClassVar[bool] = True
    __call__ = painted

    @model_validator(mode="after")
    def _taps_fit(self) -> "Strotss":
        if len(set(self.taps)) < len(self.taps):
            raise ValueError(f"taps names a tap twice: {', '.join(self.taps)}")
        if strange := [tap for tap in self.content_taps if tap not in self.taps]:
            raise ValueError(f"content_taps has {', '.join(strange)}, which is not among taps")
        return self

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        yield from self._settled._painted(scene, encoder, state)

    @property
    def _settled(self) -> "Strotss":
        """With the numbers of the paper (section 3 of it, and its public code), where these are asked for."""
        if self.paper == "none":
            return self
        numbers = {"samples": 1000, "style_samples": 1000, "coarsest": 64, "rate": 0.002}
        weights = {"content_weight": 1.0, "moment_weight": 1.0, "palette_weight": 1.0, "shape_weight": 0.0, "tv": 0.0}
        return replace(self, **numbers, **weights, chroma_smoothing=0, content_taps=self.taps)

    def _painted(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        encoder.check_taps(self.taps)
        check_memory(self.memory(encoder, scene.size), scene.size, encoder.device)
        rounds = self.rounds(scene.size)
        costs = [one.steps * (math.prod(one.size) + 16 * self.samples) for one in rounds]
        first = 0 if state is None else int(state["level"])
        image = state["image"].to(encoder.device) if state is not None and "image" in state else scene.start
        if state is not None and first == len(rounds):  # of a finished run: nothing is left to do
            assert image is not None
            yield Frame(scene.shown(image), self.steps, self.steps, {}, 1.0, functools.partial(dict, state))
        for level, one in list(enumerate(rounds))[first:]:
            samples = Samples.build(self, encoder, scene.at(one.size, one.margin), level)
            before = sum(n.steps for n in rounds[:level])
            begun = state if state is not None and level == first and "step" in state else None
            for i, now in self._descent(samples, image, one, begun):
                image = samples.shown(now.parameters)
                done = (sum(costs[:level]) + costs[level] * i / one.steps) / sum(costs)
                kept = joined(now.state, {"level": torch.tensor(level)})
                if i == one.steps:  # the next size begins with the picture, and lets go of the rest
                    kept = functools.partial(dict, {"level": torch.tensor(level + 1), "image": image})
                yield Frame(scene.shown(image), before + i, self.steps, now.losses, done, kept)

    def memory(self, encoder: Encoder, size: Size) -> float:
        """In bytes, on top of what is loaded. Measured with the compact encoder in bf16: 351 MiB at 512 x 384, 232 at
        384 x 288, 113 at 192 x 144, where this says 354, 232 and 115."""
        network = 4.5 * encoder.precision.itemsize * encoder.channels_a_pixel(self.taps)
        plan = Plan(None, "adam", 0)
        width = sum(encoder.channels[tap] for tap in self.taps)
        costs = 4 * 4 * (self.samples * (self.style_samples + 2 * self.samples) + 4 * width * self.samples)
        return 4 / 3 * Forecast(size, network, 0).memory(plan) + costs

    @property
    def statistics(self) -> Gatys:
        """Whose terms of texture and pixels are taken."""
        shapes = self.content_weight * self.shape_weight
        return Gatys(content_weight=shapes, tv=self.tv, style_taps=self.taps, content_tap="relu3_1")

    def rounds(self, size: Size) -> list[Round]:
        """Sizes from coarse to fine, and the steps at each, the last third of them shorter: as long as the others,
        they would leave the specks that new places make at every step."""
        sizes, out = coarse_to_fine(size, self.coarsest)[-self.steps :], []
        if self.paper != "none":
            ends = [self.steps * i // len(sizes) for i in range(len(sizes) + 1)]
            rates = [self.rate] * (len(sizes) - 1) + [self.rate / 2]
            return [Round(one, 0, b - a, rate) for one, (a, b), rate in zip(sizes, pairwise(ends), rates, strict=True)]
        for level, (one, n) in enumerate(zip(sizes, split_steps(self.steps, len(sizes)), strict=True)):
            rate = self.rate * 0.5**level
            out += [Round(one, MARGIN, n - n // 3, rate), Round(one, MARGIN, n // 3, rate * CALM)]
        return [one for one in out if one.steps]

    def _descent(
        self, samples: "Samples", image: Image | None, one: Round, state: State | None
    ) -> Iterator[tuple[int, Descent]]:
        """From the picture before, or from a state at this size."""
        at = first = 0 if state is None else int(state["step"])

        def objective(now: Parameters) -> Mapping[str, Tensor]:
            return samples(samples.smooth(now), at)

        start = pyramid(self._first(samples.view) if image is None else samples.view.framed(image))
        optimizer = "adam" if self.paper == "none" else "rmsprop"
        found = descend(objective, start, one.steps, optimizer=optimizer, rate=samples.rate(one), state=state)
        for i, now in enumerate(found, first + 1):
            at = i  # a new step takes new places
            yield i, now

    def _first(self, view: View) -> Image:
        """The picture before the first step; the paper's: the content's finest forms on the styles' mean color."""
        if self.paper == "none":
            return view.content
        means = torch.stack([region.style.mean((1, 2)).to(view.content) for region in view.guide.regions])
        return pyramid(view.content)["band0"] + torch.einsum("rhw,rc->chw", view.shares, means)

    def scales(self, lengths: Mapping[str, float]) -> dict[str, float]:
        """What the layers of a hypercolumn are multiplied by; in the paper they are as they come, and with colors."""
        if self.paper != "none":
            return dict.fromkeys(("colors", *self.taps), 1.0)
        return {tap: TAP_WEIGHTS.get(tap, 1.0) / lengths[tap] for tap in self.taps}


class Target(NamedTuple):
    """What the samples under one map, a mixture of regions, are to be like."""

    map: Float[Tensor, "h w"]
    samples: int
    rows: Rows  # of the styles
    colors: Float[Tensor, "m 3"]
    importance: float  # strength^3 x part of the painted area


class Samples(NamedTuple):
    """The objective at one size: call it with the picture and the step, get its weighted terms."""

    method: "Strotss"
    goal: Goal  # of statistics all over the picture
    alpha: float
    strength: float  # mean over the painted area
    seed: int
    targets: list[Target]
    scales: Mapping[str, float]
    content: Columns
    keep: Float[Tensor, "h w"]  # what the content counts

    @classmethod
    def build(cls, method: "Strotss", encoder: Encoder, view: View, level: int) -> "Samples":
        view = in_order(view)
        seed = (method.seed * 64 + level) << 20  # room for as many steps as there may be at a size
        goal = Goal.build(method.statistics, encoder, view)
        codes = blends(view.shares.cpu()).to(view.content.device)
        mixture = mean_shares(codes, view.shares, view.cover)
        styles, lengths = _styles(method, encoder, view, seed)
        strengths = mixture.new_tensor([region.strength for region in view.guide.regions])
        weights = mixture.new_tensor([region.content_weight for region in view.guide.regions])
        parts = codes.sum((1, 2)) / view.cover.sum()
        importance = (mixture @ strengths) ** 3 * parts
        targets = [
            _target(code, max(FEWEST, round(method.samples * part)), styles, mix, worth)
            for code, part, mix, worth in zip(codes, parts.tolist(), mixture, importance.tolist(), strict=True)
        ]
        with torch.no_grad():
            features, scales = encoder(view.content, method.taps), method.scales(lengths)
        kept = {tap: 1 / lengths[tap] for tap in method.content_taps} if method.paper == "none" else scales
        keep = (view.shares * weights[:, None, None]).sum(0)
        content = _columns(encoder, features, view.content, kept)
        strength = float((mixture @ strengths * parts).sum())
        return cls(method, goal, ALPHA * 64 / view.long_side, strength, seed, targets, scales, content, keep)

    def __call__(self, image: Image, step: int) -> dict[str, Float[Tensor, ""]]:
        """The weighted terms of a picture on the canvas, at the places of this step."""
        goal = self.goal
        (whole,) = goal.tiles
        features = goal.features(image, whole)
        columns = self._columns(image, features)
        terms = self._texture(features, columns, step)
        if self.method.content_weight:
            terms["content"] = self.alpha * self.method.content_weight * self._content(columns, step)
        terms["shapes"] = self.method.moment_weight * goal.places(features, whole)
        return terms | goal.pixels(image)

    def texture(self, image: Image, step: int) -> Float[Tensor, ""]:
        """The style's terms alone."""
        features = self.goal.features(image, self.goal.tiles[0])
        return torch.stack(list(self._texture(features, self._columns(image, features), step).values())).sum()

    def _texture(self, features: Features, columns: Columns, step: int) -> dict[str, Float[Tensor, ""]]:
        goal, (whole,) = self.goal, self.goal.tiles
        transport, palette, moments = [], [], []
        for target in self.targets:
            places = on_a_grid(target.map, target.samples, self._generator(step))
            rows, colors = columns.at(places), columns.features["colors"][:, places.y, places.x].T
            transport.append(target.importance * relaxed_emd(rows, target.rows, places.weight))
            palette.append(target.importance * relaxed_emd(colors, target.colors, places.weight, "euclidean"))
            if self.method.paper != "none":
                moments.append(target.importance * mean_and_covariance_loss(rows, target.rows, places.weight))
        texture = torch.stack(moments).sum() if moments else goal.texture(goal.statistics(features, whole))
        return {
            "transport": torch.stack(transport).sum(),
            "moments": self.method.moment_weight * texture,
            "palette": self.method.palette_weight * torch.stack(palette).sum() / self.alpha,
        }

    def _columns(self, image: Image, features: Features) -> Columns:
        goal = self.goal
        return _columns(goal.encoder, features, goal.view.kept(image, goal.tiles[0].outer), self.scales, goal.plain)

    def _content(self, columns: Columns, step: int) -> Float[Tensor, ""]:
        places = on_a_grid(self.view.cover, self.method.samples // 2, self._generator(step))
        ours, theirs = replace(columns, scales=self.content.scales), self.content
        return self_similarity_loss(ours.at(places), theirs.at(places), self.keep[places.y, places.x])

    def rate(self, one: Round) -> float:
        """Steps of Adam and RMSprop are as long for a weak gradient as for a strong one."""
        assert one.rate is not None, "both have one"
        return one.rate * self.strength

    def _generator(self, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed + step)

    def smooth(self, now: Parameters) -> Image:
        """The picture of a pyramid, as it is looked at."""
        return smooth_chroma(collapsed(now), self.method.chroma_smoothing)

    def shown(self, now: Parameters) -> Image:
        """What is to be seen of the picture that is optimized."""
        view = self.view
        return view.visible.composed(view.inner(self.smooth(now)).clamp(0, 1))

    @property
    def view(self) -> View:
        return self.goal.view


def in_order(view: View) -> View:
    """The regions in an order of their own, whatever that in which they were given: Adam makes much of the rounding of
    a sum."""

    def key(r: int) -> tuple[float, float]:
        return float(view.shares[r].sum(dtype=torch.float64)), float(view.guide.regions[r].style.mean())

    order = sorted(range(len(view.shares)), key=key)
    guide = Guide(tuple(view.guide.regions[r] for r in order))
    return replace(view, guide=guide, shares=view.shares[order])


def _styles(
    method: "Strotss", encoder: Encoder, view: View, seed: int
) -> tuple[list[tuple[Rows, Tensor]], dict[str, float]]:
    """Of each region the hypercolumns and the colors of its samples, and how long the rows of every tap are."""
    found: dict[int, tuple[Columns, Places, Image]] = {}
    with torch.no_grad():
        for members, style, maps in styles_once(view.guide, view.long_side):
            style = style.to(encoder.device)
            columns = _columns(encoder, encoder(style, method.taps), style, {})
            for r in members:
                places = drawn(maps[r].to(encoder.device), method.style_samples, torch.Generator().manual_seed(seed))
                found[r] = columns, places, style
        every = [columns.lengths(places) for columns, places, _ in found.values()]
        lengths = {tap: sum(one[tap] for one in every) / len(every) for tap in method.taps}
        scales, out = method.scales(lengths), []
        for r in range(len(found)):
            columns, places, style = found[r]
            out.append((replace(columns, scales=scales).at(places), style[:, places.y, places.x].T))
    return out, lengths


def _columns(
    encoder: Encoder,
    features: Mapping[str, Tensor],
    image: Image,
    scales: Mapping[str, float],
    plain: Sequence[str] = (),
) -> Columns:
    """plain: taps of features that came without their basis."""
    bases = {tap: encoder.basis(tap) for tap in plain}
    return Columns({"colors": image, **features}, {"colors": 1, **encoder.strides}, scales, bases)


def _target(
    code: Tensor, samples: int, styles: list[tuple[Rows, Tensor]], mix: Float[Tensor, " r"], importance: float
) -> Target:
    """mix: the part of each region's style."""
    taken = [round(float(part) * len(rows)) for part, (rows, _) in zip(mix, styles, strict=True)]
    rows, colors = (torch.cat([one[i][:n] for n, one in zip(taken, styles, strict=True)]) for i in (0, 1))
    return Target(code, samples, rows, colors, importance)


def pyramid(image: Image) -> Parameters:
    """The levels of a Laplacian pyramid, from the finest; their sum at the picture's size is the picture."""
    out = {}
    for level in range(LEVELS):
        small = _halved(image)
        out[f"band{level}"] = image - _enlarged(small, size_of(image))
        image = small
    return out | {f"band{LEVELS}": image}


def collapsed(levels: Parameters) -> Image:
    """The picture of a pyramid."""
    *finer, image = (levels[f"band{level}"] for level in range(LEVELS + 1))
    for one in reversed(finer):
        image = one + _enlarged(image, size_of(one))
    return image


def _halved(image: Image) -> Image:
    h, w = size_of(image)
    size = max(1, h // 2), max(1, w // 2)
    return F.interpolate(image[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]


def _enlarged(image: Image, size: Size) -> Image:
    return F.interpolate(image[None], size=size, mode="bilinear", align_corners=False)[0]
