"""How results are judged. Use an encoder that the run did not optimize: numbers of its own prove nothing."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.engine import style_moments
from intarsia.guide import Guide
from intarsia.losses import content_loss, gram_loss
from intarsia.moments import moments
from intarsia.picture import fit, resize
from intarsia.pyramid import pool_to_grid, size_of

Image = Float[Tensor, "3 _ _"]


@torch.no_grad()
def style_distances(
    encoder: Encoder,
    image: Image,
    style: Image,
    taps: Sequence[str] = ("relu1_1", "relu2_1", "relu3_1"),
    share: Float[Tensor, "_ _"] | None = None,
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
def content_distance(encoder: Encoder, image: Image, content: Image, tap: str = "relu4_1") -> float:
    """|F(image) - F(content)|² / |F(content)|² at one tap; the pictures must be of one size."""
    return float(content_loss(encoder(image, [tap])[tap], encoder(content, [tap])[tap]))


@torch.no_grad()
def band_distances(
    encoder: Encoder,
    image: Image,
    guide: Guide,
    taps: Sequence[str] = ("relu1_1", "relu2_1", "relu3_1"),
    bands: int = 5,
) -> list[float]:
    """Style distance of each band of a two-region gradient to the mixture of styles that the band is to be, mean of the
    taps. The bands cut the share of the second region evenly; a band that no place belongs to is left out. The gap
    score of a gradient is the largest of them: gray mud between two vivid ends has a large one."""
    size = size_of(image)
    shares = guide.shares(size)
    assert len(shares) == 2, "a gradient is between two regions"
    part = shares[1] / shares.sum(0).clamp_min(1e-12)
    held = shares.sum(0) > 0
    at = (part * bands).floor().clamp(max=bands - 1)
    maps = [((at == band) & held).float() for band in range(bands)]
    maps = [one for one in maps if bool(one.any())]
    mixture = torch.stack([torch.stack([1 - part, part])[:, one > 0].mean(1) for one in maps])
    painted = encoder(image, taps)
    total = torch.zeros(len(maps))
    for tap, styles in style_moments(encoder, guide, max(size), tuple(taps)).items():
        pooled = pool_to_grid(torch.stack(maps), size_of(painted[tap]), encoder.strides[tap])
        total += gram_loss(moments(painted[tap], pooled), styles.mixed(mixture))
    return (total / len(taps)).tolist()


@torch.no_grad()
def border_score(image: Image, content: Image, share: Float[Tensor, "_ _"], reach: int = 2) -> float:
    """Mean gradient of luminance within `reach` pixels of the border of a region (where its share crosses 1/2), over
    that elsewhere, less the same ratio in the content; 0 = no seam, above 0 = a line shows."""
    share = resize(share[None], size_of(image))[0]
    inside = (share > 0.5).float()[None, None]
    wide = 2 * reach + 1
    near = F.max_pool2d(inside, wide, 1, reach) - -F.max_pool2d(-inside, wide, 1, reach) > 0
    painted, before = _steepness(image), _steepness(content)
    ratios = [float(steep[near].mean() / steep[~near].mean().clamp_min(1e-6)) for steep in (painted, before)]
    return ratios[0] - ratios[1]


def _steepness(image: Image) -> Float[Tensor, "1 1 h w"]:
    """Magnitude of the Sobel gradient of luminance."""
    gray = (image * image.new_tensor([0.2126, 0.7152, 0.0722])[:, None, None]).sum(0)[None, None]
    across = image.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    kernels = torch.stack([across, across.T])[:, None]
    return F.conv2d(F.pad(gray, (1, 1, 1, 1), mode="replicate"), kernels).square().sum(1, keepdim=True).sqrt()
