"""The data of a job. Recipes are JSON, and hold no code."""

import json
import re
import reprlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from intarsia import __version__, picture
from intarsia.errors import IntarsiaError, RecipeError, UsageError, unknown
from intarsia.methods import METHODS, Method, files_of, method_of, names_of_settings
from intarsia.recipe.guidefile import files_of_guide
from intarsia.recipe.regions import Form, Rule, WrittenGradient, WrittenRegion, checked_map, renamed_map
from intarsia.sources.written import WrittenMap

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _written(read: Callable[[str], Any]) -> AfterValidator:
    """Text that `read` understands."""

    def check(text: str) -> str:
        try:
            read(text)
        except pydantic.ValidationError as error:
            raise ValueError(in_our_words(error, WrittenRegion.model_fields)) from None
        except UsageError as error:
            raise ValueError(str(error)) from None
        return text

    return AfterValidator(check)


def paired(text: str) -> tuple[int, int]:
    """`1=2`, content and style."""
    match = re.fullmatch(r"\s*([0-9]{1,2})\s*=\s*([0-9]{1,2})\s*", text)
    if match is None or "0" in match.groups():
        raise UsageError(
            f"'{text}' is no pair. It is written 1=2: region 1 of the content takes region 2 of the style."
        )
    return int(match[1]), int(match[2])


MapText = Annotated[str, _written(checked_map)]
RegionText = Annotated[str, _written(WrittenRegion.parse)]
GradientText = Annotated[str, _written(WrittenGradient.parse)]
PairText = Annotated[str, _written(paired)]
ONE_FILE = ("content", "start", "content_map", "guide")


class Guidance(BaseModel):
    """Where what is painted, and how much. Maps are files or words (see `sources.written`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    weight: list[Weight] = Field(default=[], max_length=64)
    """Share of each style in the mixture; one per style."""
    content_mask: list[MapText] = Field(default=[], max_length=64)
    """White where a region is, soft in between; repeatable, one per region. A file, or words, a shape and edits of it:
    "fill 0.5,0.1 tolerance=20 | grow 1% | feather 5". Shapes: everywhere, rectangle, ellipse, polygon, fill, label,
    linear, radial, luminance; edits: grow, shrink, feather, invert, add, subtract, intersect, refine, cut, levels."""
    style_mask: list[MapText] = Field(default=[], max_length=64)
    """Which part of its style that region takes; repeatable, one per content mask."""
    strength: list[Weight] = Field(default=[], max_length=64)
    """How much is painted, 0 to 1; one for all, or one per content mask."""
    style_scale: float = Field(default=1.0, ge=0.05, le=20)
    """Size of the brushwork."""
    region: list[RegionText] = Field(default=[], max_length=64)
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
    gradient: GradientText | None = None
    """Styles that pass into each other: "linear 90: 1 -> 2", "radial: 2 -> 1", "luminance: 1 -> 2 -> 3", "depth.png: 1
    -> 2"."""
    auto_regions: int | None = Field(default=None, ge=1, le=16)
    """Partition content and style into so many regions each, and pair them."""
    match: Literal["appearance", "position", "overlap"] = "appearance"
    """How the automatic regions are paired."""
    pair: list[PairText] = Field(default=[], max_length=64)
    """Pair these automatic regions whatever they look like, as "1=2", content and style."""
    guide: str | None = None
    """A guide file, as --save-guide writes it."""
    color: Rule = "none"
    """Whose colors the picture has: none = the style's; match, luminance or histogram = the content's."""
    color_form: Form = "mk"
    """Of the map of colors that match and histogram use."""

    def regions(self) -> list[WrittenRegion]:
        return [WrittenRegion.parse(text) for text in self.region]

    def guides_styles(self) -> bool:
        """Whether anything but weights says where a style goes, or would with what is missing."""
        places = (self.content_mask, self.region, self.gradient, self.guide, self.content_map, self.style_map)
        return any((*places, self.content_patch, self.style_patch, self.auto_regions, self.pair))


class Recipe(Guidance):
    """Everything that decides the picture. Paths in a recipe file are relative to its folder (see `read_recipe`).

    `settings` are the fields of the method; without a `size` its own default counts. `inputs` holds
    the sha256 of every file that was read, by the name it has here, so that a replay can say that one has changed."""

    version: str = __version__
    content: str
    styles: list[str] = Field(min_length=1, max_length=64)
    size: int | None = Field(default=None, ge=1, le=65_535)
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

    def build_method(self) -> Method:
        try:
            return method_of(self.method, self.settings)
        except pydantic.ValidationError as faults:
            raise RecipeError(f"method {self.method}: {in_our_words(faults, names_of_settings(self.method))}") from None

    def long_side(self, content: int) -> int:
        """Of the result, for a content with this one: what is asked for, else the method's own default."""
        return self.size or METHODS[self.method].default_size or content

    def files(self) -> list[str]:
        """The names of all files that it needs, weights included; not standard input, nor swatches. The maps of a guide
        file are among them, if that file can be read."""
        maps = [*self.content_mask, *self.style_mask]
        names = [self.content, *self.styles, *self.style_map]
        names += [name for text in maps for name in WrittenMap.parse(text).files()]
        names += [name for region in self.regions() for name in region.files()]
        names += [] if self.gradient is None else WrittenGradient.parse(self.gradient).files()
        names += [] if self.guide is None else files_of_guide(self.guide)
        names += self._paths().values()
        return [name for name in names if is_file(name)]

    def renamed(self, change: Callable[[str], str]) -> "Recipe":
        """The same job with every file under the name that `change` gives it."""

        def one(name: str) -> str:
            return change(name) if is_file(name) else name

        told: dict[str, Any] = {key: [one(name) for name in getattr(self, key)] for key in ("styles", "style_map")}
        told |= {key: [renamed_map(text, one) for text in getattr(self, key)] for key in ("content_mask", "style_mask")}
        told |= {key: one(name) for key in ONE_FILE if (name := getattr(self, key)) is not None}
        told["region"] = [str(region.renamed(one)) for region in self.regions()]
        if self.gradient is not None:
            told["gradient"] = str(WrittenGradient.parse(self.gradient).renamed(one))
        told["settings"] = self.settings | {
            key: one(path) for key, path in self._paths().items() if key in self.settings
        }
        told["inputs"] = {one(name): total for name, total in self.inputs.items()}
        return self.model_copy(update=told)

    def _paths(self) -> dict[str, str]:
        """The files beside the lists: the picture to start with, the content's map, and what the method's settings
        name."""
        alone = {key: name for key in ("start", "content_map") if (name := getattr(self, key)) is not None}
        return alone | files_of(self.build_method())

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
    names = getattr(kind, "__pydantic_fields__", ())
    try:
        return pydantic.TypeAdapter(kind).validate_python(data)
    except pydantic.ValidationError as faults:
        raise error(f"{what}: {in_our_words(faults, names)}") from None


def in_our_words(error: pydantic.ValidationError, names: Iterable[str] = ()) -> str:
    """The first three faults, with a near name for an unknown choice or, where `names` are known, an unknown key."""
    return " ".join(_in_our_words(fault, names) for fault in error.errors()[:3])


def _in_our_words(fault: Any, names: Iterable[str]) -> str:
    key, came = ".".join(_counted(part) for part in fault["loc"] if part != "networks"), fault["input"]
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
    return name != "-" and not name.startswith(("swatch:", "noise:")) and not was_handed_over(name)


def was_handed_over(name: str) -> bool:
    """A picture that had no name: `stylize` calls it <content>, <style 1> and so on."""
    return name.startswith("<") and name.endswith(">")
