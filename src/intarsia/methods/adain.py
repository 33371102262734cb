"""Adaptive instance normalization: Huang & Belongie 2017 (arXiv:1703.06868), with regions.

    f = E(image), f' = sigma_s (f - mu_c) / sigma_c + mu_s  (eq. 8), image = D(alpha f' + (1 - alpha) f)  (eq. 14)

The light relative of `wct`: mean and deviation of each channel in place of the covariance, at one level. The decoder is
the one that inverts the encoder, the same as in `wct`, not one trained for this transform as in the paper.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from intarsia import encoders, transforms
from intarsia.decoders import Decoder
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.guide import Guide
from intarsia.methods.transfer import load_decoders, transfer
from intarsia.moments import Moments
from intarsia.transforms import Affine
from intarsia.types import Image
from intarsia.weights import Progress


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class AdaIN:
    """Paints by mean and deviation of features at one level: the quickest, and the mildest."""

    level: Annotated[int, Field(ge=1, le=5)] = 4
    """Depth at which the picture is transformed: 5 for large forms, 1 for colors."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of the transform is taken; 0 keeps the content, 1 is the style's statistics."""
    finish: Literal["none", "guided-filter"] = "none"
    """guided-filter: the edges of the content, for the look of a photograph."""
    tile: Annotated[int, Field(ge=0)] = 0
    """Side of the tiles that large pictures are painted in, in pixels; 0 chooses it, and where tiles are needed."""
    decoders: Path | None = None
    """A file of decoders for the encoder in place of its own."""
    encoder: Literal["compact", "vgg19", "toy"] = "compact"
    """The network that looks at the picture."""
    weights: Path | None = None
    """A weights file for the encoder in place of its own."""
    checkpoint: Literal["torchvision", "caffe"] | None = None
    """Which public VGG-19 the weights are; told by the file itself where it can be, torchvision for a download."""
    pooling: Literal["max", "average"] = "max"
    """Pooling of vgg19; the compact encoder always uses max."""
    device: str = "auto"
    """cpu, cuda, mps, or auto."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Of the networks; auto takes bf16 where the processor is made for it."""

    def __call__(
        self,
        content: Image,
        guide: Guide,
        *,
        start: Image | None = None,
        state: State | None = None,
        encoder: Encoder | None = None,
        decoders: Mapping[int, Decoder] | None = None,
    ) -> Iterator[Frame]:
        """Paints `content` (RGB, 0..1) as `guide` says, at its own size; yields frames as `WCT` does.

        start: a picture to begin with in place of the content. state: a frame's `state()`. encoder, decoders: loaded
        already, instead of those that the settings name."""
        encoder = encoder or self.load_encoder()
        decoders = decoders or load_decoders(encoder, [self.level], self.decoders)
        steps, more = [(self.level, self.alpha)], {"tile": self.tile, "finish": self.finish}
        return transfer(normalized, steps, content, guide, encoder, decoders, start=start, state=state, **more)

    def load_encoder(self, on_progress: Progress | None = None) -> Encoder:
        """The encoder that the settings name. on_progress(bytes so far, bytes in all or None): of a download."""
        vgg19 = {"checkpoint": self.checkpoint, "pooling": self.pooling, "on_progress": on_progress}
        options = vgg19 if self.encoder == "vgg19" else {}
        return encoders.load(self.encoder, self.weights, self.device, self.precision, **options)


def normalized(content: Moments, style: Moments, basis: Float[Tensor, "c c"] | None) -> Affine:
    """Of plain features: what is done per channel depends on the basis."""
    return transforms.adain(content, style)
