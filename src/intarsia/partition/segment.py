"""The partition of a picture into k soft regions.

Source: "Partitioned Style Transfer", the description this project follows. Colors are clustered, and the positions
of each tap of a network separately. The indicators of all these clusters, as maps of the pixels, go through one more
clustering, to k regions. Two things are added here. How long a random walk takes to leave the picture is one more
indicator, since colors and textures alone do not tell a person from the street behind. And the borders are fitted to
the picture's edges.
"""

import dataclasses
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.encoders import Encoder, load
from intarsia.errors import GuideError, UsageError, unknown
from intarsia.maps.edits import refine
from intarsia.partition.clustering import Anchors, Clustering, Grid, kmeans, maximum_entropy
from intarsia.partition.indicators import at, color_indicators, lab, tap_indicators
from intarsia.partition.seeds import Seeds, pixel_of
from intarsia.partition.walks import first_seeds, leaving_times
from intarsia.sizes import fit, resize
from intarsia.types import Map

METHODS = ("entropy", "kmeans")
CARRIES = ("upsample", "gradient")
MOST = 32  # the most regions, as in a label map

CLUSTERS = 4  # clusters of the colors, and of each tap
GRID, WALKS = 128, 64  # long sides of the grids on which positions are clustered and on which walks go
STARTS = 2  # how many k-means starts the last clustering tries
SEEDS = 4.0  # weight of the indicators that tell which seed a walk meets first; the others have 1
LAB = 5.0  # weight of the colors for the walks; the indicators have 1
SEED_REACH = 0.015  # part of the long side: pixels this near to a seed point are drawn toward its label


@dataclass(frozen=True, eq=False)
class Partition:
    """labels: whole numbers 0..k-1; soft: how far each pixel belongs to each label, sums to 1. Without seed points the
    labels are ordered by area, the largest first."""

    labels: Int[Tensor, "h w"]
    soft: Float[Tensor, "k h w"]

    @property
    def k(self) -> int:
        return len(self.soft)


@torch.no_grad()
def partition(
    image: Float[Tensor, "3 h w"],
    k: int,
    *,
    encoder: Encoder | None = None,
    method: str = "entropy",
    carry: str = "upsample",
    seeds: Seeds = Seeds(),  # noqa: B008 (frozen)
    seed: int = 0,
    balance: float = 1.3,
    ridge: float = 1e-3,
    smooth: float = 0.0,
    enclosure: float = 2.25,
    size: int = 512,
) -> Partition:
    """Partition a picture (RGB, 0..1) into k regions, 1 to 32.

    encoder: None loads `compact`. method: "entropy", or the baseline "kmeans" in RGB, whose maps are 0 or 1 and which
    takes no seed points. carry: how the clusters of taps become maps of the pixels, "upsample" or "gradient" (see
    `indicators.tap_indicators`). seeds: points that a person gave. seed: of the random starts; the same seed gives the
    same partition. balance, ridge, smooth: see `clustering.maximum_entropy`; smooth acts less at edges. enclosure: the
    weight of the indicator by which walks find the foreground, where the others have 1; 0 leaves it out. size: the long
    side at which the work is done; labels and maps have the picture's own size.

    UsageError for impossible settings, GuideError for seed points that contradict each other or lie outside."""
    _check(k, method, carry, seeds, balance, ridge, smooth, enclosure, size)
    h, w = image.shape[1:]
    seeds.check(k, (h, w))
    if k == 1:
        return Partition(torch.zeros(h, w, dtype=torch.long), torch.ones(1, h, w))
    work = resize(image.detach().cpu().float(), fit(h, w, min(size, max(h, w))))
    if method == "kmeans":
        return _sorted(_by_color(image, work, k, seed))
    encoder = load("compact") if encoder is None else encoder
    whole = torch.ones(fit(h, w, min(GRID, max(h, w))))
    pile = _indicators(work, whole, encoder, carry, enclosure, seed)
    settings = _Settings(balance, ridge, smooth, seed)
    soft = _clustered(pile, k, whole, work, settings)
    if seeds:
        return _seeded(soft, pile, seeds, whole, work, settings, (h, w))
    return _sorted(_finished(soft, work, (h, w)))


