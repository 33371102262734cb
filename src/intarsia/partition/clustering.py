"""Clustering of positions by their features: by maximum entropy, and by k-means as the simple baseline.

Maximum-entropy clustering is a softmax regression without labels. Every position should clearly belong to one cluster
(its own entropy is small), and the clusters should have similar sizes (the entropy of their mean is large). Source:
"Partitioned Style Transfer" (the description this project follows). It is the objective of Krause, Perona and Gomes
2010, "Discriminative Clustering by Regularized Information Maximization", eq. 4 and 5, with a free weight.
"""

from dataclasses import dataclass

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

Weights = Float[Tensor, " n"]


@dataclass(frozen=True, eq=False)
class Grid:
    """Neighbors for the total variation: positions lie row by row on a grid. across and down are the weights of the
    steps between neighbors; they are small where the picture has an edge."""

    size: tuple[int, int]
    across: Float[Tensor, "h v"]
    down: Float[Tensor, "u w"]


@dataclass(frozen=True, eq=False)
class Anchors:
    """Positions whose cluster is known, and the weight of this knowledge; the mean entropy has weight 1."""

    places: Int[Tensor, " a"]
    labels: Int[Tensor, " a"]
    weight: float = 4.0


@dataclass(frozen=True, eq=False)
class Clustering:
    """soft: how far each position belongs to each cluster, sums to 1; slope: per cluster, the factors of its logit on
    the centered features; loss: the objective's value."""

    soft: Float[Tensor, "k n"]
    slope: Float[Tensor, "k c"]
    loss: float


def maximum_entropy(
    features: Float[Tensor, "c n"],
    k: int,
    *,
    balance: float = 1.3,
    ridge: float = 1e-3,
    weights: Weights | None = None,
    start: Int[Tensor, " n"] | None = None,
    smooth: float = 0.0,
    grid: Grid | None = None,
    anchors: Anchors | None = None,
    steps: int = 60,
    seed: int = 0,
) -> Clustering:
    """k soft clusters p = softmax(W f + b) that minimize mean H(p) - balance H(mean p) + ridge |W|².

    features are centered and scaled to a mean square length of 1, so that the constants mean the same for all of them.
    balance (the description's lambda, 1 to 8): how strongly the sizes are made equal; ridge: how soft the borders are.
    weights: how much each position counts, 0 or more. start: labels to begin with; by default those of `kmeans`.
    smooth: weight of the total variation of p over `grid`. L-BFGS minimizes it; the same input and seed give the same
    answer. Where all features are equal, each position belongs equally to all clusters."""
    c, n = features.shape
    weights = torch.full((n,), 1 / n) if weights is None else weights / weights.sum().clamp_min(1e-12)
    x = _standardized(features, weights)
    start = kmeans(x, k, seed=seed, weights=weights) if start is None else start
    theta = _from_labels(x, start, k, weights)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.from_numpy(flat.astype(np.float32)).view(k, c + 1).requires_grad_()
        logits = at[:, :c] @ x + at[:, c:]
        loss = _entropies(logits, weights, balance) + ridge * at[:, :c].square().sum()
        if smooth and grid is not None:
            loss = loss + smooth * _variation(logits.softmax(0).view(k, *grid.size), grid)
        if anchors is not None:
            known = logits[:, anchors.places].log_softmax(0)
            loss = loss - anchors.weight * known.gather(0, anchors.labels[None]).mean()
        (slope,) = torch.autograd.grad(loss, at)
        return float(loss.detach()), slope.flatten().double().numpy()

    with torch.enable_grad():
        found = scipy.optimize.minimize(
            objective, theta.flatten().double().numpy(), jac=True, method="L-BFGS-B", options={"maxiter": steps}
        )
    theta = torch.from_numpy(found.x.astype(np.float32)).view(k, c + 1)
    return Clustering((theta[:, :c] @ x + theta[:, c:]).softmax(0), theta[:, :c], float(found.fun))


