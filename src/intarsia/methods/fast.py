"""Trained feed-forward networks as a method: Johnson et al. 2016 (arXiv:1603.08155), with regions.

    for each network n of the guide's styles
      y_n    = n(content)                                                  in one pass, tile by tile
    image  = sum over regions  share_r (strength_r y_n(r) + (1 - strength_r) content)

A region is painted by the network that was trained on its style: the file that the style was given as, or one of
`models`, brings it. Networks look at the whole picture, also for a small region, so that the statistics by which they
normalize are those that they would have without it; and pass into each other where regions do. A
network knows but its style's own colors: where a rule has changed those, the same change is made to what it paints.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from intarsia import nets
from intarsia.color import AffineMap, color_moments, match_colors
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.errors import GuideError, notice
from intarsia.large import bands, copied, let_go
from intarsia.large.forecast import Demand, held, tiling
from intarsia.models import Model, read_model, shown
from intarsia.nets import Multimodal, Singular, bytes_per_pixel
from intarsia.networks import Networks
from intarsia.scene import Scene, View, painted
from intarsia.types import Image

LEVEL = 1 / 255  # of the colors that a file keeps of a style
BORDER = 4  # positions around a tile that a layer looks at
Net = Singular | Multimodal


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Fast:
    """Paints in one pass of a network that was trained on the style: the quickest, in a few styles."""

    models: tuple[Path, ...] = ()
    """Networks besides those that are given as styles: files that `intarsia train` wrote, or trained:NAME. Each paints
    the regions with its style."""
    tile: Annotated[int, Field(ge=0)] = 0
    """Side of the tiles that large pictures are painted in, in pixels; 0 chooses it, and where tiles are needed."""
    networks: Networks = Field(default_factory=Networks)
    """Where the networks run."""

    default_size: ClassVar[int | None] = None
    takes_long: ClassVar[bool] = False
    __call__ = painted

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        view, networks = scene.at(scene.size), self._networks(scene)
        side = self.side_of_tiles(scene, [network for network, _ in networks], encoder)
        image = view.content if state is None else state["image"].to(encoder.device)
        first = 0 if state is None else int(state["step"])
        for step, (network, regions) in list(enumerate(networks, 1))[first:]:
            network.to(encoder.device)
            found = nets.painted(network, view.content, encoder.precision, side)
            image = copied(image)  # what a frame's state keeps is not written to
            for r in regions:
                self._put(found, image, view, r, _in_colors(scene, r))
            del found
            yield self._frame(scene, view, image, step, len(networks))
        if first == len(networks):  # the state of a finished run: nothing is left to do
            yield self._frame(scene, view, image, first, first)

    def _put(self, found: Image, image: Image, view: View, r: int, colors: AffineMap | None) -> None:
        """Adds a region's part of what its network has painted to the image, in place."""
        strength = view.guide.regions[r].strength
        for box in bands(view.size):
            opacity = strength * box.of(view.shares)[r] / box.of(view.cover).clamp_min(1e-12)
            part = box.of(found) if colors is None else colors(box.of(found)).clamp(0, 1)
            box.of(image).add_(opacity * (part - box.of(view.content)))
            let_go(image, view.content, view.shares, view.cover)

    def _frame(self, scene: Scene, view: View, image: Image, step: int, steps: int) -> Frame:
        def state() -> State:
            return {"image": image, "step": torch.tensor(step)}

        return Frame(scene.shown(view.composed(image)), step, steps, {}, step / steps, state)

    def _networks(self, scene: Scene) -> list[tuple[Net, list[int]]]:
        """The networks, each with the numbers of its regions. Raises GuideError for a region whose style none of them
        was trained on."""
        found: dict[int, list[int]] = {}
        for r, (region, style) in enumerate(zip(scene.guide.regions, scene.colors.styles, strict=True)):
            which = next((n for n, model in enumerate(self.trained) if _alike(model.style, style)), None)
            if which is None:
                raise GuideError(
                    f"region '{region.name}': its style is a picture, and no network was trained on it. Train one by "
                    "intarsia train STYLE -o NAME.safetensors and give that file as the style, or take another method."
                )
            if region.style_scale != 1 or region.style_map is not None:
                notice(f"region '{region.name}': `fast` paints in strokes of one size, and takes the style as a whole.")
            found.setdefault(which, []).append(r)
        return [(self.trained[which].network, regions) for which, regions in found.items()]

    def side_of_tiles(self, scene: Scene, networks: Sequence[Net], encoder: Encoder) -> int:
        """In pixels; 0 for the picture as a whole. Raises MemoryLimitError where not even tiles fit."""
        width = max(network.out.conv.in_channels for network in networks)
        per_pixel = max(bytes_per_pixel(network, encoder.precision) for network in networks)
        kinds = [(3, torch.float32)] * 5 + [(width, encoder.precision)] * 2
        kinds += [(len(scene.guide.regions) + 1, torch.float32)] * (not scene.guide.is_even)
        demand = Demand(scene.size, per_pixel, BORDER, 1)
        (side,) = tiling({0: demand}, self.tile, held(scene.size, kinds, encoder.device), encoder.device).values()
        return 0 if side >= max(scene.size) else side

    @functools.cached_property
    def trained(self) -> tuple[Model, ...]:
        """The networks, read the first time. Raises what `read_model` does."""
        return tuple(read_model(path) for path in self.models)


def _in_colors(scene: Scene, r: int) -> AffineMap | None:
    """From the colors that a region's network paints in to those that the rule has given the style; None where they are
    the same."""
    before, after = scene.colors.styles[r], scene.guide.regions[r].style
    return None if before is after else match_colors(color_moments(before), color_moments(after))


def _alike(kept: Image, style: Image) -> bool:
    """Whether a network's picture of its style is that of this style, which may be larger and has finer levels."""
    small = shown(style).to(kept)
    return kept.shape == small.shape and float((kept - small).abs().max()) < LEVEL