@torch.no_grad()
def divide(
    image: Float[Tensor, "3 h w"],
    within: Map,
    k: int,
    *,
    encoder: Encoder | None = None,
    carry: str = "upsample",
    seed: int = 0,
    balance: float = 1.3,
    ridge: float = 1e-3,
    smooth: float = 0.0,
    enclosure: float = 2.25,
    size: int = 512,
) -> Float[Tensor, "k h w"]:
    """Partitions what a soft map holds into k maps that sum to it, the largest first: each position counts as much as
    the map has of it. Settings as in `partition`. GuideError for a map of another size, and for one that is empty."""
    _check(k, "entropy", carry, Seeds(), balance, ridge, smooth, enclosure, size)
    h, w = image.shape[1:]
    if tuple(within.shape) != (h, w):
        raise GuideError(
            f"the map is {within.shape[1]} x {within.shape[0]}, the picture {w} x {h}. "
            "What is divided belongs to its own picture."
        )
    if not bool((within > 0).any()):
        raise GuideError("the map is empty, so there is nothing to divide. Paint it first.")
    work = resize(image.detach().cpu().float(), fit(h, w, min(size, max(h, w))))
    weights = at(within[None], fit(h, w, min(GRID, max(h, w))))[0]
    pile = _indicators(work, weights, load("compact") if encoder is None else encoder, carry, enclosure, seed)
    soft = _clustered(pile, k, weights, work, _Settings(balance, ridge, smooth, seed))
    parts = _finished(soft, work, (h, w)).soft * within
    return parts[parts.sum((1, 2)).argsort(descending=True, stable=True)]


def refine_region(
    found: Partition,
    image: Float[Tensor, "3 h w"],
    label: int,
    k: int,
    *,
    encoder: Encoder | None = None,
    carry: str = "upsample",
    seed: int = 0,
    balance: float = 1.3,
    ridge: float = 1e-3,
    smooth: float = 0.0,
    enclosure: float = 2.25,
    size: int = 512,
) -> Partition:
    """Partitions one region further into k. Its largest part keeps the label, and the others get the next free labels.
    Everything else stays as it is. Settings as in `partition`. GuideError if the partition does not have the label."""
    if not 0 <= label < found.k or not bool((found.labels == label).any()):
        there = ", ".join(str(one) for one in found.labels.unique().tolist())
        raise GuideError(f"the partition has no region {label} to refine. There are: {there}.")
    if found.k + k - 1 > MOST:
        raise UsageError(f"{found.k} regions and {k - 1} more are beyond the {MOST} that a label map may have.")
    h, w = image.shape[1:]
    if tuple(found.labels.shape) != (h, w):
        raise GuideError(
            f"the partition is {found.labels.shape[1]} x {found.labels.shape[0]}, the picture {w} x {h}. "
            "A partition belongs to its own picture."
        )
    if k == 1:
        return found
    how = {"balance": balance, "ridge": ridge, "smooth": smooth, "enclosure": enclosure}
    parts = divide(image, found.soft[label], k, encoder=encoder, carry=carry, seed=seed, size=size, **how)
    soft = torch.cat([found.soft[:label], parts[:1], found.soft[label + 1 :], parts[1:]])
    names = torch.tensor([label, *range(found.k, found.k + k - 1)])
    labels = torch.where(found.labels == label, names[parts.argmax(0)], found.labels)
    return Partition(labels, soft)


@dataclass(frozen=True)
class _Settings:
    balance: float
    ridge: float
    smooth: float
    seed: int


@dataclass(frozen=True, eq=False)
class _Pile:
    """maps: what the last clustering gets; apart: what the walks get, on a grid of their own."""

    maps: Float[Tensor, "c gh gw"]
    apart: Float[Tensor, "d wh ww"]