def kmeans(
    features: Float[Tensor, "c n"],
    k: int,
    *,
    seed: int = 0,
    weights: Weights | None = None,
    attempts: int = 4,
    steps: int = 50,
) -> Int[Tensor, " n"]:
    """Labels 0..k-1 by Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii 2007), the most compact of
    several attempts. If there are fewer different features than k, some labels have no position."""
    rows = features.detach().float().T.contiguous()
    weights = torch.ones(len(rows)) if weights is None else weights
    generator = torch.Generator().manual_seed(seed)
    best, least = torch.zeros(len(rows), dtype=torch.long), float("inf")
    for _ in range(attempts if k > 1 else 0):
        labels, spread = _lloyd(rows, _spread_seeds(rows, k, weights, generator), weights, steps)
        if spread < least:
            best, least = labels, spread
    return best


def _lloyd(
    rows: Float[Tensor, "n c"], centers: Float[Tensor, "k c"], weights: Weights, steps: int
) -> tuple[Int[Tensor, " n"], float]:
    labels = torch.full((len(rows),), -1)
    distances = rows.new_zeros(len(rows))
    for _ in range(steps):
        distances, nearest = _squared(rows, centers).min(1)
        if torch.equal(nearest, labels):
            break
        labels = nearest
        mass = torch.zeros(len(centers)).index_add_(0, labels, weights)
        sums = torch.zeros_like(centers).index_add_(0, labels, rows * weights[:, None])
        centers = torch.where(mass[:, None] > 0, sums / mass.clamp_min(1e-20)[:, None], centers)
    return labels, float((distances * weights).sum())


def _spread_seeds(
    rows: Float[Tensor, "n c"], k: int, weights: Weights, generator: torch.Generator
) -> Float[Tensor, "k c"]:
    """k-means++: each new center is drawn with odds by its squared distance to the nearest center so far."""
    chosen = [int(torch.multinomial(weights, 1, generator=generator))]
    distance = _squared(rows, rows[chosen])[:, 0]
    while len(chosen) < k:
        odds = distance * weights
        odds = odds if float(odds.sum()) > 0 else weights
        chosen.append(int(torch.multinomial(odds, 1, generator=generator)))
        distance = torch.minimum(distance, _squared(rows, rows[chosen[-1:]])[:, 0])
    return rows[chosen]


def _squared(rows: Float[Tensor, "n c"], centers: Float[Tensor, "k c"]) -> Float[Tensor, "n k"]:
    return torch.cdist(rows, centers).square()


def _standardized(features: Float[Tensor, "c n"], weights: Weights) -> Float[Tensor, "c n"]:
    """Centered, with a mean square length of 1. Features that are all equal, up to rounding, become zero."""
    x = features.detach().double()
    x = x - (x * weights).sum(1, keepdim=True)
    length = float((x.square().sum(0) * weights).sum().sqrt())
    return (x / length).float() if length > 1e-6 else torch.zeros_like(features)


def _from_labels(x: Float[Tensor, "c n"], labels: Int[Tensor, " n"], k: int, weights: Weights) -> Tensor:
    """Slopes and biases whose logits are -2 |x - center|², without the part that all clusters have in common."""
    member = torch.zeros(k, len(labels)).scatter_(0, labels[None], 1.0) * weights
    mass = member.sum(1, keepdim=True)
    centers = member @ x.T / mass.clamp_min(1e-20)
    return torch.cat([4 * centers, -2 * centers.square().sum(1, keepdim=True) - 20.0 * (mass == 0)], 1)


def _entropies(logits: Float[Tensor, "k n"], weights: Weights, balance: float) -> Tensor:
    log_p = logits.log_softmax(0)
    p = log_p.exp()
    own = -((p * log_p).sum(0) * weights).sum()
    mean = (p * weights).sum(1)
    return own + balance * (mean * mean.clamp_min(1e-12).log()).sum()


def _variation(soft: Float[Tensor, "k h w"], grid: Grid) -> Tensor:
    across = (soft[:, :, 1:] - soft[:, :, :-1]).square().sum(0).add(1e-6).sqrt()
    down = (soft[:, 1:] - soft[:, :-1]).square().sum(0).add(1e-6).sqrt()
    return ((grid.across * across).sum() + (grid.down * down).sum()) / (grid.size[0] * grid.size[1])
