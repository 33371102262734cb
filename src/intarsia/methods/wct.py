"""Universal style transfer by feature transforms: Li, Fang, Yang, Wang, Lu, Yang 2017 (arXiv:1705.08086), with regions.

    for each level l = 3 .. 1 (5 .. 1 in the paper)
      f      = E_l(image)                                                  features at relu{l}_1
      f_r    = E_s D_s^1/2 E_s^T E_c D_c^-1/2 E_c^T (f - mu_c) + mu_s      per region r, from moments (eq. 2 and 3)
      f'     = sum over regions  share_r (alpha_r f_r + (1 - alpha_r) f)   (eq. 4)
      image  = D_l(f')

Departures from the paper: levels 5 and 4 are left out unless they are asked for, since what their decoders lose, faces
first, does not come back (docs/quality.md); where eigenvalues are cut, the nearest partial isometry stands for
E_s^T E_c, so that the covariance is met (`transforms.wct`); moments are sums under soft maps, over tiles, so that a
picture of any size with any number of regions is painted in bounded memory; places outside the guide are the content's
own pixels at every level; pictures of more than 2,048 pixels are painted from coarse to fine, for at their full size
the deepest level sees but a detail (docs/universal.md shows both; `coarsest=0` is the paper's way). Several styles at
one place are interpolated as in the paper (section 4.2): their transformed features are mixed, which along a gradient
passes through the same pictures as a mixture with those weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from intarsia import transforms
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.methods.parts.transfer import Coder, plan_of, transfer
from intarsia.moments import Moments
from intarsia.networks import Networks
from intarsia.scene import Scene, painted
from intarsia.transforms import Affine, Basis


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class WCT:
    """Paints by whitening and coloring of features: without steps, at any size, in any style."""

    levels: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)] = (3, 2, 1)
    """Depths at which the picture is transformed, in this order: 3 for strokes, 1 for colors; 4 and 5 before them for
    large forms, which take the place of the content's."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.85
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
    decoder_weights: Path | None = None
    """A file of decoders for the encoder in place of its own."""
    networks: Networks = Field(default_factory=Networks)
    """The networks that look at the picture and paint it, and where they run."""

    default_size: ClassVar[int | None] = None
    takes_long: ClassVar[bool] = False
    __call__ = painted

    @model_validator(mode="after")
    def _levels_fit(self) -> "WCT":
        if len(set(self.levels)) < len(self.levels):
            raise ValueError(f"levels names a level twice: {', '.join(map(str, self.levels))}")
        if self.alphas and len(self.alphas) != len(self.levels):
            raise ValueError(f"{len(self.levels)} levels came with {len(self.alphas)} alphas")
        return self

    def paint(self, scene: Scene, encoder: Encoder, state: State | None) -> Iterator[Frame]:
        steps = list(zip(self.levels, self.alphas or (self.alpha,) * len(self.levels), strict=True)) * self.rounds
        coder = Coder(encoder, self.networks.load_decoders(encoder, self.levels, self.decoder_weights))
        plan = plan_of(scene.size, steps, self.coarsest)
        return transfer(whitened, plan, scene, coder, state, tile=self.tile, finish=self.finish)


def whitened(content: Moments, style: Moments, encoder: Encoder, tap: str) -> Affine:
    matrix = encoder.basis(tap)
    basis = None if matrix is None else encoder.once(("basis", tap), lambda: Basis.completed(matrix))
    return transforms.wct(content, style, basis)
