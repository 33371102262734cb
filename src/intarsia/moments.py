"""One statistic under a soft map: the sums over positions of w, w f and w f fᵀ.

It adds, over tiles, over pictures, over regions, and everything that a style is here follows from it: the Gram matrix
is second / mass, mean and covariance are those of the Gaussian that adaptive instance normalization, whitening and the
Wasserstein loss speak of. Dividing by the mass of the map, and not by the area of the picture, is what makes the same
texture give the same Gram matrix whatever the size of its region.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK = 1 << 13  # positions that are summed in one go on a processor: as many as its cache holds
PIECE = 1 << 9  # positions of a product, so that its rounding does not add up: 8,192 alike lost 17 % on one processor
SAMPLE = 1 << 10  # and about as many tell what they lie around


@dataclass(frozen=True, eq=False)
class Moments:
    """mass = Σ w, first = Σ w f, second = Σ w f fᵀ, for r maps at once; in fp64, for the covariance is a difference of
    numbers that may be a million times as large. On a device without fp64, in fp32."""

    mass: Float[Tensor, " r"]
    first: Float[Tensor, "r c"]
    second: Float[Tensor, "r c c"]

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.mass + other.mass, self.first + other.first, self.second + other.second)

    @classmethod
    def stacked(cls, many: Sequence["Moments"]) -> "Moments":
        """The maps of each, one after the other."""
        return cls(*(torch.cat([getattr(one, name) for one in many]) for name in ("mass", "first", "second")))

    def gram(self) -> Float[Tensor, "r c c"]:
        """second / mass: the Gram matrix per position (Gatys et al. 2016, eq. 3, less its dependence on area)."""
        return self.second / self._mass()[:, None, None]

    def mean(self) -> Float[Tensor, "r c"]:
        return self.first / self._mass()[:, None]

    def covariance(self) -> Float[Tensor, "r c c"]:
        mean = self.mean()
        return self.gram() - mean[:, :, None] * mean[:, None, :]

    @functools.cached_property
    def root(self) -> Float[Tensor, "r c c"]:
        """The square root of the covariance, symmetric, in fp64: what a style is compared by at every step."""
        values, vectors = torch.linalg.eigh(self.covariance().double())
        return (vectors * values.clamp_min(0).sqrt()[:, None, :]) @ vectors.mT

    def to(self, device: torch.device) -> "Moments":
        return Moments(*(sums.to(device, _widest(device)) for sums in (self.mass, self.first, self.second)))

    def exact(self) -> "Moments":
        """Without a graph, on the processor, since not every device has fp64."""
        return Moments(*(sums.detach().cpu().double() for sums in (self.mass, self.first, self.second)))

    def rounded(self) -> "Moments":
        """In fp32: quicker, for what subtracts nothing from them."""
        return Moments(self.mass.float(), self.first.float(), self.second.float())

    def through(self, basis: Float[Tensor, "d c"] | None) -> "Moments":
        """The moments of basis @ features, from those of the features; None changes nothing."""
        if basis is None:
            return self
        basis = basis.to(self.second)
        return Moments(self.mass, self.first @ basis.T, basis @ self.second @ basis.T)

    def mixed(self, shares: Float[Tensor, "k r"]) -> "Moments":
        """Mixtures of the r textures, each of mass 1: row k takes part shares[k, r] of each. Rows sum to 1.

        The moments of a mixture are the mixture of the moments, so a place that is half of each style has an exact
        target: half its positions painted with one, half with the other."""
        shares = shares.to(self.mass)
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
    features: Float[Tensor, "c h w"],
    maps: Float[Tensor, "r h w"] | Sequence[Support] | None = None,
    exact: bool = False,
) -> Moments:
    """Moments of `features` under each map; differentiable in the features.

    maps: weights per position; or their `supports`, which a loop should make once; None for one map of ones. exact:
    products in fp64 as well, for sums that are the same to about 1e-15 however a picture is cut into tiles."""
    c, h, w = features.shape
    rows = features.permute(1, 2, 0).reshape(h * w, c)  # (n, c): no copy when channels are last
    if maps is None:
        maps = [Support(None, None, float(h * w), fresh=True)]
    elif isinstance(maps, Tensor):
        maps = supports(maps)
    first, second = _Sums.apply(rows, maps, exact)
    return Moments(first.new_tensor([support.mass for support in maps]), first, second)


class _Sums(torch.autograd.Function):
    """Σ w f and Σ w f fᵀ for every support.

    Its own backward pass, for speed: autograd would keep one weighted copy of the features per region, and the
    gradient, a product that nothing is subtracted from, may be formed in the features' own precision."""

    @staticmethod
    def forward(ctx, rows: Tensor, maps: Sequence[Support], exact: bool) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.maps, ctx.shape = maps, rows.shape
        ctx.weighted = [_held(rows, support) for support in maps]
        return _sums(ctx.weighted, maps, _widest(rows.device) if exact else torch.float32)

    @staticmethod
    def backward(ctx, by_first: Tensor | None, by_second: Tensor | None):  # pyright: ignore[reportIncompatibleMethodOverride]
        grad: Tensor | None = None
        for r, support in sorted(enumerate(ctx.maps), key=lambda item: not item[1].fresh):
            part = _gradient(ctx.weighted[r], support.weight, by_first, by_second, r)
            if support.index is None:
                grad = part if grad is None else grad.add_(part)
                continue
            grad = part.new_zeros(ctx.shape) if grad is None else grad
            if not support.fresh:
                part += grad.index_select(0, support.index)
            grad.index_copy_(0, support.index, part)  # several times as fast as adding by index
        return grad, None, None