def _indicators(
    work: Float[Tensor, "3 h w"],
    weights: Float[Tensor, "gh gw"],
    encoder: Encoder,
    carry: str,
    enclosure: float,
    seed: int,
) -> _Pile:
    grid = (weights.shape[0], weights.shape[1])
    maps = [color_indicators(work, grid, weights, CLUSTERS, seed)]
    maps += tap_indicators(encoder, work, grid, weights, CLUSTERS, carry, seed)
    stacked = torch.cat(maps)
    coarse = fit(*grid, min(WALKS, max(grid)))
    apart = torch.cat([at(stacked, coarse), LAB * at(lab(work), coarse)])
    if enclosure:
        stacked = torch.cat([stacked, enclosure * at(leaving_times(apart)[None], grid)])
    return _Pile(stacked, apart)


def _clustered(
    pile: _Pile,
    k: int,
    weights: Float[Tensor, "gh gw"],
    work: Float[Tensor, "3 h w"],
    settings: _Settings,
    start: Int[Tensor, "gh gw"] | None = None,
    anchors: Anchors | None = None,
) -> Float[Tensor, "k gh gw"]:
    grid = (weights.shape[0], weights.shape[1])
    edges = _edges(work, grid) if settings.smooth else None

    def run(number: int) -> Clustering:
        return maximum_entropy(
            pile.maps.flatten(1),
            k,
            balance=settings.balance,
            ridge=settings.ridge,
            weights=weights.flatten(),
            start=None if start is None else start.flatten(),
            smooth=settings.smooth,
            grid=edges,
            anchors=anchors,
            seed=settings.seed + number,
        )

    found = min((run(i) for i in range(STARTS if start is None else 1)), key=lambda one: one.loss)
    return found.soft.view(k, *grid)


def _seeded(
    soft: Float[Tensor, "k gh gw"],
    pile: _Pile,
    seeds: Seeds,
    weights: Float[Tensor, "gh gw"],
    work: Float[Tensor, "3 h w"],
    settings: _Settings,
    size: tuple[int, int],
) -> Partition:
    """Clusters again, starting from the partition without seeds. The labels at the seeds are now known, and which seed
    a walk meets first gives further indicators. The pixel of a seed point always ends with its label."""
    k, grid = len(soft), (weights.shape[0], weights.shape[1])
    labels, order = seeds.resolved(soft, size)
    places = seeds.places()
    start = soft[order].argmax(0)
    walked = _met(pile, places, labels, k)
    more = dataclasses.replace(pile, maps=torch.cat([pile.maps, SEEDS * at(walked, grid)]))
    flat, known = _flat_places(places, labels, grid)
    start.view(-1)[flat] = known
    found = _finished(_clustered(more, k, weights, work, settings, start, Anchors(flat, known)), work, size)
    soft = _drawn_to(found.soft, places, labels)
    return Partition(soft.argmax(0), soft)


def _met(pile: _Pile, places: list[tuple[float, float]], labels: Int[Tensor, " s"], k: int) -> Float[Tensor, "k h w"]:
    flat, known = _flat_places(places, labels, (pile.apart.shape[1], pile.apart.shape[2]))
    return first_seeds(pile.apart, flat, known, k)


def _flat_places(
    places: list[tuple[float, float]], labels: Int[Tensor, " s"], size: tuple[int, int]
) -> tuple[Int[Tensor, " a"], Int[Tensor, " a"]]:
    """Places on a grid and their labels, each cell once; where several places share a cell, the first one counts."""
    known: dict[int, int] = {}
    for place, label in zip(places, labels.tolist(), strict=True):
        y, x = pixel_of(place, size)
        known.setdefault(y * size[1] + x, label)
    return torch.tensor(list(known)), torch.tensor(list(known.values()))


