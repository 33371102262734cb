"""What will be painted, seen before it is painted: the regions of a guide, pairs of points, and warps."""

from intarsia.survey.guides import Survey, Surveyed, color_of, overlay, survey
from intarsia.survey.pairs import pairs_shown
from intarsia.survey.warps import ruled, warp_shown

__all__ = ["Survey", "Surveyed", "color_of", "overlay", "pairs_shown", "ruled", "survey", "warp_shown"]
