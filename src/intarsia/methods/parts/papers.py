"""The papers' own layers and weights, which `Gatys(paper=...)` takes in place of ours: Gatys, Ecker, Bethge 2016, and
partial style transferring (Zhou)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.moments import Moments

Paper = Literal["gatys2016", "partial"]

VGG_CHANNELS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu5_1": 512}


def taps_of(paper: Paper, encoder: Encoder) -> tuple[tuple[str, ...], str]:
    """Style taps and content tap."""
    if paper == "partial":
        return ("relu3_1", "relu4_1", "relu5_1"), "relu4_1"
    deep = "relu4_2" if "relu4_2" in encoder.channels and encoder.name != "compact" else "relu4_1"
    return tuple(VGG_CHANNELS), deep


def style_weight(paper: Paper, tap: str, target: Moments) -> Float[Tensor, " k"]:
    """What a tap's relative distance of Gram matrices counts for. The papers have |G - A|^2 / (4 N^2), for G and A over
    the area and N channels of VGG-19, of which Gatys et al. take a fifth per tap."""
    square = target.gram().square().sum((1, 2)) / (4 * VGG_CHANNELS[tap] ** 2)
    return square / 5 if paper == "gatys2016" else square


def content_weight(paper: Paper, energy: float) -> float:
    """What the relative content error counts for. The papers have half the squared error; content to style is 1e-3 in
    Gatys et al. 2016 (figure 3 B), 0.05 in partial style transferring (section 4.1)."""
    return energy / 2 * {"gatys2016": 1e-3, "partial": 0.05}[paper]
