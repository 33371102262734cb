"""Nearest neighbors of small patches of features, as products of matrices.

A feature map is a table of rows, one per position, and a patch is the list of the rows under its window, its *places*.
So one table can hold several pictures, any set of patches can be asked for, and none is formed but for the chunk at
work. Patches lie wholly inside their picture: nothing is made up at its edges.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

Places = Int[Tensor, "_ k"]  # row numbers: of n patches the k = window height * width rows of each
CHUNK = 2048  # patches on either side whose products are formed in one go


def places(
    size: tuple[int, int], window: tuple[int, int] = (3, 3), inside: Bool[Tensor, "h w"] | None = None, first: int = 0
) -> Int[Tensor, "n k"]:
    """Places of all patches of a picture of `size` (h, w), in reading order; n = (h - kh + 1) (w - kw + 1) at most.

    window: height and width of a patch, at most `size`. inside: only patches whose center, at window // 2, is there.
    first: row number of the picture's first position."""
    (h, w), (kh, kw) = size, window
    rows = torch.arange(first, first + h * w).view(h, w)
    every = rows.unfold(0, kh, 1).unfold(1, kw, 1)  # (h - kh + 1, w - kw + 1, kh, kw)
    if inside is not None:
        every = every[centers(inside.cpu(), window)]
    return every.reshape(-1, kh * kw)


def centers(maps: Tensor, window: tuple[int, int] = (3, 3)) -> Tensor:
    """The part of "*r h w" maps that lies under the centers of the patches, as they stand in `places`."""
    (h, w), (kh, kw) = maps.shape[-2:], window
    top, left = kh // 2, kw // 2
    return maps[..., top : top + h - kh + 1, left : left + w - kw + 1]


def nearest(
    rows: Float[Tensor, "a c"],
    wanted: Int[Tensor, "n k"],
    pool: Float[Tensor, "b c"],
    offered: Int[Tensor, "m k"],
    *,
    meaning: tuple[Float[Tensor, "a s"], Float[Tensor, "b s"]] | None = None,
    weight: float = 1.0,
    allowed: tuple[Bool[Tensor, "n r"], Bool[Tensor, "m r"]] | None = None,
    chunk: int = CHUNK,
) -> Int[Tensor, " n"]:
    """For each patch of `rows` at `wanted` the number of the most similar one of those of `pool` at `offered`.

    Similarity is the cosine of the two patches of features (Li & Wand 2016, eq. 3), plus `weight` times the mean over
    the k rows of the inner product of their meanings, where those are given (cf. Champandard 2016, section 3).
    allowed: groups that patches belong to on either side; only patches with a group in common are compared. Each
    wanted patch must have one. chunk: patches on either side that are compared in one go; it bounds the memory, about
    chunk * (chunk + 2 k (c + s)) floats, and changes nothing else."""
    found = wanted.new_zeros(len(wanted))
    for asking, answering in _groups(wanted, offered, allowed):
        best = rows.new_full((len(asking),), -torch.inf, dtype=torch.float32)
        for some in answering.split(chunk):
            there = _described(pool, offered[some], meaning and meaning[1])
            for at in torch.arange(len(asking), device=asking.device).split(chunk):
                here = _described(rows, wanted[asking[at]], meaning and meaning[0] * (weight / wanted.shape[1]))
                score, index = (here @ there.T).max(1)
                better = score > best[at]
                best[at] = torch.where(better, score, best[at])
                found[asking[at]] = torch.where(better, some[index], found[asking[at]])
    return found


class Votes(NamedTuple):
    """What matched patches ask of each position: Σ_p w_p |P_p - S_p|² over all patches P of a feature map and their
    matches S is Σ_x weight_x |F_x - target_x|² + spread."""

    target: Float[Tensor, "a c"]
    weight: Float[Tensor, " a"]
    spread: Float[Tensor, ""]


def votes(
    count: int,
    wanted: Int[Tensor, "n k"],
    pool: Float[Tensor, "b c"],
    matched: Int[Tensor, "n k"],
    importance: Float[Tensor, " n"],
) -> Votes:
    """The matches' say on each of `count` positions, those of a feature map whose patches are at `wanted`.

    matched: the places in `pool` of each patch's match; importance: w_p. A position lies under up to k patches, and as
    sums of squares their claims are one claim at their mean, so that a step costs no more than a content loss."""
    total = pool.new_zeros(count, pool.shape[1], dtype=torch.float32)
    weight, square = total.new_zeros(count), total.new_zeros(())
    for at, match in zip(wanted.unbind(1), matched.unbind(1), strict=True):  # no place twice in a column
        claim = pool[match].float()
        total[at] += importance[:, None] * claim
        weight[at] += importance
        square += (importance * claim.square().sum(1)).sum()
    target = total / weight.clamp_min(1e-12)[:, None]
    spread = square - (weight * target.square().sum(1)).sum()
    return Votes(target, weight, spread.clamp_min(0))


def _groups(wanted: Places, offered: Places, allowed: tuple[Tensor, Tensor] | None):
    """Numbers of the patches on either side that are to be compared: once for every combination of groups."""
    if allowed is None:
        yield torch.arange(len(wanted), device=wanted.device), torch.arange(len(offered), device=offered.device)
        return
    kinds, kind = torch.unique(allowed[0], dim=0, return_inverse=True)
    for i, groups in enumerate(kinds):
        yield (kind == i).nonzero()[:, 0], (allowed[1] & groups).any(1).nonzero()[:, 0]


def _described(rows: Tensor, at: Places, meaning: Tensor | None) -> Float[Tensor, "n d"]:
    """Patches as rows of length 1, their meanings beside them."""
    patches = F.normalize(rows[at].flatten(1).float(), dim=1)
    return patches if meaning is None else torch.cat([patches, meaning[at].flatten(1)], 1)
