"""Pictures made of copied patches: each pixel comes from the painting whose patches resemble those around it most.

    o(p) = argmin over o of  (|D(p) - S(p + o)|^2 + |max(0, M(p) - N(p + o))|^2)
                               * (1 + COHERENCE * part of p's neighbors q for which o(q) is not o)
    out(p) = mean over q near p of source(p + o(q))

D and S are descriptors of the patch around a pixel of the picture and of the source, M what a place asks for and N what
a place offers. The search is PatchMatch (Barnes et al. 2009) for all pixels at once: what suits a neighbor is tried,
and what lies near. Pieces are copied whole, not pixels one by one, because of the factor (Ashikhmin 2001, "Synthesizing
natural textures", has the thought) and because the search goes from coarse to fine (Hertzmann et al. 2001, "Image
analogies", sections 3.1 and 3.2). It is a factor, not a term, so that skies do not come in blocks.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from intarsia.large import Box, bands
from intarsia.sizes import size_of
from intarsia.types import Image

REACH = 3  # of a patch: pixels on each side of its center
KEPT = 16  # directions of the patches' colors that are compared
FLAT = 0.45  # 0: directions count as much as they vary, 1: all the same, so that fine ones are seen
MEANING = 3.0  # root of what it costs to take from the wrong region, where any two patches differ by 1
COHERENCE = 3.0  # what it costs more to be copied from elsewhere than all neighbors
LEVELS = 3  # sizes, each half the next
SWEEPS = 3  # at each size
DRAWS = 12  # places that each pixel of the coarsest size tries
NEAR = 0.6  # standard deviation, in pixels, of the neighbors' say in a pixel
SAMPLE = 20_000  # patches that tell the directions
CHUNK = 1 << 18  # pixels compared in one go
BESIDE = ((0, 1), (0, -1), (1, 0), (-1, 0))

Table = Float[Tensor, "n d"]


class Sheet(NamedTuple):
    """Colors, and what each place is or offers: one map per region, 0..1. usable: where patches may come from."""

    colors: Image
    meaning: Float[Tensor, "r h w"]
    usable: Bool[Tensor, "h w"]

    @classmethod
    def of(cls, picture: Image, meaning: Float[Tensor, "r h w"]) -> "Sheet":
        return cls(picture, meaning, torch.ones_like(picture[0], dtype=torch.bool))

    @classmethod
    def together(cls, sheets: Sequence["Sheet"]) -> "Sheet":
        """One below the other, each within a margin of its own edge pixels, which no patch comes from."""
        margin, unit = REACH << (LEVELS - 1), 1 << (LEVELS - 1)
        width = max(one.usable.shape[1] for one in sheets)
        parts = []
        for one in sheets:
            h, w = one.usable.shape
            around = (margin, margin + (width - w) + -width % unit, margin, margin + -h % unit)
            colors, meaning = (F.pad(x[None], around, mode="replicate")[0] for x in (one.colors, one.meaning))
            parts.append(cls(colors, meaning, F.pad(one.usable, around)))
        return cls(*(torch.cat(column, -2) for column in zip(*parts, strict=True)))

    def halved(self) -> "Sheet":
        colors, meaning, usable = (F.avg_pool2d(x.float(), 2) for x in (self.colors, self.meaning, self.usable[None]))
        return Sheet(colors, meaning, usable[0] == 1)


def copied(image: Image, meaning: Float[Tensor, "r h w"], sources: Sequence[Sheet], seed: int = 0) -> Image:
    """`image` (3, h, w), 0..1, again, out of patches of the sources alone, which must have a usable pixel.

    meaning: the shares of the regions at each pixel; in the sources, what each pixel offers them. seed: of the random
    part of the search."""
    h, w = image.shape[1:]
    unit = 1 << (LEVELS - 1)
    fill = (0, -w % unit, 0, -h % unit)
    wanted = [Sheet.of(*(F.pad(x[None], fill, mode="replicate")[0] for x in (image, meaning)))]
    offered = [Sheet.together(sources)]
    while len(wanted) < LEVELS:
        wanted, offered = [wanted[0].halved(), *wanted], [offered[0].halved(), *offered]
    generator = torch.Generator().manual_seed(seed)
    field = None
    whole = True  # whether the size before had something for every region
    for ours, theirs in zip(wanted, offered, strict=True):
        held = ((theirs.meaning > 0) & theirs.usable).flatten(1).any(1)
        if bool(held.any()):  # at a coarse size a small picture has no place left
            field = _Search(ours, theirs, field, generator).found(DRAWS if field is None else 0 if whole else 1)
            whole = bool(held.all())
    assert field is not None
    return _voted(field, offered[-1].colors)[:, :h, :w]


class _Field(NamedTuple):
    """Where each pixel's patch is: its number in the source minus its own, both in reading order of the source's rows,
    so that a piece copied whole has one offset."""

    offset: Int[Tensor, "h w"]
    width: int  # of the source

    def here(self) -> Int[Tensor, "h w"]:
        return _rows(self.offset) * self.width + _columns(self.offset)

    def doubled(self) -> "_Field":
        """For pictures of twice the size."""
        there = self.offset + self.here()
        moved = [(there // self.width) - _rows(there), (there % self.width) - _columns(there)]
        dy, dx = (2 * one.repeat_interleave(2, 0).repeat_interleave(2, 1) for one in moved)
        return _Field(dy * 2 * self.width + dx, 2 * self.width)


def _rows(like: Tensor) -> Int[Tensor, "h 1"]:
    return torch.arange(like.shape[0], device=like.device)[:, None]


def _columns(like: Tensor) -> Int[Tensor, "1 w"]:
    return torch.arange(like.shape[1], device=like.device)[None]


def _from(dy: int, dx: int, values: Int[Tensor, "h w"]) -> Int[Tensor, "h w"]:
    """What the neighbor dy below and dx to the right has; at an edge the last one there is."""
    h, w = values.shape
    return values[(_rows(values) + dy).clamp(0, h - 1), (_columns(values) + dx).clamp(0, w - 1)]


class _Search:
    """Of the field at one size, from a field of half the size or from any places."""

    def __init__(self, ours: Sheet, theirs: Sheet, field: _Field | None, generator: torch.Generator):
        rows, self.width = theirs.usable.shape
        self.generator, self.last, self.fresh = generator, rows * self.width - 1, field is None
        basis = _directions(theirs, generator)
        self.colors = len(basis)
        self.ours, self.theirs = (_described(one, basis) for one in (ours, theirs))
        self.theirs[~theirs.usable.flatten(), 0] = 1e4  # far from everything
        self.asking = ours.meaning.argmax(0)  # the region that has most of each pixel
        self.offering = [_offering(theirs, one) for one in theirs.meaning]
        self.here = _Field(torch.zeros_like(self.asking), self.width).here()
        self.offset = self.anywhere() if field is None else field.doubled().offset
        self.far = self.distance(self.offset)

    def found(self, draws: int) -> _Field:
        """draws: places that each pixel tries before its neighbors' and what is near."""
        for _ in range(draws):
            self.consider(self.anywhere(), 0.0)
        for sweep in range(SWEEPS):
            coherence = 0.0 if self.fresh and sweep == 0 else COHERENCE  # neighbors of what is random say nothing
            for step in (16, 8, 4, 2, 1) if sweep == 0 else (4, 2, 1, 1):
                for dy, dx in BESIDE:
                    self.consider(_from(step * dy, step * dx, self.offset), coherence)
            for radius in (8, 4, 2, 1):
                dy, dx = (self.random(2 * radius + 1) - radius for _ in range(2))
                self.consider(self.offset + dy * self.width + dx, coherence)
        return _Field(self.offset, self.width)

    def random(self, n: int) -> Int[Tensor, "h w"]:
        """For each pixel a number below n."""
        return torch.randint(n, self.asking.shape, generator=self.generator).to(self.asking.device)

    def anywhere(self) -> Int[Tensor, "h w"]:
        """To any place that offers what each pixel asks for."""
        out = torch.zeros_like(self.asking)
        for r, places in enumerate(self.offering):
            out = torch.where(self.asking == r, places[self.random(len(places))], out)
        return out - self.here

    def consider(self, offset: Int[Tensor, "h w"], coherence: float) -> None:
        offset = (self.here + offset).clamp(0, self.last) - self.here
        far = self.distance(offset)
        better = far < self.far
        if coherence:
            alone, before = torch.zeros_like(far), torch.zeros_like(far)
            for beside in BESIDE:
                theirs = _from(*beside, self.offset)
                alone += (theirs != offset) / len(BESIDE)
                before += (theirs != self.offset) / len(BESIDE)
            better = far * (1 + coherence * alone) < self.far * (1 + coherence * before)
        self.far = torch.where(better, far, self.far)
        self.offset = torch.where(better, offset, self.offset)

    def distance(self, offset: Int[Tensor, "h w"]) -> Float[Tensor, "h w"]:
        there, out = (self.here + offset).flatten(), []
        for ours, at in zip(self.ours.split(CHUNK), there.split(CHUNK), strict=True):
            gap = ours.float() - self.theirs[at].float()
            gap[:, self.colors :].clamp_(min=0)
            out.append(gap.square_().sum(1))
        return torch.cat(out).view_as(offset)


