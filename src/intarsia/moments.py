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

BLOCK = 2048  # rows whose products are summed in one go


@dataclass(frozen=True, eq=False)
class Moments:
    """mass = Σ w, first = Σ w f, second = Σ w f fᵀ, for r maps at once."""

    mass: Float[Tensor, " r"]
    first: Float[Tensor, "r c"]
    second: Float[Tensor, "r c c"]

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.mass + other.mass, self.first + other.first, self.second + other.second)

    @classmethod
    def stacked(cls, many: Sequence["Moments"]) -> "Moments":
        """The maps of each, one after the other."""
        return cls(*(torch.cat([getattr(one, name) for one in many]) for name in ("mass", "first", "second")))

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Moments":
        return Moments(*(sums.to(device, dtype) for sums in (self.mass, self.first, self.second)))

    def gram(self) -> Float[Tensor, "r c c"]:
        """second / mass: the Gram matrix per position (Gatys et al. 2016, eq. 3, less its dependence on area)."""
        return self.second / self._mass()[:, None, None]

    def mean(self) -> Float[Tensor, "r c"]:
        return self.first / self._mass()[:, None]

    def covariance(self) -> Float[Tensor, "r c c"]:
        mean = self.mean()
        return self.gram() - mean[:, :, None] * mean[:, None, :]

    def through(self, basis: Float[Tensor, "d c"] | None) -> "Moments":
        """The moments of basis @ features, from those of the features; None changes nothing."""
        if basis is None:
            return self
        return Moments(self.mass, self.first @ basis.T, basis @ self.second @ basis.T)

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

    index: flat positions, or None for all of them; weight: the map there, or None where it is 1 everywhere;
    fresh: no position belongs to another fresh one, so that gradients can be put there rather than added."""

    index: Int[Tensor, " m"] | None
    weight: Float[Tensor, " m"] | None
    mass: float
    fresh: bool = False


def supports(maps: Float[Tensor, "r h w"]) -> list[Support]:
    out, taken = [], torch.zeros_like(maps[0], dtype=torch.bool).flatten()
    for flat in maps.flatten(1):
        held = flat > 0
        index = None if bool(held.all()) else held.nonzero()[:, 0]
        weight = flat if index is None else flat[index]
        mass, fresh = float(flat.sum(dtype=torch.float64)), not bool((taken & held).any())
        out.append(Support(index, None if bool((weight == 1).all()) else weight, mass, fresh))
        taken |= held & fresh
    return out


def moments(
    features: Float[Tensor, "c h w"], maps: Float[Tensor, "r h w"] | Sequence[Support] | None = None
) -> Moments:
    """Moments of `features` under each map, in fp32; differentiable in the features.

    maps: weights per position; or their `supports`, which a loop should make once; None for one map of ones."""
    c, h, w = features.shape
    rows = features.permute(1, 2, 0).reshape(h * w, c)  # (n, c): no copy when channels are last
    if maps is None:
        maps = [Support(None, None, float(h * w), fresh=True)]
    elif isinstance(maps, Tensor):
        maps = supports(maps)
    first, second = _Sums.apply(rows, maps)
    return Moments(first.new_tensor([support.mass for support in maps]), first, second)


class _Sums(torch.autograd.Function):
    """Σ w f and Σ w f fᵀ for every support: summed in fp32, since moments are subtracted from each other later.

    Its own backward pass, for speed: autograd would keep one weighted copy of the features per region, and the
    gradient, a product that nothing is subtracted from, may be formed in the features' own precision."""

    @staticmethod
    def forward(ctx, rows: Tensor, maps: Sequence[Support]) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.maps, ctx.shape, ctx.weighted = maps, rows.shape, []
        c = rows.shape[1]
        first = rows.new_empty(len(maps), c, dtype=torch.float32)
        second = rows.new_empty(len(maps), c, c, dtype=torch.float32)
        for r, support in enumerate(maps):
            here = rows if support.index is None else rows.index_select(0, support.index)
            exact = here.float()
            weighted = exact if support.weight is None else exact * support.weight[:, None]
            first[r] = torch.sum(weighted, 0)
            second[r] = _product(weighted, exact)
            ctx.weighted.append(here if support.weight is None else weighted.to(rows.dtype))
        return first, second

    @staticmethod
    def backward(ctx, by_first: Tensor | None, by_second: Tensor | None):  # pyright: ignore[reportIncompatibleMethodOverride]
        grad: Tensor | None = None
        for r, support in sorted(enumerate(ctx.maps), key=lambda item: not item[1].fresh):
            part = _gradient(ctx.weighted[r], support, by_first, by_second, r)
            if support.index is None:
                grad = part if grad is None else grad.add_(part)
                continue
            grad = part.new_zeros(ctx.shape) if grad is None else grad
            if not support.fresh:
                part += grad.index_select(0, support.index)
            grad.index_copy_(0, support.index, part)  # several times as fast as adding by index
        return grad, None


def _product(a: Float[Tensor, "m c"], b: Float[Tensor, "m c"]) -> Float[Tensor, "c c"]:
    """aᵀ b, by blocks of rows whose products are added in fp64: one long fp32 sum over a large, nearly flat picture
    would lose its covariance (4e-4 beside a second moment of 0.8 came out 70 % wrong at 512 x 512)."""
    whole = len(a) // BLOCK * BLOCK
    tail = a[whole:].T @ b[whole:]
    if not whole:
        return tail
    blocks = torch.bmm(a[:whole].view(-1, BLOCK, a.shape[1]).mT, b[:whole].view(-1, BLOCK, b.shape[1]))
    return (blocks.sum(0, dtype=torch.float64) + tail).float()


def _gradient(weighted: Tensor, support: Support, by_first: Tensor | None, by_second: Tensor | None, r: int) -> Tensor:
    """d(w f fᵀ) = w (S + Sᵀ) f and d(w f) = w s, per row."""
    part = None if by_second is None else weighted @ (by_second[r] + by_second[r].T).to(weighted.dtype)
    if by_first is None:
        return torch.zeros_like(weighted) if part is None else part
    more = by_first[r].to(weighted.dtype).expand_as(weighted)
    more = more if support.weight is None else support.weight[:, None].to(weighted.dtype) * more
    return more.clone() if part is None else part.add_(more)
