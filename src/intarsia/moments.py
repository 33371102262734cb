"""One statistic under a soft map: the sums over positions of w, w f and w f fᵀ.

It adds, over tiles, over pictures, over regions, and everything that a style is here follows from it: the Gram matrix
is second / mass, mean and covariance are those of the Gaussian that adaptive instance normalization, whitening and the
Wasserstein loss speak of. Dividing by the mass of the map, and not by the area of the picture, is what makes the same
texture give the same Gram matrix whatever the size of its region.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """mass = Σ w, first = Σ w f, second = Σ w f fᵀ, for r maps at once."""

    mass: Float[Tensor, " r"]
    first: Float[Tensor, "r c"]
    second: Float[Tensor, "r c c"]

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.mass + other.mass, self.first + other.first, self.second + other.second)

    def gram(self) -> Float[Tensor, "r c c"]:
        """second / mass: the Gram matrix per position (Gatys et al. 2016, eq. 3, less its dependence on area)."""
        return self.second / self._mass()[:, None, None]

    def mean(self) -> Float[Tensor, "r c"]:
        return self.first / self._mass()[:, None]

    def covariance(self) -> Float[Tensor, "r c c"]:
        mean = self.mean()
        return self.gram() - mean[:, :, None] * mean[:, None, :]

    def mixed(self, shares: Float[Tensor, "k r"]) -> "Moments":
        """Mixtures of the r textures, each of mass 1: row k takes part shares[k, r] of each. Rows sum to 1.

        The moments of a mixture are the mixture of the moments, so a place that is half of each style has an exact
        target: half its positions painted with one, half with the other."""
        return Moments(shares.sum(1), shares @ self.mean(), torch.einsum("kr,rcd->kcd", shares, self.gram()))

    def _mass(self) -> Tensor:
        return self.mass.clamp_min(1e-12)


@dataclass(frozen=True, eq=False)
class Support:
    """Where one map is above zero. The cost of a region's moments is then its own area, not the picture's.

    index: flat positions, or None for all of them; weight: the map there, or None where it is 1 everywhere."""

    index: Int[Tensor, " m"] | None
    weight: Float[Tensor, " m"] | None
    mass: float


def supports(maps: Float[Tensor, "r h w"]) -> list[Support]:
    return [_support(flat) for flat in maps.flatten(1)]


def _support(flat: Float[Tensor, " n"]) -> Support:
    mass = float(flat.sum(dtype=torch.float64))
    held = flat > 0
    index = None if bool(held.all()) else held.nonzero()[:, 0]
    weight = flat if index is None else flat[index]
    return Support(index, None if bool((weight == 1).all()) else weight, mass)


def moments(
    features: Float[Tensor, "c h w"], maps: Float[Tensor, "r h w"] | Sequence[Support] | None = None
) -> Moments:
    """Moments of `features` under each map, in fp32; differentiable in the features.

    maps: weights per position; or their `supports`, which a loop should make once; None for one map of ones."""
    c, h, w = features.shape
    rows = features.permute(1, 2, 0).reshape(h * w, c).float()  # (n, c): no copy when channels are last
    if maps is None:
        maps = [Support(None, None, float(h * w))]
    elif isinstance(maps, Tensor):
        maps = supports(maps)
    first, second = _Sums.apply(rows, maps)
    return Moments(rows.new_tensor([support.mass for support in maps]), first, second)


class _Sums(torch.autograd.Function):
    """Σ w f and Σ w f fᵀ for every support. Its own backward pass, since autograd would keep and revisit one weighted
    copy of the features per region."""

    @staticmethod
    def forward(ctx, rows: Tensor, maps: Sequence[Support]) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(rows)
        ctx.maps = maps
        first = rows.new_empty(len(maps), rows.shape[1])
        second = rows.new_empty(len(maps), rows.shape[1], rows.shape[1])
        for r, support in enumerate(maps):
            here = rows if support.index is None else rows[support.index]
            weighted = here if support.weight is None else here * support.weight[:, None]
            torch.sum(weighted, 0, out=first[r])
            torch.mm(weighted.T, here, out=second[r])
        return first, second

    @staticmethod
    def backward(ctx, by_first: Tensor, by_second: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        (rows,) = ctx.saved_tensors
        whole = [r for r, support in enumerate(ctx.maps) if support.index is None]
        grad = torch.empty_like(rows) if whole else torch.zeros_like(rows)
        for r, support in sorted(enumerate(ctx.maps), key=lambda item: item[1].index is not None):
            here = rows if support.index is None else rows[support.index]
            part = torch.addmm(by_first[r], here, by_second[r] + by_second[r].T)  # d(w f fᵀ) = w (S + Sᵀ) f
            if support.weight is not None:
                part *= support.weight[:, None]
            if support.index is not None:
                grad.index_add_(0, support.index, part)
            elif r == whole[0]:
                grad = part
            else:
                grad += part
        return grad, None
