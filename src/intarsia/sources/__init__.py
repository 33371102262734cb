"""Sources make guides; no method knows them.

A guide comes from pairs of masks, from label maps, from styles along a ramp, or from patches by meaning. Masks and
ramps come from gradients and shapes.
"""

from collections.abc import Callable

from intarsia.guide import Guide
from intarsia.sources.gradients import between, from_picture, linear, radial
from intarsia.sources.labels import (
    Label,
    label_indices,
    label_maps,
    labels,
    labels_by_color,
    map_of_color,
    maps_of_colors,
)
from intarsia.sources.masks import masks
from intarsia.sources.patches import patches
from intarsia.sources.shapes import ellipse, flood_fill, grab_cut, polygon, rectangle
from intarsia.sources.strokes import brush
from intarsia.sources.written import Canvas, WrittenMap

SOURCES: dict[str, Callable[..., Guide]] = {
    "masks": masks,
    "labels": labels,
    "labels_by_color": labels_by_color,
    "between": between,
    "patches": patches,
}

__all__ = [
    "SOURCES",
    "Canvas",
    "Label",
    "WrittenMap",
    "between",
    "brush",
    "ellipse",
    "flood_fill",
    "from_picture",
    "grab_cut",
    "label_indices",
    "label_maps",
    "labels",
    "labels_by_color",
    "linear",
    "map_of_color",
    "maps_of_colors",
    "masks",
    "patches",
    "polygon",
    "radial",
    "rectangle",
]
