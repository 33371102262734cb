"""A whole job as data: what to paint, like what, where, and how.

`Recipe` is the data, `Job` the loaded job, `stylize` the one call that most people need.
"""

from intarsia.recipe.data import Recipe, checked, in_our_words, read_recipe, stored_recipe
from intarsia.recipe.job import Job, Result, settings_of, stylize
from intarsia.recipe.states import load_state, save_state

__all__ = [
    "Job",
    "Recipe",
    "Result",
    "checked",
    "in_our_words",
    "load_state",
    "read_recipe",
    "save_state",
    "settings_of",
    "stored_recipe",
    "stylize",
]