def _drawn_to(
    soft: Float[Tensor, "k h w"], places: list[tuple[float, float]], labels: Int[Tensor, " s"]
) -> Float[Tensor, "k h w"]:
    """Draws each pixel toward the label of its nearest seed: fully at the seed's pixel, less with the distance."""
    k, h, w = soft.shape
    pixels = torch.tensor([pixel_of(place, (h, w)) for place in places])
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    nearest, which = torch.full((h, w), torch.inf), torch.zeros(h, w, dtype=torch.long)
    for (row, column), label in zip(pixels.tolist(), labels.tolist(), strict=True):
        distance = ((y - row) ** 2 + (x - column) ** 2).float()
        which = torch.where(distance < nearest, label, which)
        nearest = torch.minimum(nearest, distance)
    pull = torch.exp(-nearest / max(1.0, SEED_REACH * max(h, w)) ** 2)
    return soft + pull * (F.one_hot(which, k).permute(2, 0, 1) - soft)


def _edges(work: Float[Tensor, "3 h w"], grid: tuple[int, int]) -> Grid:
    colors = at(lab(work), grid)
    across = (colors[:, :, 1:] - colors[:, :, :-1]).square().sum(0)
    down = (colors[:, 1:] - colors[:, :-1]).square().sum(0)
    return Grid(grid, torch.exp(-across / 0.005), torch.exp(-down / 0.005))


def _finished(soft: Float[Tensor, "k gh gw"], work: Float[Tensor, "3 h w"], size: tuple[int, int]) -> Partition:
    """The partition at the picture's own size; a guided filter fits the borders to its edges."""
    fine = at(soft, (work.shape[1], work.shape[2]))
    if max(fine.shape[1:]) > 1:
        radius = max(1, round(max(fine.shape[1:]) / 64))
        fitted = [refine(one, work, radius) for one in fine[1:]]  # linear, so the first map is the rest
        fine = torch.stack([1 - torch.stack(fitted).sum(0), *fitted])
    whole = at(fine, size).clamp(0, 1) + 1e-6
    whole = whole / whole.sum(0)
    return Partition(whole.argmax(0), whole)


def _by_color(image: Float[Tensor, "3 h w"], work: Float[Tensor, "3 h2 w2"], k: int, seed: int) -> Partition:
    found = kmeans(work.flatten(1), k, seed=seed)
    member = F.one_hot(found, k).float()
    mass = member.sum(0)
    centers = work.flatten(1) @ member / mass.clamp_min(1)  # (3, k)
    pixels = image.detach().cpu().float()
    far = torch.stack([(pixels - centers[:, i, None, None]).square().sum(0) for i in range(k)])
    far[mass == 0] = torch.inf
    labels = far.argmin(0)
    return Partition(labels, F.one_hot(labels, k).permute(2, 0, 1).float())


def _sorted(found: Partition) -> Partition:
    order = found.soft.sum((1, 2)).argsort(descending=True, stable=True)
    return Partition(order.argsort()[found.labels], found.soft[order])


def _check(
    k: int,
    method: str,
    carry: str,
    seeds: Seeds,
    balance: float,
    ridge: float,
    smooth: float,
    enclosure: float,
    size: int,
) -> None:
    if not 1 <= k <= MOST:
        raise UsageError(f"a partition into {k} regions cannot be. Take 1 to {MOST}.")
    for kind, name, known in (("method of partition", method, METHODS), ("way to carry", carry, CARRIES)):
        if name not in known:
            raise UsageError(unknown(kind, name, known))
    if method == "kmeans" and seeds:
        raise UsageError("k-means takes no seed points. Drop them, or use the method entropy.")
    for name, value in (("ridge", ridge), ("smooth", smooth), ("enclosure", enclosure)):
        if not 0 <= value < float("inf"):
            raise UsageError(f"{name} is {value}; it must be 0 or more.")
    if not 1 <= balance <= 100:
        raise UsageError(f"balance is {balance}; it must be 1 to 100.")
    if not 32 <= size <= 4096:
        raise UsageError(f"size is {size}; it must be 32 to 4096.")
