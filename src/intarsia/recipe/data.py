"""The data of a job. Recipes are JSON, and hold no code."""

import dataclasses
import json
import re
import reprlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field, field_validator

from intarsia import __version__, picture
from intarsia.errors import IntarsiaError, RecipeError, unknown
from intarsia.methods import METHODS, Gatys

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Recipe(BaseModel):
    """Everything that decides the picture. Paths in a recipe file are relative to its folder (see `read_recipe`).

    `settings` are the fields of the method. `inputs` holds the sha256 of every file that was read, by the name it has
    here, so that a replay can say that one has changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = __version__
    content: str
    styles: list[str] = Field(min_length=1, max_length=64)
    weight: list[Weight] = Field([], max_length=64)
    content_mask: list[str] = Field([], max_length=64)
    style_mask: list[str] = Field([], max_length=64)
    strength: list[Weight] = Field([], max_length=64)
    style_scale: float = Field(1.0, ge=0.05, le=20)
    size: int = Field(512, ge=1, le=65_535)
    start: str | None = None
    frame: int | None = Field(default=None, ge=1)
    max_pixels: int = Field(default=200_000_000, ge=1)
    threads: int | None = Field(default=None, ge=1, le=1024)
    method: str = "gatys"
    settings: dict[str, Any] = {}
    inputs: dict[str, str] = {}

    @field_validator("method")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in METHODS:
            raise ValueError(unknown("method", name, METHODS))
        return name

    def build_method(self) -> Gatys:
        return checked(f"method {self.method}", METHODS[self.method], self.settings)

    def files(self) -> list[str]:
        """The names of all files that it needs, weights included; not standard input, nor swatches."""
        names = [self.content, *self.styles, *self.content_mask, *self.style_mask, *self._paths().values()]
        return [name for name in names if is_file(name)]

    def renamed(self, change: Callable[[str], str]) -> "Recipe":
        """The same job with every file under the name that `change` gives it."""

        def one(name: str) -> str:
            return change(name) if is_file(name) else name

        lists = {key: [one(name) for name in getattr(self, key)] for key in ("styles", "content_mask", "style_mask")}
        start = None if self.start is None else one(self.start)
        settings = self.settings | {key: one(path) for key, path in self._paths().items() if key in self.settings}
        inputs = {one(name): total for name, total in self.inputs.items()}
        told = {"content": one(self.content), "start": start, "settings": settings, "inputs": inputs}
        return self.model_copy(update=lists | told)

    def _paths(self) -> dict[str, str]:
        """The files beside the lists: the picture to start with, and what the method's settings name."""
        start = {} if self.start is None else {"start": self.start}
        method = self.build_method()
        values = {field.name: getattr(method, field.name) for field in dataclasses.fields(method)}
        return start | {name: str(value) for name, value in values.items() if isinstance(value, Path)}

    def to_json(self) -> str:
        kept = self.model_dump(mode="json", exclude_defaults=True) | {"version": self.version, "method": self.method}
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        odd = re.search("[\ud800-\udfff]", text)
        return json.dumps(kept, indent=1) if odd else text  # a file may be named by any bytes

    @classmethod
    def from_json(cls, text: str, name: str = "the recipe") -> "Recipe":
        """Raises RecipeError for text that is not a recipe; unknown keys are named, with the nearest known one."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{name} is not JSON: {error}. Write one with --save-recipe.") from None
        if not isinstance(data, dict):
            raise RecipeError(f"{name} is a JSON {type(data).__name__}, not an object of settings.")
        recipe = checked(name, cls, data)
        recipe.build_method()
        return recipe


def read_recipe(name: str | Path, folder: Path | None = None) -> Recipe:
    """The recipe in a JSON file or inside a picture, with paths that work from the current folder.

    The paths in a JSON file are relative to that file, those inside a picture to the folder where it was painted, which
    it does not know: the current one is taken. `folder` overrules both. Raises RecipeError, or PictureError for a file
    that is neither."""
    text, home = stored_recipe(name)
    recipe = Recipe.from_json(text, str(name))
    return recipe.renamed(lambda path: str((home if folder is None else folder) / path))


def stored_recipe(name: str | Path) -> tuple[str, Path]:
    """The text of a recipe as it stands in its file, and the folder that its paths are relative to."""
    path = Path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{name}: cannot be read ({error.strerror}). Give a recipe, or a picture with one.") from None
    if path.suffix.lower() == ".json" or data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return data.decode("utf-8-sig", "replace"), path.parent
    text = picture.read_recipe(path)
    if text is None:
        raise RecipeError(f"{name} holds no recipe: it was not written by intarsia, or its metadata was removed.")
    return text, Path()


def checked(what: str, kind: type[Any], data: dict[str, Any], error: type[IntarsiaError] = RecipeError) -> Any:
    """`kind` made of `data`; what is wrong with it is told in our own words, as an `error`."""
    try:
        return pydantic.TypeAdapter(kind).validate_python(data)
    except pydantic.ValidationError as faults:
        raise error(f"{what}: {in_our_words(faults, kind)}") from None


def in_our_words(error: pydantic.ValidationError, kind: type[Any] | None = None) -> str:
    """The first three faults, with a near name for an unknown choice or, in a `kind`, an unknown key."""
    names = getattr(kind, "__pydantic_fields__", {})
    return " ".join(_in_our_words(fault, names) for fault in error.errors()[:3])


def _in_our_words(fault: Any, names: Iterable[str]) -> str:
    key, came = ".".join(_counted(part) for part in fault["loc"]), fault["input"]
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return unknown("setting", key[:80], names)
    if fault["type"] == "literal_error" and isinstance(came, str):
        return unknown(key, came[:80], re.findall("'([^']*)'", fault["ctx"]["expected"]))
    if fault["type"] == "missing":
        return f"{key} is missing."
    message = fault["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{key} = {reprlib.repr(came)}: {message}." if key else f"{message}."


def _counted(part: int | str) -> str:
    return str(part + 1) if isinstance(part, int) else part


def is_file(name: str) -> bool:
    return name != "-" and not name.startswith("swatch:") and not was_handed_over(name)


def was_handed_over(name: str) -> bool:
    """A picture that had no name: `stylize` calls it <content>, <style 1> and so on."""
    return name.startswith("<") and name.endswith(">")
