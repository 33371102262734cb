"""Maps brought to the size of a picture, and held against its aspect."""

import torch
import torch.nn.functional as F
from jaxtyping import Shaped
from torch import Tensor

from intarsia.errors import GuideError, notice
from intarsia.types import Map, Size


def at_size(one_map: Map, size: Size) -> Map:
    """The map at another size (h, w): the covered part of each pixel where it shrinks, else in between."""
    if one_map.shape == size:
        return one_map
    shrinks = size[0] <= one_map.shape[0] and size[1] <= one_map.shape[1]
    return F.interpolate(one_map[None, None], size, mode="area" if shrinks else "bilinear")[0, 0]


def fitted(one_map: Map, size: Size) -> Map:
    """The same, where nothing stays exactly nothing, and all exactly all."""
    return one_map if one_map.shape == size else settled(at_size(one_map, size))


def settled(one_map: Map) -> Map:
    """Without what rounding left of 0 and of 1, so that what is not painted is so to the bit."""
    settled = torch.where(one_map < 1e-5, 0, one_map)
    return torch.where(settled > 1 - 1e-5, 1, settled)


def check_aspect(name: str, what: str, given: Shaped[Tensor, "*c _ _"], size: Size) -> None:
    """Raises GuideError where the aspect of a map is not that of its picture of `size` (h, w); only another size is a
    Notice."""
    h, w = given.shape[-2:]
    came = f"{name}: its {what} mask is {w} x {h}, the {what} picture {size[1]} x {size[0]}"
    _agree((h, w), size, came, "They must have the same aspect: crop or redraw the mask.")


def check_picture(name: str, given: Shaped[Tensor, "*c _ _"], other: str, size: Size) -> None:
    """The same for a picture that is as another one of `size` (h, w)."""
    h, w = given.shape[-2:]
    came = f"{name} is {w} x {h}, {other} {size[1]} x {size[0]}"
    _agree((h, w), size, came, "They must have the same aspect: crop one of them.")


def _agree(given: Size, size: Size, came: str, cure: str) -> None:
    (h, w), (high, wide) = given, size
    # equal aspect within 1 %, or within the pixel that rounding may cost
    if abs(h * wide - w * high) > max(0.01 * h * wide, h, wide):
        raise GuideError(f"{came}. {cure}")
    if given != size:
        notice(f"{came}; it was resized.")
