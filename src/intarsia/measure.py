"""How results are judged. Use an encoder that the run did not optimize: numbers of its own prove nothing.

`measured` takes every measure of one picture; the rest are the measures, one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from intarsia.color import luminance
from intarsia.encoders import Encoder
from intarsia.guide import Guide
from intarsia.losses import content_loss, gram_loss
from intarsia.moments import Moments, moments
from intarsia.scene import Scene
from intarsia.sizes import fit, pool_to_grid, resize, size_of
from intarsia.styles import styles_in_basis, styles_once
from intarsia.types import Image, Map

Mask = Bool[Tensor, "_ _"]

TAPS = ("relu1_1", "relu2_1", "relu3_1")
CONTENT_TAPS = {"vgg19": "relu3_4"}
UNPAINTED = "the content"  # how the part that no region reaches is called


@dataclass(frozen=True)
class Border:
    """Where two regions touch, and how their seam shows (see `border_score`); length: pixels within reach of it."""

    between: tuple[str, str]
    score: float
    length: int


@dataclass(frozen=True)
class Measures:
    """What `measured` found. style[i][j]: distance of the picture under region i's share to the style of region j;
    areas: parts of the picture; content: at content_tap, None where the judge lacks it; speckle: of light and of color,
    over that of the styles; bands: distances of a gradient's bands to their mixtures, empty where the guide is none."""

    regions: tuple[str, ...]
    areas: tuple[float, ...]
    style: tuple[tuple[float, ...], ...]
    content: float | None
    content_tap: str
    ssim: float
    speckle: tuple[float, float]
    borders: tuple[Border, ...]
    bands: tuple[float, ...]

    @property
    def own_style(self) -> float:
        """Each region's distance to its own style, by area."""
        whole = sum(self.areas) or 1.0
        return sum(area * row[i] for i, (area, row) in enumerate(zip(self.areas, self.style, strict=True))) / whole

    @property
    def together(self) -> str:
        """What the numbers mean together, against public paintings by VGG-19 (Johnson's neural-style): those have style
        0.01 to 0.15 and content 0.4 to 0.85, and look as grainy as the style or calmer."""
        style = _word(
            self.own_style, ((0.05, "the texture of its style"), (0.15, "near its style")), "far from its style"
        )
        shapes = None
        if self.content is not None:
            shapes = _word(self.content, ((0.6, "shapes kept"), (0.85, "shapes loosened")), "shapes mostly lost")
        grain = "no grainier than the style" if max(self.speckle) <= 1.05 else "grainier than the style"
        return ", ".join(word for word in (style, shapes, grain) if word)

    @property
    def gap(self) -> float | None:
        """The largest distance of a band to its mixture: gray mud between two vivid ends has a large one."""
        return max(self.bands, default=None)


@torch.no_grad()
def measured(
    judge: Encoder,
    image: Image,
    content: Image,
    guide: Guide,
    taps: Sequence[str] = TAPS,
    content_tap: str | None = None,
    gradient: bool | None = None,
) -> Measures:
    """All measures of `image` as a painting of `content` by `guide`. Content and maps are brought to its size, and
    regions that paint alike count as one.

    content_tap: None = relu3_4 of vgg19, relu3_1 of others. gradient: whether to cut the guide into bands; None = where
    much of it is mixed (`is_gradient`)."""
    content = resize(content, size_of(image))
    scene = Scene.of(content, guide, start=image)
    guide, shares = scene.guide, scene.at(scene.size).shares
    seen = scene.start  # with a color rule, textures are compared in the colors that were painted in
    assert seen is not None
    content_tap = content_tap or CONTENT_TAPS.get(judge.name, "relu3_1")
    names = [region.name or f"region {i}" for i, region in enumerate(guide.regions, 1)]
    wanted = is_gradient(shares) if gradient is None else gradient
    return Measures(
        regions=tuple(names),
        areas=tuple(shares.mean((1, 2)).tolist()),
        style=tuple(tuple(row) for row in region_distances(judge, seen, guide, taps).tolist()),
        content=content_distance(judge, image, content, content_tap) if content_tap in judge.channels else None,
        content_tap=content_tap,
        ssim=ssim(image, content),
        speckle=speckle(seen, guide),
        borders=tuple(_borders(image, content, shares, [*names, UNPAINTED])),
        bands=tuple(band_distances(judge, seen, guide, taps)) if wanted else (),
    )


