"""Maps made of maps, "h w" in 0..1: edited (`edits`), and fitted to pictures (`fitting`)."""

from intarsia.maps.edits import add, feather, grow, intersect, invert, refine, shrink, subtract, unite, without
from intarsia.maps.fitting import at_size, check_aspect, check_picture, fitted, settled

__all__ = [
    "add",
    "at_size",
    "check_aspect",
    "check_picture",
    "feather",
    "fitted",
    "grow",
    "intersect",
    "invert",
    "refine",
    "settled",
    "shrink",
    "subtract",
    "unite",
    "without",
]
