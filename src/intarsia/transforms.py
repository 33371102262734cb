"""Transforms of features that give a region the statistics of a style: whitening and coloring, and its light variant.

Each is an affine map per region, made from `Moments` alone, f' = M f + o. So it can be made from moments that were
added up over tiles, applied tile by tile, weakened, mixed by shares, composed, and carried over to another basis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.moments import BLOCK, Moments, Support, supports

CUT = 1e-5  # eigenvalues below this part of the largest are taken for zero
NOISE = 3e-7  # and variances below this part of the second moment: nothing that can be seen, and not to be amplified


@dataclass(frozen=True, eq=False)
class Affine:
    """f' = matrix @ f + offset, for r regions, in fp64 on the CPU."""

    matrix: Float[Tensor, "r c c"]
    offset: Float[Tensor, "r c"]

    @classmethod
    def identity(cls, regions: int, channels: int) -> "Affine":
        return cls(
            torch.eye(channels, dtype=torch.float64).repeat(regions, 1, 1),
            torch.zeros(regions, channels, dtype=torch.float64),
        )

    def __call__(
        self, features: Float[Tensor, "c h w"], shares: Float[Tensor, "r h w"] | Sequence[Support] | None = None
    ) -> Float[Tensor, "c h w"]:
        """The features, each position by the mixture of maps that its shares ask for; what no region owns stays as it
        is. Computed in fp32, given back in the features' precision.

        shares: 0..1, summing to at most 1 per position; or their `supports`; None for one region that owns all."""
        c, h, w = features.shape
        if shares is None:
            shares = [Support(None, None, float(h * w), fresh=True)]
        elif isinstance(shares, Tensor):
            shares = supports(shares)
        rows, moves = features.permute(1, 2, 0).reshape(h * w, c), self._moves(features.device)
        if len(shares) == 1 and shares[0].index is None:
            weight = torch.ones(h * w, device=rows.device) if shares[0].weight is None else shares[0].weight.float()
            out, block = torch.empty_like(rows), BLOCK if rows.is_cpu else h * w
            for some in (slice(i, i + block) for i in range(0, h * w, block)):  # what a cache holds is read once
                here = rows[some].float()
                out[some] = here.addcmul(weight[some, None], torch.addmm(moves[0][1], here, moves[0][0].T))
        else:
            rows = rows.float()
            out = rows.clone()
            for support, moved in zip(shares, moves, strict=True):
                here = rows if support.index is None else rows[support.index]
                move = torch.addmm(moved[1], here, moved[0].T)
                move = move if support.weight is None else support.weight[:, None] * move
                if support.index is None:
                    out += move
                else:
                    out.index_copy_(0, support.index, out[support.index] + move)
        return out.to(features.dtype).reshape(h, w, c).permute(2, 0, 1)

    def _moves(self, device: torch.device) -> list[tuple[Tensor, Tensor]]:
        """Per region the map f' - f, in fp32: what a share is a share of."""
        moves = self.matrix - torch.eye(self.matrix.shape[1], dtype=torch.float64)
        return list(zip(moves.to(device, torch.float32), self.offset.to(device, torch.float32), strict=True))

    def weakened(self, strength: float | Float[Tensor, " r"]) -> "Affine":
        """strength 0 leaves the features as they are, 1 is the map itself (alpha in Li et al. 2017)."""
        part = torch.as_tensor(strength).to(self.offset).expand(len(self.offset))
        kept = torch.diag_embed((1 - part)[:, None].expand_as(self.offset))
        return Affine(part[:, None, None] * self.matrix + kept, part[:, None] * self.offset)

    def then(self, other: "Affine") -> "Affine":
        """This map, and after it the other."""
        return Affine(other.matrix @ self.matrix, _times(other.matrix, self.offset) + other.offset)

    def mixed(self, shares: Float[Tensor, "k r"]) -> "Affine":
        """k mixtures of the r maps; rows of shares sum to 1."""
        shares = shares.to(self.matrix)
        return Affine(torch.einsum("kr,rcd->kcd", shares, self.matrix), shares @ self.offset)

    def within(self, basis: "Basis | None") -> "Affine":
        """The map of f that this map of basis @ f stands for. None changes nothing."""
        if basis is None:
            return self
        return Affine(basis.back @ self.matrix @ basis.there, _times(basis.back, self.offset))


