"""A whole job as data: what to paint, like what, where, and how. Recipes are JSON, and hold no code.

`Recipe` is the data, `Job` the loaded job, `stylize` the one call that most people need.
"""

import dataclasses
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch
from jaxtyping import Float
from PIL import Image as PilImage
from pydantic import BaseModel, ConfigDict, Field, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from intarsia import __version__, picture, sources, swatches
from intarsia.engine import Frame, Image, State
from intarsia.errors import GuideError, Notice, RecipeError, UsageError, unknown
from intarsia.guide import Guide, Region
from intarsia.methods import METHODS, Gatys
from intarsia.pyramid import size_of

Source = str | Path | PilImage.Image | np.ndarray | Tensor


class Recipe(BaseModel):
    """Everything that decides the picture. Paths are relative to the recipe's own folder.

    `settings` are the fields of the method. `inputs` holds the sha256 of every picture and mask that was read, by the
    name it is given here, so that a replay can say that a file has changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = __version__
    content: str
    styles: list[str] = Field(min_length=1, max_length=64)
    weight: list[float] = []
    content_mask: list[str] = Field([], max_length=64)
    style_mask: list[str] = Field([], max_length=64)
    strength: list[float] = []
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
        return checked(f"method {self.method}", lambda: METHODS[self.method](**self.settings), METHODS[self.method])

    def to_json(self) -> str:
        kept = self.model_dump(mode="json", exclude_defaults=True) | {"version": self.version, "method": self.method}
        return json.dumps(kept, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, name: str = "the recipe") -> "Recipe":
        """Raises RecipeError for text that is not a recipe; unknown keys are named, with the nearest known one."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecipeError(f"{name} is not JSON: {error}. Write one with --save-recipe.") from None
        if not isinstance(data, dict):
            raise RecipeError(f"{name} is a JSON {type(data).__name__}, not an object of settings.")
        recipe = checked(name, lambda: cls(**data), cls)
        recipe.build_method()
        return recipe


def checked(what: str, build: Callable[[], Any], of: type) -> Any:
    """`build()`, with pydantic's errors in our own words: the first three faults, a near name for an unknown key."""
    try:
        return build()
    except pydantic.ValidationError as error:
        names = getattr(of, "model_fields", None) or getattr(of, "__pydantic_fields__", {})
        faults = []
        for fault in error.errors()[:3]:
            key = ".".join(str(part) for part in fault["loc"])
            if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
                faults.append(unknown("setting", key, names))
            else:
                faults.append(f"{key} = {fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}.")
        raise RecipeError(f"{what}: {' '.join(faults)}") from None


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
    """A recipe with its pictures loaded and its maps fitted."""

    recipe: Recipe
    method: Gatys
    content: Image
    guide: Guide
    alpha: Float[Tensor, "h w"] | None = None
    start: Image | None = None

    @classmethod
    def open(cls, recipe: Recipe, folder: Path | None = None, given: dict[str, Source] | None = None) -> "Job":
        """Reads every picture of the recipe. folder: what its paths are relative to; given: pictures that are at hand
        already, by the name that the recipe calls them."""
        folder, given = folder or Path(), given or {}
        files = Files(recipe, folder, given)
        method = recipe.build_method()
        content = files.read(recipe.content, frame=recipe.frame)
        styles = [files.read(name) for name in recipe.styles]
        guide = _guide(recipe, content, styles, files)
        size = picture.fit(*size_of(content.image), recipe.size)
        if max(content.image.shape[-2:]) > recipe.size:
            h, w = content.image.shape[-2:]
            _notice(f"{_called(recipe.content)}: {w} x {h} is reduced to {size[1]} x {size[0]} (--size).")
        alpha = None if content.alpha is None else picture.resize(content.alpha[None], size)[0]
        start = None if recipe.start is None else picture.resize(files.read(recipe.start).image, size)
        seen = recipe.model_copy(update={"inputs": files.sums, "threads": torch.get_num_threads()})
        return cls(seen, method, picture.resize(content.image, size), guide, alpha, start)

    def frames(self, state: State | None = None) -> Iterator[Frame]:
        return self.method(self.content, self.guide, start=self.start, state=state)

    def result(self, frame: Frame) -> Result:
        """The picture of a frame at full size, also of a frame from a coarse size; untouched places to the bit."""
        image = frame.image.cpu()
        if image.shape != self.content.shape:
            image = picture.resize(image, size_of(self.content))
            cover = self.guide.shares(size_of(image)).sum(0)
            image = torch.where(cover > 0, image, self.content)
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
    recipe = checked(
        "stylize",
        lambda: Recipe(
            content=named(content, "<content>"),
            styles=[named(style, f"<style {i}>") for i, style in enumerate(styles, 1)],
            weight=list(weights),
            content_mask=[named(mask, f"<content mask {i}>") for i, mask in enumerate(content_masks, 1)],
            style_mask=[named(mask, f"<style mask {i}>") for i, mask in enumerate(style_masks, 1)],
            strength=list(strengths),
            style_scale=style_scale,
            size=size,
            method=next(name for name, kind in METHODS.items() if type(method) is kind),
            settings=settings_of(method),
        ),
        Recipe,
    )
    job = Job.open(recipe, given=given)
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

    def __init__(self, recipe: Recipe, folder: Path, given: dict[str, Source]):
        self.recipe, self.folder, self.given = recipe, folder, given
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
            source = self.given[name]
            data = np.asarray(source.cpu() if isinstance(source, Tensor) else source).tobytes()
            self._remember(name, data)
            return source
        if name == "-":
            return name
        path = self.folder / name
        if path.is_file():
            with open(path, "rb") as file:
                self._remember(name, file)
        return path

    def _remember(self, name: str, data: Any) -> None:
        total = hashlib.sha256(data) if isinstance(data, bytes) else hashlib.file_digest(data, "sha256")
        self.sums[name] = total.hexdigest()
        before = self.recipe.inputs.get(name)
        if before is not None and before != self.sums[name]:
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
        guide = Guide.everywhere(*images, weights=recipe.weight or None, style_scale=recipe.style_scale)
    seen = {id(image): mask for image, mask in zip(images, opaque, strict=True)}
    visible = None if content.alpha is None else (content.alpha > 0).float()
    return Guide(tuple(_opaque(region, seen.get(id(region.style)), visible) for region in guide.regions))


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
    except (SafetensorError, OSError) as error:
        raise RecipeError(f"{path} is not a saved state: {error}. Delete it to start anew.") from None
    if text is None:
        raise RecipeError(f"{path} is not a state of ours: it holds no recipe. Delete it to start anew.")
    then, now = json.loads(text), json.loads(recipe.to_json())
    differing = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
    if differing:
        told = ", ".join(f"{key} ({then.get(key)!r} then, {now.get(key)!r} now)" for key in differing[:3])
        raise RecipeError(f"{path} belongs to another run: {told} differ. Delete it, or run without --resume.")
    return tensors


def _called(name: str) -> str:
    return "standard input" if name == "-" else os.path.basename(name)


def _notice(text: str) -> None:
    warnings.warn(text, Notice, stacklevel=3)
