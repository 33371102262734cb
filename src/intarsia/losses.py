"""The terms of an objective: pure functions of features or moments.

The distances between textures are relative, |A - B|² / |B|² with B the target, so that one set of weights means the
same for every style, size, tap and encoder. They come one per map, shape (r,), for the caller to weigh.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from intarsia.match import Votes
from intarsia.moments import Moments

Distances = Float[Tensor, " r"]


def content_loss(
    features: Float[Tensor, "c h w"], target: Float[Tensor, "c h w"], weight: Float[Tensor, "h w"] | None = None
) -> Float[Tensor, ""]:
    """Relative squared error of features, each position counted `weight` times (Gatys et al. 2016, eq. 1)."""
    wrong = (features.float() - target.float()).square()
    wrong = wrong if weight is None else wrong * weight
    return wrong.sum() / target.float().square().sum().clamp_min(1e-12)


def gram_loss(image: Moments, style: Moments) -> Distances:
    """Relative squared distance of Gram matrices (Gatys et al. 2016, eq. 4)."""
    return _relative(image.gram(), style.gram().to(image.second))


def gaussian_loss(image: Moments, style: Moments) -> Distances:
    """Relative squared distances of means and of covariances, half and half (cf. Li et al. 2017, "Demystifying")."""
    return (_relative(image.mean(), style.mean()) + _relative(image.covariance(), style.covariance())) / 2


def wasserstein_loss(image: Moments, style: Moments) -> Distances:
    """Squared Wasserstein distance of the two Gaussians over the style's own second moment:
    |μ - ν|² + tr(Σ + Τ - 2 (Τ^½ Σ Τ^½)^½), the Bures distance of the covariances; in fp64.

    Only eigenvalues are differentiated, so nearly equal ones do no harm. Not a number where the image's moments are
    not finite."""
    mean, target = image.mean().double(), style.mean().double()
    if not bool(image.second.isfinite().all()):
        return (mean.sum(-1) * torch.nan).float()
    root = _square_root(style.covariance().double())
    spread = image.covariance().double()
    both = torch.linalg.eigvalsh(root @ spread @ root)
    floor = 1e-10 * both.detach().amax(-1, keepdim=True).clamp_min(1e-30)
    overlap = both.clamp_min(floor).sqrt().sum(-1)
    bures = _trace(spread) + _trace(root @ root) - 2 * overlap
    scale = (target.square().sum(-1) + _trace(root @ root)).clamp_min(1e-12)
    return (((mean - target).square().sum(-1) + bures.clamp_min(0)) / scale).float()


def patch_loss(features: Float[Tensor, "c h w"], votes: Votes) -> Float[Tensor, ""]:
    """Sum over patches of the importance-weighted squared distance to their matches (Li & Wand 2016, eq. 2); see
    `match.votes`. 0 where every patch is its match."""
    rows = features.permute(1, 2, 0).flatten(0, 1).float()
    wrong = (rows - votes.target).square().sum(1)
    return (wrong * votes.weight).sum() + votes.spread


def total_variation(image: Float[Tensor, "c h w"]) -> Float[Tensor, ""]:
    """Mean squared difference of neighboring pixels."""
    down = F.mse_loss(image[:, 1:], image[:, :-1], reduction="sum")
    right = F.mse_loss(image[:, :, 1:], image[:, :, :-1], reduction="sum")
    return (down + right) / image[0].numel()


def outside_range(image: Float[Tensor, "c h w"]) -> Float[Tensor, ""]:
    """Mean square of what lies below 0 or above 1, where no pixel can follow."""
    return F.mse_loss(image, image.detach().clamp(0, 1))


LOSSES = {"gram": gram_loss, "moments": gaussian_loss, "wasserstein": wasserstein_loss}


def _relative(value: Float[Tensor, "r *c"], target: Float[Tensor, "r *c"]) -> Distances:
    wrong, whole = (value - target).square().flatten(1).sum(1), target.square().flatten(1).sum(1)
    return wrong / whole.clamp_min(1e-12)


def _square_root(matrices: Float[Tensor, "r c c"]) -> Float[Tensor, "r c c"]:
    values, vectors = torch.linalg.eigh(matrices)
    return (vectors * values.clamp_min(0).sqrt()[:, None, :]) @ vectors.mT


def _trace(matrices: Float[Tensor, "r c c"]) -> Float[Tensor, " r"]:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
