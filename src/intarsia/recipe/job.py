"""A recipe with its pictures loaded, and the one call that most people need."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image as PilImage
from torch import Tensor

from intarsia import __version__, picture
from intarsia.encoders import Encoder
from intarsia.engine import Frame, State
from intarsia.errors import UsageError, notice, unknown
from intarsia.geometry import resized, sample
from intarsia.guide import Guide
from intarsia.large import Box
from intarsia.maps import settled
from intarsia.methods import Gatys, Method, name_of, settings_of
from intarsia.methods.deform import Bent
from intarsia.recipe.checking import checked
from intarsia.recipe.data import Guidance, Recipe
from intarsia.recipe.files import Files, PictureLike, called, without_hidden
from intarsia.recipe.guides import Ground, guide_of, styles_of
from intarsia.recipe.parts import Area, Paint
from intarsia.recipe.pasting import Paste, pasted
from intarsia.scene import View
from intarsia.sizes import size_of
from intarsia.sources.written import WrittenMap
from intarsia.types import Image, Size


@dataclass(frozen=True, eq=False)
class Result:
    """The finished picture. image: "3 h w", 0..1; alpha: as the content had it; recipe: what made it; metadata: of the
    content's file."""

    image: Image
    recipe: Recipe
    alpha: Float[Tensor, "h w"] | None = None
    frame: Frame | None = None
    metadata: picture.Metadata = field(default_factory=picture.Metadata)

    def save(
        self,
        target: str | Path,
        *,
        depth: int = 8,
        quality: int = 95,
        metadata: picture.Policy = "safe",
        with_recipe: bool = True,
    ) -> None:
        """Written atomically, with the recipe inside where the format can hold it. metadata: what is taken over of the
        content's file: author, copyright, date and resolution (`safe`), all it has, the place too (`keep`), `none`."""
        picture.write(
            target,
            self.image,
            alpha=self.alpha,
            depth=depth,
            recipe=self.recipe.to_json() if with_recipe else None,
            metadata=self.metadata.kept(metadata),
            quality=quality,
        )

    def to_pil(self) -> PilImage.Image:
        return picture.to_pil(self.image, self.alpha)

    def _repr_png_(self) -> bytes:
        return self.to_pil()._repr_png_() or b""


