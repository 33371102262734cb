"""`intarsia replay` and `intarsia recipe show`: what a picture remembers of its making."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from intarsia.cli import said
from intarsia.cli.stylize import Outputs, Switch, paint
from intarsia.errors import RecipeError
from intarsia.recipe import Recipe, read_recipe, stored_recipe


def replay(
    picture: str,
    /,
    *,
    output: Annotated[str, Parameter(name=["--output", "-o"])],
    folder: Path | None = None,
    resume: Switch = False,
    in_place: Switch = False,
    depth: int = 8,
    quality: int = 95,
    json: Switch = False,
    quiet: Switch = False,
) -> int:
    """Paint a picture again from the recipe inside it.

    The same files on the same machine give the same picture. A file that has changed since is named.

    Parameters
    ----------
    picture
        A picture that intarsia wrote, or a recipe file.
    output
        Where to write.
    folder
        What the recipe's paths are relative to. When not given: the folder of a recipe file, and for a recipe inside a
        picture the current folder.
    resume
        Go on from the state that an interrupted run left beside the output, as OUTPUT.state.
    in_place
        Allow the output to replace an input.
    depth
        Bits per channel, 8 or 16 (png and tif).
    quality
        Of jpg, webp and avif, 1 to 100.
    json
        One JSON event per line on standard output.
    quiet
        Notices and errors only.
    """
    recipe = read_recipe(picture, folder)
    _check_presence(recipe, picture)
    outputs = Outputs(said(output), depth, quality, in_place)
    return paint(recipe, outputs, json=json, quiet=quiet, resume=resume)


def show(picture: str, /) -> None:
    """Print the recipe that a picture holds, as JSON.

    Parameters
    ----------
    picture
        A picture that intarsia wrote, or a recipe file.
    """
    text, _ = stored_recipe(picture)
    print(Recipe.from_json(text, picture).to_json())


def _check_presence(recipe: Recipe, name: str) -> None:
    gone = [file for file in recipe.files() if not os.path.exists(file)]
    if gone:
        raise RecipeError(f"{name}: its recipe needs {gone[0]}, which is not there. Say with --folder where to look.")
