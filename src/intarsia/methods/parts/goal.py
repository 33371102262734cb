"""The objective of `gatys` at one size: its terms for a picture, as a whole or tile by tile."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.engine import State
from intarsia.guide import Region, blends
from intarsia.large import Box, Features, Statistics, Tile, by_tiles, tiles_of
from intarsia.losses import LOSSES, Distances, gram_loss, outside_range, patch_loss, squared_error, total_variation
from intarsia.match import Votes
from intarsia.methods.parts import papers
from intarsia.methods.parts.codes import DEEP, FEWEST, inside, maps_of, mean_shares
from intarsia.methods.parts.patchwork import Patchwork, patchworks
from intarsia.moments import Moments, Support, moments
from intarsia.scene import View
from intarsia.sizes import grid_of, pool_to_grid, size_of
from intarsia.styles import styles_in_basis
from intarsia.types import Image, Size

DEEP_WEIGHTS = {"relu4_1": 0.1, "relu5_1": 0.03}  # of 1, for taps whose weights are not given: see docs/quality.md


@runtime_checkable
class Aims(Protocol):
    """The settings of `Gatys` that the objective is made of."""

    @property
    def loss(self) -> str: ...

    @property
    def paper(self) -> papers.Paper | Literal["none"]: ...

    @property
    def style_taps(self) -> tuple[str, ...]: ...

    @property
    def tap_weights(self) -> tuple[float, ...]: ...

    @property
    def content_tap(self) -> str: ...

    @property
    def content_weight(self) -> float: ...

    @property
    def tv(self) -> float: ...

    @property
    def blends(self) -> bool: ...

    @property
    def patch_taps(self) -> tuple[str, ...]: ...

    @property
    def patch_weight(self) -> float: ...

    @property
    def semantic_weight(self) -> float: ...


class Target(NamedTuple):
    """What one tap asks: the moments of the image under `maps` are to be `moments`, code by code."""

    maps: Callable[[Box], list[Support]]  # of a part of the picture
    moments: Moments
    importance: Float[Tensor, " k"]  # strength x part of the painted area x weight of the tap


@dataclasses.dataclass(frozen=True, eq=False)
class Goal:
    """The objective at one size: call it with the image, get its weighted terms."""

    method: Aims
    encoder: Encoder
    view: View
    tiles: list[Tile]  # one, or as many as bound the memory
    taps: tuple[str, ...]  # all of them, also where none has enough positions: they decide the padding
    targets: dict[str, Target]
    content_tap: str
    content_features: Float[Tensor, "c h2 w2"]
    content_importance: Float[Tensor, "h2 w2"]  # over the target's square
    patchworks: dict[str, Patchwork]
    matches: dict[str, Tensor] = dataclasses.field(default_factory=dict)  # per tap, of the round that is at work
    votes: dict[str, Votes] = dataclasses.field(default_factory=dict)

    @classmethod
    def build(cls, method: Aims, encoder: Encoder, view: View, side: int | None = None) -> "Goal":
        """side: of the tiles, in pixels; None for the picture as a whole."""
        size, content, shares, cover = view.size, view.content, view.shares, view.cover
        codes = blends(shares.cpu()).to(content.device) if method.blends else shares
        mixture = mean_shares(codes, shares, cover) if method.blends else torch.eye(len(shares)).to(codes)
        strengths = content.new_tensor([region.strength for region in view.guide.regions])
        (taps, content_tap), every = _taps(method, encoder), every_tap(method, encoder)
        deepest = max(encoder.strides[tap] for tap in every)
        pieces = tiles_of(size, side or max(size), deepest, encoder.reach(every))
        mass = codes.sum((1, 2), dtype=torch.float64).to(content)
        targets = {}
        for tap, styles in styles_in_basis(encoder, view.guide, view.long_side, taps, side).items():
            stride = encoder.strides[tap]
            grid = grid_of(size, stride, deepest)
            enough = min(FEWEST, math.prod(grid) / 2)
            worth = [k for k, positions in enumerate((mass / stride**2).tolist()) if positions >= enough]
            if not worth:
                continue
            target = styles.mixed(mixture[worth])
            # cubed: the picture answers to the logarithm of a weight, and 0.5 is to look like half, not like nearly all
            importance = (mixture[worth] @ strengths) ** 3 * mass[worth] / cover.sum()
            importance = importance * _style_weight(method, tap, target)
            inner = inside(pool_to_grid(codes[worth], grid, stride)) if method.blends and stride >= DEEP else None
            targets[tap] = Target(maps_of(codes, worth, stride, pieces, inner), target, importance)
        grid = grid_of(size, encoder.strides[content_tap], deepest)
        features = _of_content(encoder, content, pieces, every, content_tap, grid)
        (theirs,) = styles_in_basis(encoder, view.guide, view.long_side, (content_tap,), side).values()
        # over what is painted alone, as the style is: or else a small region would be painted without its content
        painted = pool_to_grid(cover[None], grid, encoder.strides[content_tap])[0]
        energy = (features.float().square().sum(0) * painted).sum().clamp_min(1e-12)
        weights = _content_weights(method, energy, energy / painted.sum(), theirs, view.guide.regions)
        keep = (shares * weights[:, None, None]).sum(0) + (1 - cover).clamp_min(0) * weights.mean()
        keep = pool_to_grid(keep[None], grid, encoder.strides[content_tap])[0] / energy
        patches = {}
        if method.loss == "patches":
            patches = patchworks(encoder, view, method.patch_taps, deepest, method.semantic_weight)
        return cls(method, encoder, view, pieces, every, targets, content_tap, features, keep, patches)

    def matched(self, image: Image, state: State | None = None) -> "Goal":
        """The goal of the next round, in which the patches of `image` are to be those that they now resemble most; with
        a state, those of its round."""
        if not self.patchworks:
            return self
        if state is None:
            with torch.no_grad():
                features = self.encoder(image, self.taps)
            matches = {tap: patches.matched(features[tap]) for tap, patches in self.patchworks.items()}
        else:
            matches = {tap: state[f"matches.{tap}"].to(image.device) for tap in self.patchworks}
        votes = {tap: patches.votes(matches[tap]) for tap, patches in self.patchworks.items()}
        return dataclasses.replace(self, matches=matches, votes=votes)

    def state(self) -> State:
        return {f"matches.{tap}": found for tap, found in self.matches.items()}

    def __call__(self, image: Image) -> dict[str, Float[Tensor, ""]]:
        """The weighted terms; of a picture in tiles without a graph, but with the gradient added to `image.grad`."""
        if len(self.tiles) > 1:
            return by_tiles(self, image)
        (whole,) = self.tiles
        features = self.features(image, whole)
        near = [patch_loss(features[tap], votes) for tap, votes in self.votes.items()]
        patches = {"patches": self.method.patch_weight * torch.stack(near).sum()} if near else {}
        style, content = self.texture(self.statistics(features, whole)), self.places(features, whole)
        return patches | {"style": style, "content": content} | self.pixels(image)

    def style(self, image: Image) -> Float[Tensor, ""]:
        """The style's term alone, of a picture as a whole."""
        (whole,) = self.tiles
        return self.texture(self.statistics(self.features(image, whole), whole))

    def features(self, part: Image, tile: Tile) -> Features:
        shown = self.view.kept(part, tile.outer)
        found = self.encoder(shown, self.taps, self.plain)
        return {tap: tile.inner.cells(self.encoder.strides[tap]).of(one) for tap, one in found.items()}

    def statistics(self, features: Features, tile: Tile) -> Statistics:
        return {tap: moments(features[tap], target.maps(tile.box)) for tap, target in self.targets.items()}

    def texture(self, statistics: Statistics) -> Float[Tensor, ""]:
        distance, style = self.distance, []
        for tap, target in self.targets.items():
            basis = self.encoder.basis(tap) if tap in self.plain else None  # once, not at every position
            now = statistics[tap].rounded() if distance is gram_loss else statistics[tap]
            style.append((target.importance * distance(now.through(basis), target.moments)).sum())
        return torch.stack(style).sum() if style else self.view.content.new_zeros(())

    def places(self, features: Features, tile: Tile) -> Float[Tensor, ""]:
        """The content's term (Gatys et al. 2016, eq. 1)."""
        cells = tile.box.cells(self.encoder.strides[self.content_tap])
        ours, theirs = features[self.content_tap], cells.of(self.content_features)
        return squared_error(ours, theirs, cells.of(self.content_importance))

    def pixels(self, image: Image) -> dict[str, Float[Tensor, ""]]:
        smooth = total_variation(self.view.kept(image, Box.whole(size_of(image))))
        return {"tv": self.method.tv * smooth / self._painted, "range": 10 * outside_range(image)}

    @property
    def distance(self) -> Callable[[Moments, Moments], Distances]:
        """Between textures."""
        return gram_loss if self.method.paper != "none" else LOSSES.get(self.method.loss, gram_loss)

    @functools.cached_property
    def _painted(self) -> float:
        """Part of the picture."""
        return float(self.view.cover.mean(dtype=torch.float64))

    @property
    def plain(self) -> list[str]:
        """Taps whose moments are put in the encoder's basis, instead of their features."""
        return [tap for tap in self.targets if tap != self.content_tap and tap not in self.votes]