@dataclass(frozen=True, eq=False)
class Job:
    """A recipe with its pictures loaded and its maps fitted. hidden: the content's own colors, which come back where it
    is transparent; metadata: of the content's file; area: where the content is only a part of a picture, which the
    frames show as a whole; surround: the style of the rest; came: the size (h, w) of what is in the content's file."""

    recipe: Recipe
    method: Method
    content: Image
    guide: Guide
    styles: tuple[Image, ...]
    alpha: Float[Tensor, "h w"] | None = None
    hidden: Image | None = None
    start: Image | None = None
    metadata: picture.Metadata = field(default_factory=picture.Metadata)
    area: Area | None = None
    surround: Image | None = None
    came: Size | None = None

    @property
    def size(self) -> Size:
        """Of the result, (h, w)."""
        return size_of(self.content if self.area is None else self.area.scene)

    @classmethod
    def open(
        cls,
        recipe: Recipe,
        folder: Path | None = None,
        given: dict[str, PictureLike] | None = None,
        files: Files | None = None,
        method: Method | None = None,
        handed: Guide | None = None,
    ) -> "Job":
        """Reads every picture of the recipe. folder: what its paths are relative to; given, handed: pictures and a
        guide that are at hand already (see `Files`); files: of a job with the same styles, which are then not read
        again; method: of a job with the same settings, with the networks that it has loaded."""
        if folder is not None:
            recipe = recipe.renamed(lambda name: str(folder / name))
        files = Files(recipe, given or {}, handed) if files is None else files.of(recipe)
        method = recipe.build_method() if method is None else method
        content = files.content()
        styles = {name: without_hidden(files.read(name), name) for name in dict.fromkeys(recipe.styles)}
        h, w = size_of(content.image)
        size = picture.fit(h, w, recipe.long_side(max(h, w)))
        shown = _at_size(without_hidden(content, recipe.content), size)
        hidden = None if content.alpha is None else picture.resize(content.image, size)
        ground = Ground(content, (h, w))
        if recipe.paste is not None:
            ground = _pasted(recipe.paste, shown, (h, w), files)
            shown = ground.content
        area = None if recipe.part is None else Area.of(recipe.part, shown)
        ground = ground if area is None else _part_of(ground, area)
        guide = guide_of(recipe, ground, [styles[name] for name in recipe.styles], files)
        painted = shown.image if area is None else area.content.image
        start = _read(recipe.start, files)
        start = None if start is None else picture.resize(start, size_of(painted))
        surround = None if recipe.part is None else _read(recipe.part.surround, files)
        made = {"inputs": files.sums, "threads": torch.get_num_threads(), "version": __version__}
        return cls(
            recipe.model_copy(update=made),
            method,
            painted,
            guide,
            tuple(styles[name].image for name in recipe.styles),
            shown.alpha,
            hidden,
            start,
            content.metadata,
            area,
            surround,
            came=(h, w),
        )

    def tell_size(self) -> None:
        """A notice where the content is painted at another size than it came in."""
        (h, w), now = self.came or self.size, self.size
        if now != (h, w):
            how = "reduced" if max(now) < max(h, w) else "enlarged"
            notice(f"{called(self.recipe.content)}: {w} x {h} is {how} to {now[1]} x {now[0]} (`size`).")

    def frames(self, state: State | None = None, encoder: Encoder | None = None) -> Iterator[Frame]:
        """encoder: one that is loaded already; else the method loads its own."""
        paint = functools.partial(self._painted, encoder)
        return paint(state) if self.area is None else self.area.frames(paint, self._around(encoder), state)

    def _painted(self, encoder: Encoder | None, state: State | None) -> Iterator[Frame]:
        return self.method(self.content, self.guide, start=self.start, state=state, encoder=encoder)

    def _around(self, encoder: Encoder | None) -> Paint | None:
        """How the rest of the picture is painted, around a part."""
        if self.surround is None or self.area is None:
            return None
        scene, guide = self.area.scene, Guide.everywhere(self.surround, manner=self.recipe.manner())
        return lambda state: self.method(scene, guide, state=state, encoder=encoder)

    def result(self, frame: Frame) -> Result:
        """The picture of a frame at full size, also of a frame from a coarse size; untouched places to the bit."""
        image = frame.image.cpu()
        if self.area is None and image.shape != self.content.shape:
            image = picture.resize(image, size_of(self.content))
            image = View.of(self.content, self.guide.merged()).kept(image, Box.whole(size_of(image)))
        alpha, hidden = self.alpha, self.hidden
        if alpha is not None and hidden is not None:
            if isinstance(frame, Bent) and self.area is None:  # what is transparent bends with the rest
                grid = resized(frame.grid, size_of(alpha))
                alpha, hidden = sample(alpha[None], grid)[0], sample(hidden, grid)
            image = torch.where(alpha > 0, image, hidden)
        return Result(image, self.recipe, alpha, frame, self.metadata)


def _at_size(opened: picture.Opened, size: Size) -> picture.Opened:
    alpha = None if opened.alpha is None else picture.resize(opened.alpha[None], size)[0]
    return opened._replace(image=picture.resize(opened.image, size), alpha=alpha)


def _pasted(paste: Paste, content: picture.Opened, full: Size, files: Files) -> Ground:
    done = pasted(paste, content, files.read, files.map, files.labels)
    return Ground(content._replace(image=done.image, alpha=done.alpha), full, done.cover)


def _part_of(ground: Ground, area: Area) -> Ground:
    cover = None if ground.pasted is None else settled(area.taken(ground.pasted[None])[0])
    return Ground(area.content, size_of(area.content.image), cover)


def _read(name: str | None, files: Files) -> Image | None:
    return None if name is None else files.read(name).image


