"""Textures out of noise: by optimization (Gatys, Ecker, Bethge 2015, "Texture synthesis using convolutional neural
networks"), or in a seventh of the time by feature transforms (Li et al. 2017, section 4.3).

By optimization stones are stones and strokes are strokes; feature transforms give patches of the right colors, softer
and of one size (docs/quality.md shows both)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from intarsia.methods.gatys import Gatys
from intarsia.methods.wct import WCT


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Texture(Gatys):
    """No content, and noise in the styles' colors to begin with."""

    content_weight: Annotated[float, Field(ge=0)] = 0.0
    """How much the noise's own shapes count."""
    init: Literal["content", "noise", "statistics"] = "statistics"
    """What the texture starts as: the noise itself, other noise, or noise in the styles' colors."""
    coarsest: Annotated[int, Field(ge=16)] = 64
    """Long side of the first, coarsest size."""
    copy_patches: bool = True
    """At the end every small patch gives way to the one of the picture that resembles it most."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class QuickTexture(WCT):
    """`wct` on noise, fully, at all levels, three rounds."""

    levels: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)] = (5, 4, 3, 2, 1)
    """Depths at which the noise is transformed, in this order: 5 for large forms, 1 for colors."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of the transform is taken at each level; 0 keeps the noise, 1 is the style's statistics."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 3
    """How many times all levels are gone through."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the noise."""
