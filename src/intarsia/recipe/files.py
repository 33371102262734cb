"""The files that a recipe names: read once each, and remembered by their sums."""

import hashlib
import os
import re
from pathlib import Path
from typing import cast

import numpy as np
import scipy
import torch
from jaxtyping import Float
from PIL import Image as PilImage
from torch import Tensor

from intarsia import picture, swatches
from intarsia.errors import PictureError, RecipeError, UsageError, notice
from intarsia.guide import Guide
from intarsia.models import is_model, read_model
from intarsia.recipe.data import Recipe, was_handed_over
from intarsia.sizes import size_of

PictureLike = str | Path | PilImage.Image | np.ndarray | Tensor


class Files:
    """Reads the files that a recipe names, each once, and remembers their sums.

    given: pictures that are at hand, by the names that the recipe has for them; guide: one that was handed over, whose
    styles are those of the recipe, in order."""

    def __init__(self, recipe: Recipe, given: dict[str, PictureLike], guide: Guide | None = None):
        self.recipe, self.given, self.guide = recipe, given, guide
        if recipe.guide is not None and was_handed_over(recipe.guide) and guide is None:
            raise RecipeError(_handed_over(recipe.guide, "guide"))
        self.sums: dict[str, str] = {}
        self._read: dict[tuple[str, int | None], picture.Opened] = {}  # by name, and frame where that is beside it
        self._labels: dict[str, Float[Tensor, "3 h w"]] = {}
        self._before: dict[str, picture.Opened] = {}
        self._sums_before: dict[str, str] = {}
        self._swatches: dict[str, picture.Opened] = {}  # as painted last; their size goes by the content

    def of(self, recipe: Recipe) -> "Files":
        """For another content: what has been read of the styles is not read again."""
        files = Files(recipe, self.given, self.guide)
        named = [name for name in recipe.styles if (name, None) in self._read]
        files._before = {name: self._read[name, None] for name in named if not self._is_swatch(name)}
        files._labels = {name: self._labels[name] for name in recipe.style_map if name in self._labels}
        files._sums_before, files._swatches = self.sums, self._swatches
        return files

    def read(self, name: str, frame: int | None = None) -> picture.Opened:
        """frame: where it is not said by the name."""
        if frame is None and name in self._before and (name, None) not in self._read:
            self._read[name, None] = self._before[name]
            self.sums |= {name: self._sums_before[name]} if name in self._sums_before else {}
        if (name, frame) not in self._read:
            self._read[name, frame] = opened = self._fresh(name, frame)
            for text in opened.notices:
                notice(text)
        return self._read[name, frame]

    def content(self) -> picture.Opened:
        return self.read(self.recipe.content, self.recipe.frame)

    def map(self, name: str) -> Float[Tensor, "h w"]:
        return picture.read_map(self._source(name), max_pixels=self.recipe.max_pixels)

    def labels(self, name: str) -> Float[Tensor, "3 h w"]:
        """A label map, in flat colors. It may be the content itself, as in a doodle, and is then the same frame."""
        frame = self.recipe.frame if name == self.recipe.content else None
        if self._is_swatch(name):
            return self.read(name).image
        if name not in self._labels:
            self._labels[name] = picture.read_labels(self._source(name), frame=frame, max_pixels=self.recipe.max_pixels)
        elif name in self._sums_before:
            self.sums[name] = self._sums_before[name]
        return self._labels[name]

    def _fresh(self, name: str, frame: int | None) -> picture.Opened:
        if self._is_swatch(name):
            return self._swatch(name)
        if name.startswith("noise:") and name not in self.given:
            return picture.Opened(_noise(name, self.recipe.max_pixels), None, 8, ())
        if name not in self.given and is_model(name):
            self._source(name)
            return picture.Opened(read_model(name).style, None, 8, ())
        return picture.read(self._source(name), frame=frame, max_pixels=self.recipe.max_pixels)

    def _is_swatch(self, name: str) -> bool:
        return name not in self.given and swatches.parse(name) is not None

    def _swatch(self, name: str) -> picture.Opened:
        side = max(256, min(2048, round(self._shown_at() * self.recipe.manner().style_scale)))
        if name not in self._swatches or size_of(self._swatches[name].image) != (side, side):
            kind, seed = cast(tuple[str, int], swatches.parse(name))
            self._swatches[name] = picture.Opened(swatches.paint(kind, (side, side), seed), None, 8, ())
        return self._swatches[name]

    def _shown_at(self) -> int:
        """Long side of the result, where styles are read after the content; else a usual one."""
        content = self._read.get((self.recipe.content, self.recipe.frame))
        return self.recipe.long_side(max(content.image.shape[1:]) if content is not None else 1024)

    def _source(self, name: str) -> PictureLike:
        if name in self.given:
            return self.given[name]
        if was_handed_over(name):
            raise RecipeError(_handed_over(name, "picture"))
        if name != "-" and os.path.isfile(picture.path_of(name)):
            self.remember(name)
        return name

    def remember(self, name: str) -> None:
        """The file's sum, with a notice where the recipe knows another one."""
        try:
            with open(picture.path_of(name), "rb") as file:
                self.sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:  # whoever opens it next says so better
            return
        if self.recipe.inputs.get(name, self.sums[name]) != self.sums[name]:
            notice(f"{name} has changed since the recipe was written, so the picture will differ.")


def _noise(name: str, max_pixels: int) -> Float[Tensor, "3 h w"]:
    """`noise:640x480:7`, what a texture begins with: every value by itself, 0..1; width, height and seed."""
    found = re.fullmatch(r"noise:([1-9]\d{0,4})x([1-9]\d{0,4})(?::(\d{1,18}))?", name)
    if found is None:
        raise UsageError(f"'{name}' is no noise: write noise:WIDTHxHEIGHT or noise:WIDTHxHEIGHT:SEED.")
    w, h = int(found[1]), int(found[2])
    if w * h > max_pixels:
        raise PictureError(f"{name}: {w * h} pixels are more than the limit of {max_pixels} (`max_pixels`).")
    return torch.rand(3, h, w, generator=torch.Generator().manual_seed(int(found[3] or 0)))


def without_hidden(opened: picture.Opened, name: str) -> picture.Opened:
    """With the nearest color that is not transparent in place of each that is, which so has no say: not even through
    resizing, or through the network's reach."""
    if opened.alpha is None or float(opened.alpha.min()) > 0:
        return opened
    if float(opened.alpha.max()) == 0:
        raise PictureError(f"{called(name)}: it is transparent everywhere, so there is nothing to see.")
    nearest = scipy.ndimage.distance_transform_edt(
        (opened.alpha == 0).numpy(), return_distances=False, return_indices=True
    )
    y, x = torch.from_numpy(np.asarray(nearest)).long()
    return opened._replace(image=opened.image[:, y, x])


def _handed_over(name: str, what: str) -> str:
    return f"{name}: this {what} was handed over in Python and is in no file. Hand it over again."


def called(name: str) -> str:
    return "standard input" if name == "-" else os.path.basename(name)