def stylize(
    content: PictureLike,
    *styles: PictureLike,
    method: Method | None = None,
    size: int | None = None,
    weights: Sequence[float] = (),
    content_masks: Sequence[PictureLike | WrittenMap] = (),
    style_masks: Sequence[PictureLike | WrittenMap] = (),
    strengths: Sequence[float] = (),
    regions: Sequence[str] = (),
    content_map: PictureLike | None = None,
    style_maps: Sequence[PictureLike] = (),
    pairs: Sequence[str] = (),
    guide: str | Path | Guide | None = None,
    paste: Mapping[str, Any] | Paste | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    **settings: Any,
) -> Result:
    """Paint `content` in the manner of `styles`.

    Pictures are paths, `swatch:NAME`, PIL images, arrays (h w 3, uint8 or float 0..1) or tensors ("3 h w", 0..1).
    Several styles without masks are mixed by `weights`; with masks, each pair of masks is a region with its own style.
    Masks may be told in words ("fill 0.5,0.1 | grow 3"), and regions and pairs are written as on the command line
    (docs/guides.md). size: long side of the result in pixels; by default 512 for optimization, the content's own for
    feature transforms. guide: a guide file, or a `Guide`, which brings its styles and takes the place of all that is
    said of where and how much. paste: an object that is put on the content first,
    {"object": PICTURE, "at": (0.5, 0.6), "scale": 0.3} and other fields of `Paste`; masks say `pasted` for where it is.
    on_frame: called after every step, for previews. settings: any other key of a `Recipe`, by its own name:
    style_scale, color, color_form, gradient, auto_regions, match, content_patch, style_patch, ...
    Raises an IntarsiaError that says what is wrong with what, UsageError for a setting that there is not."""
    given: dict[str, PictureLike] = {}

    def named(source: Any, name: str) -> str:
        if isinstance(source, (str, Path)):
            return str(source)
        given[name] = source
        return name

    def each(sources: Sequence[Any], name: str) -> list[str]:
        return [named(source, f"<{name} {i}>") for i, source in enumerate(sources, 1)]

    def maps(sources: Sequence[Any], name: str) -> list[str | WrittenMap]:
        """Text may be words; a path is a file whatever it looks like."""
        files = [WrittenMap.of_file(str(one)) if isinstance(one, Path) else one for one in sources]
        return [one if isinstance(one, WrittenMap) else named(one, f"<{name} {i}>") for i, one in enumerate(files, 1)]

    def object_named(paste: Mapping[str, Any]) -> dict[str, Any]:
        """The pictures in it as files, and what is no setting as it is."""
        thing = {"object": named(paste["object"], "<object>")} if "object" in paste else {}
        mask = {} if paste.get("mask") is None else {"mask": maps([paste["mask"]], "object mask")[0]}
        return {**paste, **thing, **mask}

    method = method or Gatys()
    handed = guide if isinstance(guide, Guide) else None
    data = {
        "content": named(content, "<content>"),
        "styles": each(styles if handed is None else styles_of(handed), "style"),
        "weight": list(weights),
        "content_mask": maps(content_masks, "content mask"),
        "style_mask": maps(style_masks, "style mask"),
        "strength": list(strengths),
        "region": list(regions),
        "content_map": None if content_map is None else named(content_map, "<content map>"),
        "style_map": each(style_maps, "style map"),
        "pair": list(pairs),
        "size": size,
        "guide": "<guide>" if handed is not None else None if guide is None else str(guide),
        "paste": object_named(paste) if isinstance(paste, Mapping) else paste,
        "method": name_of(method),
        "settings": settings_of(method),
    }
    _check_settings(settings, data)
    if handed is None and not styles:
        raise UsageError("no style was given. Give a picture, or a swatch such as 'swatch:starry'.")
    recipe = checked("stylize", Recipe, data | settings, UsageError)
    if handed is not None:
        _check_alone(recipe, len(styles))
    return _painted(Job.open(recipe, given=given, handed=handed), on_frame)


def _painted(job: Job, on_frame: Callable[[Frame], None] | None) -> Result:
    job.tell_size()
    frame = None
    for frame in job.frames():
        if on_frame is not None:
            on_frame(frame)
    assert frame is not None, "every method yields at least one frame"
    return job.result(frame)


def _check_settings(settings: Iterable[str], taken: Iterable[str]) -> None:
    """UsageError for one that there is not, or that goes by another name here."""
    known = Recipe.model_fields.keys() - {*taken, "version", "inputs"}
    for name in settings:
        if name not in known:
            keywords = inspect.signature(stylize).parameters.keys() - {"content", "styles", "settings"}
            raise UsageError(f"stylize: {unknown('setting', name, known | keywords)}")


def _check_alone(recipe: Recipe, styles: int) -> None:
    """UsageError for what is said beside a guide that was handed over."""
    said = recipe.model_dump(exclude_defaults=True).keys() & Guidance.model_fields.keys() - {"guide"}
    if said or styles:
        beside = ", ".join(f"`{name}`" for name in sorted(said)) or f"{styles} styles"
        raise UsageError(
            f"{beside} came beside a guide, which has its own styles and says all of where and how much. "
            "Change the guide's regions, or give no guide."
        )
