"""A whole job as data: what to paint, like what, where, and how. Recipes are JSON, and hold no code.

`Recipe` is the data, `Job` the loaded job, `stylize` the one call that most people need.
"""

import dataclasses
import hashlib
import json
import os
import re
import reprlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
import torch
from jaxtyping import Float
from PIL import Image as PilImage
from pydantic import BaseModel, ConfigDict, Field, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from intarsia import __version__, picture, sources, swatches
from intarsia.encoders import Encoder
from intarsia.engine import Frame, Image, State
from intarsia.errors import GuideError, IntarsiaError, Notice, PictureError, RecipeError, UsageError, unknown
from intarsia.guide import Guide, Region
from intarsia.methods import METHODS, Gatys
from intarsia.pyramid import size_of

Source = str | Path | PilImage.Image | np.ndarray | Tensor


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
        return [name for name in names if _is_file(name)]

    def renamed(self, change: Callable[[str], str]) -> "Recipe":
        """The same job with every file under the name that `change` gives it."""

        def one(name: str) -> str:
            return change(name) if _is_file(name) else name

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


def _is_file(name: str) -> bool:
    return name != "-" and not name.startswith("swatch:") and not _was_handed_over(name)


def _was_handed_over(name: str) -> bool:
    """A picture that had no name: `stylize` calls it <content>, <style 1> and so on."""
    return name.startswith("<") and name.endswith(">")


@dataclass(frozen=True, eq=False)
class Result:
    """The finished picture. image: "3 h w", 0..1; alpha: as the content had it; recipe: what made it."""

    image: Image
    recipe: Recipe
    alpha: Float[Tensor, "h w"] | None = None
    frame: Frame | None = None

    def save(self, target: str | Path, *, depth: int = 8, quality: int = 95) -> None:
        """Written atomically, with the recipe inside where the format can hold it."""
        text = self.recipe.to_json()
        picture.write(target, self.image, alpha=self.alpha, depth=depth, recipe=text, quality=quality)

    def to_pil(self) -> PilImage.Image:
        return picture.to_pil(self.image, self.alpha)

    def _repr_png_(self) -> bytes:
        return self.to_pil()._repr_png_() or b""


@dataclass(frozen=True, eq=False)
class Job:
    """A recipe with its pictures loaded and its maps fitted. hidden: the content's own colors, which come back where it
    is transparent."""

    recipe: Recipe
    method: Gatys
    content: Image
    guide: Guide
    alpha: Float[Tensor, "h w"] | None = None
    hidden: Image | None = None
    start: Image | None = None

    @classmethod
    def open(cls, recipe: Recipe, folder: Path | None = None, given: dict[str, Source] | None = None) -> "Job":
        """Reads every picture of the recipe. folder: what its paths are relative to; given: pictures that are at hand
        already, by the name that the recipe calls them."""
        if folder is not None:
            recipe = recipe.renamed(lambda name: str(folder / name))
        files = Files(recipe, given or {})
        method = recipe.build_method()
        content = files.read(recipe.content, frame=recipe.frame)
        shown = _shown(content, recipe.content).image
        styles = {name: _shown(files.read(name), name) for name in dict.fromkeys(recipe.styles)}
        guide = _guide(recipe, content, [styles[name] for name in recipe.styles], files)
        size = picture.fit(*size_of(content.image), recipe.size)
        if max(content.image.shape[-2:]) > recipe.size:
            h, w = content.image.shape[-2:]
            _notice(f"{_called(recipe.content)}: {w} x {h} is reduced to {size[1]} x {size[0]} (--size).")
        alpha = None if content.alpha is None else picture.resize(content.alpha[None], size)[0]
        image, hidden = picture.resize(shown, size), picture.resize(content.image, size)
        start = None if recipe.start is None else picture.resize(files.read(recipe.start).image, size)
        made = {"inputs": files.sums, "threads": torch.get_num_threads(), "version": __version__}
        return cls(recipe.model_copy(update=made), method, image, guide, alpha, hidden, start)

    def frames(self, state: State | None = None, encoder: Encoder | None = None) -> Iterator[Frame]:
        """encoder: one that is loaded already; else the method loads its own."""
        return self.method(self.content, self.guide, start=self.start, state=state, encoder=encoder)

    def result(self, frame: Frame) -> Result:
        """The picture of a frame at full size, also of a frame from a coarse size; untouched places to the bit."""
        image = frame.image.cpu()
        if image.shape != self.content.shape:
            image = picture.resize(image, size_of(self.content))
            cover = self.guide.shares(size_of(image)).sum(0)
            image = torch.where(cover > 0, image, self.content)
        if self.alpha is not None and self.hidden is not None:
            image = torch.where(self.alpha > 0, image, self.hidden)
        return Result(image, self.recipe, self.alpha, frame)


