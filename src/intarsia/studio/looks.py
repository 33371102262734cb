"""What the page asks for while a sketch is made: pictures opened, maps drawn, previews. Runs in a worker, which keeps
small copies of what it has read."""

import base64
import dataclasses
import io
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch
from PIL import Image as PilImage

from intarsia import picture, swatches
from intarsia.engine import Frame
from intarsia.errors import GuideError, PictureError, UsageError, listening, settings_as
from intarsia.guide import MANNER
from intarsia.methods import METHODS, Method
from intarsia.methods.parts.buddies import best_pairs
from intarsia.methods.parts.ways import FEWEST
from intarsia.methods.preview import SIZE, Preview, preview
from intarsia.methods.wct import WCT
from intarsia.partition import divide, partition
from intarsia.recipe import Job, drawn_on
from intarsia.sizes import fit, size_of
from intarsia.studio.desk import Dropped
from intarsia.studio.folder import Folder
from intarsia.studio.rooms import ROOMS
from intarsia.studio.rooms import deform as bending
from intarsia.studio.rooms.names import Names, as_pixels, in_words
from intarsia.studio.sketch import Drawn, Sketch
from intarsia.survey import ruled
from intarsia.types import Image, Map

SHOWN, SMALL, CANVAS = 2048, 256, 1024  # long sides: of a picture on the page, of a thumbnail, of a map that is drawn
STYLE = 512  # of a style in a preview
BENT = 768  # of a photograph that is bent and not painted, which is quick
FOUND = 24  # pairs of points at most, the strongest of so many clusters: more are too many to look through
CRUMB = 0.002  # of a region: a part that owns less of it is none
KEPT = 32  # of what was read
OFFERED = ("gatys", "wct", "strotss")
EXAMPLES = ("coffee", "chelsea", "astronaut")  # of scikit-image

BY_KEY = Names(str, str, as_pixels)

Levels = np.ndarray  # "h w 3" or, with transparency, "h w 4", 8 bits


