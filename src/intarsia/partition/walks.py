"""Random walks over a picture that rarely cross its edges.

How long a walk takes to leave the picture tells what is enclosed: walks stay long in an object whose background
touches its border (Jiang et al. 2013, "Saliency Detection via Absorbing Markov Chain"). The seed that a walk meets
first tells which seed a position belongs to (Grady 2006, "Random Walks for Image Segmentation").
"""

import itertools

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.sizes import centers

STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))  # (down, across): to the neighbors, and two places on


def leaving_times(features: Float[Tensor, "c h w"], contrast: float = 0.1) -> Float[Tensor, "h w"]:
    """For every position, the time that a random walk from it takes to leave the picture; 1 is for the longest times.

    Walks leave through the top and the upper half of the sides. Below that they leave less and less, down to 85 % of
    the height: people and things often stand on the lower edge, so what touches it may be in front. contrast: the
    squared distance of features that makes a step e times rarer."""
    h, w = features.shape[1:]
    links = _links(features, contrast)
    leaving = torch.zeros(h, w, dtype=torch.float64)
    leaving[:, 0] = leaving[:, -1] = ((0.85 - centers(h)) / 0.35).clamp(0, 1)
    leaving[0] = 1
    system = _laplacian(links) + scipy.sparse.diags_array(leaving.flatten().numpy() + 1e-6)
    times = scipy.sparse.linalg.splu(scipy.sparse.csc_array(system)).solve(np.ones(h * w))
    return torch.from_numpy(times / np.quantile(times, 0.99)).clamp(0, 1.2).view(h, w).float()


def first_seeds(
    features: Float[Tensor, "c h w"],
    places: Int[Tensor, " s"],
    labels: Int[Tensor, " s"],
    k: int,
    contrast: float = 0.1,
) -> Float[Tensor, "k h w"]:
    """The probability that the first seed that a random walk meets has label 0, 1, .. k-1; labels without a seed get 0.
    places: flat positions, each once."""
    h, w = features.shape[1:]
    laplacian = _laplacian(_links(features, contrast))
    inner = np.setdiff1d(np.arange(h * w), places.numpy())
    told = torch.nn.functional.one_hot(labels, k).double().numpy()
    out = np.zeros((h * w, k))
    out[places.numpy()] = told
    if len(inner):
        system, right = laplacian[inner][:, inner].tocsc(), -(laplacian[inner][:, places.numpy()] @ told)
        out[inner] = scipy.sparse.linalg.splu(system).solve(right)
    return torch.from_numpy(out.T.reshape(k, h, w)).clamp(0, 1).float()


def _links(features: Float[Tensor, "c h w"], contrast: float) -> "scipy.sparse.csr_array":
    """How readily a walk steps from one position to another near it; symmetric."""
    h, w = features.shape[1:]
    flat = np.arange(h * w).reshape(h, w)
    starts, ends, ease = [], [], []
    for dy, dx in itertools.filterfalse(lambda step: h <= step[0] or w <= abs(step[1]), STEPS):
        here = (slice(0, h - dy), slice(max(0, -dx), w - max(0, dx)))
        there = (slice(dy, h), slice(max(0, dx), w + min(0, dx)))
        apart = (features[:, here[0], here[1]] - features[:, there[0], there[1]]).double().square().sum(0)
        starts.append(flat[here].ravel())
        ends.append(flat[there].ravel())
        ease.append(torch.exp(-apart / (contrast * (dx * dx + dy * dy) ** 0.5)).add(1e-3).numpy().ravel())
    if not starts:
        return scipy.sparse.csr_array((h * w, h * w))
    i, j, values = (np.concatenate(part) for part in (starts, ends, ease))
    both = (np.r_[values, values], (np.r_[i, j], np.r_[j, i]))
    return scipy.sparse.csr_array(both, shape=(h * w, h * w))


def _laplacian(links: "scipy.sparse.csr_array") -> "scipy.sparse.csr_array":
    return scipy.sparse.csr_array(scipy.sparse.diags_array(np.asarray(links.sum(1)).ravel()) - links)
