"""A whole job as data: what to paint, like what, where, and how.

`Recipe` is the data, `Job` the loaded job, `stylize` the one call that most people need.
"""

from intarsia.recipe.checking import checked, in_our_words
from intarsia.recipe.data import OF_EACH, Guidance, Recipe, read_recipe, stored_recipe
from intarsia.recipe.files import Files
from intarsia.recipe.guidefile import maps_of_guide, read_guide, write_guide
from intarsia.recipe.job import Job, Result, stylize
from intarsia.recipe.parts import Area, Part
from intarsia.recipe.pasting import Paste, Pasted, drawn_on, pasted
from intarsia.recipe.states import differences, load_state, save_state, threads_of

__all__ = [
    "OF_EACH",
    "Area",
    "Files",
    "Guidance",
    "Job",
    "Part",
    "Paste",
    "Pasted",
    "Recipe",
    "Result",
    "checked",
    "differences",
    "drawn_on",
    "in_our_words",
    "load_state",
    "maps_of_guide",
    "pasted",
    "read_guide",
    "read_recipe",
    "save_state",
    "stored_recipe",
    "stylize",
    "threads_of",
    "write_guide",
]
