"""The objective of "Partial style transferring" (Zhou), sections 3.3 and 4.1: every small patch of what the guide
reaches is to have the Gram matrix of the patch of its style that it resembles most.

    sum over taps t, patches p  min over p' of |G(P_p) - G(P_p')|^2  +  0.05 * |F(X) - F(content)|^2 / 2

The match p' is the one with the largest cosine, found once, in the picture as it comes. All is divided by the squares
of the matches' Gram matrices, which changes nothing but the numbers.
"""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.engine import Parameters
from intarsia.large import Box
from intarsia.losses import outside_range, patch_gram_loss, squared_error
from intarsia.match import nearest
from intarsia.methods.parts.correspondence import side_of, window_for
from intarsia.methods.parts.patchwork import as_rows
from intarsia.scene import View
from intarsia.sizes import grid_of, pool_to_grid, size_of
from intarsia.types import Image, Map

STYLE = ("relu3_1", "relu4_1", "relu5_1")
CONTENT = "relu4_1"
TAPS = STYLE
WEIGHT = 0.05  # of the content


@dataclasses.dataclass(frozen=True, eq=False)
class PatchGoal:
    """Call it with the parameters, get its weighted terms. patches, matches: per tap, of all regions."""

    encoder: Encoder
    view: View
    patches: dict[str, Int[Tensor, "n k"]]
    matches: dict[str, Float[Tensor, "n k c"]]
    content: Float[Tensor, "c h2 w2"]
    content_importance: Float[Tensor, "h2 w2"]
    whole: float

    @classmethod
    @torch.no_grad()
    def build(cls, encoder: Encoder, view: View, styles: Sequence[tuple[Image, Map]]) -> "PatchGoal":
        """styles: of each region the picture, and which part of it is offered."""
        found = encoder(view.content, TAPS)
        patches, matches = {}, {}
        for tap in STYLE:
            mine, theirs = [], []
            for share, (style, style_map) in zip(view.shares, styles, strict=True):
                ours = side_of(encoder, view.content, share, tap, TAPS)
                other = side_of(encoder, style.to(view.content), style_map.to(share), tap, TAPS)
                window, pool = window_for(ours, other), as_rows(other.features)
                wanted, offered = ours.patches(window), other.patches(window)
                best = nearest(as_rows(ours.features), wanted, pool, offered)
                mine.append(wanted)
                theirs.append(pool[offered[best]])
            patches[tap], matches[tap] = torch.cat(mine), torch.cat(theirs)
        whole = sum(float((one.float() @ one.float().mT).square().sum()) for one in matches.values())
        stride, deepest = encoder.strides[CONTENT], max(encoder.strides[tap] for tap in TAPS)
        keep = pool_to_grid(view.cover[None], grid_of(view.size, stride, deepest), stride)[0]
        return cls(encoder, view, patches, matches, found[CONTENT], keep * WEIGHT / 2, max(whole, 1e-12))

    def __call__(self, now: Parameters) -> dict[str, Float[Tensor, ""]]:
        image = now["image"]
        found = self.encoder(self.view.kept(image, Box.whole(size_of(image))), TAPS)
        style = [patch_gram_loss(as_rows(found[tap])[at], self.matches[tap]) for tap, at in self.patches.items()]
        content = squared_error(found[CONTENT], self.content, self.content_importance)
        terms = {"style": torch.stack(style).sum(), "content": content}
        return {name: term / self.whole for name, term in terms.items()} | {"range": outside_range(image)}

    def shown(self, image: Image) -> Image:
        return self.view.composed(image.clamp(0, 1))
