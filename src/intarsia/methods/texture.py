"""Texture synthesis (Li et al. 2017, section 4.3): `wct` on noise, fully, three rounds."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from intarsia.methods.wct import WCT


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Texture(WCT):
    """For noise in place of a photograph."""

    alpha: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How much of the transform is taken at each level; 0 keeps the noise, 1 is the style's statistics."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 3
    """How many times all levels are gone through."""
