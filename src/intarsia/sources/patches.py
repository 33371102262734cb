"""Patches by meaning: each patch of the content takes the patches of the style whose labels are most like its own."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.errors import GuideError, UsageError
from intarsia.guide import Guide, Region
from intarsia.maps import check_aspect
from intarsia.types import Image

Labels = Int[Tensor, "_ _"]  # content and style come in sizes of their own
ALIKE = 0.01  # histograms this near to the nearest one count as nearest too


def patches(
    content_labels: Labels,
    style_labels: Labels,
    style: Image,
    *,
    content_patch: int = 64,
    style_patch: int = 64,
    overlap: float = 0.5,
) -> Guide:
    """One region per kind of content patch (source 001, "patch-based").

    content_labels, style_labels: whole numbers 0..255 with one meaning on both sides, of the aspect of content and
    style (`labels.label_indices` makes them of two label maps). content_patch, style_patch: about the sides of the
    patches, in pixels of these maps. overlap: how far the soft windows of neighbors on the content reach into each
    other, as a part of a patch, 0..1, so that no seam shows; at every position the windows sum to 1. Style patches
    stand half a patch apart.

    Each content patch takes the style patch whose histogram of labels is nearest (sum of absolute differences), and
    with it all that are as near within 1 %, so that a patch of pure sky takes every patch of pure sky. Content patches
    that take the same are one region.

    Cost: moments are taken only where a map is above zero, so all regions together cost about (1 + overlap)² times one
    region that covers the picture, however many they are; the style is encoded once. Only their number of constraints
    grows. Patches that differ a little each are a region each, so choose content_patch for 64 patches or so.

    GuideError for labels out of range, of another aspect than the style, or where a content patch has no label that
    the style has; UsageError for sizes below 1 or an overlap outside 0..1."""
    if min(content_patch, style_patch) < 1 or not 0 <= overlap <= 1:
        raise UsageError(
            "patches have sides of 1 pixel or more and overlap by 0 to 1 of a patch; got sides of "
            f"{content_patch} and {style_patch}, overlap {overlap}."
        )
    for what, labels in (("content", content_labels), ("style", style_labels)):
        if int(labels.min()) < 0 or int(labels.max()) > 255:
            raise GuideError(
                f"{what} labels go from {int(labels.min())} to {int(labels.max())}; they must be 0 to 255."
            )
    check_aspect("patches", "style", style_labels, (style.shape[-2], style.shape[-1]))
    content_windows = [_soft_windows(n, content_patch, overlap) for n in content_labels.shape]
    style_windows = [_hard_windows(n, style_patch) for n in style_labels.shape]
    count = 1 + max(int(content_labels.max()), int(style_labels.max()))
    wanted = _histograms(content_labels, content_windows, count)  # (cy cx, labels)
    offered = _histograms(style_labels, style_windows, count)
    distance = torch.cdist(wanted, offered, p=1)  # (content patches, style patches), 0..2
    nearest = distance.amin(1, keepdim=True)
    if float(nearest.max()) > 2 - 1e-6:
        lacking = sorted(set(content_labels.unique().tolist()) - set(style_labels.unique().tolist()))
        raise GuideError(
            f"the style has nothing for content patches of the labels {lacking}. Paint these labels in its map, or "
            "take larger patches."
        )
    kinds, kind = torch.unique(distance <= nearest + 2 * ALIKE, dim=0, return_inverse=True)
    regions = []
    for i, taken in enumerate(kinds):
        chosen = (kind == i).float().view(len(content_windows[0]), -1)
        content_map = _laid(chosen, content_windows).clamp(0, 1)
        style_map = _laid(taken.float().view(len(style_windows[0]), -1), style_windows).clamp(0, 1)
        regions.append(Region(style, content_map, style_map, name=f"patches {i + 1}"))
    return Guide(tuple(regions))


def _soft_windows(n: int, side: int, overlap: float) -> Float[Tensor, "k n"]:
    """k windows over n positions that sum to 1 everywhere: each the difference of two smooth steps, which stand about
    `side` apart and are overlap * side wide."""
    count = max(1, round(n / side))
    step = n / count
    place = torch.arange(n) + 0.5
    inner = torch.arange(1, count)[:, None] * step
    t = ((place - inner) / max(overlap * step, 1e-6) + 0.5).clamp(0, 1)
    steps = torch.cat([torch.ones(1, n), t * t * (3 - 2 * t), torch.zeros(1, n)])
    return steps[:-1] - steps[1:]


def _hard_windows(n: int, side: int) -> Float[Tensor, "k n"]:
    """Windows of `side` positions (or all n), half a side apart, from end to end."""
    side = min(side, n)
    count = 1 + -(-2 * (n - side) // side)
    start = torch.linspace(0, n - side, count).round()[:, None]
    place = torch.arange(n)
    return ((place >= start) & (place < start + side)).float()


def _histograms(labels: Labels, windows: list[Tensor], count: int) -> Float[Tensor, "p count"]:
    """Each window's parts of every label; they sum to 1."""
    rows, columns = windows
    sums = [torch.einsum("yh,hw,xw->yx", rows, (labels == i).float(), columns).flatten() for i in range(count)]
    held = torch.stack(sums, 1)
    return held / held.sum(1, keepdim=True)


def _laid(chosen: Float[Tensor, "y x"], windows: list[Tensor]) -> Float[Tensor, "h w"]:
    """The sum of the chosen windows."""
    return torch.einsum("yh,yx,xw->hw", windows[0], chosen, windows[1])
