"""The part of a scene that is worked on, where a method repaints a small object on a large painting."""

import dataclasses
import functools
import math

import torch

from intarsia.guide import Guide
from intarsia.large import Box
from intarsia.scene import Scene, View
from intarsia.sizes import resize
from intarsia.styles import styles_once
from intarsia.types import Image, Map, Size

LARGE = 0.06  # part of the painting from which an object can hold its variety; a smaller one is asked for less

Asked = tuple[Image, Map]  # a style, and what each place of it counts for


@dataclasses.dataclass(frozen=True, eq=False)
class Crop:
    """What is worked on: what the guide reaches, and around it as much as the network sees. box: its place in the
    scene; view: of it, at full size; start: a picture to begin with."""

    scene: Scene
    box: Box
    view: View
    start: Image | None

    @classmethod
    def of(cls, scene: Scene, margin: int) -> "Crop":
        start = None if scene.start is None else resize(scene.start, scene.size)
        if scene.guide.is_even:
            return cls(scene, Box.whole(scene.size), scene.at(scene.size), start)
        shares = scene.guide.shares(scene.size)
        box = Box.around((shares > 0).any(0)).grown(margin, scene.size)
        regions = zip(scene.guide.regions, box.of(shares), strict=True)
        guide = Guide(tuple(dataclasses.replace(one, content_map=share.clone()) for one, share in regions))
        view = View.of(box.of(scene.content).contiguous(), guide)
        return cls(scene, box, view, None if start is None else box.of(start))

    @property
    def guide(self) -> Guide:
        return self.view.guide

    @property
    def long_side(self) -> int:
        """Of the scene: styles are looked at beside it."""
        return max(self.scene.size)

    @functools.cached_property
    def fullness(self) -> float:
        """How much of the painting's variety the object can hold, 0..1."""
        part = float(self.view.cover.sum(dtype=torch.float64)) / math.prod(self.scene.size)
        return min(1.0, (part / LARGE) ** 0.5)

    def size_at(self, scale: float) -> Size:
        h, w = self.box.size
        return max(1, round(h * scale)), max(1, round(w * scale))

    def at(self, scale: float) -> View:
        return self.view if scale == 1 else View.of(resize(self.view.content, self.size_at(scale)), self.guide)

    def styles(self, scale: float) -> list[Asked]:
        """Of each region the style, as large as it is looked at, and which part of it is taken."""
        out = {}
        for members, style, maps in styles_once(self.guide, max(16, round(self.long_side * scale))):
            out |= {r: (style, maps[r]) for r in members}
        return [out[r] for r in range(len(out))]

    def shown(self, image: Image) -> Image:
        """The whole scene with what was painted, at full size and in the colors that the guide asks for."""
        out = self.scene.content.clone()
        self.box.of(out).copy_(self.view.composed(resize(image, self.box.size)))
        return self.scene.shown(out)
