"""Neural best buddies: points of two pictures that are each other's nearest in a network's features, though the
pictures are of different kinds.

Aberman, Liao, Shi, Lischinski, Chen, Cohen-Or 2018, "Neural Best-Buddies: Sparse Cross-Domain Correspondence"; cleaned
for a warp as in Kim, Kolkin, Salavon, Shakhnarovich 2020, "Deformable Style Transfer".

1. At the deepest layer, all pairs of positions that are each other's nearest are best buddies.
2. Around each pair, a window on either side, one layer up: both are moved to a common style, and their best buddies
   take the pair's place. And so on, up to the `finest` layer.
3. At each layer a pair stays only if both features are active there.

All pairs of a layer are looked at together, in pieces that fit into memory.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.errors import UsageError, unknown
from intarsia.geometry import Pairs, clustered, coherent, spaced, uncrossed
from intarsia.sizes import centers, fit, resize, size_of
from intarsia.types import Image, Map, Size

SIDE = 256  # pixels at which pictures are compared: the longer side
INSIDE = 0.5  # of a map, where a point may be
ACTIVE = 0.05  # of the range of squared norms, below which nothing is seen
LEAST = 0.2  # activation of a pair
FLAT = 1e-3  # of the largest squared norm: a smaller range is rounding, which differs from processor to processor
MOST = 2000  # pairs that go on from one layer to the next
PIECE = 128  # windows compared in one go


class Level(NamedTuple):
    """A layer. patch: positions along the side of what is compared; radius: of the window, in positions; one: only the
    most similar pair of a window goes on, where all of them would be too many."""

    tap: str
    patch: int
    radius: int
    one: bool = False


LEVELS = (
    Level("relu5_1", 3, 2),
    Level("relu4_1", 3, 2),
    Level("relu3_1", 3, 2),
    Level("relu2_1", 5, 3, one=True),
    Level("relu1_1", 5, 3, one=True),
)


class Side(NamedTuple):
    """A picture at a layer. active: squared norms, 0..1 of their range; allowed: where a point may be."""

    features: Float[Tensor, "h w c"]
    active: Float[Tensor, "h w"]
    allowed: Bool[Tensor, "h w"]

    @property
    def size(self) -> Size:
        return self.active.shape[0], self.active.shape[1]


class Found(NamedTuple):
    """Pairs of positions, row and column, and their activations, summed over the layers so far."""

    here: Int[Tensor, "n 2"]
    there: Int[Tensor, "n 2"]
    activation: Float[Tensor, " n"]

    def at(self, index: Tensor) -> "Found":
        return Found(*(values[index] for values in self))


def best_pairs(
    encoder: Encoder,
    content: Image,
    style: Image,
    content_map: Map | None = None,
    style_map: Map | None = None,
    *,
    most: int = 80,
    reach: float = 0.2,
    finest: str = "relu3_1",
    clusters: int | None = None,
) -> Pairs:
    """Best buddies fit for a warp: those that agree with one smooth warp, active ones, spaced, with no crossing lines.

    most: how many at most. clusters: only the most activated of each of so many clusters. The rest as in
    `best_buddies`. There may be none."""
    size, onto = size_of(content), size_of(style)
    pairs = best_buddies(encoder, content, style, content_map, style_map, reach=reach, finest=finest)
    pairs = coherent(pairs[pairs.activation >= LEAST], size, onto)
    pairs = uncrossed(spaced(pairs, size, most=most), size, onto)
    return pairs if clusters is None else clustered(pairs, clusters)


@torch.no_grad()
def best_buddies(
    encoder: Encoder,
    content: Image,
    style: Image,
    content_map: Map | None = None,
    style_map: Map | None = None,
    *,
    reach: float = 0.2,
    finest: str = "relu3_1",
) -> Pairs:
    """All best buddies, the most activated first, no two with the same point on either side; 2,000 at most.

    content_map, style_map: where points may be, 0..1; those of the content are where it is at least 1/2.
    reach: how far apart buddies may be at the deepest layer, in x and in y, as a part of the picture, or of the box
    around its map. The paper has no such bound; the code of its authors has 1/7. finest: the last layer, whose
    positions the points are. The paper goes on to relu1_1, which is exact for pictures of one kind; between photographs
    and paintings the pairs get fewer and not better beyond relu3_1 (benchmarks/RESULTS.md). UsageError if there is no
    such layer."""
    encoder.check_taps([finest])
    names = [level.tap for level in LEVELS]
    if finest not in names:
        raise UsageError(unknown("layer of best buddies", finest, names))
    last = names.index(finest)
    levels = [level for level in LEVELS[: last + 1] if level.tap in encoder.channels]
    ours, theirs = (
        _sides(encoder, image, area, levels) for image, area in ((content, content_map), (style, style_map))
    )
    found = _deepest(ours[0], theirs[0], levels[0].patch, reach)
    for level, before, a, b in zip(levels[1:], levels, ours[1:], theirs[1:], strict=False):
        found = _refined(a, b, found, level, encoder.strides[before.tap] // encoder.strides[level.tap])
    found = found.at(_first_of_each(found.here))
    here, there, activation = (values.cpu() for values in found.at(_first_of_each(found.there)))
    return Pairs(_as_points(here, ours[-1].size), _as_points(there, theirs[-1].size), activation.double() / len(levels))


def _sides(encoder: Encoder, image: Image, area: Map | None, levels: list[Level]) -> list[Side]:
    """At a size whose sides are multiples of the deepest stride, so that no position is made up."""
    stride = encoder.strides[levels[0].tap]
    size = fit(*size_of(image), SIDE)
    h, w = (max(2, round(side / stride)) * stride for side in size)
    features = encoder(resize(image.float(), (h, w)).to(encoder.device), [level.tap for level in levels])
    area = torch.ones(h, w) if area is None else resize(area.float()[None], (h, w))[0]
    return [_side(features[level.tap].float(), area) for level in levels]


def _side(features: Float[Tensor, "c h w"], area: Map) -> Side:
    norms = features.square().sum(0)
    above, span = norms - norms.min(), norms.max() - norms.min()
    active = above / span if bool(span > FLAT * norms.max()) else torch.zeros_like(norms)
    inside = F.adaptive_avg_pool2d(area[None], size_of(features))[0].to(features.device)
    return Side(features.permute(1, 2, 0).contiguous(), active, inside >= INSIDE)


def _deepest(a: Side, b: Side, patch: int, reach: float) -> Found:
    """Best buddies of all positions, no farther from each other than `reach`."""
    one, other = _in_common_style(a.features[None], b.features[None], a.allowed[None], b.allowed[None])
    half = patch // 2
    one, other = (F.pad(x.permute(0, 3, 1, 2), (half,) * 4, mode="replicate").permute(0, 2, 3, 1) for x in (one, other))
    similarity = _patches(one, patch) @ _patches(other, patch).mT  # (1, a, b)
    apart = (_within(a.allowed)[:, None] - _within(b.allowed)).abs().amax(2)
    similarity[0][apart > reach] = -torch.inf
    _, i, j = _mutual(similarity, a.allowed.view(1, -1), b.allowed.view(1, -1))
    return _kept(a, b, _positions(i, a.size[1]), _positions(j, b.size[1]), torch.zeros(len(i), device=i.device))


def _refined(a: Side, b: Side, found: Found, level: Level, factor: int) -> Found:
    """Best buddies within the windows of those of the layer before, of which a position has factor² here."""
    pieces = []
    for here, there, activation in zip(*(values.split(PIECE) for values in found), strict=True):
        one, allowed = _windows(a, factor * here, level)
        other, offered = _windows(b, factor * there, level)
        one, other = _in_common_style(one, other, allowed, offered)
        similarity = _patches(one, level.patch) @ _patches(other, level.patch).mT  # (n, k, k)
        inner = slice(level.patch // 2, -(level.patch // 2))
        n, i, j = _mutual(similarity, *(x[:, inner, inner].flatten(1) for x in (allowed, offered)))
        if level.one:
            best = similarity[n, i, j].argsort(descending=True, stable=True)
            best = best[_first_of_each(n[best, None])]
            n, i, j = n[best], i[best], j[best]
        corners = (factor * place[n] - level.radius for place in (here, there))
        side = 2 * level.radius + 1
        places = (corner + _positions(k, side) for corner, k in zip(corners, (i, j), strict=True))
        pieces.append((*places, activation[n]))
    here, there, activation = (torch.cat(parts) for parts in zip(*pieces, strict=True)) if pieces else found
    return _kept(a, b, here, there, activation)


def _kept(a: Side, b: Side, here: Tensor, there: Tensor, before: Float[Tensor, " n"]) -> Found:
    """The pairs that are active on both sides, each once, the strongest first."""
    ours, theirs = a.active[here.unbind(1)], b.active[there.unbind(1)]
    found = Found(here, there, before + (ours.sqrt() + theirs.sqrt()) / 2).at((ours >= ACTIVE) & (theirs >= ACTIVE))
    found = found.at(found.activation.argsort(descending=True, stable=True))
    return found.at(_first_of_each(torch.cat([found.here, found.there], 1))[:MOST])


def _in_common_style(
    one: Float[Tensor, "n h w c"],
    other: Float[Tensor, "n h2 w2 c"],
    inside: Bool[Tensor, "n h w"],
    offered: Bool[Tensor, "n h2 w2"],
) -> tuple[Tensor, Tensor]:
    """Both with the mean of their standard deviations in each channel, and as vectors of length 1 about their means.

    The paper has them about 0, with the mean of their means added to both. So most of a cosine is what all positions
    share; about the mean it says how they differ (benchmarks/RESULTS.md)."""
    (mean, spread), (their_mean, their_spread) = _statistics(one, inside), _statistics(other, offered)
    common = (spread + their_spread) / 2
    least = 1e-3 * common.mean(-1, keepdim=True) + 1e-12  # a channel that is silent on one side says nothing
    ours = (one - mean) / (spread + least) * common
    theirs = (other - their_mean) / (their_spread + least) * common
    return F.normalize(ours, dim=-1), F.normalize(theirs, dim=-1)


def _statistics(features: Float[Tensor, "n h w c"], inside: Bool[Tensor, "n h w"]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, (n, 1, 1, c)."""
    weight = inside[..., None].to(features)
    mass = weight.sum((1, 2), keepdim=True).clamp_min(1)
    mean = (features * weight).sum((1, 2), keepdim=True) / mass
    return mean, (((features - mean).square() * weight).sum((1, 2), keepdim=True) / mass).sqrt()


