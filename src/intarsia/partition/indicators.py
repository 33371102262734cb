"""Cluster indicators of a picture: soft clusters of its colors and of each tap of an encoder, as maps of its pixels."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.geometry import pixel_centers, sample
from intarsia.partition.clustering import Clustering, maximum_entropy
from intarsia.types import Size

TAPS = ("relu2_1", "relu3_1", "relu4_1", "relu5_1")
DIRECTIONS = 16  # how many principal directions of a tap are clustered
BLUR = 6.0  # pixels: the deviation of the Gaussian window over which the features of a tap are averaged


def lab(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """CIELAB divided by 100, where distances are about proportional to how different two colors look."""
    rgb = np.ascontiguousarray(image.detach().cpu().float().permute(1, 2, 0).numpy())
    return torch.from_numpy(cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)).permute(2, 0, 1) / 100


def at(maps: Float[Tensor, "c h w"], size: Size) -> Float[Tensor, "c h2 w2"]:
    """The maps at another size: by area means if they shrink, bilinear if they grow."""
    if tuple(maps.shape[1:]) == size:
        return maps
    shrinks = size[0] <= maps.shape[1] and size[1] <= maps.shape[2]
    return F.interpolate(maps[None], size, mode="area" if shrinks else "bilinear")[0]


def color_indicators(
    image: Float[Tensor, "3 h w"], grid: Size, weights: Float[Tensor, "gh gw"], m: int, seed: int = 0
) -> Float[Tensor, "m gh gw"]:
    """m soft clusters of the picture's colors, as maps on `grid`."""
    found = maximum_entropy(at(lab(image), grid).flatten(1), m, weights=weights.flatten(), seed=seed, ridge=1e-2)
    return found.soft.view(m, *grid)


def tap_indicators(
    encoder: Encoder,
    image: Float[Tensor, "3 h w"],
    grid: Size,
    weights: Float[Tensor, "gh gw"],
    m: int,
    carry: str = "upsample",
    seed: int = 0,
) -> list[Float[Tensor, "m gh gw"]]:
    """m soft clusters of each tap, clustered separately, as maps of the picture on `grid`.

    carry: how the clusters of a tap become maps of the pixels. "upsample" enlarges the tap's maps. "gradient" sends the
    signal of a cluster, at the positions that belong to it, back through the network to the pixels, and takes the
    smoothed magnitude of the gradient (the description's way; it takes 3 to 5 times as long)."""
    by_gradient = carry == "gradient"
    pixels = image.detach().to(encoder.device).requires_grad_(by_gradient)
    with torch.set_grad_enabled(by_gradient):
        features = encoder(pixels, TAPS)
    out = []
    for tap, found in features.items():
        stride = encoder.strides[tap]
        h, w = (-(-side // stride) for side in image.shape[1:])  # without the padding
        inside = found[:, :h, :w].detach().float().cpu()
        small = (min(h, grid[0]), min(w, grid[1]))
        x, basis = _directions(at(_texture(inside, stride), small), at(weights[None], small)[0])
        clusters = maximum_entropy(x, m, weights=at(weights[None], small).flatten(), seed=seed, ridge=1e-2)
        maps = clusters.soft.view(m, *small)
        if by_gradient:
            maps = _by_gradient(pixels, found, at(maps, (h, w)), clusters, basis)
        else:
            maps = _laid_over(maps, (h * stride, w * stride), (image.shape[1], image.shape[2]), grid)
        out.append(maps if tuple(maps.shape[1:]) == grid else at(maps, grid))
    return out


def _laid_over(maps: Float[Tensor, "m h w"], whole: Size, size: Size, grid: Size) -> Float[Tensor, "m gh gw"]:
    """Maps that cover the picture padded to `whole`, cut to the picture's own `size` and resampled on `grid`."""
    if whole == size:
        return at(maps, grid)
    part = torch.tensor([size[1] / whole[1], size[0] / whole[0]])
    return sample(maps, pixel_centers(grid) * part)


def _texture(features: Float[Tensor, "c h w"], stride: int) -> Float[Tensor, "c h w"]:
    """The directions of the features, averaged over a window. Lengths are evened out: shadows shorten features."""
    length = features.square().sum(0).sqrt()
    even = features / (length + 0.1 * length.square().mean().sqrt()).clamp_min(1e-12)
    sigma = BLUR / stride
    if sigma < 0.3:
        return even
    array = np.ascontiguousarray(even.permute(1, 2, 0).numpy())
    blurred = cv2.GaussianBlur(array, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE).reshape(array.shape)
    return torch.from_numpy(blurred).permute(2, 0, 1)


def _directions(
    features: Float[Tensor, "c h w"], weights: Float[Tensor, "h w"]
) -> tuple[Float[Tensor, "q n"], Float[Tensor, "c q"]]:
    """The features along their principal directions, and these directions."""
    x, part = features.flatten(1).double(), weights.flatten().double()
    part = part / part.sum().clamp_min(1e-12)
    x = x - (x * part).sum(1, keepdim=True)
    vectors = torch.linalg.eigh((x * part) @ x.T)[1][:, -DIRECTIONS:].flip(1)
    vectors = vectors * torch.where(vectors.abs().amax(0) == vectors.amax(0), 1.0, -1.0)  # settles the signs
    return (vectors.T @ x).float(), vectors.float()


def _by_gradient(
    pixels: Float[Tensor, "3 h w"],
    features: Float[Tensor, "c fh fw"],
    maps: Float[Tensor, "m h2 w2"],
    clusters: Clustering,
    basis: Float[Tensor, "c q"],
) -> Float[Tensor, "m h w"]:
    """Each cluster's part of |d signal / d pixel|. Its signal is the slope of its logit, weighted by its map."""
    h, w = maps.shape[1:]
    signals = (basis @ clusters.slope.T).T.to(features)  # (m, c)
    out = []
    for one_map, signal in zip(maps, signals, strict=True):
        seed = torch.zeros_like(features)
        seed[:, :h, :w] = signal[:, None, None] * one_map.to(features)
        (gradient,) = torch.autograd.grad(features, pixels, seed, retain_graph=True)
        strength = gradient.float().abs().sum(0).cpu().numpy()
        smooth = cv2.GaussianBlur(strength, (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE).reshape(strength.shape)
        out.append(torch.from_numpy(smooth / max(float(smooth.mean()), 1e-20)))
    stacked = torch.stack(out)
    return (stacked + 1e-3) / (stacked + 1e-3).sum(0)