def stylize(
    content: Source,
    *styles: Source,
    method: Gatys | None = None,
    size: int = 512,
    weights: Sequence[float] = (),
    content_masks: Sequence[Source] = (),
    style_masks: Sequence[Source] = (),
    strengths: Sequence[float] = (),
    style_scale: float = 1.0,
    on_frame: Callable[[Frame], None] | None = None,
) -> Result:
    """Paint `content` in the manner of `styles`.

    Pictures are paths, `swatch:NAME`, PIL images, arrays (h w 3, uint8 or float 0..1) or tensors ("3 h w", 0..1).
    Several styles without masks are mixed by `weights`; with masks, each pair of masks is a region with its own style.
    size: long side of the result in pixels. on_frame: called after every step, for previews.
    Raises an IntarsiaError that says what is wrong with what."""
    if not styles:
        raise UsageError("no style was given. Give a picture, or a swatch such as 'swatch:starry'.")
    given: dict[str, Source] = {}

    def named(source: Source, name: str) -> str:
        if isinstance(source, (str, Path)):
            return str(source)
        given[name] = source
        return name

    method = method or Gatys()
    data = {
        "content": named(content, "<content>"),
        "styles": [named(style, f"<style {i}>") for i, style in enumerate(styles, 1)],
        "weight": list(weights),
        "content_mask": [named(mask, f"<content mask {i}>") for i, mask in enumerate(content_masks, 1)],
        "style_mask": [named(mask, f"<style mask {i}>") for i, mask in enumerate(style_masks, 1)],
        "strength": list(strengths),
        "style_scale": style_scale,
        "size": size,
        "method": next(name for name, kind in METHODS.items() if type(method) is kind),
        "settings": settings_of(method),
    }
    job = Job.open(checked("stylize", Recipe, data, UsageError), given=given)
    frame = None
    for frame in job.frames():
        if on_frame is not None:
            on_frame(frame)
    assert frame is not None, "every method yields at least one frame"
    return job.result(frame)


def settings_of(method: Gatys) -> dict[str, Any]:
    """The fields that differ from their defaults, as plain data."""
    full = pydantic.TypeAdapter(type(method)).dump_python(method, mode="json")
    usual = pydantic.TypeAdapter(type(method)).dump_python(type(method)(), mode="json")
    return {name: value for name, value in full.items() if value != usual[name]}


class Files:
    """Reads the files that a recipe names, each once, and remembers their sums."""

    def __init__(self, recipe: Recipe, given: dict[str, Source]):
        self.recipe, self.given = recipe, given
        self.sums: dict[str, str] = {}
        self._read: dict[str, picture.Opened] = {}

    def read(self, name: str, frame: int | None = None) -> picture.Opened:
        if name not in self._read:
            self._read[name] = self._fresh(name, frame)
            for notice in self._read[name].notices:
                _notice(notice)
        return self._read[name]

    def map(self, name: str) -> Float[Tensor, "h w"]:
        return picture.read_map(self._source(name), max_pixels=self.recipe.max_pixels)

    def _fresh(self, name: str, frame: int | None) -> picture.Opened:
        swatch = swatches.parse(name) if name not in self.given else None
        if swatch is not None:
            side = max(256, min(2048, round(self.recipe.size * self.recipe.style_scale)))
            return picture.Opened(swatches.paint(swatch[0], (side, side), swatch[1]), None, 8, ())
        return picture.read(self._source(name), frame=frame, max_pixels=self.recipe.max_pixels)

    def _source(self, name: str) -> Source:
        if name in self.given:
            return self.given[name]
        if _was_handed_over(name):
            raise RecipeError(f"{name}: this picture was handed over in Python and is in no file. Hand it over again.")
        if name != "-" and os.path.isfile(name):
            self._remember(name)
        return name

    def _remember(self, name: str) -> None:
        try:
            with open(name, "rb") as file:
                self.sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:  # whoever opens it next says so better
            return
        if self.recipe.inputs.get(name, self.sums[name]) != self.sums[name]:
            _notice(f"{name} has changed since the recipe was written, so the picture will differ.")


