"""What will be painted, seen before it is painted: the regions of a guide, and pairs of points."""

from intarsia.survey.guides import Survey, Surveyed, color_of, overlay, survey
from intarsia.survey.pairs import pairs_shown

__all__ = ["Survey", "Surveyed", "color_of", "overlay", "pairs_shown", "survey"]
