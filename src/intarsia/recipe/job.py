"""A recipe with its pictures loaded, and the one call that most people need."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image as PilImage
from torch import Tensor

from intarsia import __version__, picture
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.errors import UsageError, notice
from intarsia.guide import Guide
from intarsia.methods import Gatys, Method, name_of, settings_of
from intarsia.recipe.data import Recipe, checked
from intarsia.recipe.files import Files, Source, called, visible
from intarsia.recipe.guides import guide_of
from intarsia.sizes import size_of
from intarsia.sources.written import File
from intarsia.types import Image


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
    method: Method
    content: Image
    guide: Guide
    styles: tuple[Image, ...]
    alpha: Float[Tensor, "h w"] | None = None
    hidden: Image | None = None
    start: Image | None = None

    @classmethod
    def open(
        cls,
        recipe: Recipe,
        folder: Path | None = None,
        given: dict[str, Source] | None = None,
        files: Files | None = None,
        method: Method | None = None,
    ) -> "Job":
        """Reads every picture of the recipe. folder: what its paths are relative to; given: pictures that are at hand
        already, by the name that the recipe calls them; files: of a job with the same styles, which are then not read
        again; method: of a job with the same settings, with the networks that it has loaded."""
        if folder is not None:
            recipe = recipe.renamed(lambda name: str(folder / name))
        files = Files(recipe, given or {}) if files is None else files.of(recipe)
        method = recipe.build_method() if method is None else method
        content = files.read(recipe.content, frame=recipe.frame)
        seen = visible(content, recipe.content).image
        styles = {name: visible(files.read(name), name) for name in dict.fromkeys(recipe.styles)}
        guide = guide_of(recipe, content, [styles[name] for name in recipe.styles], files)
        h, w = size_of(content.image)
        size = picture.fit(h, w, recipe.long_side(max(h, w)))
        if max(h, w) > max(size):
            notice(f"{called(recipe.content)}: {w} x {h} is reduced to {size[1]} x {size[0]} (`size`).")
        alpha = None if content.alpha is None else picture.resize(content.alpha[None], size)[0]
        image, hidden = picture.resize(seen, size), None if alpha is None else picture.resize(content.image, size)
        start = None if recipe.start is None else picture.resize(files.read(recipe.start).image, size)
        made = {"inputs": files.sums, "threads": torch.get_num_threads(), "version": __version__}
        opened = tuple(styles[name].image for name in recipe.styles)
        return cls(recipe.model_copy(update=made), method, image, guide, opened, alpha, hidden, start)

    def frames(self, state: State | None = None, encoder: Encoder | None = None) -> Iterator[Frame]:
        """encoder: one that is loaded already; else the method loads its own."""
        return self.method(self.content, self.guide, start=self.start, state=state, encoder=encoder)

    def result(self, frame: Frame) -> Result:
        """The picture of a frame at full size, also of a frame from a coarse size; untouched places to the bit."""
        image = frame.image.cpu()
        if image.shape != self.content.shape:
            image = picture.resize(image, size_of(self.content))
            cover = self.guide.merged().shares(size_of(image)).sum(0)
            image = torch.where(cover > 0, image, self.content)
        if self.alpha is not None and self.hidden is not None:
            image = torch.where(self.alpha > 0, image, self.hidden)
        return Result(image, self.recipe, self.alpha, frame)


def stylize(
    content: Source,
    *styles: Source,
    method: Method | None = None,
    size: int | None = None,
    weights: Sequence[float] = (),
    content_masks: Sequence[Source] = (),
    style_masks: Sequence[Source] = (),
    strengths: Sequence[float] = (),
    style_scale: float = 1.0,
    regions: Sequence[str] = (),
    content_map: Source | None = None,
    style_maps: Sequence[Source] = (),
    content_patch: int | None = None,
    style_patch: int | None = None,
    gradient: str | None = None,
    auto_regions: int | None = None,
    match: str = "appearance",
    pairs: Sequence[str] = (),
    guide: str | Path | None = None,
    color: str = "none",
    color_form: str = "mk",
    on_frame: Callable[[Frame], None] | None = None,
) -> Result:
    """Paint `content` in the manner of `styles`.

    Pictures are paths, `swatch:NAME`, PIL images, arrays (h w 3, uint8 or float 0..1) or tensors ("3 h w", 0..1).
    Several styles without masks are mixed by `weights`; with masks, each pair of masks is a region with its own style.
    Masks may be told in words ("fill 0.5,0.1 | grow 3"), and regions to color_form are written as on the command line
    (docs/guides.md). size: long side of the result in pixels; by default 512 for optimization, the content's own for
    feature transforms. on_frame: called after every step, for previews.
    Raises an IntarsiaError that says what is wrong with what."""
    if not styles:
        raise UsageError("no style was given. Give a picture, or a swatch such as 'swatch:starry'.")
    given: dict[str, Source] = {}

    def named(source: Source, name: str) -> str:
        if isinstance(source, (str, Path)):
            return str(source)
        given[name] = source
        return name

    def in_words(source: Source, name: str) -> str:
        """Text may be words; a path is one whatever it looks like."""
        return str(File(str(source))) if isinstance(source, Path) else named(source, name)

    method = method or Gatys()
    data = {
        "content": named(content, "<content>"),
        "styles": [named(style, f"<style {i}>") for i, style in enumerate(styles, 1)],
        "weight": list(weights),
        "content_mask": [in_words(mask, f"<content mask {i}>") for i, mask in enumerate(content_masks, 1)],
        "style_mask": [in_words(mask, f"<style mask {i}>") for i, mask in enumerate(style_masks, 1)],
        "strength": list(strengths),
        "style_scale": style_scale,
        "region": list(regions),
        "content_map": None if content_map is None else named(content_map, "<content map>"),
        "style_map": [named(one, f"<style map {i}>") for i, one in enumerate(style_maps, 1)],
        "content_patch": content_patch,
        "style_patch": style_patch,
        "gradient": gradient,
        "auto_regions": auto_regions,
        "match": match,
        "pair": list(pairs),
        "guide": None if guide is None else str(guide),
        "color": color,
        "color_form": color_form,
        "size": size,
        "method": name_of(method),
        "settings": settings_of(method),
    }
    job = Job.open(checked("stylize", Recipe, data, UsageError), given=given)
    frame = None
    for frame in job.frames():
        if on_frame is not None:
            on_frame(frame)
    assert frame is not None, "every method yields at least one frame"
    return job.result(frame)