def _held(rows: Float[Tensor, "n c"], support: Support) -> Float[Tensor, "m c"]:
    if support.index is not None:
        return rows.index_select(0, support.index)
    return rows if support.weight is None else rows.clone()


def _sums(
    held: Sequence[Float[Tensor, "_ c"]], maps: Sequence[Support], place: torch.dtype
) -> tuple[Float[Tensor, "r c"], Float[Tensor, "r c c"]]:
    """Σ w f and Σ w f fᵀ of the rows held by each support, which are multiplied by their weights in passing.

    Products are summed in `place`, but of f - z with z near the mean: whatever the order of summation, their rounding
    is small beside the covariance. z is put back in fp64. Without it, the variance of a flat 2.3 came out as 1e-6 at
    9 x 9 and as 7e-6 at 512 x 512, and differently on another processor."""
    z = torch.stack([_near_the_mean(rows) for rows in held]).to(place)
    first, second = torch.zeros_like(z), z.new_zeros(*z.shape, z.shape[1])
    for r, support in enumerate(maps):
        _add(held[r], support.weight, z[r], first[r], second[r])
    return _put_back(z, first, second, maps)


def _add(rows: Float[Tensor, "m c"], weight: Float[Tensor, " m"] | None, z: Tensor, first: Tensor, second: Tensor):
    """Adds the sums of f - z to `first` and `second`, in place, and puts w f in the place of f."""
    block = min(len(rows), BLOCK) if rows.is_cpu else len(rows)
    room = z.new_empty(block, len(z))
    for i in range(0, len(rows), max(1, block)):
        some = rows[i : i + block]
        off = room[: len(some)].copy_(some)
        if weight is None:
            weighted = off.sub_(z)
        else:
            part = weight[i : i + block, None]
            some.copy_(off * part)
            weighted = off.sub_(z) * part
        first += weighted.sum(0)
        pieces = len(some) // PIECE
        if pieces:
            left, right = (x[: pieces * PIECE].view(pieces, PIECE, -1) for x in (weighted, off))
            second += torch.bmm(left.mT, right).sum(0)
        second.addmm_(weighted[pieces * PIECE :].T, off[pieces * PIECE :])


def _near_the_mean(rows: Float[Tensor, "m c"]) -> Float[Tensor, " c"]:
    some = rows[:: len(rows) // SAMPLE or 1].float()
    return some.sum(0) / max(1, len(some))


def _put_back(z: Tensor, first: Tensor, second: Tensor, maps: Sequence[Support]) -> tuple[Tensor, Tensor]:
    """From the sums of f - z those of f: Σ w f = Σ w (f - z) + m z, and so for the products."""
    z, first, second = (sums.to(_widest(z.device)) for sums in (z, first, second))
    mass = z.new_tensor([support.mass for support in maps])[:, None]
    half = first + mass / 2 * z
    return first + mass * z, second.baddbmm_(torch.stack([z, half], 2), torch.stack([half, z], 1))


def _gradient(
    weighted: Tensor, weight: Tensor | None, by_first: Tensor | None, by_second: Tensor | None, r: int
) -> Float[Tensor, "m c"]:
    """d(w f fᵀ) = w (S + Sᵀ) f and d(w f) = w s, per row."""
    slope = None if by_first is None else by_first[r].to(weighted.dtype)
    if by_second is None:
        part = torch.zeros_like(weighted)
    else:
        both = by_second[r].float()
        both = (both + both.T).to(weighted.dtype)
        if slope is not None and weight is None:
            return torch.addmm(slope, weighted, both)  # in one pass over the positions
        part = weighted @ both
    if slope is None:
        return part
    weight = part.new_ones(len(part)) if weight is None else weight.to(part.dtype)
    return part.addmm_(weight[:, None], slope[None])  # several times as fast as adding an outer product


def _widest(device: torch.device) -> torch.dtype:
    return torch.float64 if device.type != "mps" else torch.float32
