"""Whose colors a painting has: maps that carry the colors of one picture, or of a part of it, to those of another.

Three rules, each weighted by soft maps. An affine map of the colors matches mean and covariance; `before` takes the
content's colors away ahead of the painting and `after` puts them back. The luminance of the painting alone can be
taken, under the content's colors. And each channel's histogram can be matched, which is exact but knows nothing of how
channels go together.

Sources: Gatys, Bethge, Hertzmann, Shechtman 2016, "Preserving Color in Neural Artistic Style Transfer" (color transfer;
luminance-only transfer); Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer", section 4;
Pitié, Kokaram 2007, "The Linear Monge-Kantorovitch Linear Colour Mapping for Example-Based Colour Transfer".
"""

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.errors import GuideError, UsageError, unknown
from intarsia.moments import Moments
from intarsia.types import Image, Map

Matrix = Float[Tensor, "3 3"]

LUMINANCE = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True, eq=False)
class AffineMap:
    """color -> matrix @ color + offset. Kept in fp64 on the CPU, applied in the picture's own precision and place."""

    matrix: Matrix
    offset: Float[Tensor, "3"]

    def __call__(self, image: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
        """Not clamped: colors may leave 0..1."""
        moved = torch.einsum("ij,jhw->ihw", _beside(self.matrix, image), image)
        return moved + _beside(self.offset, image)[:, None, None]

    def inverse(self) -> "AffineMap":
        matrix = torch.linalg.inv(self.matrix)
        return AffineMap(matrix, -matrix @ self.offset)


def identity() -> AffineMap:
    """The map that changes no color."""
    return AffineMap(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))


def color_moments(image: Float[Tensor, "3 h w"], one_map: Float[Tensor, "h w"] | None = None) -> Moments:
    """Moments of the colors under one map (None: all pixels), as `match_colors` takes them; not differentiable.

    Summed in fp64, unlike the moments of features: adding up few distinct values, fp32 rounds the same way each time,
    and at a few megapixels is off by a hundred times the variance that counts as flat."""
    whole = torch.ones(image.shape[1:]) if one_map is None else one_map
    size = _rows(image, 2**19)
    bands = zip(image.detach().split(size, 1), whole.detach().split(size), strict=True)
    return functools.reduce(operator.add, (_sums(band, part) for band, part in bands))


def _sums(image: Float[Tensor, "3 h w"], one_map: Float[Tensor, "h w"]) -> Moments:
    rows, weight = image.flatten(1).cpu().double(), one_map.flatten().cpu().double()
    weighted = rows * weight
    return Moments(weight.sum()[None], weighted.sum(1)[None], (weighted @ rows.T)[None])


def chroma_spread(colors: Moments) -> float:
    """The deviation of what luminance does not tell of the colors under a map: 0 for grays, and for grays in one tint;
    0.006 for an ink drawing, 0.03 for a mosaic of stones, 0.05 and more for most paintings."""
    covariance, weights = colors.covariance()[0], torch.tensor(LUMINANCE, dtype=torch.float64)
    chroma = torch.eye(3, dtype=torch.float64) - weights  # every row: a channel less the luminance
    along = chroma @ covariance @ weights
    told = along.square().sum() / (weights @ covariance @ weights).clamp_min(1e-12)
    return float((chroma @ covariance @ chroma.T).trace().sub(told).clamp_min(0).sqrt())


def is_gray(image: Float[Tensor, "3 h w"], one_map: Float[Tensor, "h w"] | None = None) -> bool:
    """Whether no pixel that the map holds has a color, to one and a half of 255 levels."""
    for rows in range(0, image.shape[1], step := _rows(image, 2**20)):
        part = image[:, rows : rows + step]
        colored = part.amax(0) - part.amin(0) > 1.5 / 255
        if bool((colored if one_map is None else colored & (one_map[rows : rows + step] > 0)).any()):
            return False
    return True


def match_colors(
    source: Moments, target: Moments, form: str = "mk", eps: float = 1e-5, gain: float = 10.0
) -> AffineMap:
    """The affine map that carries mean and covariance of the source's colors to the target's.

    source, target: moments of pictures under one map each; where either map is empty, nothing is known and the map is
    the identity. form:
    - mk: of all such maps the one that moves colors least; symmetric and positive (Pitié and Kokaram 2007);
    - pca: Σt^½ Σs^-½, the "image analogies" form of Gatys et al. 2016;
    - cholesky: Lt Ls^-1, red first (the same paper); it depends on the order of the channels.

    eps: variances, in units of the 0..1 range squared, below which a direction counts as flat and as this wide (the
    default is a deviation of 0.003, about one 8-bit level); gain: no direction is stretched or shrunk by more than
    this factor, so that the noise of a gray picture is not blown up into color, neither by the map nor by its inverse.
    Within these the match is exact. In every form the map from b to a is the inverse of the map from a to b.
    """
    if form not in FORMS:
        raise UsageError(unknown("color form", form, FORMS))
    if eps <= 0 or gain < 1:
        raise UsageError(f"color matching got eps {eps} and gain {gain}; eps must be above 0, gain 1 or more.")
    assert len(source.mass) == len(target.mass) == 1, "color moments come one map at a time"
    if float(source.mass) <= 0 or float(target.mass) <= 0:
        return identity()
    matrix = _limited(FORMS[form](_covariance(source, eps), _covariance(target, eps)), gain)
    return AffineMap(matrix, _mean(target) - matrix @ _mean(source))


