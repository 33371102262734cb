"""The words that maps are told with. To add one, write a line in `MAKERS` or `EDITS`, and its function if need be.

A function gets, in this order: what it is drawn `on`, the map so far if it is an edit, what follows the word, and the
settings by name.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from intarsia.errors import GuideError, UsageError
from intarsia.maps import edits
from intarsia.maps.fitting import check_aspect, fitted
from intarsia.sizes import size_of
from intarsia.sources import gradients, shapes, strokes
from intarsia.sources.labels import map_of_color
from intarsia.types import Image, Map, Point

Kind = Literal["point", "spot", "radii", "angle or point", "distance", "color", "file", "map"]


@dataclass(frozen=True, eq=False)
class Canvas:
    """What a map is drawn on.

    image: the picture, at the size that shapes are drawn at; full: its size (h, w) as it came, which the aspect of
    files is held against; side: "content" or "style", for messages; read_map, read_labels: a file by its name, as a
    map or as a label map; rest: what no other region owns, where that is known; pasted: what an object that was pasted
    covers."""

    image: Image
    full: tuple[int, int]
    side: str
    read_map: Callable[[str], Map]
    read_labels: Callable[[str], Image]
    rest: Map | None = None
    pasted: Map | None = None

    @property
    def size(self) -> tuple[int, int]:
        return size_of(self.image)


@dataclass(frozen=True)
class Verb:
    """function: makes or edits the map; words: kinds of what follows, at least `least` of them and, with `more`, any
    number of points more, which then come last and as one tensor, "n 2", or "n 3" with the pressure of spots; settings:
    names of NAME=NUMBER; on: what the function needs of the canvas."""

    function: Callable[..., Map]
    words: tuple[Kind, ...] = ()
    least: int | None = None
    more: bool = False
    settings: tuple[str, ...] = ()
    on: Literal["nothing", "size", "image", "canvas"] = "nothing"

    @property
    def fewest(self) -> int:
        return len(self.words) if self.least is None else self.least

    def draw(self, canvas: Canvas, before: Map | None, given: Sequence[Any], settings: dict[str, float]) -> Map:
        surface = {"nothing": (), "size": (canvas.size,), "image": (canvas.image,), "canvas": (canvas,)}[self.on]
        maps = () if before is None else (before,)
        if self.more:
            points = [one for one in given if isinstance(one, tuple)]
            given = [*given[: len(given) - len(points)], torch.tensor(points)]
        return self.function(*surface, *maps, *given, **settings)


def _rest(canvas: Canvas) -> Map:
    if canvas.rest is None:
        raise GuideError("'rest' is what the other regions leave of the content, and there are none here.")
    return canvas.rest


def _pasted(canvas: Canvas) -> Map:
    if canvas.pasted is None:
        raise GuideError(
            f"'pasted' is what a pasted object covers, and nothing is pasted on the {canvas.side}. Give a `paste`, or "
            "another map."
        )
    return fitted(canvas.pasted, canvas.size)


def _ellipse(size: tuple[int, int], center: Point, radii: Point, angle: float = 0) -> Map:
    return shapes.ellipse(size, center, radii, angle)


def _label(canvas: Canvas, file: str, color: str) -> Map:
    image = canvas.read_labels(file)
    check_aspect(f"label map {file}", canvas.side, image, canvas.full)
    return fitted(map_of_color(image, color), canvas.size)


def _linear(size: tuple[int, int], first: float | Point, end: Point | None = None) -> Map:
    return gradients.linear(size, start=first, end=end) if isinstance(first, tuple) else gradients.linear(size, first)


def _refine(image: Image, one_map: Map, radius: float = 8, eps: float = 1e-4) -> Map:
    return edits.refine(one_map, image, min(round(radius), max(size_of(image))), eps)


def _cut(image: Image, one_map: Map, band: float | None = None) -> Map:
    if band is not None and band < 0:
        raise UsageError(f"a band of {band:g} pixels cannot be. Take 0 or more.")
    return shapes.grab_cut(image, one_map, None if band is None else min(band, math.hypot(*size_of(image))))


MAKERS: dict[str, Verb] = {
    "everywhere": Verb(torch.ones, on="size"),
    "rest": Verb(_rest, on="canvas"),
    "pasted": Verb(_pasted, on="canvas"),
    "rectangle": Verb(shapes.rectangle, ("point", "point"), on="size"),
    "ellipse": Verb(_ellipse, ("point", "radii"), settings=("angle",), on="size"),
    "polygon": Verb(shapes.polygon, ("point", "point", "point"), more=True, on="size"),
    "brush": Verb(strokes.brush, ("distance", "spot"), more=True, settings=("hardness", "opacity"), on="size"),
    "fill": Verb(shapes.flood_fill, ("point",), more=True, settings=("tolerance",), on="image"),
    "label": Verb(_label, ("file", "color"), on="canvas"),
    "linear": Verb(_linear, ("angle or point", "point"), least=1, on="size"),
    "radial": Verb(gradients.radial, ("point",), least=0, settings=("inner", "outer"), on="size"),
    "luminance": Verb(gradients.from_picture, on="image"),
}
EDITS: dict[str, Verb] = {
    "grow": Verb(edits.grow, ("distance",)),
    "shrink": Verb(edits.shrink, ("distance",)),
    "feather": Verb(edits.feather, ("distance",)),
    "invert": Verb(edits.invert),
    "add": Verb(edits.add, ("map",)),
    "subtract": Verb(edits.subtract, ("map",)),
    "intersect": Verb(edits.intersect, ("map",)),
    "unite": Verb(edits.unite, ("map",)),
    "without": Verb(edits.without, ("map",)),
    "refine": Verb(_refine, settings=("radius", "eps"), on="image"),
    "cut": Verb(_cut, settings=("band",), on="image"),
    "levels": Verb(gradients.from_picture, settings=("black", "white", "gamma")),
}
