"""`intarsia replay` and `intarsia recipe show`: what a picture remembers of its making."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from intarsia import picture as pictures
from intarsia.cli import as_typed
from intarsia.cli.stylize import RUN, ByName, Outputs, Shown, paint
from intarsia.errors import RecipeError
from intarsia.recipe import Recipe, read_recipe, stored_recipe


def replay(
    picture: str,
    /,
    *,
    outputs: Annotated[Outputs, ByName],
    folder: Path | None = None,
    shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008 (never changed)
) -> int:
    """Paint a picture again from the recipe inside it.

    The same files on the same machine give the same picture. A file that has changed since is named.

    Parameters
    ----------
    picture
        A picture that intarsia wrote, or a recipe file.
    folder
        What the recipe's paths are relative to. When not given: the folder of a recipe file, and for a recipe inside a
        picture the current folder.
    """
    picture = as_typed(picture)
    recipe = read_recipe(picture, folder)
    _check_presence(recipe, picture)
    return paint(recipe, outputs, shown)


def show(picture: str, /) -> None:
    """Print the recipe that a picture holds, as JSON.

    Parameters
    ----------
    picture
        A picture that intarsia wrote, or a recipe file.
    """
    picture = as_typed(picture)
    text, _ = stored_recipe(picture)
    print(Recipe.from_json(text, picture).to_json())


def _check_presence(recipe: Recipe, name: str) -> None:
    gone = [file for file in recipe.files() if not os.path.exists(pictures.path_of(file))]
    if gone:
        raise RecipeError(f"{name}: its recipe needs {gone[0]}, which is not there. Say with --folder where to look.")
