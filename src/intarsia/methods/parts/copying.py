"""The last step where the style's own strokes are wanted: every patch of the painting gives way to the patch of its
region's style that resembles it most."""

import math

import torch

from intarsia.guide import Guide
from intarsia.patchmatch import KEPT, Sheet, copied
from intarsia.scene import View
from intarsia.styles import sizes_of_styles, styles_once
from intarsia.types import Image, Size

STEPS = 20  # optimization steps at the same size that take as long


def memory(size: Size, guide: Guide) -> float:
    """Bytes that it takes, a little more than was measured with one to eight regions and styles: tables of both sides'
    patches in half precision, places, pictures and maps."""
    r = len(guide.regions)
    offered = sum(map(math.prod, sizes_of_styles(guide, max(size))))
    table = 2 * (KEPT + 2 * r)
    return (table + 200 + 4 * r) * math.prod(size) + (table + 100 + 8 * (3 + r)) * offered + 2**27


@torch.no_grad()
def made_of_patches(image: Image, view: View, seed: int = 0) -> Image:
    """`image`, at the view's size, 0..1. A region's strength says how much gives way; where regions mix, nothing does,
    since no style has such patches."""
    pictures = styles_once(view.guide, view.long_side)
    sources = [Sheet.of(style.to(image.device), maps.to(image.device)) for _, style, maps in pictures]
    found = copied(image, view.shares, sources, seed)
    strengths = image.new_tensor([region.strength for region in view.guide.regions])
    mixture = view.shares / view.cover.clamp_min(1e-6)
    alone = (2 * mixture.amax(0) - 1).clamp(0, 1)
    return torch.lerp(image, found, alone * torch.einsum("r,rhw->hw", strengths, mixture).clamp(0, 1))