# ---- style and content -------------------------------------------------------------------------------------------


@torch.no_grad()
def style_distances(
    encoder: Encoder, image: Image, style: Image, taps: Sequence[str] = TAPS, share: Map | None = None
) -> dict[str, float]:
    """|G(image) - G(style)|² / |G(style)|² per tap, the style at the image's long side; 0 = same texture.

    share: which part of the image counts, 0..1, of any size; None = all of it."""
    shown = resize(style, fit(*size_of(style), max(size_of(image))))
    painted, wanted = encoder(image, taps), encoder(shown, taps)
    out = {}
    for tap in taps:
        maps = None
        if share is not None:
            whole = resize(share[None], size_of(image))
            maps = pool_to_grid(whole, size_of(painted[tap]), encoder.strides[tap])
        out[tap] = float(gram_loss(moments(painted[tap], maps), moments(wanted[tap])))
    return out


@torch.no_grad()
def region_distances(
    encoder: Encoder, image: Image, guide: Guide, taps: Sequence[str] = TAPS
) -> Float[Tensor, "regions regions"]:
    """Row i, column j: style distance of the image under the share of region i to the style of region j (under its
    style map, at its scale), mean of the taps. A region's own texture is in its own place where the diagonal is small
    and the rest is large."""
    painted = _moments_under(encoder, image, guide.shares(size_of(image)), taps)
    total = torch.zeros(len(guide.regions), len(guide.regions))
    for tap, styles in styles_in_basis(encoder, guide, max(size_of(image)), tuple(taps)).items():
        target = styles.gram()
        wrong = (painted[tap].gram()[:, None] - target[None]).square().sum((2, 3))
        total += wrong.cpu() / target.square().sum((1, 2)).clamp_min(1e-12).cpu()
    return total / len(taps)


@torch.no_grad()
def content_distance(encoder: Encoder, image: Image, content: Image, tap: str = "relu3_1") -> float:
    """|F(image) - F(content)|² / |F(content)|² at one tap; the pictures must be of one size."""
    return float(content_loss(encoder(image, [tap])[tap], encoder(content, [tap])[tap]))


def speckle(image: Image, guide: Guide) -> tuple[float, float]:
    """How speckled the image is, in its light and in its colors, over the same of the styles, by area: 1 = as grainy as
    they are. See `grain`."""
    areas, own = guide.shares(size_of(image)).mean((1, 2)).tolist(), [(0.0, 0.0)] * len(guide.regions)
    for members, style, _ in styles_once(guide, max(size_of(image))):
        for r in members:
            own[r] = grain(style)
    whole = sum(areas) or 1.0
    light, color = (sum(area * one[i] for area, one in zip(areas, own, strict=True)) / whole for i in (0, 1))
    now = grain(image)
    return now[0] / max(light, 1e-6), now[1] / max(color, 1e-6)


def grain(image: Image) -> tuple[float, float]:
    """Mean absolute difference to the median of 3 x 3 pixels, in units of CIELAB: of L, and of a and b together."""
    lab = cv2.cvtColor(image.detach().float().cpu().permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2LAB)
    light, *colors = (float(np.abs(one - cv2.medianBlur(one, 3)).mean()) for one in cv2.split(lab))
    return light, sum(colors)


