"""What every method does before and after its algorithm, and the one way in which all are called.

    content, guide -> Scene -> the method paints it, size by size, in a View of each -> Frames

The scene is in the colors that are painted with, its guide is merged, and what the guide does not reach stays the
content, to the bit.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.composite import over
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.guide import Guide, Region
from intarsia.large import Box, bands, in_parts
from intarsia.networks import Networks
from intarsia.recolor import Recolored
from intarsia.sizes import mirrored, resize, size_of
from intarsia.types import Image, Size


@dataclass(frozen=True, eq=False)
class View:
    """A scene at one size, on a canvas with a margin, in pixels, in which it is reflected. shares: every region's part
    of each pixel; cover: their sum, 0 = untouched; both, and the content, of the canvas."""

    content: Image
    guide: Guide
    shares: Float[Tensor, "r h w"]
    cover: Float[Tensor, "h w"]
    margin: int = 0

    @classmethod
    def of(cls, content: Image, guide: Guide, margin: int = 0) -> "View":
        shares, cover = (maps.to(content.device) for maps in _shares(guide, size_of(content), margin))
        return cls(_framed(content, margin), guide, shares, cover, margin)

    @property
    def size(self) -> Size:
        """Of the canvas."""
        return size_of(self.content)

    @property
    def long_side(self) -> int:
        """Of what is visible: styles are looked at beside it."""
        return max(self.size) - 2 * self.margin

    @functools.cached_property
    def visible(self) -> "View":
        """Without the margin."""
        if not self.margin:
            return self
        content, shares, cover = (self.inner(one) for one in (self.content, self.shares, self.cover))
        return View(content, self.guide, shares, cover)

    def inner(self, image: Float[Tensor, "*c h w"]) -> Float[Tensor, "*c h2 w2"]:
        """What is visible of a picture on the canvas, or of a stack of maps."""
        h, w = size_of(image)
        return Box(self.margin, self.margin, h - self.margin, w - self.margin).of(image)

    def framed(self, image: Image) -> Image:
        """A picture of any size on the canvas."""
        h, w = self.size
        return _framed(resize(image, (h - 2 * self.margin, w - 2 * self.margin)), self.margin)

    @functools.cached_property
    def everywhere(self) -> bool:
        """Whether nothing of the content is to be seen."""
        return all(bool((box.of(self.cover) > 1 - 1e-5).all()) for box in bands(self.size))

    def kept(self, part: Image, box: Box) -> Image:
        """A part of the image, with the content where the guide does not reach."""
        if self.everywhere:
            return part
        return torch.where(box.of(self.cover) > 0, part, box.of(self.content).to(part))

    def composed(self, image: Image) -> Image:
        """What is shown: the image where the guide reaches; the content, to the bit, where it does not."""
        if self.everywhere:
            return image

        def blend(box: Box) -> Tensor:
            content = box.of(self.content)
            return over(box.of(image).to(content), content, box.of(self.cover))

        return in_parts(blend, image.shape, image, self.content, self.cover, device=image.device)


@dataclass(frozen=True, eq=False)
class Scene:
    """content and guide as they are painted; start: a picture to begin with, in the same colors."""

    colors: Recolored
    start: Image | None = None

    @classmethod
    def of(
        cls, content: Image, guide: Guide, device: torch.device | str = "cpu", start: Image | None = None
    ) -> "Scene":
        colors = Recolored.of(content.to(device), guide.merged())
        return cls(colors, None if start is None else colors.there(start.to(device)))

    @property
    def content(self) -> Image:
        return self.colors.content

    @property
    def guide(self) -> Guide:
        return self.colors.guide

    @property
    def size(self) -> Size:
        return size_of(self.content)

    @property
    def is_still(self) -> bool:
        """Whether there is nothing to paint."""
        return not any(region.strength and _reaches(region) for region in self.guide.regions)

    def at(self, size: Size, margin: int = 0) -> View:
        """What is painted at a visible size (h, w), within a margin in pixels."""
        return View.of(resize(self.content, size), self.guide, margin)

    def shown(self, image: Image) -> Image:
        """What was painted, in the colors that the guide asks for."""
        return self.colors.back(image)


@runtime_checkable
class Paints(Protocol):
    """What a method is made of: settings, and `paint`, its algorithm."""

    @property
    def networks(self) -> Networks: ...

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        """Yields a frame per step; goes on from `state` exactly, where there is one."""
        ...


def painted(
    method: Paints,
    content: Image,
    guide: Guide,
    *,
    start: Image | None = None,
    state: State | None = None,
    encoder: Encoder | None = None,
) -> Iterator[Frame]:
    """Paints `content` (RGB, 0..1) as `guide` says, at its own size; yields a frame per step, and where a step takes
    long the same frame again, of which only `done` has changed.

    start: a picture to begin with, of any size. state: a frame's `state()`, to go on from it exactly. encoder: one that
    is loaded already, instead of the one that the settings name."""
    encoder = encoder or method.networks.load_encoder()
    scene = Scene.of(content, guide, encoder.device, start)
    if scene.is_still:
        yield Frame(scene.content, 1, 1, {}, 1.0, dict)
    else:
        yield from method.paint(scene, encoder, state)


def _reaches(region: Region) -> bool:
    return region.content_map is None or bool((region.content_map > 0).any())


def _shares(guide: Guide, size: Size, margin: int) -> tuple[Float[Tensor, "r h w"], Float[Tensor, "h w"]]:
    """Every region's part of every pixel of the canvas, and their sum; where they are the same everywhere they take no
    memory."""
    if guide.is_even:
        shares, (h, w) = guide.shares((1, 1)), (length + 2 * margin for length in size)
        return shares.expand(-1, h, w), shares.sum(0).expand(h, w)
    shares = _framed(guide.shares(size), margin)
    return shares, in_parts(lambda box: box.of(shares).sum(0), size_of(shares), shares)


def _framed(image: Float[Tensor, "c h w"], margin: int) -> Float[Tensor, "c h2 w2"]:
    if not margin:
        return image
    rows, columns = (mirrored(length, margin).to(image.device) for length in size_of(image))
    shape = (len(image), len(rows), len(columns))

    def piece(box: Box) -> Tensor:
        return image[:, rows[box.rows]][..., columns]

    return in_parts(piece, shape, image, dtype=image.dtype, device=image.device)