def _of_content(
    encoder: Encoder, content: Image, tiles: list[Tile], taps: tuple[str, ...], tap: str, grid: Size
) -> Float[Tensor, "c h2 w2"]:
    """The content's features, in the precision that they come in."""
    stride = encoder.strides[tap]
    out = content.new_empty(*grid, encoder.channels[tap], dtype=encoder.precision).permute(2, 0, 1)
    for tile in tiles:
        found = encoder(tile.outer.of(content), taps)[tap]
        tile.box.cells(stride).of(out).copy_(tile.inner.cells(stride).of(found))
    return out


def _taps(method: Aims, encoder: Encoder) -> tuple[tuple[str, ...], str]:
    """Style taps and content tap."""
    return (method.style_taps, method.content_tap) if method.paper == "none" else papers.taps_of(method.paper, encoder)


def every_tap(method: Aims, encoder: Encoder) -> tuple[str, ...]:
    """Those of style, content and patches: they decide the padding."""
    style, content = _taps(method, encoder)
    return tuple(dict.fromkeys((*style, content, *(method.patch_taps if method.loss == "patches" else ()))))


def _style_weight(method: Aims, tap: str, target: Moments) -> Tensor | float:
    """What a tap's relative distance counts for."""
    if method.paper != "none":
        return papers.style_weight(method.paper, tap, target)
    given = method.tap_weights or [DEEP_WEIGHTS.get(one, 1.0) for one in method.style_taps]
    return dict(zip(method.style_taps, given, strict=True))[tap]


def _content_weights(
    method: Aims, whole: Tensor, mean: Tensor, styles: Moments, regions: Sequence[Region]
) -> Float[Tensor, " r"]:
    """What the relative content error counts for in each region. Ours goes with the root of the energy of the content's
    features, `mean` per position, over that of the style's, so that a style of strong strokes shows as much as a faint
    one; the papers, which compare absolutely, have more of this. whole: the energy of all that is painted."""
    own = mean.new_tensor([region.content_weight for region in regions])
    if method.paper != "none":
        return own * papers.content_weight(method.paper, float(whole))
    strong = styles.gram().diagonal(dim1=1, dim2=2).sum(1).to(own).clamp_min(1e-12)
    return own * method.content_weight * (mean / strong).sqrt()
