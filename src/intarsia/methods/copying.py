"""The last step where the style's own strokes are wanted: every patch of the painting gives way to the patch of its
region's style that resembles it most."""

import math

import torch

from intarsia.guide import Guide
from intarsia.patchmatch import KEPT, Sheet, copied
from intarsia.scene import View
from intarsia.sizes import fit, size_of
from intarsia.styles import styles_once
from intarsia.types import Image, Size

STEPS = 20  # optimization steps at the same size that take as long


def memory(size: Size, guide: Guide) -> float:
    """Bytes that it takes, a little more than was measured with one to eight regions and styles: tables of both sides'
    patches in half precision, places, pictures and maps."""
    r = len(guide.regions)
    styles = {(id(one.style), one.style_scale): size_of(one.style) for one in guide.regions}
    offered = sum(math.prod(fit(*at, max(16, round(max(size) * scale)))) for (_, scale), at in styles.items())
    table = 2 * (KEPT + 2 * r)
    return (table + 200 + 4 * r) * math.prod(size) + (table + 100 + 8 * (3 + r)) * offered + 2**27


@torch.no_grad()
def made_of_patches(image: Image, view: View, seed: int = 0) -> Image:
    """`image`, at the view's size, 0..1. A region's strength says how much gives way; where regions mix, nothing does,
    since no style has such patches."""
    regions = view.guide.regions
    sources = []
    for members, style, own in styles_once(view.guide, max(view.size)):
        offers = torch.zeros(len(regions), *size_of(style), device=image.device)
        offers[list(members)] = own.to(image.device)
        sources.append(Sheet.of(style.to(image.device), offers))
    found = copied(image, view.shares, sources, seed)
    strengths = image.new_tensor([region.strength for region in regions])
    mixture = view.shares / view.cover.clamp_min(1e-6)
    alone = (2 * mixture.amax(0) - 1).clamp(0, 1)
    return torch.lerp(image, found, alone * torch.einsum("r,rhw->hw", strengths, mixture).clamp(0, 1))