class Basis(NamedTuple):
    """A matrix and its inverse, in fp64 on the CPU."""

    there: Float[Tensor, "c c"]
    back: Float[Tensor, "c c"]

    @classmethod
    def completed(cls, basis: Float[Tensor, "c c"], part: float = 0.03) -> "Basis":
        """One that measures nearly as the given one does: directions that it hardly sees (singular values below `part`
        of the largest) count with that part. Without them `Affine.within` would leave there what the content has."""
        left, values, right = torch.linalg.svd(basis.detach().cpu().double())
        values = values.clamp_min(part * values.max())
        return cls((left * values) @ right, right.T / values @ left.T)


def wct(content: Moments, style: Moments, basis: Basis | None = None, cut: float = CUT) -> Affine:
    """Whitening and coloring (Li et al. 2017, arXiv:1705.08086, eq. 2 and 3): the mean and covariance of each region of
    the content become those of the style's.

    f' = E_s D_s^1/2 U D_c^-1/2 E_cᵀ (f - μ_c) + μ_s, in fp64, without the eigenvalues below `cut` of the largest. The
    paper has U = E_sᵀ E_c. With eigenvalues cut that is no longer orthogonal and the covariance is missed, so U is the
    partial isometry nearest to it; without cuts it is the same. A region without mass stays as it is; of a flat style
    only the mean is taken, and a flat content, which has nothing to color, becomes it.

    basis: of all maps with these statistics, the one that moves basis.there @ f as whitening and coloring does."""
    assert content.first.shape == style.first.shape, "one style per region"
    content, style = (moments.exact().through(None if basis is None else basis.there) for moments in (content, style))
    maps = Affine.identity(*content.first.shape)
    for r in range(len(maps.offset)):
        if content.mass[r] > 0 < style.mass[r]:
            maps.matrix[r] = _colored(*_axes(content, r, cut), *_axes(style, r, cut))
            maps.offset[r] = style.mean()[r] - maps.matrix[r] @ content.mean()[r]
    return maps.within(basis)


def adain(content: Moments, style: Moments) -> Affine:
    """Mean and deviation of every channel become the style's (Huang & Belongie 2017, arXiv:1703.06868, eq. 8).

    It depends on the basis: take the moments of plain features. A channel that is flat in the content becomes the
    style's mean. A region without mass stays as it is."""
    assert content.first.shape == style.first.shape, "one style per region"
    content, style = content.exact(), style.exact()
    here, there = (m.covariance().diagonal(dim1=1, dim2=2).clamp_min(0) for m in (content, style))
    varied = here > NOISE * content.gram().diagonal(dim1=1, dim2=2)
    scale = torch.where(varied, (there / here.clamp_min(1e-30)).sqrt(), 0.0)
    seen = ((content.mass > 0) & (style.mass > 0))[:, None]
    offset = torch.where(seen, style.mean() - scale * content.mean(), 0.0)
    return Affine(torch.diag_embed(torch.where(seen, scale, 1.0)), offset)


def _axes(moments: Moments, r: int, cut: float) -> tuple[Float[Tensor, "c k"], Float[Tensor, " k"]]:
    """Principal axes of a region's features and the deviations along them, those that are not zero."""
    covariance = moments.covariance()[r]
    values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
    kept = values > max(cut * float(values[-1]), NOISE * float(moments.gram()[r].trace()), 1e-30)
    return vectors[:, kept], values[kept].sqrt()


def _colored(from_axes: Tensor, from_sizes: Tensor, to_axes: Tensor, to_sizes: Tensor) -> Float[Tensor, "c c"]:
    """E_s D_s^1/2 U D_c^-1/2 E_cᵀ, with axes (c, rank) and deviations (rank)."""
    left, _, right = torch.linalg.svd(to_axes.T @ from_axes, full_matrices=False)
    return (to_axes * to_sizes) @ (left @ right) @ (from_axes / from_sizes).T


def _times(matrix: Float[Tensor, "*r c d"], vectors: Float[Tensor, "r d"]) -> Float[Tensor, "r c"]:
    return (matrix @ vectors[..., None])[..., 0]
