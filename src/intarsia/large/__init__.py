"""Pictures of any size, so that the rest reads as if they were small.

in_parts(piece, shape)           a large tensor, made box by box, on the disk where it is large
by_tiles(goal, image)            loss and gradient of a picture, tile by tile
check_memory(needed, size, ..)   what would not fit is refused before it begins
"""

from intarsia.large.boxes import Box, bands, boxes, copied, in_parts, side_that_fits
from intarsia.large.disk import let_go
from intarsia.large.gradient import Features, Statistics, Tile, by_tiles, tiles_of
from intarsia.large.memory import check_memory, free_memory

__all__ = [
    "Box",
    "Features",
    "Statistics",
    "Tile",
    "bands",
    "boxes",
    "by_tiles",
    "check_memory",
    "copied",
    "free_memory",
    "in_parts",
    "let_go",
    "side_that_fits",
    "tiles_of",
]
