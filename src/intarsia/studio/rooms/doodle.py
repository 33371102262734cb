"""Regions are painted from nothing, each of its part of a painting: the job of `intarsia doodle`. The content is but a
canvas."""

from intarsia.methods import settings_of
from intarsia.methods.doodle import Doodle
from intarsia.recipe import Recipe
from intarsia.studio.rooms import paint
from intarsia.studio.rooms.names import Names
from intarsia.studio.sketch import Sketch


def recipe_of(sketch: Sketch, names: Names) -> Recipe:
    """As of regions, by the method of the command; of the settings of regions only the steps count here."""
    steps = {name: value for name, value in sketch.settings.items() if name == "steps"}
    doodled = {"method": "gatys", "settings": settings_of(Doodle()) | steps}
    return paint.recipe_of(sketch.model_copy(update=doodled), names)


quick = paint.quick
