"""Adaptive instance normalization: Huang & Belongie 2017 (arXiv:1703.06868), with regions.

    f = E(image), f' = sigma_s (f - mu_c) / sigma_c + mu_s  (eq. 8), image = D(alpha f' + (1 - alpha) f)  (eq. 14)

The light relative of `wct`: mean and deviation of each channel in place of the covariance, at one level. The decoder is
the one that inverts the encoder, the same as in `wct`, not one trained for this transform as in the paper.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from intarsia import transforms
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.methods.parts.transfer import Coder, plan_of, transfer
from intarsia.moments import Moments
from intarsia.networks import Networks
from intarsia.scene import Scene, painted
from intarsia.transforms import Affine


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
    decoder_weights: Path | None = None
    """A file of decoders for the encoder in place of its own."""
    networks: Networks = Field(default_factory=Networks)
    """The networks that look at the picture and paint it, and where they run."""

    default_size: ClassVar[int | None] = None
    takes_long: ClassVar[bool] = False
    __call__ = painted

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        coder = Coder(encoder, self.networks.load_decoders(encoder, [self.level], self.decoder_weights))
        plan = plan_of(scene.size, [(self.level, self.alpha)])
        return transfer(normalized, plan, scene, coder, state, tile=self.tile, finish=self.finish)


def normalized(content: Moments, style: Moments, encoder: Encoder, tap: str) -> Affine:
    """Of plain features: what is done per channel depends on the basis."""
    return transforms.adain(content, style)
