"""Points and pairs of them, homographies, thin-plate splines, and grids by which one picture looks at another.

There is one frame, whatever the size: x, y in 0..1 from the top left corner, pixel i of n with its center at
(i + 1/2) / n. A grid, "h w 2", holds for each pixel of the output the point of the input that it looks at.
"""

from intarsia.geometry.grids import (
    field_energy,
    field_variation,
    folds,
    pixel_centers,
    resized,
    sample,
    seen_at,
    tell_of_folds,
)
from intarsia.geometry.homographies import CORNERS, apply, grid_of_homography, homography, similarity
from intarsia.geometry.pairs import Pairs, aligned, clustered, coherent, crossings, similarity_of, spaced, uncrossed
from intarsia.geometry.splines import Spline, border_points, check_pairs, influences, thin_plate, warp_grid

__all__ = [
    "CORNERS",
    "Pairs",
    "Spline",
    "aligned",
    "apply",
    "border_points",
    "check_pairs",
    "clustered",
    "coherent",
    "crossings",
    "field_energy",
    "field_variation",
    "folds",
    "grid_of_homography",
    "homography",
    "influences",
    "pixel_centers",
    "resized",
    "sample",
    "seen_at",
    "similarity",
    "similarity_of",
    "spaced",
    "tell_of_folds",
    "thin_plate",
    "uncrossed",
    "warp_grid",
]
