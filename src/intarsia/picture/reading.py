"""Pictures from anywhere into tensors: files that strangers made, pipes, arrays, Pillow images."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageFile
from tifffile import TiffPage
from torch import Tensor

from intarsia.errors import UsageError
from intarsia.picture import directories, samples
from intarsia.picture.depth import deep_levels, lost_depth
from intarsia.picture.files import File, Source, load, name_of
from intarsia.picture.frames import (
    MAX_PIXELS,
    asked_frame,
    at_frame,
    check_size,
    check_sums,
    chosen,
    decoding,
)
from intarsia.picture.icc import to_srgb
from intarsia.picture.levels import Levels, from_array, scaled, show_the_same
from intarsia.picture.metadata import Metadata, metadata_of, metadata_of_tiff
from intarsia.picture.modes import from_pillow

ORIENTATION = 0x0112  # the EXIF tag
MARK, MARKED = "intarsia map", "levels are shares"  # text in the maps that we write
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: np.rot90,
}


class Opened(NamedTuple):
    """A picture and what its file told about it."""

    image: Float[Tensor, "3 h w"]  # sRGB, 0..1, fp32, contiguous
    alpha: Float[Tensor, "h w"] | None  # None when there is none or it is opaque everywhere
    depth: int  # 8 or 16, bits per channel that it held (floats count as 16)
    notices: tuple[str, ...]  # what we had to decide, a sentence each
    metadata: Metadata = Metadata()  # all that can be written again


def read(source: Source, *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Opened:
    """Any picture as sRGB in 0..1, upright, with its transparency beside it.

    `source` is a path, "-" (bytes on standard input), bytes, a binary file object, a PIL.Image (at the frame where it
    stands), a numpy array (h w), (h w 1), (h w 3) or (h w 4) of bool, uint8, uint16 or floats in 0..1, or a torch
    tensor of the same kinds with its channels first. Nothing in the answer shares memory with what came in.

    Files: PNG, JPEG, WebP, TIFF, AVIF, HEIC (with the package pillow-heif), GIF, BMP and PPM, told apart by content. A
    JPEG or HEIC that carries further pictures (previews, gain maps) is read as its main one. 16-bit PNG, TIFF and
    binary PPM keep their 16 bits; a TIFF of more, or of floats, has 16. An ICC profile is applied, EXIF orientation
    too. Floats outside 0..1 in a file are stretched into it, with a notice. Reduced copies and thumbnails in a TIFF are
    no pages of it, and a camera's raw file is refused. WebP beyond 178 megapixels is refused by Pillow itself.

    Animations and multi-page files need `frame`, counted from 1, or its number behind the name, as in `scan.tif#2`.
    A file whose own name ends like that is read as it is.

    Raises PictureError (an InputError) for whatever cannot be read whole, before decoding where the header tells.
    """
    levels = any_levels(source, frame, max_pixels)
    color, notices = to_srgb(levels, name_of(source))
    alpha = None if levels.alpha is None else scaled(levels.alpha)
    return Opened(
        image=color,
        alpha=None if alpha is None or alpha.min() == 1 else torch.from_numpy(alpha),
        depth=8 if levels.color.dtype == np.uint8 else 16,
        notices=levels.notices + notices,
        metadata=levels.metadata,
    )


def any_levels(source: Source, frame: int | None, max_pixels: int) -> Levels:
    """Upright, from any source that `read` takes. Raises PictureError."""
    if isinstance(source, np.ndarray | Tensor):
        return from_array(source)
    if not isinstance(source, Image.Image):
        return _from_file(load(source), frame, max_pixels)
    name = name_of(source)
    check_size(name, source.size, max_pixels)
    with decoding(name, source.format or "picture"):
        return _upright(_with_signs(from_pillow(source, name), source), _orientation(source))


def _from_file(file: File, frame: int | None, max_pixels: int) -> Levels:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise UsageError(
            f"{file.name}: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on in this process, so half a picture would pass for "
            "a whole one. Set it to False before reading."
        )
    with decoding(file.name, file.kind):
        frame = asked_frame(file, frame)
        if file.kind == "TIFF":
            return _from_tiff(file, frame, max_pixels)
        check_sums(file)
        return _through_pillow(file, frame, max_pixels)


def _through_pillow(file: File, frame: int | None, max_pixels: int) -> Levels:
    image = at_frame(file, frame, max_pixels)
    deep = deep_levels(file, image, lambda: at_frame(file, frame, max_pixels))
    levels = from_pillow(image, file.name) if deep is None else deep
    notices = () if deep is not None else lost_depth(file.name, image)
    levels = levels._replace(notices=notices + levels.notices)
    return _upright(_with_signs(levels, image), _orientation(image))


def _with_signs(levels: Levels, image: Image.Image) -> Levels:
    """With what else the image tells, of itself and of what its levels mean."""
    numbers = np.array(image) if image.mode == "P" else None
    lossy, certain = image.format in ("JPEG", "AVIF"), image.info.get(MARK) == MARKED
    return levels._replace(numbers=numbers, lossy=lossy, certain=certain, metadata=metadata_of(image))


def _from_tiff(file: File, frame: int | None, max_pixels: int) -> Levels:
    with directories.opened(file) as tiff:
        pages = directories.pages_of(tiff, file)

        def levels_of(page: TiffPage) -> Levels:
            check_size(file.name, (page.imagewidth, page.imagelength), max_pixels)
            directories.check_tags(file, page)
            samples.check_header(page)
            alone = directories.alone(file, page)
            if not samples.has_samples(page):
                return _through_pillow(alone, 1, max_pixels)._replace(lossy=samples.is_lossy(page))
            levels = _upright(samples.levels_of(page, file.name), samples.orientation_of(page))
            return levels._replace(metadata=metadata_of_tiff(alone.data))

        largest = None if frame is not None else directories.largest_of_alike(pages)
        if largest is not None:
            levels = levels_of(largest)
            if all(page is largest or show_the_same(levels, levels_of(page)) for page in pages):
                notice = f"{file.name}: its other pages are reduced copies of the largest one, which is read"
                return levels._replace(notices=(notice, *levels.notices))
        return levels_of(pages[chosen(file, frame, len(pages)) - 1])


def _upright(levels: Levels, orientation: int) -> Levels:
    """EXIF orientation, applied to a loaded picture. (Pillow turns a TIFF while loading and then drops the tag.)"""
    turn = _TURNS.get(orientation)
    if turn is None:
        return levels
    planes = {
        name: turn(plane) for name in ("color", "alpha", "numbers") if (plane := getattr(levels, name)) is not None
    }
    return levels._replace(**planes)


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # a camera's broken notes are no reason to refuse its picture
        return 1
