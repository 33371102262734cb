"""What a feed-forward network is trained for: its paintings are to have the statistics of a style, and the content's
shapes, as one that `gatys` optimizes (Johnson et al. 2016, arXiv:1603.08155, with the losses of `gatys`).

    L = sum over levels k  lambda_k (alpha L_content(y_k, content at k) + beta L_texture(y_k, style_k) + tv TV(y_k)
                                     + L_lattice(y_k))

A network with several levels paints at several sizes, and each subnet learns from all paintings that it has a part in
(Wang et al. 2017, arXiv:1612.01895, eq. 5). Each level may have a style of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.guide import Guide
from intarsia.losses import LOSSES, content_loss, outside_range, total_variation
from intarsia.methods.parts.goal import DEEP_WEIGHTS
from intarsia.moments import Moments, moments
from intarsia.sizes import resize, size_of
from intarsia.styles import styles_in_basis
from intarsia.types import Image

Images = Float[Tensor, "b 3 h w"]
OUTSIDE = 10.0  # weight of what is painted beyond black and white
LATTICE = 50.0  # of the network's own grid
PERIOD, PATCH = 8, 64  # pixels: of the coarsest grid that is looked for, and the side of the patches looked in


@dataclass(frozen=True)
class Weighed:
    """Which losses there are, and what they count. loss: `gram`, `moments` or `wasserstein`; content, tv: beside the
    style's 1; levels: the weight of each, 1 for all when there are none; style_taps, content_tap: the layers they look
    at."""

    loss: str = "wasserstein"
    content: float = 0.13
    tv: float = 0.3
    levels: tuple[float, ...] = ()
    style_taps: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    content_tap: str = "relu3_1"


@dataclass(frozen=True, eq=False)
class Objective:
    """The loss of a batch of paintings. styles: of each level, the moments of its style at each tap."""

    weighed: Weighed
    encoder: Encoder
    styles: tuple[dict[str, Moments], ...]

    @classmethod
    def of(cls, weighed: Weighed, encoder: Encoder, styles: Sequence[Image], sizes: Sequence[int]) -> "Objective":
        """styles, sizes: of each level its style, and the long side at which that is looked at. Raises UsageError for
        taps that the encoder does not have."""
        encoder.check_taps((*weighed.style_taps, weighed.content_tap))
        found = []
        for style, size in zip(styles, sizes, strict=True):
            found.append(styles_in_basis(encoder, Guide.everywhere(style), size, weighed.style_taps))
        return cls(weighed, encoder, tuple(found))

    def __call__(
        self, paintings: Sequence[Float[Tensor, "b 3 _h _w"]], contents: Images
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted terms, each the mean over the batch. paintings: of each level; contents: at the full size."""
        sums: dict[str, Tensor] = {}
        weights = self.weighed.levels or (1.0,) * len(paintings)
        for weight, painting, style in zip(weights, paintings, self.styles, strict=True):
            for name, term in self._terms(painting, resize(contents, size_of(painting)), style).items():
                sums[name] = sums.get(name, torch.zeros(())) + weight * term
        return sums

    def _terms(self, paintings: Images, contents: Images, style: dict[str, Moments]) -> dict[str, Tensor]:
        weighed, tap = self.weighed, self.weighed.content_tap
        with torch.no_grad():
            wanted = self._features(contents, (tap,))[tap]
        found = self._features(paintings, tuple(dict.fromkeys((*weighed.style_taps, tap))))
        content = [content_loss(ours, theirs) for ours, theirs in zip(found[tap], wanted, strict=True)]
        variation = [total_variation(painting) for painting in paintings]
        return {
            "style": torch.stack([self._distance(found[one], style[one], one) for one in style]).sum(),
            "content": weighed.content * torch.stack(content).mean(),
            "tv": weighed.tv * torch.stack(variation).mean(),
            "outside": OUTSIDE * outside_range(paintings),
            "lattice": LATTICE * lattice(paintings),
        }

    def _features(self, images: Images, taps: Sequence[str]) -> dict[str, Float[Tensor, "b c h2 w2"]]:
        """Those that are compared place by place in the encoder's basis, the others plain."""
        plain = [tap for tap in taps if tap != self.weighed.content_tap]
        precision = self.encoder.precision
        with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
            return self.encoder.network(images, taps, plain)

    def _distance(self, features: Float[Tensor, "b c h2 w2"], style: Moments, tap: str) -> Float[Tensor, ""]:
        """The mean over the batch of the distances from the style, in the encoder's basis."""
        basis = None if tap == self.weighed.content_tap else self.encoder.basis(tap)
        distance = LOSSES[self.weighed.loss]
        found = [distance(moments(one).through(basis), style) for one in features]
        return DEEP_WEIGHTS.get(tap, 1.0) * torch.cat(found).mean()


def lattice(images: Images) -> Float[Tensor, ""]:
    """Energy of the rows and columns of the spectrum at periods of 8, 4 and 2 pixels (and 8/3) beyond that of their
    neighbors: there the grid of a network shows that enlarges its maps (Odena et al. 2016), and nothing of a style.
    0 for pictures smaller than a patch."""
    h, w = (length // PATCH for length in size_of(images))
    if not h * w:
        return images.new_zeros(())
    patches = images[..., : h * PATCH, : w * PATCH].float().unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
    found = torch.fft.fft2(patches - patches.mean((-2, -1), keepdim=True), norm="ortho")
    energy = (found.real.square() + found.imag.square()) / PATCH**2
    lines = torch.arange(PATCH // PERIOD, PATCH, PATCH // PERIOD, device=images.device)

    def at(rows: Tensor) -> Tensor:
        return energy[..., rows, :].sum((-2, -1)) + energy[..., rows].sum((-2, -1))

    return (at(lines) - (at(lines - 2) + at(lines + 2)) / 2).relu().mean()
