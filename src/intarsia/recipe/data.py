"""The data of a job. Recipes are JSON, and hold no code."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator

from intarsia import __version__, picture
from intarsia.errors import RecipeError, unknown
from intarsia.guide import MANNER, Factor, Fraction, Manner
from intarsia.methods import METHODS, Method, files_of, method_of, names_of_settings
from intarsia.models import PREFIX, is_model
from intarsia.recipe.checking import InWords, checked, in_our_words
from intarsia.recipe.guidefile import files_of_guide
from intarsia.recipe.parts import Part
from intarsia.recipe.pasting import Paste
from intarsia.recipe.regions import OneMap, WrittenGradient, WrittenPair, WrittenRegion
from intarsia.sources.written.grammar import names_in
from intarsia.sources.written.verbs import EDITS, MAKERS

NAMING_FILES = ("content", "styles", "style_map", "content_mask", "style_mask", "region", "gradient", "guide")
NAMING_FILES += ("start", "content_map", "paste", "part")
OF_EACH = "{stem}"  # stands in the name of a mask for that of the picture, where a batch paints many
EARLIER = {"weights": "encoder_weights", "decoders": "decoder_weights"}  # setting by its name before
OF_THE_WHOLE = [name for name in MANNER if name not in ("strength", "content_weight")]
"""Settings of `Manner` that a recipe has for all regions: not the strength, of which there is one per mask; nor the
weight of the content, for the method has one of that name."""


class Places(BaseModel):
    """Where what is painted. Maps are files or words (see `sources.written`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    weight: list[Factor] = Field(default=[], max_length=64)
    """Share of each style in the mixture; one per style."""
    content_mask: list[OneMap] = Field(
        default=[],
        max_length=64,
        description="White where a region is, soft in between; repeatable, one per region. A file, or words, a shape "
        'and edits of it: "fill 0.5,0.1 tolerance=20 | grow 1% | feather 5". '
        f"Shapes: {', '.join(word for word in MAKERS if word not in ('rest', 'pasted'))}; edits: {', '.join(EDITS)}.",
    )
    style_mask: list[OneMap] = Field(default=[], max_length=64)
    """Which part of its style that region takes; repeatable, one per content mask."""
    strength: list[Fraction] = Field(default=[], max_length=64)
    """How much is painted, 0 to 1; one for all, or one per content mask."""
    region: list[Annotated[WrittenRegion, InWords()]] = Field(default=[], max_length=64)
    """A region with settings of its own: "sky: content=sky.png style=1:sky_s.png strength=0.8 scale=1.5 color=match
    content-weight=0.5"; repeatable. Words go in quotes: "sky: content='fill 0.5,0.1' keep", where keep leaves it as it
    is; content=rest is what the other regions leave. Without content= it changes the region of that name that another
    source makes."""
    content_map: str | None = None
    """Label map of the content: flat colors that mean the same on the style's map."""
    style_map: list[str] = Field(default=[], max_length=64)
    """Label map of the style; one per style."""
    content_patch: int | None = Field(default=None, ge=1, le=65_535)
    """Cut the content into patches of about this side, in pixels of the result; each takes the style's patches of the
    same labels."""
    style_patch: int | None = Field(default=None, ge=1, le=65_535)
    """Side of the style's patches, in pixels of the style; that of the content's patches when not given."""
    gradient: Annotated[WrittenGradient, InWords()] | None = None
    """Styles that pass into each other: "linear 90: 1 -> 2", "radial: 2 -> 1", "luminance: 1 -> 2 -> 3", "depth.png: 1
    -> 2"."""
    auto_regions: int | None = Field(default=None, ge=1, le=16)
    """Partition content and style into so many regions each, and pair them."""
    match: Literal["appearance", "position", "overlap"] = "appearance"
    """How the automatic regions are paired."""
    pair: list[Annotated[WrittenPair, InWords()]] = Field(default=[], max_length=64)
    """Pair these automatic regions whatever they look like, as "1=2", content and style."""
    guide: str | None = None
    """A guide file, as --save-guide writes it."""

    def guides_styles(self) -> bool:
        """Whether anything but weights says where a style goes, or would with what is missing."""
        places = (self.content_mask, self.region, self.gradient, self.guide, self.content_map, self.style_map)
        return any((*places, self.content_patch, self.style_patch, self.auto_regions, self.pair))


_settings: Any = {name: (MANNER[name].annotation, MANNER[name]) for name in OF_THE_WHOLE}
PlacesAndSettings = create_model("PlacesAndSettings", __base__=Places, **_settings)


class Guidance(PlacesAndSettings):
    """Where what is painted, and how."""

    def manner(self) -> Manner:
        """Of the regions that do not say their own."""
        strength = {"strength": self.strength[0]} if len(self.strength) == 1 else {}
        return Manner(**strength, **{name: getattr(self, name) for name in OF_THE_WHOLE})


class Recipe(Guidance):
    """Everything that decides the picture. Paths in a recipe file are relative to its folder (see `read_recipe`)."""

    version: str = __version__
    """Of intarsia, which wrote it."""
    content: str
    """The photograph: a file, or "-"."""
    styles: list[str] = Field(min_length=1, max_length=64)
    """Files, or swatches as "swatch:starry"."""
    size: int | None = Field(default=None, ge=1, le=65_535)
    """Long side of the result, in pixels; the method's own default when not given."""
    start: str | None = None
    """A picture to begin with, in place of the method's `init`."""
    paste: Paste | None = None
    """An object that is put on the content before it is painted."""
    part: Part | None = None
    """A part of the content that is painted by itself and put back."""
    frame: int | None = Field(default=None, ge=1)
    """Which picture of its file is the content, counted from 1."""
    max_pixels: int = Field(default=200_000_000, ge=1)
    """Pictures with more are refused."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Of the processor; all, or one where that is quicker, when not given."""
    method: str = "gatys"
    """Its name."""
    settings: dict[str, Any] = Field(default={})
    """The fields of the method that differ from their defaults, and those of its networks."""
    inputs: dict[str, str] = Field(default={})
    """The sha256 of every file that was read, by the name it has here, so that a replay can tell what has changed."""

    @field_validator("settings", mode="before")
    @classmethod
    def _by_their_names(cls, settings: Any) -> Any:
        """Some had other names in recipes that were written earlier."""
        return (
            {EARLIER.get(name, name): value for name, value in settings.items()}
            if isinstance(settings, dict)
            else settings
        )

    @field_validator("method")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in METHODS:
            raise ValueError(unknown("method", name, METHODS))
        return name

    def build_method(self) -> Method:
        try:
            return method_of(self.method, self._with_networks())
        except pydantic.ValidationError as faults:
            raise RecipeError(f"method {self.method}: {in_our_words(faults, names_of_settings(self.method))}") from None

    def _with_networks(self) -> dict[str, Any]:
        """The settings, with the networks among the styles for a method that paints with such."""
        found = [name for name in dict.fromkeys(self.styles) if is_model(name)]
        if not found or "models" not in names_of_settings(self.method):
            return self.settings
        return self.settings | {"models": [*found, *self.settings.get("models", [])]}

    def long_side(self, content: int) -> int:
        """Of the result, for a content with this one: what is asked for, else the method's own default; around a part
        the content's own."""
        usual = None if self.part is not None else METHODS[self.method].default_size
        return self.size or usual or content

    def files(self) -> list[str]:
        """The names of all files that it needs, weights included; not standard input, nor swatches. The maps of a guide
        file are among them, if that file can be read."""
        maps = [] if self.guide is None else files_of_guide(self.guide)[1:]
        return [*names_in(self._renamed), *maps]

    def renamed(self, change: Callable[[str], str]) -> "Recipe":
        """The same job with every file under the name that `change` gives it."""
        inputs = {change(name) if is_file(name) else name: total for name, total in self.inputs.items()}
        return self._renamed(change).model_copy(update={"inputs": inputs})

    def _renamed(self, change: Callable[[str], str]) -> "Recipe":
        def new(value: Any) -> Any:
            if isinstance(value, list):
                return [new(one) for one in value]
            if isinstance(value, str):
                return change(value) if is_file(value) else value
            return None if value is None else value.renamed(new)

        told = {key: new(getattr(self, key)) for key in NAMING_FILES}
        paths = {name: new(path) for name, path in self._paths().items()}
        return self.model_copy(update=told | {"settings": self.settings | paths})

    def _paths(self) -> dict[str, str | list[str]]:
        """The files that the method's settings name."""
        found = files_of(method_of(self.method, self.settings))
        return {name: path for name, path in found.items() if name in self.settings}

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
            raise RecipeError(f"{name} is not JSON: {error}. Write one with `save_recipe`.") from None
        if not isinstance(data, dict):
            raise RecipeError(f"{name} is a JSON {type(data).__name__}, not an object of settings.")
        recipe = checked(name, cls, data)
        recipe.build_method()
        return recipe


def read_recipe(name: str | Path | bytes, folder: Path | None = None) -> Recipe:
    """The recipe in a JSON file or inside a picture, with paths that work from the current folder. name: of a file, "-"
    for standard input, or what is in the file.

    The paths in a JSON file are relative to that file, those inside a picture to the folder where it was painted, which
    it does not know: the current one is taken. `folder` overrules both. Those with `OF_EACH` in them stay as they are.
    Raises RecipeError, or PictureError for a file that is neither."""
    text, home = stored_recipe(name)
    recipe = Recipe.from_json(text, _told(name))
    home = home if folder is None else folder
    return recipe.renamed(lambda path: path if OF_EACH in path else str(home / path))


def stored_recipe(name: str | Path | bytes) -> tuple[str, Path]:
    """The text of a recipe as it stands in its file, and the folder that its paths are relative to."""
    given = picture.standard_input().read() if name == "-" else name
    path = Path() if isinstance(given, bytes) else Path(given)
    try:
        data = given if isinstance(given, bytes) else Path(picture.path_of(str(path))).read_bytes()
    except OSError as error:
        raise RecipeError(f"{name}: cannot be read ({error.strerror}). Give a recipe, or a picture with one.") from None
    if path.suffix.lower() == ".json" or data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return data.decode("utf-8-sig", "replace"), path.parent
    text = picture.read_recipe(given)
    if text is None:
        raise RecipeError(
            f"{_told(name)} holds no recipe: it was not written by intarsia, or without one, or its metadata "
            "was removed."
        )
    return text, Path()


def _told(name: str | Path | bytes) -> str:
    return "standard input" if isinstance(name, bytes) or name == "-" else str(name)


def is_file(name: str) -> bool:
    return name != "-" and not name.startswith(("swatch:", "noise:", PREFIX)) and not was_handed_over(name)


def was_handed_over(name: str) -> bool:
    """A picture that had no name: `stylize` calls it <content>, <style 1> and so on."""
    return name.startswith("<") and name.endswith(">")
