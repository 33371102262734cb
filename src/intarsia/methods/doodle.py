"""Doodle to painting (Champandard 2016): Gatys' method with the settings for a label map in place of a photograph.

Departures from the paper: Gram matrices of each region beside its patches, which keep the region's colors and rule out
that one patch is repeated everywhere; the start, noise in each region's own colors; and the end, patches copied from
the style, without which strokes are soft (docs/quality.md shows both).
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from intarsia.methods.gatys import Gatys


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Patchwise(Gatys):
    """By patches: for a label map with a photograph below it."""

    chroma_smoothing: Annotated[int, Field(ge=0, le=16)] = 1
    """Times that colors, but not their luminance, are smoothed over 3 x 3 pixels: no colored specks."""
    loss: Literal["gram", "moments", "wasserstein", "patches"] = "patches"
    """What a texture is: its Gram matrix, its mean and covariance, the Gaussian they make (Wasserstein distance), or
    its patches beside its Gram matrix."""
    copy_patches: bool = True
    """At the end every small patch gives way to the one of its style that resembles it most: the painter's own
    strokes."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Doodle(Patchwise):
    """For a label map alone: no content, and noise in the styles' colors to begin with."""

    content_weight: Annotated[float, Field(ge=0)] = 0.0
    """How much the content's shapes count against the style; 0 forgets them."""
    init: Literal["content", "noise", "statistics"] = "statistics"
    """What the picture starts as: the content, noise, or noise in the styles' colors."""