def _offering(sheet: Sheet, part: Float[Tensor, "h w"]) -> Int[Tensor, " n"]:
    """Numbers of the usable pixels with half of the part's peak or more; where there is nothing of it, all usable."""
    some = sheet.usable & (part > 0) & (part >= part[sheet.usable].max() / 2)
    return (some if bool(some.any()) else sheet.usable).flatten().nonzero()[:, 0]


def _directions(theirs: Sheet, generator: torch.Generator) -> Float[Tensor, "d 3 k k"]:
    """Filters whose answers describe a patch: the principal directions of the source's patches, with a mean square
    distance of 1 between two of them in all."""
    rows, width = theirs.usable.shape
    usable = theirs.usable.flatten().nonzero()[:, 0]
    some = usable[torch.randint(len(usable), (min(SAMPLE, 4 * len(usable)),), generator=generator).to(usable.device)]
    y, x = some // width, some % width
    reach = torch.arange(-REACH, REACH + 1, device=some.device)
    ys = (y[:, None, None] + reach[:, None]).clamp(0, rows - 1)
    xs = (x[:, None, None] + reach).clamp(0, width - 1)
    patches = theirs.colors[:, ys, xs].permute(1, 0, 2, 3).flatten(1).double()
    patches = patches - patches.mean(0)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    values = values[-KEPT:].clamp_min(1e-4)
    scale = values ** (-FLAT / 2)
    scale = scale / (2 * (values * scale.square()).sum()).sqrt()
    side = 2 * REACH + 1
    return (vectors[:, -KEPT:] * scale).T.reshape(-1, 3, side, side).to(theirs.colors)


