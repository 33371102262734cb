"""Nearest neighbors of small patches of features, as products of matrices.

A feature map is a table of rows, one per position, and a patch is the list of the rows under its window, its *places*.
So one table can hold several pictures, and any set of patches can be asked for. Patches lie wholly inside their
picture: nothing is made up at its edges.

The product of two patches of k places is the sum of k products of positions, and neighbors have most of these in
common. So positions are multiplied, once for all patches that they are part of, and no patch is ever formed: the sums
are of shifted views of one matrix.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Places = Int[Tensor, "_ k"]  # row numbers: of n patches the k = window height * width rows of each
CHUNK = 1024  # patches on either side that are compared in one go: their products fit the cache of a processor


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


@torch.no_grad()
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
    the k rows of the inner product of their meanings, where those are given (cf. Champandard 2016, section 3). All is
    summed in fp32; of equals, in pictures of one width, it is the one with the lowest places.
    allowed: groups that patches belong to on either side; only patches with a group in common are compared. Each
    wanted patch must have one. chunk: patches on either side that are compared in one go; it bounds the memory, about
    chunk * (5 * chunk + 2 k (c + s)) floats, more where a patch reaches over more rows than `chunk`, and changes
    nothing else."""
    found = wanted.new_zeros(len(wanted))
    here, there = _lengths(rows, wanted), _lengths(pool, offered)
    for asking, answering in _groups(wanted, offered, allowed):
        bands = list(_bands(offered, answering, chunk))
        for some in asking.split(chunk):
            at, of = torch.unique(wanted[some], return_inverse=True)
            mine, best = rows[at].float(), here.new_full((len(some),), -torch.inf)
            factor = weight / wanted.shape[1] * here[some, None]
            for band in bands:  # similarities are taken times the lengths of the wanted patches
                products = _summed(mine @ pool[band.rows].float().T, of, band.shifts)
                base = torch.where(band.numbers < 0, -torch.inf, 0.0)
                if meaning:
                    ours, theirs = meaning[0][wanted[some]].flatten(1), meaning[1][band.places()].flatten(1)
                    base = torch.addmm(base, factor * ours, theirs.float().T)
                score, column = torch.addcmul(base, products, 1 / there[band.numbers]).max(1)
                found[some] = torch.where(score > best, band.numbers[column], found[some])
                best = torch.maximum(score, best)
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


class _Band(NamedTuple):
    """Patches of one shape whose lowest places follow each other: of each the number, or -1 where it is not offered."""

    first: int
    shifts: list[int]  # from a patch's lowest place to each of its places
    numbers: Int[Tensor, " l"]

    @property
    def rows(self) -> slice:
        """All that they lie on."""
        return slice(self.first, self.first + len(self.numbers) + max(self.shifts))

    def places(self) -> Int[Tensor, "l k"]:
        first = torch.arange(self.first, self.first + len(self.numbers), device=self.numbers.device)
        return first[:, None] + first.new_tensor(self.shifts)


def _bands(offered: Places, some: Int[Tensor, " m"], chunk: int) -> Iterator[_Band]:
    """The patches numbered `some`. Those of pictures of one width have one shape."""
    lowest = offered[some].amin(1)
    shapes, shape = torch.unique(offered[some] - lowest[:, None], dim=0, return_inverse=True)
    for i, shifts in enumerate(shapes.tolist()):
        alike = (shape == i).nonzero()[:, 0]
        alike = alike[lowest[alike].argsort()]
        _, counts = torch.unique_consecutive(lowest[alike] // max(chunk, *shifts), return_counts=True)
        for held in alike.split(counts.tolist()):
            first, last = int(lowest[held[0]]), int(lowest[held[-1]])
            numbers = some.new_full((last - first + 1,), -1)
            numbers[lowest[held] - first] = some[held]
            yield _Band(first, shifts, numbers)


def _summed(products: Float[Tensor, "u x"], of: Int[Tensor, "n k"], shifts: Sequence[int]) -> Float[Tensor, "n l"]:
    """Of patches: the first lie on the rows `of`, the second, by `shifts`, on columns from 0 on, from 1 on, ..."""
    count = products.shape[1] - max(shifts)
    total, part = products.new_zeros(len(of), count), products.new_empty(len(of), count)
    for row, shift in zip(of.unbind(1), shifts, strict=True):
        total += torch.index_select(products[:, shift : shift + count], 0, row, out=part)
    return total


def _lengths(rows: Float[Tensor, "a c"], at: Places) -> Float[Tensor, " n"]:
    """Of patches."""
    squares = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float32).square()
    return squares[at].sum(1).sqrt().clamp_min(1e-12)
