"""A picture of a batch, and the masks and label maps that it has for itself.

{stem}_mask.png    the name of a file, with the picture's own name in it; relative to the folder of the picture
masks/             a folder that holds, for each picture, one file of the same stem, in the same subfolder
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from intarsia import picture
from intarsia.errors import PictureError
from intarsia.recipe import OF_EACH, Recipe

CONTENT = "<picture>"
"""Stands for each picture in the recipe of all: as its content, and as a style where each is its own."""

READ = (*picture.SUFFIXES, "jpe", "jfif", "dib", "pgm", "pbm", "pnm", "pfm", "gif", "heic", "heif", "hif")
"""Suffixes that mean a picture."""


class Picture(NamedTuple):
    """source: the file as found; output: its result within the folder of results, with the system's separators."""

    source: str
    output: str

    @property
    def place(self) -> str:
        """Its path from the folder of results, without the suffix."""
        return os.path.splitext(self.output)[0]


def with_own_masks(recipe: Recipe, one: Picture) -> Recipe:
    """The recipe of this picture. Raises PictureError where one of its masks is not there."""
    of_one = recipe.renamed(partial(_name_for, one))
    styles = [one.source if name == CONTENT else name for name in of_one.styles]
    return of_one.model_copy(update={"content": one.source, "styles": styles})


def without_masks(pictures: Iterable[Picture], recipe: Recipe) -> Iterator[Picture]:
    """Those that are not the mask of another one, nor in a folder of masks."""
    pictures = list(pictures)
    folders = [os.path.join(os.path.realpath(name), "") for name in recipe.files() if os.path.isdir(name)]
    owner = {os.path.realpath(name): one for one in pictures for name in found_masks(recipe, one)}
    for one in pictures:
        path = os.path.realpath(one.source)
        if owner.get(path, one) == one and not path.startswith(tuple(folders)):
            yield one


def found_masks(recipe: Recipe, one: Picture) -> list[str]:
    """The files that this picture does not share with the others, as far as they are there."""
    found = []
    for name in filter(is_of_each, dict.fromkeys(recipe.files())):
        with suppress(PictureError):
            found.append(_name_for(one, name))
    return found


def fault_of(recipe: Recipe, one: Picture) -> str | None:
    """Why it cannot be painted, where a mask of its own is not there."""
    try:
        with_own_masks(recipe, one)
    except PictureError as error:
        return str(error)
    return None


def is_of_each(name: str) -> bool:
    """Whether it means a file of its own for each picture."""
    return OF_EACH in name or os.path.isdir(name)


def _name_for(one: Picture, name: str) -> str:
    """The file that a name means for this picture."""
    if OF_EACH in name:
        path = os.path.join(os.path.dirname(one.source), name.replace(OF_EACH, os.path.basename(one.place)))
        found = [path] if os.path.isfile(picture.path_of(path)) else []
        looked = path
    elif os.path.isdir(name):
        path = os.path.join(name, one.place)
        found, looked = _files_of(path), f"{path}.png, nor with another suffix,"
    else:
        return name
    if not found:
        raise PictureError(f"{one.source}: its mask is not there: no {looked} is to be found. Put it there.")
    if len(found) > 1:
        raise PictureError(f"{one.source}: it has two masks, {found[0]} and {found[1]}. Leave one of them.")
    return found[0]


def _files_of(path: str) -> list[str]:
    """The pictures of this path, whatever their suffix; each once, also where case does not count in names."""
    names = [f"{path}.{suffix}" for each in READ for suffix in (each, each.upper())]
    there = {(os.stat(name).st_dev, os.stat(name).st_ino): name for name in names[::-1] if os.path.isfile(name)}
    return list(there.values())[::-1]