def strokes(image: Image) -> float:
    """Contrast of the brushwork in the calm quarter of a painting: deviation of luminance, 0..1, between Gaussians of 1
    and 4 pixels at a long side of 512, within 8 pixels. Oil paintings 0.025 to 0.09, Turner 0.013, photographs up to
    0.02."""
    small = luminance(resize(image, fit(*size_of(image), 512))).float().numpy(force=True)
    band = cv2.GaussianBlur(small, (0, 0), 1) - cv2.GaussianBlur(small, (0, 0), 4)
    return float(np.quantile(cv2.GaussianBlur(band * band, (0, 0), 8), 0.25) ** 0.5)


def _word(value: float, steps: Sequence[tuple[float, str]], beyond: str) -> str:
    return next((word for most, word in steps if value <= most), beyond)


@torch.no_grad()
def ssim(image: Image, reference: Image) -> float:
    """Structural similarity of luminance, 1 = the same picture (Wang, Bovik, Sheikh, Simoncelli 2004, equation 13:
    Gaussian window of 11 x 11 with deviation 1.5, K1 = 0.01, K2 = 0.03; mean over the windows that lie inside)."""
    pair = torch.stack([luminance(image), luminance(reference)]).double()[:, None]  # (2, 1, h, w)
    h, w = pair.shape[-2:]
    pair = F.pad(pair, (0, max(0, 11 - w), 0, max(0, 11 - h)), mode="replicate")
    falloff = torch.exp(-((torch.arange(11.0).to(pair) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(falloff, falloff)[None, None] / falloff.sum() ** 2
    (x, y), products = pair, torch.stack([pair[0] ** 2, pair[1] ** 2, pair[0] * pair[1]])
    mx, my = F.conv2d(torch.stack([x, y]), window)
    xx, yy, xy = F.conv2d(products, window) - torch.stack([mx * mx, my * my, mx * my])
    c1, c2 = 0.01**2, 0.03**2
    return float(((2 * mx * my + c1) * (2 * xy + c2) / ((mx**2 + my**2 + c1) * (xx + yy + c2))).mean())


# ---- gradients ---------------------------------------------------------------------------------------------------


def is_gradient(shares: Float[Tensor, "r h w"]) -> bool:
    """Whether a tenth of the painted area or more belongs to no region by nine tenths."""
    cover = shares.sum(0)
    mixed = (shares.amax(0) < 0.9 * cover) & (cover > 0)
    return bool(mixed.sum() >= 0.1 * (cover > 0).sum().clamp_min(1))


@torch.no_grad()
def band_distances(
    encoder: Encoder, image: Image, guide: Guide, taps: Sequence[str] = TAPS, bands: int = 5
) -> list[float]:
    """Style distance of each band of a gradient to the mixture of styles that the band is to be, mean of the taps. The
    gap score of a gradient is the largest of them.

    A band is where every region's part lies in the same of `bands` equal intervals: five bands across a ramp between
    two styles, cells of the simplex where there are more. Those below 1 % of the painted area are left out."""
    shares = guide.shares(size_of(image))
    maps = _bands(shares, bands)
    held = maps.flatten(1) @ shares.flatten(1).T
    mixture = held / held.sum(1, keepdim=True)
    painted = _moments_under(encoder, image, maps * shares.sum(0), taps)
    total = torch.zeros(len(maps))
    for tap, styles in styles_in_basis(encoder, guide, max(size_of(image)), tuple(taps)).items():
        total += gram_loss(painted[tap], styles.mixed(mixture.to(styles.mass))).cpu()
    return (total / len(taps)).tolist()


def _bands(shares: Float[Tensor, "r h w"], bands: int) -> Float[Tensor, "k h w"]:
    """In the order of the last region's part."""
    cover = shares.sum(0)
    parts = shares / cover.clamp_min(1e-12)
    cell = (parts.flip(0) * bands + 1e-4).floor().clamp(max=bands - 1).to(torch.uint8)  # (r, h, w)
    painted = cover > 1e-3
    _, code, count = torch.unique(cell[:, painted], dim=1, return_inverse=True, return_counts=True)
    kept = [i for i, many in enumerate(count.tolist()) if many >= 0.01 * int(painted.sum())]
    at = torch.full_like(cover, -1, dtype=torch.long)
    at[painted] = code
    return torch.stack([(at == i).float() for i in kept])


# ---- borders -----------------------------------------------------------------------------------------------------


def owners(shares: Float[Tensor, "r h w"]) -> Int[Tensor, "h w"]:
    """The region with the largest part of each position; r where the larger part stays content."""
    remainder = (1 - shares.sum(0, keepdim=True)).clamp_min(0)
    return torch.cat([shares, remainder]).argmax(0)


def border_score(image: Image, content: Image, one: Map, other: Map, reach: int = 2) -> float | None:
    """How the border of two regions shows: the `border_ratio` of the painting less that of the content. 0 = no seam,
    above 0 a line shows, below 0 the border is calmer than it was. It also scores where the content has an edge of its
    own along the border, or less than elsewhere, which a painting evens out.

    The maps are made hard (a position belongs where a map exceeds 1/2), so that the line of a gradient is the one of
    equal shares. None where the regions do not touch, or are nothing but border."""
    painted, before = (border_ratio(picture, one > 0.5, other > 0.5, reach) for picture in (image, content))
    return None if painted is None or before is None else painted - before


def border_ratio(image: Image, one: Mask, other: Mask, reach: int = 2) -> float | None:
    """Mean Sobel magnitude of luminance within `reach` pixels of the line where two regions touch, over that elsewhere
    in both; None where there is no such line or no elsewhere."""
    near = _near(one, other, reach)
    away = (one | other) & ~near
    if not (bool(near.any()) and bool(away.any())):
        return None
    steep = _steepness(image)
    return float(steep[near].mean() / steep[away].mean().clamp_min(1e-6))


def _borders(image: Image, content: Image, shares: Float[Tensor, "r h w"], names: Sequence[str]) -> list[Border]:
    """Pairs that touch along 16 positions or more."""
    owner = owners(shares)
    found = []
    for i, j in _touching(owner):
        one, other = owner == i, owner == j
        length = int(_near(one, other, 1).sum()) // 2
        score = border_score(image, content, one.float(), other.float())
        if score is not None and length >= 16:
            found.append(Border((names[i], names[j]), score, length))
    return found


def _touching(owner: Int[Tensor, "h w"]) -> list[tuple[int, int]]:
    """Pairs of owners that stand beside or above each other somewhere."""
    beside = torch.stack([owner[:, :-1].flatten(), owner[:, 1:].flatten()])
    above = torch.stack([owner[:-1].flatten(), owner[1:].flatten()])
    pairs = torch.cat([beside, above], 1).sort(0).values
    return [(i, j) for i, j in torch.unique(pairs, dim=1).T.tolist() if i != j]


def _near(one: Mask, other: Mask, reach: int) -> Mask:
    """Positions of either map within `reach` of the other."""
    grown = F.max_pool2d(torch.stack([one, other]).float(), 2 * reach + 1, 1, reach) > 0
    return (one & grown[1]) | (other & grown[0])


def _steepness(image: Image) -> Float[Tensor, "h w"]:
    """Magnitude of the Sobel gradient of luminance."""
    across = image.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([across, across.T])[:, None]
    padded = F.pad(luminance(image)[None, None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernels).square().sum((0, 1)).sqrt()


def _moments_under(
    encoder: Encoder, image: Image, maps: Float[Tensor, "r h w"], taps: Sequence[str]
) -> dict[str, Moments]:
    painted = encoder(image.to(encoder.device), taps)
    return {
        tap: moments(found, pool_to_grid(maps.to(found.device), size_of(found), encoder.strides[tap]))
        for tap, found in painted.items()
    }
