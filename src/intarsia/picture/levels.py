"""Pixels as numbers of whatever type they came in; arrays and tensors hold such already."""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from intarsia.errors import PictureError
from intarsia.picture.metadata import Metadata

_LOOK = 24  # places along a side
_SAME = 0.03  # mean difference of two pictures, 0..1, up to which they show the same


class Levels(NamedTuple):
    """Pixels as the file numbers them: uint8 or uint16 up to the type's maximum, or floats in 0..1."""

    color: Shaped[np.ndarray, "h w c"]  # c is 1 or 3
    alpha: Shaped[np.ndarray, "h w"] | None  # same type as the color
    profile: bytes | None = None
    notices: tuple[str, ...] = ()
    metadata: Metadata = Metadata()
    numbers: Shaped[np.ndarray, "h w"] | None = None  # of its palette's colors, where the file has one
    lossy: bool = False  # from JPEG or AVIF
    certain: bool = False  # numbers that mean shares as they stand: floats handed over, and maps that we wrote


def scaled(levels: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """A fresh float32 array in 0..1: division rather than a product, so that the top level is exactly 1."""
    if levels.dtype.kind == "f":
        return np.array(levels, np.float32, order="C")
    out = np.empty(levels.shape, np.float32)
    return np.divide(levels, np.float32(np.iinfo(levels.dtype).max), out=out)


def white_of(levels: Shaped[np.ndarray, "..."]) -> int:
    """The level that stands for 1."""
    return 1 if levels.dtype.kind == "f" else int(np.iinfo(levels.dtype).max)


def spread_of(color: Shaped[np.ndarray, "h w c"]) -> Shaped[np.ndarray, "h w"]:
    """The largest difference within 3 x 3 pixels, of any channel; 0 where they are all the same."""
    window, color = np.ones((3, 3), np.uint8), np.ascontiguousarray(color)
    return (cv2.dilate(color, window) - cv2.erode(color, window)).reshape(color.shape).max(2)


def show_the_same(levels: Levels, reduced: Levels) -> bool:
    """Whether the second is a reduced copy of the first, as far as a few hundred of its places tell."""
    h, w = reduced.color.shape[:2]
    size = (min(w, _LOOK), min(h, _LOOK))
    both = (cv2.resize(scaled(one.color).mean(axis=2), size, interpolation=cv2.INTER_AREA) for one in (levels, reduced))
    return float(np.abs(np.subtract(*both)).mean()) < _SAME


def from_array(source: np.ndarray | Tensor) -> Levels:
    """An array (h w) or (h w c), or a tensor with its channels first. Raises PictureError unless it is a picture."""
    array = _channels_last(source) if isinstance(source, Tensor) else source
    _check(array, source)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype not in (np.uint8, np.uint16):
        array = array.astype(np.float32, copy=False)  # `scaled` copies
    if array.ndim == 2:
        array = array[:, :, None]
    alpha = array[:, :, 3] if array.shape[2] == 4 else None
    return Levels(array[:, :, :3], alpha, certain=array.dtype == np.float32)


def _channels_last(tensor: Tensor) -> np.ndarray:
    values = tensor.detach().cpu()
    if values.dtype == torch.bfloat16:  # numpy does not know it
        values = values.float()
    return (values if values.ndim != 3 else values.permute(1, 2, 0)).numpy()


def _check(array: np.ndarray, came: np.ndarray | Tensor) -> None:
    name, axes = ("the tensor", "(c, h, w)") if isinstance(came, Tensor) else ("the array", "(h, w, c)")
    if array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise PictureError(f"{name} has the shape {tuple(came.shape)}. Expected (h, w) or {axes}, with c = 1, 3 or 4.")
    if array.dtype in (np.bool_, np.uint8, np.uint16):
        return
    if not np.issubdtype(array.dtype, np.floating):
        raise PictureError(f"{name} holds {came.dtype}. Expected uint8, uint16, or floats in 0..1.")
    if not np.isfinite(array).all():
        raise PictureError(f"{name} holds values that are not finite (NaN or infinity). Expected floats in 0..1.")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        hint = " Divide by 255 if that is its range." if 2 <= high <= 255 and low >= 0 else " Scale or clip it first."
        raise PictureError(f"{name} holds values from {low:g} to {high:g}. Expected floats in 0..1.{hint}")
