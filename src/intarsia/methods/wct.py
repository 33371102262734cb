"""Universal style transfer by feature transforms: Li, Fang, Yang, Wang, Lu, Yang 2017 (arXiv:1705.08086), with regions.

    for each level l = 5 .. 1
      f      = E_l(image)                                                  features at relu{l}_1
      f_r    = E_s D_s^1/2 E_s^T E_c D_c^-1/2 E_c^T (f - mu_c) + mu_s      per region r, from moments (eq. 2 and 3)
      f'     = sum over regions  share_r (alpha_r f_r + (1 - alpha_r) f)   (eq. 4)
      image  = D_l(f')

Departures from the paper: where eigenvalues are cut, the nearest partial isometry stands for E_s^T E_c, so that the
covariance is met (`transforms.wct`); moments are sums under soft maps, over tiles, so that a picture of any size with
any number of regions is painted in bounded memory; places outside the guide are the content's own pixels at every
level; pictures of more than 2,048 pixels are painted from coarse to fine, for at their full size the deepest level sees
but a detail (docs/universal.md shows both; `coarsest=0` is the paper's way). Several styles at one place are
interpolated as in the paper (section 4.2): their transformed features are mixed, which along a gradient passes through
the same pictures as a mixture with those weights.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from jaxtyping import Float
from pydantic import ConfigDict, Field, model_validator
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
class WCT:
    """Paints by whitening and coloring of features: a second for a picture, at any size, in any style."""

    levels: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)] = (5, 4, 3, 2, 1)
    """Depths at which the picture is transformed, in this order: 5 for large forms, 1 for colors."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.6
    """How much of the transform is taken at each level; 0 keeps the content, 1 is the style's statistics."""
    alphas: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    """Alpha of each level, in their order; alpha for all when not given."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 1
    """How many times all levels are gone through; 3 for textures."""
    finish: Literal["none", "guided-filter"] = "none"
    """guided-filter: the edges of the content, for the look of a photograph."""
    coarsest: Annotated[int, Field(ge=0)] = 1024
    """About the long side at which a picture of more than twice that is painted first; finer levels follow at larger
    sizes. 0: at the full size alone."""
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

    @model_validator(mode="after")
    def _levels_fit(self) -> "WCT":
        if len(set(self.levels)) < len(self.levels):
            raise ValueError(f"levels names a level twice: {', '.join(map(str, self.levels))}")
        if self.alphas and len(self.alphas) != len(self.levels):
            raise ValueError(f"{len(self.levels)} levels came with {len(self.alphas)} alphas")
        return self

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
        """Paints `content` (RGB, 0..1) as `guide` says, at its own size; yields a frame per level and size, and where
        there are tiles the same frame again after each, of which only `done` has changed.

        start: a picture to begin with in place of the content. state: a frame's `state()`, to go on from it exactly.
        encoder, decoders: loaded already, instead of those that the settings name."""
        alphas = self.alphas or (self.alpha,) * len(self.levels)
        steps = list(zip(self.levels, alphas, strict=True)) * self.rounds
        encoder = encoder or self.load_encoder()
        decoders = decoders or load_decoders(encoder, self.levels, self.decoders)
        return transfer(
            whitened,
            steps,
            content,
            guide,
            encoder,
            decoders,
            start=start,
            state=state,
            coarsest=self.coarsest,
            tile=self.tile,
            finish=self.finish,
        )

    def load_encoder(self, on_progress: Progress | None = None) -> Encoder:
        """The encoder that the settings name. on_progress(bytes so far, bytes in all or None): of a download."""
        vgg19 = {"checkpoint": self.checkpoint, "pooling": self.pooling, "on_progress": on_progress}
        options = vgg19 if self.encoder == "vgg19" else {}
        return encoders.load(self.encoder, self.weights, self.device, self.precision, **options)


def whitened(content: Moments, style: Moments, basis: Float[Tensor, "c c"] | None) -> Affine:
    return transforms.wct(content, style, None if basis is None else transforms.completed(basis))