def _windows(side: Side, middle: Int[Tensor, "n 2"], level: Level) -> tuple[Tensor, Bool[Tensor, "n s s"]]:
    """Features (n, s, s, c) around each position, wide enough for the patches at the rim, and where points may be."""
    (h, w), far = side.size, level.radius + level.patch // 2
    offsets = torch.arange(-far, far + 1, device=middle.device)
    rows, columns = (middle[:, i, None] + offsets for i in (0, 1))
    y, x = rows.clamp(0, h - 1)[:, :, None], columns.clamp(0, w - 1)[:, None]
    within = (y[..., 0] == rows)[:, :, None] & (x[:, 0] == columns)[:, None]
    return side.features[y, x], side.allowed[y, x] & within


def _patches(features: Float[Tensor, "n h w c"], patch: int) -> Float[Tensor, "n k d"]:
    unfolded = features.unfold(1, patch, 1).unfold(2, patch, 1)
    return unfolded.flatten(1, 2).flatten(2)


def _mutual(
    similarity: Float[Tensor, "n a b"], allowed: Bool[Tensor, "n a"], offered: Bool[Tensor, "n b"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers n, a, b of those that are each other's most similar."""
    similarity = similarity.masked_fill(~(allowed[:, :, None] & offered[:, None]), -torch.inf)
    best, to = similarity.max(2)
    back = similarity.argmax(1).gather(1, to)
    n, i = ((back == torch.arange(to.shape[1], device=to.device)) & best.isfinite()).nonzero().T
    return n, i, to[n, i]


def _within(allowed: Bool[Tensor, "h w"]) -> Float[Tensor, "h*w 2"]:
    """Where each position is in the box around what is allowed, which is 0..1 along both sides."""
    axes = []
    for axis in (0, 1):
        place = centers(allowed.shape[axis]).to(allowed.device, torch.float32)
        half = 0.5 / allowed.shape[axis]
        held = place[allowed.any(1 - axis)]
        low, high = (held[0] - half, held[-1] + half) if len(held) else (place[0] - half, place[-1] + half)
        axes.append((place - low) / (high - low))
    return torch.cartesian_prod(*axes)


def _positions(number: Int[Tensor, " n"], width: int) -> Int[Tensor, "n 2"]:
    return torch.stack([number // width, number % width], 1)


def _as_points(positions: Int[Tensor, "n 2"], size: Size) -> Float[Tensor, "n 2"]:
    return (positions.flip(1).double() + 0.5) / torch.tensor(size[::-1], dtype=torch.float64)


def _first_of_each(rows: Int[Tensor, "n k"]) -> Int[Tensor, " m"]:
    """Numbers of the rows that none before is equal to, in order."""
    kinds, kind = torch.unique(rows, dim=0, return_inverse=True)
    numbers = torch.arange(len(rows), device=rows.device)
    first = torch.full((len(kinds),), len(rows), device=rows.device).scatter_reduce(0, kind, numbers, "amin")
    return first.sort().values
