"""Partitions as pictures to look at and to edit: in flat colors, which work wherever a label map does."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.errors import GuideError
from intarsia.partition.segment import MOST, Partition
from intarsia.sources.labels import maps_of_colors

# Any two are at least 110 levels apart, so that they survive edits, and anti-aliased edges can be told from them.
PALETTE = (
    *("#0080ff", "#ff8000", "#008000", "#ff0080", "#ffff00", "#8000ff", "#00ffff", "#800000"),
    *("#ffffff", "#000080", "#80ff00", "#ff80ff", "#808080", "#ff0000", "#00ff80", "#000000"),
    *("#0000ff", "#00ff00", "#ff00ff", "#808000", "#008080", "#800080", "#ffff80", "#80ffff"),
    *("#8080ff", "#ff8080", "#80ff80", "#404040", "#c0c0c0", "#40c0c0", "#c04040", "#4040c0"),
)
COLORED = 0.55  # how much of an overlay is color


def colored(labels: Int[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """Each label in its own flat color of PALETTE; label 0 is the first."""
    colors = torch.tensor([list(bytes.fromhex(color[1:])) for color in PALETTE]) / 255
    return colors[labels].permute(2, 0, 1).contiguous()


def overlay(image: Float[Tensor, "3 h w"], labels: Int[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """The picture, tinted with the colors of its labels."""
    return torch.lerp(image, colored(labels), COLORED)


def from_colors(label_map: Float[Tensor, "3 h w"]) -> Partition:
    """A partition from a picture in flat colors, edited or not. Colors of PALETTE stand for their own labels. Other
    colors get the free labels, the color with the largest area first. The maps are 0 or 1. GuideError for more than 32
    colors."""
    maps = maps_of_colors(label_map)
    free = [label for label, color in enumerate(PALETTE) if color not in maps]
    new = [color for color in maps if color not in PALETTE]
    if len(new) > len(free):
        raise GuideError(f"the label map has {len(maps)} colors; a partition has at most {MOST} regions.")
    named = {color: PALETTE.index(color) for color in maps if color in PALETTE} | dict(zip(new, free, strict=False))
    soft = torch.zeros(max(named.values()) + 1, *label_map.shape[1:])
    for color, one_map in maps.items():
        soft[named[color]] = one_map
    return Partition(soft.argmax(0), soft)