def _guide(recipe: Recipe, content: picture.Opened, styles: list[picture.Opened], files: Files) -> Guide:
    if recipe.style_mask and not recipe.content_mask:
        raise GuideError("style masks came without content masks. Give one --content-mask per --style-mask.")
    images = [style.image for style in styles]
    opaque = [None if style.alpha is None else (style.alpha > 0).float() for style in styles]
    if recipe.content_mask:
        if recipe.weight:
            raise GuideError("weights mix styles that share every place; with masks, use strengths.")
        size = size_of(content.image)
        content_maps = [files.map(name) for name in recipe.content_mask]
        style_maps = [files.map(name) for name in recipe.style_mask]
        guide = sources.masks(
            size, images, content_maps, style_maps, strengths=recipe.strength, style_scale=recipe.style_scale
        )
    else:
        guide = _everywhere(recipe, images)
    seen = {id(image): mask for image, mask in zip(images, opaque, strict=True)}
    visible = None if content.alpha is None else (content.alpha > 0).float()
    regions = tuple(_opaque(region, seen.get(id(region.style)), visible) for region in guide.regions)
    if not any(region.content_map is None or bool((region.content_map > 0).any()) for region in regions):
        raise GuideError("the content is transparent wherever it is to be painted. Paint it elsewhere, or fill it in.")
    return Guide(regions)


def _everywhere(recipe: Recipe, images: list[Image]) -> Guide:
    if len(recipe.strength) > 1:
        raise GuideError(f"{len(recipe.strength)} strengths came without content masks. Give one, for the picture.")
    guide = Guide.everywhere(*images, weights=recipe.weight or None, style_scale=recipe.style_scale)
    strength = recipe.strength[0] if recipe.strength else 1.0
    return Guide(tuple(dataclasses.replace(region, strength=strength) for region in guide.regions))


def _shown(opened: picture.Opened, name: str) -> picture.Opened:
    """With the nearest visible color in place of each invisible one, which so has no say: not even through resizing, or
    through the network's reach."""
    if opened.alpha is None or float(opened.alpha.min()) > 0:
        return opened
    if float(opened.alpha.max()) == 0:
        raise PictureError(f"{_called(name)}: it is transparent everywhere, so there is nothing to see.")
    nearest = distance_transform_edt((opened.alpha == 0).numpy(), return_distances=False, return_indices=True)
    y, x = torch.from_numpy(np.asarray(nearest)).long()
    return opened._replace(image=opened.image[:, y, x])


def _opaque(region: Region, style_map: Tensor | None, content_map: Tensor | None) -> Region:
    """Fully transparent pixels have no say: neither as style, nor painted."""

    def both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        if a is None or b is None:
            return b if a is None else a
        return picture.resize(a[None], size_of(b))[0] * b

    return dataclasses.replace(
        region, style_map=both(region.style_map, style_map), content_map=both(region.content_map, content_map)
    )


# ---- states ------------------------------------------------------------------------------------------------------


def save_state(path: Path, frame: Frame, recipe: Recipe) -> None:
    """Everything needed to go on, in one safetensors file, written atomically."""
    tensors = {name: value.cpu().contiguous() for name, value in frame.state().items()}
    picture.atomic_write(path, save(tensors, {"recipe": recipe.to_json(), "step": str(frame.step)}))


def load_state(path: Path, recipe: Recipe) -> State:
    """The state of a run that had the same recipe and the same inputs. Raises RecipeError, naming what differs."""
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get("recipe")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dictionary)
        then = Recipe.from_json(text or "")
    except (SafetensorError, OSError) as error:
        raise RecipeError(f"{path} is not a saved state: {error}. Delete it to start anew.") from None
    except RecipeError:
        raise RecipeError(f"{path} is not a state of ours: it holds no recipe. Delete it to start anew.") from None
    differing = _differences(_flat(then), _flat(recipe))
    if differing:
        raise RecipeError(
            f"{path} belongs to another run: {'; '.join(differing[:3])}. Repeat that run's settings, or leave --resume "
            "away to start anew."
        )
    return tensors


def _flat(recipe: Recipe) -> dict[str, Any]:
    """What decides the picture, by name: settings beside fields, and the sum of each file."""
    data = recipe.model_dump(mode="json")
    return data | data.pop("settings") | {f"the content of {name}": sum for name, sum in data.pop("inputs").items()}


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    names = [name for name in now | then if then.get(name) != now.get(name)]
    return [
        f"{name} has changed" if name.startswith("the content") else f"{name} was {then.get(name)}, is {now.get(name)}"
        for name in names
    ]


def _called(name: str) -> str:
    return "standard input" if name == "-" else os.path.basename(name)


def _notice(text: str) -> None:
    warnings.warn(text, Notice, stacklevel=3)
