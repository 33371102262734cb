"""What can be done with a sketch, a file each; the page has a file of the same name for each. A room gives the recipe
of a sketch: one that paints at full size, and one for the preview."""

from collections.abc import Callable
from typing import NamedTuple

from intarsia.recipe import Recipe
from intarsia.studio.rooms import deform, doodle, paint, paste
from intarsia.studio.rooms.names import Names
from intarsia.studio.sketch import Sketch


class Room(NamedTuple):
    recipe: Callable[[Sketch, Names], Recipe]
    quick: Callable[[Recipe], Recipe]


ROOMS: dict[str, Room] = {
    "paint": Room(paint.recipe_of, paint.quick),
    "paste": Room(paste.recipe_of, paste.quick),
    "doodle": Room(doodle.recipe_of, doodle.quick),
    "deform": Room(deform.recipe_of, deform.quick),
}