def blend_maps(
    maps: Sequence[AffineMap], shares: Float[Tensor, "r h w"], image: Float[Tensor, "3 h w"]
) -> Float[Tensor, "3 h w"]:
    """Each pixel by the mixture of the r maps that its shares speak of; what no share covers stays as it is. Shares
    that sum to more than 1 are scaled down together. Not clamped."""
    return image + sum(part * (one(image) - image) for one, part in zip(maps, _parts(shares), strict=True))


def unblend_maps(
    maps: Sequence[AffineMap], shares: Float[Tensor, "r h w"], image: Float[Tensor, "3 h w"]
) -> Float[Tensor, "3 h w"]:
    """The exact inverse of `blend_maps`: every pixel's mixture of maps is an affine map, which is inverted. (A mixture
    of the inverses is something else wherever regions meet softly.)

    Mixtures of `mk` maps, being symmetric and positive, always have an inverse, with no more gain than the maps had.
    The other forms can meet a mixture that has none; there the result is finite, but not the color that was."""
    out = torch.empty_like(image)
    rows = _rows(image, 2**19)  # at a time, since a matrix per pixel is much memory
    for y in range(0, image.shape[1], rows):
        band = slice(y, y + rows)
        inverse, offset = unblending(maps, shares[:, band])
        out[:, band] = _beside(apply_field(inverse, image[:, band].cpu().double() - offset), image)
    return out


def unblending(
    maps: Sequence[AffineMap], shares: Float[Tensor, "r h w"]
) -> tuple[Float[Tensor, "3 3 h w"], Float[Tensor, "3 h w"]]:
    """What `unblend_maps` does to each pixel, to do it many times: inverse @ (color - offset); fp64, on the CPU."""
    still = torch.eye(3, dtype=torch.float64)
    part = _parts(shares.cpu().double())
    matrices, offsets = torch.stack([one.matrix - still for one in maps]), torch.stack([one.offset for one in maps])
    matrix = still[..., None, None] + torch.einsum("rij,rhw->ijhw", matrices, part)
    return _inverted(matrix), torch.einsum("ri,rhw->ihw", offsets, part)


