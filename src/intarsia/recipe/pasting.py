"""An object that is pasted on the content before it is painted: as data, and done."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from intarsia import picture
from intarsia.composite import BLENDS, over, placed
from intarsia.errors import GuideError, unknown
from intarsia.geometry import similarity
from intarsia.large import Box
from intarsia.maps import check_aspect, check_picture, fitted, settled
from intarsia.recipe.regions import OneMap, WrittenPoint
from intarsia.sizes import resize, size_of
from intarsia.sources.written import Canvas
from intarsia.sources.written.grammar import Change
from intarsia.types import Image, Map, Size

LARGEST = 2048  # long side at which the object's mask is drawn
FINER = 2  # how many pixels of the object a pixel of the picture has at most, when it is put there


def _known(name: str) -> str:
    if name not in BLENDS:
        raise ValueError(unknown("blend", name, BLENDS))
    return name


BlendName = Annotated[str, AfterValidator(_known)]


class Paste(BaseModel):
    """What is pasted, where and how. All but the files is the same at every size of the picture."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    object: str
    """A picture of the object. What is around it is transparent there, or told by `mask`."""
    mask: OneMap | None = None
    """White where the object is on its picture; a file, or words: "fill 0.02,0.02 | invert". Without one its alpha."""
    at: WrittenPoint = (0.5, 0.5)
    """Where the middle of the object comes, x and y in 0 to 1 from the top left corner of the picture; of the upright
    box around what its mask shows."""
    scale: float = Field(default=0.5, gt=0, le=100)
    """The longer side of that box, as a part of the shorter side of the picture."""
    rotate: float = 0.0
    """Degrees, clockwise."""
    in_place: bool = False
    """The object's picture is as large as the content, and the object is where it belongs on it."""
    blend: BlendName = "over"
    """How its edges are blended, by a name of `composite.BLENDS`."""

    def renamed(self, change: Change) -> "Paste":
        mask = {} if self.mask is None else {"mask": self.mask.renamed(change)}
        return self.model_copy(update={"object": change(self.object)} | mask)


class Pasted(NamedTuple):
    """A picture with an object on it. cover: the object's part of each pixel, before its edges are blended."""

    image: Image
    alpha: Map | None
    cover: Map


def pasted(
    paste: Paste,
    content: picture.Opened,
    read: Callable[[str], picture.Opened],
    read_map: Callable[[str], Map],
    read_labels: Callable[[str], Image],
) -> Pasted:
    """The content with the object on it, at the content's size. read, read_map, read_labels: give the files that
    `paste` names. Raises GuideError for an object of which nothing says what belongs to it, an empty mask, one of
    another aspect, and an object that is larger than the picture or outside it."""
    opened, size = read(paste.object), size_of(content.image)
    alpha = _alpha(paste, opened, read_map, read_labels)
    image, cover = (
        _fitted(paste, opened.image, alpha, size) if paste.in_place else _placed(paste, opened.image, alpha, size)
    )
    shown = BLENDS[paste.blend](image, content.image, cover)
    seen = None if content.alpha is None else over(torch.ones(size), content.alpha, cover)
    return Pasted(shown, seen, cover)


def _placed(paste: Paste, image: Image, alpha: Map, size: Size) -> tuple[Image, Map]:
    """The object alone, where it is to come, and its part of each pixel."""
    thing, alpha = _cut_out(image, alpha)
    thing, alpha = _reduced(thing, alpha, paste.scale * min(size) / max(size_of(alpha)))
    scale = paste.scale * min(size) / max(size_of(alpha))
    return placed(thing, alpha, similarity(size_of(alpha), size, scale, paste.rotate, to=paste.at), size)


def _fitted(paste: Paste, image: Image, alpha: Map, size: Size) -> tuple[Image, Map]:
    """A picture with the object in its place. GuideError for one of another aspect."""
    check_picture(paste.object, image, "the picture under it", size)
    if bool((alpha >= 1).all()):
        raise GuideError(
            f"{paste.object}: the mask covers all of it, so nothing of the content is left. Give the object's."
        )
    return resize(image, size), settled(resize(alpha, size))


def drawn_on(
    image: Image, mask: OneMap, side: str, read_map: Callable[[str], Map], read_labels: Callable[[str], Image]
) -> Map:
    """A map in words, or in a file, at the size of a picture. side: what the picture is, for messages."""
    size = size_of(image)
    small = resize(image, picture.fit(*size, min(LARGEST, max(size))))
    drawn = mask.draw(Canvas(small, size, side, read_map, read_labels))
    if mask.is_file():
        check_aspect(f"mask {mask}", side, drawn, size)
    return fitted(drawn, size)


def _alpha(
    paste: Paste,
    opened: picture.Opened,
    read_map: Callable[[str], Map],
    read_labels: Callable[[str], Image],
) -> Map:
    """What of the object's picture is the object."""
    size = size_of(opened.image)
    if paste.mask is None and opened.alpha is None:
        raise GuideError(
            f"{paste.object} is nowhere transparent, so nothing says what of it is the object. Give an `object_mask`: "
            'a file, or words, "fill 0.02,0.02 | invert" for what has not the color of the corner.'
        )
    drawn = (
        torch.ones(size) if paste.mask is None else drawn_on(opened.image, paste.mask, "object", read_map, read_labels)
    )
    alpha = settled(drawn if opened.alpha is None else drawn * opened.alpha)
    if not bool((alpha > 0).any()):
        what = "it is transparent everywhere" if paste.mask is None else "the mask of the object is empty"
        raise GuideError(f"{paste.object}: {what}, so there is nothing to paste. Give a mask that shows the object.")
    return alpha


def _cut_out(image: Image, alpha: Map) -> tuple[Image, Map]:
    """The upright box around what is seen."""
    box = Box.around(alpha > 0)
    return box.of(image), box.of(alpha)


def _reduced(image: Image, alpha: Map, ratio: float) -> tuple[Image, Map]:
    """A large object is made smaller first, colors weighted by alpha: every pixel of it has its say, at any size.
    ratio: of a pixel of the picture's to one of the object's."""
    if ratio * FINER >= 1:
        return image, alpha
    size: Size = picture.fit(*size_of(alpha), max(1, round(max(size_of(alpha)) * ratio * FINER)))
    small = settled(resize(alpha, size))
    return (resize(image * alpha, size) / small.clamp_min(1e-5)).clamp(0, 1), small
