"""The terms of an objective: pure functions of features or moments.

The distances between textures are relative, |A - B|² / |B|² with B the target, so that one set of weights means the
same for every style, size, tap and encoder. They come one per map, shape (r,), for the caller to weigh.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from intarsia.match import Votes
from intarsia.moments import BLOCK, Moments, Support

Distances = Float[Tensor, " r"]


def content_loss(
    features: Float[Tensor, "c h w"], target: Float[Tensor, "c h w"], weight: Float[Tensor, "h w"] | None = None
) -> Float[Tensor, ""]:
    """Relative squared error of features, each position counted `weight` times (Gatys et al. 2016, eq. 1)."""
    weight = torch.ones_like(target[0], dtype=torch.float32) if weight is None else weight
    return squared_error(features, target, weight) / target.float().square().sum().clamp_min(1e-12)


def squared_error(
    features: Float[Tensor, "c h w"], target: Float[Tensor, "c h w"], weight: Float[Tensor, "h w"]
) -> Float[Tensor, ""]:
    """Sum of squares of the difference, each position counted `weight` times; differentiable in the features."""
    return _SquaredError.apply(features, target, weight)


class _SquaredError(torch.autograd.Function):
    """With its gradient formed in passing, block by block: what a processor's cache holds is read but once."""

    @staticmethod
    def forward(ctx, features: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        ours, theirs = (x.permute(1, 2, 0).flatten(0, 1) for x in (features, target))
        slope, total = torch.empty_like(ours), weight.new_zeros(())
        block = BLOCK if ours.is_cpu else max(1, len(ours))
        for i in range(0, len(ours), block):
            some = slice(i, i + block)
            wrong = ours[some].float() - theirs[some].float()
            weighted = wrong * weight.flatten()[some, None]
            total += torch.dot(wrong.flatten(), weighted.flatten())
            slope[some] = weighted.mul_(2)
        ctx.save_for_backward(slope.view(*features.shape[1:], -1).permute(2, 0, 1))
        return total

    @staticmethod
    def backward(ctx, by_total: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        return ctx.saved_tensors[0] * by_total.to(ctx.saved_tensors[0].dtype), None, None


def gram_loss(image: Moments, style: Moments) -> Distances:
    """Relative squared distance of Gram matrices (Gatys et al. 2016, eq. 4)."""
    return _relative(image.gram(), style.gram().to(image.second))


def gaussian_loss(image: Moments, style: Moments) -> Distances:
    """Relative squared distances of means and of covariances, half and half (cf. Li et al. 2017, "Demystifying")."""
    return (_relative(image.mean(), style.mean()) + _relative(image.covariance(), style.covariance())) / 2


def wasserstein_loss(image: Moments, style: Moments) -> Distances:
    """Squared Wasserstein distance of the two Gaussians over the style's own second moment:
    |μ - ν|² + tr(Σ + Τ - 2 (Τ^½ Σ Τ^½)^½), the Bures distance of the covariances; in fp64. Not a number where the
    image's moments are not finite."""
    return _Wasserstein.apply(image.mass, image.first, image.second, style.mean().double(), style.root)


class _Wasserstein(torch.autograd.Function):
    """With its gradient in closed form: the differential of tr (R Σ R)^½ is tr(R (R Σ R)^-½ R dΣ) / 2. Eigenvalues that
    are 0 but for rounding have no say in it."""

    @staticmethod
    def forward(ctx, mass: Tensor, first: Tensor, second: Tensor, target: Tensor, root: Tensor) -> Distances:
        if not bool(second.isfinite().all()):
            ctx.slopes = torch.full_like(first, torch.nan), torch.full_like(second, torch.nan)
            return (first.sum(-1) * torch.nan).float()
        mass = mass.double().clamp_min(1e-12)[:, None]
        mean = first.double() / mass
        spread = torch.baddbmm(second.double() / mass[:, None], mean[:, :, None], mean[:, None], alpha=-1)
        values, vectors = torch.linalg.eigh(root @ spread @ root)
        floor = 1e-10 * values[:, -1:].clamp_min(1e-30)
        roots = values.clamp_min(floor).sqrt()
        own = root.square().sum((1, 2))
        bures = _trace(spread) + own - 2 * roots.sum(-1)
        scale = (target.square().sum(-1) + own).clamp_min(1e-12)
        through = root @ vectors
        by_spread = (through * ((values > floor) / -roots)[:, None]) @ through.mT
        by_spread.diagonal(dim1=1, dim2=2).add_(1)
        by_spread = by_spread * ((bures > 0) / scale)[:, None, None]
        away = mean - target
        by_mean = 2 * (away / scale[:, None] - (by_spread @ mean[:, :, None])[:, :, 0])
        ctx.slopes = (by_mean / mass).to(first), (by_spread / mass[:, None]).to(second)
        return ((away.square().sum(-1) + bures.clamp_min(0)) / scale).float()

    @staticmethod
    def backward(ctx, by_distances: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        by_first, by_second = ctx.slopes
        weight = by_distances.to(by_first)[:, None]
        return None, weight * by_first, weight[:, None] * by_second, None, None


def patch_loss(features: Float[Tensor, "c h w"], votes: Votes) -> Float[Tensor, ""]:
    """Sum over patches of the importance-weighted squared distance to their matches (Li & Wand 2016, eq. 2); see
    `match.votes`. 0 where every patch is its match."""
    h, w = features.shape[1:]
    return squared_error(features, votes.target.view(h, w, -1).permute(2, 0, 1), votes.weight.view(h, w)) + votes.spread


def patch_gram_loss(
    patches: Float[Tensor, "n k c"], targets: Float[Tensor, "n k c"], chunk: int = 1 << 12
) -> Float[Tensor, ""]:
    """Sum over patches of the squared distance of the Gram matrix of their k positions to that of their match (Zhou,
    "Partial style transferring", section 3). With A, B of c x k it is |AᵀA|² - 2 |AᵀB|² + |BᵀB|²: no c x c matrix is
    formed."""
    total = patches.new_zeros((), dtype=torch.float32)
    for a, b in zip(patches.float().split(chunk), targets.float().split(chunk), strict=True):
        total = total + (a @ a.mT).square().sum() - 2 * (a @ b.mT).square().sum() + (b @ b.mT).square().sum()
    return total


def histogram_loss(
    features: Float[Tensor, "c h w"], support: Support, quantiles: Float[Tensor, "q c"]
) -> Float[Tensor, ""]:
    """Squared distance of the histograms of every channel, over the quantiles' own variance: sorted values against
    those of the target (cf. Risser, Wilmot, Barnes 2017, "Stable and controllable neural texture synthesis and style
    transfer using histogram losses"). Places under the support count by half of their weight or more, or not at all."""
    rows = features.flatten(1)
    if support.index is not None:
        rows = rows[:, support.index]
    if support.weight is not None:
        rows = rows[:, support.weight >= support.weight.max() / 2]
    values = rows.float().sort(1).values.T  # (n, c)
    at = torch.linspace(0, len(quantiles) - 1, len(values), device=values.device).round().long()
    wanted = quantiles[at]
    return F.mse_loss(values, wanted) / quantiles.var(0).mean().clamp_min(1e-12)


def cosine_costs(rows: Float[Tensor, "n c"], others: Float[Tensor, "m c"]) -> Float[Tensor, "n m"]:
    """1 - cosine of every row with every other (Kolkin et al. 2019, eq. 4); a row of zeros costs 1."""
    return 1 - F.normalize(rows, dim=1) @ F.normalize(others, dim=1).T


def relaxed_emd(
    rows: Float[Tensor, "n c"],
    others: Float[Tensor, "m c"],
    weight: Float[Tensor, " n"],
    costs: Literal["cosine", "euclidean"] = "cosine",
) -> Float[Tensor, ""]:
    """The larger of the mean costs at which every row finds its cheapest other and every other its cheapest row: the
    relaxed earth mover's distance, a lower bound of the exact one (Kolkin et al. 2019, eq. 3; Kusner et al. 2015).
    weight: what a row counts, above 0. The table of all costs has no graph: a minimum has the gradient of its own pair.

    costs: 1 - cosine, which is half the squared distance of rows of length 1 (eq. 4), or Euclidean distance (eq. 7)."""
    if costs == "cosine":
        rows, others = F.normalize(rows, dim=1), F.normalize(others, dim=1)
    with torch.no_grad():
        table = torch.addmm(others.square().sum(1)[None], rows, others.T, alpha=-2)
        other_of, row_of = table.argmin(1), table.add_(rows.square().sum(1)[:, None]).argmin(0)
    by_row = _paired(rows, others.index_select(0, other_of), costs)
    by_other = _paired(rows.index_select(0, row_of), others, costs)
    return torch.maximum((by_row * weight).sum() / weight.sum(), by_other.mean())


def _paired(
    rows: Float[Tensor, "n c"], others: Float[Tensor, "n c"], costs: Literal["cosine", "euclidean"]
) -> Float[Tensor, " n"]:
    square = (rows - others).square().sum(1)
    return square / 2 if costs == "cosine" else square.clamp_min(1e-12).sqrt()


def mean_and_covariance_loss(
    rows: Float[Tensor, "n c"], others: Float[Tensor, "m c"], weight: Float[Tensor, " n"]
) -> Float[Tensor, ""]:
    """Mean absolute differences of means and of covariances of rows (Kolkin et al. 2019, eq. 6). weight: what a row
    counts, above 0."""
    ours, theirs = _mean_and_covariance(rows, weight), _mean_and_covariance(others, torch.ones_like(others[:, 0]))
    return sum(((a - b).abs().mean() for a, b in zip(ours, theirs, strict=True)), rows.new_zeros(()))


def _mean_and_covariance(rows: Float[Tensor, "n c"], weight: Float[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    part = (weight / weight.sum())[:, None]
    mean = (part * rows).sum(0)
    return mean, (part * (rows - mean)).T @ (rows - mean)


def self_similarity_loss(
    rows: Float[Tensor, "n c"], target: Float[Tensor, "n c"], weight: Float[Tensor, " n"]
) -> Float[Tensor, ""]:
    """How far the rows' cosine distances from each other are from those of the target, each column of distances summed
    to 1; n times eq. 8 of Kolkin et al. 2019, so that the number of rows has no say. weight: what a row's distances
    count. 0..2."""
    ours, theirs = (cosine_costs(one, one).clamp_min(0) for one in (rows, target))
    ours, theirs = (one / one.sum(0).clamp_min(1e-6) for one in (ours, theirs))
    return ((ours - theirs).abs().sum(0) * weight).sum() / weight.sum().clamp_min(1e-12)


def total_variation(image: Float[Tensor, "c h w"]) -> Float[Tensor, ""]:
    """Mean squared difference of neighboring pixels."""
    return _Variation.apply(image)


class _Variation(torch.autograd.Function):
    """With its gradient formed in passing."""

    @staticmethod
    def forward(ctx, image: Tensor) -> Tensor:
        total, slope = image.new_zeros(()), torch.zeros_like(image)
        for side in (1, 2):
            length = image.shape[side] - 1
            step = image.narrow(side, 1, length) - image.narrow(side, 0, length)
            total += torch.dot(step.flatten(), step.flatten())
            slope.narrow(side, 1, length).add_(step)
            slope.narrow(side, 0, length).sub_(step)
        ctx.save_for_backward(slope)
        return total / image[0].numel()

    @staticmethod
    def backward(ctx, by_total: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        (slope,) = ctx.saved_tensors
        return slope * (by_total * 2 / slope[0].numel())


def outside_range(image: Float[Tensor, "*c h w"]) -> Float[Tensor, ""]:
    """Mean square of what lies below 0 or above 1, where no pixel can follow."""
    return F.mse_loss(image, image.detach().clamp(0, 1))


LOSSES = {"gram": gram_loss, "moments": gaussian_loss, "wasserstein": wasserstein_loss}


def _relative(value: Float[Tensor, "r *c"], target: Float[Tensor, "r *c"]) -> Distances:
    wrong, whole = (value - target).square().flatten(1).sum(1), target.square().flatten(1).sum(1)
    return wrong / whole.clamp_min(1e-12)


def _trace(matrices: Float[Tensor, "r c c"]) -> Float[Tensor, " r"]:
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
