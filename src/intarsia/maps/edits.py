"""Maps made of maps: grown, shrunk, feathered, inverted, put together, fitted to the edges of a picture.

Maps are "h w" in 0..1, and so is what comes back, on the CPU. Distances are pixels of the map. The border of the
picture is no edge: what touches it is taken to go on beyond.
"""

import math

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import GuideError, UsageError
from intarsia.types import Map


def grow(one_map: Float[Tensor, "h w"], pixels: float) -> Float[Tensor, "h w"]:
    """The largest value within `pixels` of every position (gray dilation by a disk): regions grow by so much, soft
    edges move outward and keep their softness. UsageError for fewer than 0 pixels."""
    values = _in(one_map)
    if bool(((values == 0) | (values == 1)).all()):  # by distance, whose time does not grow with the radius
        distance = cv2.distanceTransform((values == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return _out((distance <= _distance(pixels) + 1e-4).astype(np.float32) * bool(values.any()))
    return _out(cv2.dilate(values, _disk(pixels)))


def shrink(one_map: Float[Tensor, "h w"], pixels: float) -> Float[Tensor, "h w"]:
    """The smallest value within `pixels` of every position: what `grow` does to the rest of the picture."""
    return 1 - grow(1 - one_map, pixels)


def feather(one_map: Float[Tensor, "h w"], pixels: float) -> Float[Tensor, "h w"]:
    """Edges blurred by a Gaussian that ends `pixels` away (its deviation is 2/5 of that): farther from an edge than
    `pixels`, in x or in y, values stay as they are. UsageError for fewer than 0 pixels."""
    reach = math.ceil(_distance(pixels))
    if not reach:
        return one_map
    side = 2 * reach + 1
    return _out(cv2.GaussianBlur(_in(one_map), (side, side), 0.4 * pixels, borderType=cv2.BORDER_REPLICATE))


def invert(one_map: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """What was not in it."""
    return 1 - one_map


def add(first: Map, second: Map) -> Map:
    """Their sum, at most 1: soft regions that touch join without a seam. GuideError where sizes differ, as below."""
    _check_same_size(first, second)
    return (first + second).clamp(0, 1)


def subtract(first: Map, second: Map) -> Map:
    """What is in the first and not in the second: their difference, at least 0."""
    _check_same_size(first, second)
    return (first - second).clamp(0, 1)


def intersect(first: Map, second: Map) -> Map:
    """What is in both: the smaller of the two."""
    _check_same_size(first, second)
    return torch.minimum(first, second)


def unite(first: Map, second: Map) -> Map:
    """What is in either: the larger of the two, so that what is laid twice counts once."""
    _check_same_size(first, second)
    return torch.maximum(first, second)


def without(first: Map, second: Map) -> Map:
    """What the second leaves of the first: the smaller of the first and of what is not in the second."""
    _check_same_size(first, second)
    return torch.minimum(first, 1 - second)


def refine(one_map: Map, image: Float[Tensor, "c _ _"], radius: int = 8, eps: float = 1e-4) -> Map:
    """The map drawn to the edges of its picture: guided filter (He, Sun, Tang 2010, "Guided Image Filtering").

    image: the guide, 0..1, "1 h w" (eq. 5, 6, 8) or "3 h w" (eq. 14 to 16), of the map's size. radius: pixels; windows
    are squares of side 2 radius + 1, cut at the border. eps: what counts as flat, in squared units of the guide; edges
    of contrast well above its root are followed. Time does not grow with the radius. In every window the map is
    taken to be an affine function of the colors, and every position gets the mean of its windows' answers."""
    if tuple(one_map.shape) != tuple(image.shape[-2:]):
        raise GuideError(
            f"the map is {_size(one_map)}, the picture that refines it {_size(image)}. Resize one of them."
        )
    if radius < 1 or not eps > 0:
        raise UsageError(f"refining takes a radius of 1 or more and an eps above 0; got {radius} and {eps}.")
    guide, target = image.detach().cpu().double(), one_map.detach().cpu().double()
    channels = len(guide)
    products = guide[:, None] * guide  # (c, c, h, w)
    stacked = torch.cat([guide, target[None], guide * target, products.flatten(0, 1)])
    mean, mean_target, mean_both, mean_products = _box_mean(stacked, radius).split([channels, 1, channels, channels**2])
    covariance = mean_products.unflatten(0, (channels, channels)) - mean[:, None] * mean
    covariance = covariance.permute(2, 3, 0, 1) + eps * torch.eye(channels, dtype=torch.float64)
    slope = torch.linalg.solve(covariance, (mean_both - mean * mean_target).permute(1, 2, 0)).permute(2, 0, 1)
    offset = mean_target - (slope * mean).sum(0)
    smooth = _box_mean(torch.cat([slope, offset]), radius)
    return ((smooth[:-1] * guide).sum(0) + smooth[-1]).clamp(0, 1).float()


def _box_mean(values: Float[Tensor, "c h w"], radius: int) -> Float[Tensor, "c h w"]:
    """Mean over the square of side 2 radius + 1 around every position, as far as it lies in the picture."""
    for dim in (1, 2):
        n = values.shape[dim]
        place = torch.arange(n)
        start, end = (place - radius).clamp_min(0), (place + radius + 1).clamp_max(n)
        sums = torch.cat([values.narrow(dim, 0, 1) * 0, values.cumsum(dim)], dim)
        count = (end - start).view(-1, *[1] * (2 - dim))
        values = (sums.index_select(dim, end) - sums.index_select(dim, start)) / count
    return values


def _disk(pixels: float) -> np.ndarray:
    reach = math.floor(_distance(pixels))
    along = np.arange(-reach, reach + 1)
    return (along[:, None] ** 2 + along**2 <= pixels**2).astype(np.uint8)


def _distance(pixels: float) -> float:
    if not 0 <= pixels < math.inf:
        raise UsageError(f"a distance of {pixels} pixels cannot be. Take 0 or more.")
    return pixels


def _check_same_size(first: Map, second: Map) -> None:
    if first.shape != second.shape:
        raise GuideError(f"the maps are {_size(first)} and {_size(second)}. Resize one of them to go together.")


def _size(tensor: Tensor) -> str:
    return f"{tensor.shape[-1]} x {tensor.shape[-2]}"


def _in(one_map: Tensor) -> np.ndarray:
    return one_map.detach().cpu().float().contiguous().numpy()


def _out(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).clamp(0, 1)