def apply_field(matrix: Float[Tensor, "3 3 h w"], image: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """Every pixel's color by its own matrix."""
    return (matrix * image).sum(1)


def before(
    content: Float[Tensor, "3 h w"],
    styles: Sequence[Image],
    shares: Float[Tensor, "r h w"] | None = None,
    style_maps: Sequence[Map | None] | None = None,
    *,
    form: str = "mk",
    eps: float = 1e-5,
    gain: float = 10.0,
) -> tuple[Float[Tensor, "3 h w"], tuple[AffineMap, ...]]:
    """Remove the color differences before painting: the content in its styles' colors, in 0..1, and one map per
    region with which `after` puts the differences back.

    styles: one per region; shares: who owns which part of the content (None: one style, everywhere); style_maps: which
    part of each style counts (None: all of it). form, eps, gain: see `match_colors`."""
    style_maps = [None] * len(styles) if style_maps is None else style_maps
    owned = [None] if shares is None else list(_parts(shares))
    if not len(owned) == len(styles) == len(style_maps):
        raise GuideError(
            f"colors of {len(styles)} styles with {len(style_maps)} style maps came for {len(owned)} regions. "
            "Give each region one of each."
        )
    maps = tuple(
        match_colors(color_moments(content, part), color_moments(style, style_map), form, eps, gain)
        for part, style, style_map in zip(owned, styles, style_maps, strict=True)
    )
    moved = maps[0](content) if shares is None else blend_maps(maps, shares, content)
    return moved.clamp(0, 1), maps


def after(
    result: Float[Tensor, "3 h w"], maps: Sequence[AffineMap], shares: Float[Tensor, "r h w"] | None = None
) -> Float[Tensor, "3 h w"]:
    """Put the color differences back: undoes `before`'s maps on what was painted since, clamped to 0..1.

    shares: as given to `before`, at the result's size. Straight after `before` this gives the content back, to 1e-4,
    wherever its colors fitted into 0..1 on the way."""
    moved = maps[0].inverse()(result) if shares is None else unblend_maps(maps, shares, result)
    return moved.clamp(0, 1)


def luminance(image: Float[Tensor, "3 h w"]) -> Float[Tensor, "h w"]:
    """Rec. 709 weights on sRGB values as they are, not made linear: "luma", which style transfer calls luminance."""
    return torch.einsum("c,chw->hw", image.new_tensor(LUMINANCE), image)


def smooth_chroma(image: Float[Tensor, "3 h w"], times: int = 1) -> Float[Tensor, "3 h w"]:
    """The image with its colors smoothed by [1 2 1] / 4 along each side, so many times, and its luminance as it is;
    differentiable, in any range."""
    return _Smooth.apply(image, times) if times else image


class _Smooth(torch.autograd.Function):
    """Its gradient in closed form, and nothing kept for it. With edges repeated the smoothing B is symmetric; with P
    what makes every channel the luminance, P X + B (I - P) X has the transpose B + Pᵀ (I - B)."""

    @staticmethod
    def forward(ctx, image: Tensor, times: int) -> Tensor:
        ctx.times = times
        light = luminance(image)
        return _smooth(image - light, times).add_(light)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        smooth = _smooth(grad, ctx.times)
        change = (grad - smooth).sum(0)
        for channel, weight in zip(smooth, LUMINANCE, strict=True):
            channel.add_(change, alpha=weight)
        return smooth, None


def _smooth(image: Float[Tensor, "c h w"], times: int) -> Float[Tensor, "c h w"]:
    """Sums of sums of neighbors, which are [1 2 1] along each side, and their scale at the end."""
    for _ in range(times):
        for side in (1, 2):
            image = _two_sums(image.transpose(0, side)).transpose(0, side)
    return image.mul_(1 / 16**times)


def _two_sums(image: Float[Tensor, "n *more"]) -> Float[Tensor, "n *more"]:
    if len(image) == 1:
        return 4 * image
    out, pairs = torch.empty_like(image), image[:-1] + image[1:]
    torch.add(pairs[:-1], pairs[1:], out=out[1:-1])
    for edge in (0, -1):
        torch.add(pairs[edge], image[edge], alpha=2, out=out[edge])
    return out


def with_luminance(content: Float[Tensor, "3 h w"], luminance_map: Float[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """The content's colors in another luminance, 0..1 (luminance-only transfer, Gatys et al. 2016).

    A gray is added to every pixel, which in YIQ, YUV and every such space is to replace Y and keep the rest. Where
    that leaves 0..1 the color is drawn towards gray just as far as it must: hue and luminance stay, saturation gives
    way."""
    gray = luminance_map.clamp(0, 1)
    color = content - luminance(content)
    room = torch.where(color > 0, 1 - gray, gray) / color.abs().clamp_min(1e-12)
    return (gray + room.amin(0).clamp(max=1) * color).clamp(0, 1)


def gray_like(
    style: Float[Tensor, "3 h w"],
    content: Float[Tensor, "3 h2 w2"],
    style_map: Float[Tensor, "h w"] | None = None,
    content_map: Float[Tensor, "h2 w2"] | None = None,
    eps: float = 1e-5,
    gain: float = 10.0,
) -> Float[Tensor, "3 h w"]:
    """The style in gray, with the mean and deviation of the content's luminance, clamped to 0..1: what to paint with
    when only luminance is transferred, L' = σc / σs (L - μs) + μc (Gatys et al. 2016). eps, gain: see `match_colors`.
    """
    gray, wanted = (luminance(one).expand_as(one) for one in (style, content))
    return match_colors(color_moments(gray, style_map), color_moments(wanted, content_map), "mk", eps, gain)(
        gray
    ).clamp(0, 1)


def match_histogram(
    image: Float[Tensor, "3 h w"],
    target: Float[Tensor, "3 h2 w2"],
    image_map: Float[Tensor, "h w"] | None = None,
    target_map: Float[Tensor, "h2 w2"] | None = None,
) -> Float[Tensor, "3 h w"]:
    """Every channel of the image, under its map, gets the histogram that the target's has under its own. Where
    image_map is below 1 the change is done by that share; for several regions, add up their changes. Not
    differentiable.

    Plain red, green and blue, because then the marginals are exact and colors stay within the target's range, which
    holds in no rotated basis. How channels go together is the affine maps' business: match with one of them first,
    then this.

    Equal values stay equal: each becomes the mean of what its share of the pixels is transported to. So a flat image
    gets the target's mean color (not, as by quantiles, its brightest), the target's mean is met exactly, and an image
    matched to itself stays."""
    weight, onto_weight = (
        np.ones(one.shape[1] * one.shape[2]) if one_map is None else one_map.flatten().cpu().double().numpy()
        for one, one_map in ((image, image_map), (target, target_map))
    )
    if weight.sum() <= 0 or onto_weight.sum() <= 0:
        return image.clone()
    channels = zip(image.detach().flatten(1).cpu(), target.detach().flatten(1).cpu(), strict=True)
    moved = np.stack([_transported(a.numpy(), weight, b.numpy(), onto_weight) for a, b in channels])
    moved = _beside(torch.from_numpy(moved), image).reshape_as(image)
    return moved if image_map is None else torch.lerp(image, moved, image_map.to(image).expand_as(image))


def _transported(values: np.ndarray, weights: np.ndarray, onto: np.ndarray, onto_weights: np.ndarray) -> np.ndarray:
    """Optimal transport on a line, each level of `values` (n,) to the mean of the quantiles of `onto` (m,) that its
    mass is carried to: differences of the integral of the quantile function, which is piecewise linear."""
    levels, which = np.unique(values, return_inverse=True)
    mass = np.bincount(which, weights, len(levels))
    order = np.argsort(onto)
    known, heavy = onto[order], onto_weights[order]
    quantile = np.concatenate([[0], np.cumsum(heavy)])
    integral = np.concatenate([[0], np.cumsum(heavy * known)]) / quantile[-1]
    ends = np.cumsum(mass)
    ends /= ends[-1]
    reached = np.interp(np.concatenate([[0], ends]), quantile / quantile[-1], integral)
    share = np.diff(ends, prepend=0)
    return (np.diff(reached) / share.clip(1e-12))[which]  # levels without mass: 0, which the map then leaves out


def _monge_kantorovich(source: Matrix, target: Matrix) -> Matrix:
    """Σs^-½ (Σs^½ Σt Σs^½)^½ Σs^-½ (Pitié and Kokaram 2007; also the optimal transport between two Gaussians)."""
    root, back = _power(source, 0.5), _power(source, -0.5)
    return back @ _power(root @ target @ root, 0.5) @ back


def _pca(source: Matrix, target: Matrix) -> Matrix:
    return _power(target, 0.5) @ _power(source, -0.5)


def _cholesky(source: Matrix, target: Matrix) -> Matrix:
    return torch.linalg.cholesky(target) @ torch.linalg.inv(torch.linalg.cholesky(source))


Rule = Literal["none", "match", "luminance", "histogram"]
Form = Literal["mk", "pca", "cholesky"]
RULES: tuple[Rule, ...] = get_args(Rule)
FORMS: dict[Form, Callable[[Matrix, Matrix], Matrix]] = {"mk": _monge_kantorovich, "pca": _pca, "cholesky": _cholesky}


def _power(matrix: Matrix, exponent: float) -> Matrix:
    """Of a symmetric positive matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def _limited(matrix: Matrix, gain: float) -> Matrix:
    """Singular values held within 1/gain..gain. A matrix that has them there already comes back as it is."""
    left, values, right = torch.linalg.svd(matrix)
    held = values.clamp(1 / gain, gain)
    return matrix if torch.equal(held, values) else (left * held) @ right


def _covariance(of: Moments, eps: float) -> Matrix:
    """In fp64, no variance below eps. A floor and not an added eps, so that other directions stay exact."""
    values, vectors = torch.linalg.eigh(of.covariance()[0].cpu().double())
    return (vectors * values.clamp_min(eps)) @ vectors.T


def _mean(of: Moments) -> Float[Tensor, "3"]:
    return of.mean()[0].cpu().double()


def _parts(shares: Float[Tensor, "r h w"]) -> Float[Tensor, "r h w"]:
    return shares / shares.sum(0).clamp_min(1)


def _inverted(matrix: Float[Tensor, "3 3 h w"]) -> Float[Tensor, "3 3 h w"]:
    """By Cramer's rule; finite where there is no inverse."""
    a, b, c = matrix.unbind(1)  # columns, (3, h, w)
    rows = torch.stack(
        [torch.linalg.cross(b, c, dim=0), torch.linalg.cross(c, a, dim=0), torch.linalg.cross(a, b, dim=0)]
    )
    volume = (a * rows[0]).sum(0)
    return rows / torch.where(volume.abs() < 1e-9, 1e-9, volume)


def _rows(image: Image, pixels: int) -> int:
    return max(1, pixels // image.shape[2])


def _beside(one: Tensor, image: Tensor) -> Tensor:
    """In the picture's precision and place, in that order: not every device knows fp64."""
    return one.to(image.dtype).to(image.device)