def _described(sheet: Sheet, basis: Tensor) -> Table:
    """The patch around every pixel, its meaning and its surroundings' beside it."""
    size = size_of(sheet.colors)
    colors, meaning = (F.pad(x[None].float(), (REACH,) * 4, mode="replicate") for x in (sheet.colors, sheet.meaning))
    out = colors.new_empty(*size, len(basis) + 2 * len(sheet.meaning), dtype=torch.half)
    share = MEANING / 2**0.5
    for box in bands(size):
        outer = Box(box.top, box.left, box.bottom + 2 * REACH, box.right + 2 * REACH)
        around = F.avg_pool2d(outer.of(meaning), 2 * REACH + 1, 1)[0]
        found = [F.conv2d(outer.of(colors), basis)[0], share * around, share * box.of(sheet.meaning)]
        out[box.rows] = torch.cat(found).permute(1, 2, 0)
    return out.flatten(0, 1)


def _voted(field: _Field, source: Image) -> Image:
    """What the copied pieces have at each pixel, near their borders the mean of them."""
    here, table = field.here(), source.flatten(1).T.contiguous()
    reach = range(-2, 3)
    total, weights = table.new_zeros(*here.shape, 3), 0.0
    for dy in reach:
        for dx in reach:
            weight = math.exp(-(dy * dy + dx * dx) / (2 * NEAR**2))
            there = (here + _from(dy, dx, field.offset)).clamp(0, len(table) - 1)
            total += weight * table[there.flatten()].view(*here.shape, 3)
            weights += weight
    return (total / weights).permute(2, 0, 1)