@dataclasses.dataclass(frozen=True, eq=False)
class Looks:
    """most: pixels that a picture may have; is_dropped: whether the preview in work is wanted no more. Each public
    method is a task; what it gives goes to the server as JSON."""

    folder: Folder
    most: int
    is_dropped: Callable[[], bool] = lambda: False
    method: WCT = dataclasses.field(default_factory=WCT)
    _kept: OrderedDict[tuple[Any, ...], Any] = dataclasses.field(default_factory=OrderedDict)

    def about(self) -> dict[str, Any]:
        """Settings and styles, read off where they are declared."""
        return {
            "swatches": sorted(swatches.SWATCHES),
            "manner": {
                name: {"default": field.default, "about": field.description, **_bounds(field.metadata)}
                for name, field in MANNER.items()
            },
            "methods": {name: _told_method(name) for name in OFFERED},
            "deform": _told_method("deform"),
            "examples": _examples(),
            "gpus": torch.cuda.device_count(),
        }

    def open(self, key: str) -> dict[str, Any]:
        """Reads a picture that was sent, and writes what the page shows of it."""
        data = self.folder.picture(key).read_bytes()
        opened = picture.read(data, max_pixels=self.most)
        for side, path in ((SHOWN, self.folder.shown(key)), (SMALL, self.folder.small(key))):
            self.folder.store(path, lambda new, side=side: write_reduced(new, opened.image, opened.alpha, side))
        h, w = size_of(opened.image)
        found = {
            "width": w,
            "height": h,
            "map": list(fit(h, w, min(CANVAS, max(h, w))))[::-1],
            "alpha": opened.alpha is not None,
            "notices": list(opened.notices),
        }
        return found | {"recipe": picture.read_recipe(data)}

    def swatch(self, which: str) -> dict[str, Any]:
        if which not in swatches.SWATCHES:
            raise UsageError(f"there is no swatch '{which}'.")
        return {"image": _encoded(PilImage.fromarray(self._swatch(f"swatch:{which}")))}

    def example(self, which: str, path: str) -> dict[str, Any]:
        """A photograph to begin with, at this path."""
        import skimage.data

        if which not in EXAMPLES:
            raise UsageError(f"there is no example '{which}'..")
        PilImage.fromarray(getattr(skimage.data, which)()).save(path, "PNG")
        return {}

    def draw(self, on: dict[str, str], drawn: dict[str, Any]) -> dict[str, Any]:
        """A map in words, on a content or a style, as a stored map."""
        return {"key": self._stored(self._drawn(BY_KEY.drawn(Drawn(**drawn)), self._on(on)))}

    def partition(self, content: str, k: int, within: dict[str, Any] | None = None) -> dict[str, Any]:
        """The picture, or what a map holds of it, in k maps."""
        levels, encoder = self._levels(content, CANVAS), self.method.networks.load_encoder()
        if within is None:
            parts = partition(_as_image(levels), k, encoder=encoder).soft
        else:
            whole = self._drawn(BY_KEY.drawn(Drawn(**within)), levels)
            parts = divide(_as_image(levels), whole, k, encoder=encoder)
            owned = torch.bincount(parts.argmax(0).flatten(), whole.flatten(), k)
            if owned.min() < CRUMB * owned.sum():
                raise GuideError("there is nothing in this region by which it could be cut. Paint its parts.")
        return {"keys": [self._stored(one) for one in parts]}

    def cutout(self, object: str, mask: str) -> dict[str, Any]:
        """The object alone, cut to what is seen of it, with transparency."""
        levels = self._levels(object, CANVAS)
        image = _as_image(levels)
        alpha = torch.ones(size_of(image))
        if levels.shape[2] == 4:
            alpha = torch.from_numpy(levels[:, :, 3] / 255).float()
        if mask.strip():
            alpha = alpha * self._drawn(in_words(mask), levels)
        inside = (alpha > 0).nonzero()
        if not len(inside):
            raise PictureError("nothing of the object is left. Click on another place of its background.")
        (top, left), (bottom, right) = inside.amin(0).tolist(), (inside.amax(0) + 1).tolist()
        shown = picture.to_pil(image[:, top:bottom, left:right], alpha[top:bottom, left:right])
        return {"image": _encoded(shown), "whole": bool((alpha >= 1).all())}

    def points(self, content: str, on: dict[str, str]) -> dict[str, Any]:
        """Pairs of points of a content and a style. GuideError where none are found."""
        images = [_as_image(levels) for levels in (self._levels(content, CANVAS), self._on(on))]
        found = best_pairs(self.method.networks.load_encoder(), *images, clusters=FOUND)
        if len(found) < FEWEST:
            raise GuideError(
                "no pairs of points were found: nothing in these two pictures is alike enough in its place. Make them "
                "by hand."
            )
        return {"pairs": [[round(value, 5) for value in row] for row in found.rows]}

    def preview(self, sketch: dict[str, Any]) -> dict[str, Any]:
        """The sketch, painted small by a quick method, and what is to be said of it. Raises Dropped."""
        whole = Sketch(**sketch)
        given: dict[str, Any] = {}
        notices: list[str] = []
        with listening(notices.append):
            room = ROOMS[whole.room]
            recipe = room.quick(room.recipe(whole, self._handing(given, whole)))
            size = min(BENT if whole.room == "deform" else SIZE, max(given[str(whole.content)].shape[:2]))
            recipe = recipe.model_copy(update={"size": size})
            given |= {name: self._swatch(name) for name in recipe.styles if name.startswith("swatch:")}
            job = Job.open(recipe, given=given, method=self._method(recipe.method, recipe.build_method))
            image, alpha = self._shown(whole, job)
        shown = picture.to_pil(image, alpha)
        return {"image": _encoded(shown), "notices": [told(text) for text in notices if is_news(text)]}

    # ---- what is kept ------------------------------------------------------------------------------------------------

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        value = self._kept.pop(key) if key in self._kept else make()
        self._kept[key] = value
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return value

    def _shown(self, sketch: Sketch, job: Job) -> tuple[Image, Map | None]:
        if sketch.room in ("paint", "doodle"):
            return self._looked(job, f"{sketch.room} {sketch.content}"), job.alpha
        if sketch.room == "paste":
            return self._quick(job), job.alpha
        frame = bending.bent(job)
        result = job.result(frame)
        return ruled(result.image, frame.grid), result.alpha

    def _looked(self, job: Job, content: str) -> Image:
        look: Preview = self._once(
            ("look", content), lambda: preview(job.content, encoder=self.method.networks.load_encoder())
        )
        return self._wanted(dataclasses.replace(look, method=job.method).frames(job.guide)).cpu()

    def _quick(self, job: Job) -> Image:
        return self._wanted(job.frames(encoder=self.method.networks.load_encoder()))

    def _wanted(self, frames: Iterable[Frame]) -> Image:
        """The last of them, if it is wanted still."""
        last = None
        for last in frames:  # noqa: B007 (the last is what is asked for)
            if self.is_dropped():
                raise Dropped
        assert last is not None
        return last.image

    def _method(self, name: str, build: Callable[[], Method]) -> Method:
        if name == "deform":  # its pairs of points are among its settings
            return build()
        return self.method if name == "wct" else self._once(("method", name), build)

    def _levels(self, key: str, side: int) -> Levels:
        def make() -> Levels:
            if side < CANVAS:
                return np.asarray(_reduced(PilImage.fromarray(self._levels(key, CANVAS)), side))
            opened = picture.read(self.folder.picture(key).read_bytes(), max_pixels=self.most)
            return np.asarray(_pil(opened.image, opened.alpha, CANVAS))

        return self._once(("levels", key, side), make)

    def _swatch(self, name: str) -> Levels:
        kind, seed = swatches.parse(name) or ("", 0)
        return self._once(("swatch", name), lambda: _pixels(swatches.paint(kind, (SIZE, SIZE), seed)))

    def _on(self, on: dict[str, str]) -> Levels:
        return self._swatch(f"swatch:{on['swatch']}") if "swatch" in on else self._levels(on["picture"], CANVAS)

    def _map(self, key: str) -> Map:
        return self._once(("map", key), lambda: picture.read_map(self.folder.map(key).read_bytes()))

    def _drawn(self, words: Any, levels: Levels) -> Map:
        def no_labels(name: str) -> Image:
            raise UsageError("label maps are not known here.")

        image = _as_image(levels)
        return drawn_on(image, words, "content", self._map, no_labels)

    def _stored(self, one_map: Map) -> str:
        h, w = size_of(one_map)
        return self.folder.store_map(w, h, (one_map * 255).round().byte().numpy().tobytes())

    def _handing(self, given: dict[str, Any], sketch: Sketch) -> Names:
        """Names under which what is at hand is handed over."""

        def of_picture(key: str) -> str:
            whole = sketch.room in ("paste", "deform")  # where an object is cut out, fine edges count
            given[key] = self._levels(key, CANVAS if whole else SIZE if key == sketch.content else STYLE)
            if sketch.room == "doodle" and key == sketch.content:  # what a texture is made of
                given[key] = np.random.default_rng(0).integers(0, 256, (*given[key].shape[:2], 3), np.uint8)
            return key

        def of_map(key: str) -> str:
            given[key] = self._map(key)
            return key

        return Names(of_picture, of_map, as_pixels)


def is_news(text: str) -> bool:
    """Not that maps and pictures are brought to the size of the painting, which have none on the page; nor that a map
    is faint, which was drawn so; nor that regions leave nothing for all else."""
    known = ("it was resized", "(`size`)", "nowhere white", "all else: its content mask is empty")
    return not any(one in text for one in known)


def told(text: str) -> str:
    """A message with settings called as the page calls them."""
    return settings_as(lambda name: name.replace("_", " "), text)


def write_reduced(path: Path, image: Image, alpha: Map | None, side: int) -> None:
    _pil(image, alpha, side).save(path, "WEBP", quality=88, method=2)


def _pil(image: Image, alpha: Map | None, side: int) -> PilImage.Image:
    return _reduced(picture.to_pil(image, alpha), side)


def _reduced(image: PilImage.Image, side: int) -> PilImage.Image:
    h, w = fit(image.height, image.width, min(side, max(image.size)))
    return image if image.size == (w, h) else image.resize((w, h), PilImage.Resampling.LANCZOS)


def _pixels(image: Image) -> Levels:
    return np.asarray(picture.to_pil(image))


def _as_image(levels: Levels) -> Image:
    return picture.read(levels[:, :, :3]).image


def _encoded(image: PilImage.Image) -> str:
    """Lossless, so that what a guide does not reach can be seen to be untouched."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()


def _bounds(metadata: Any) -> dict[str, float]:
    return {key: getattr(one, key) for one in metadata for key in ("ge", "le") if hasattr(one, key)}


def _told_method(name: str) -> dict[str, Any]:
    kind = METHODS[name]
    fields = pydantic.TypeAdapter(kind).json_schema()["properties"]
    simple = {key: one for key, one in fields.items() if one.get("type") in ("integer", "number") or "enum" in one}
    about = (kind.__doc__ or "").split("\n")[0]
    return {"about": about, "size": kind.default_size, "settings": simple}


def _examples() -> list[str]:
    try:
        import skimage.data  # noqa: F401 (an extra)
    except ImportError:
        return []
    return list(EXAMPLES)
