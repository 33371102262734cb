"""One frame of a file, opened but not decoded: by the decoder of its kind alone, and only below the limits."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from intarsia.errors import InputError, MemoryLimitError, PictureError, UsageError
from intarsia.picture.files import File

MAX_PIXELS = 200_000_000


class Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's own, less its check against a size limit for the whole process: ours has been made, per call."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.core.new(self.mode, self._tile_size)
        ImageFile.ImageFile.load_prepare(self)


# Called directly rather than through Image.open: no other decoder can run, a JPEG stays one picture, and Pillow's
# process-wide MAX_IMAGE_PIXELS, which belongs to our caller, neither bites nor has to be changed.
_OPENERS: dict[str, Callable[..., ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "TIFF": Tiff,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}


@contextmanager
def decoding(name: str, kind: str) -> Iterator[None]:
    """Whatever a decoder throws at a stranger's file is a fact about the file."""
    try:
        yield
    except (InputError, UsageError, MemoryLimitError):
        raise
    except MemoryError as fault:
        raise MemoryLimitError(f"{name}: there is no memory to decode it. Shrink the picture first.") from fault
    except Image.DecompressionBombError as fault:
        raise PictureError(
            f"{name}: more pixels than Pillow decodes in a {kind}, whatever --max-pixels says. Shrink it, or convert "
            "it to PNG."
        ) from fault
    except Exception as fault:
        raise PictureError(
            f"{name}: this {kind} is truncated, broken or of a kind that we do not read ({fault}). Download it again, "
            "or save it anew as 8- or 16-bit RGB."
        ) from fault


def first_frame(file: File, max_pixels: int) -> ImageFile.ImageFile:
    """Its header is read, and tells a size below the limit."""
    opener = _heic_opener(file.name) if file.kind == "HEIC" else _OPENERS[file.kind]
    image = opener(io.BytesIO(file.data))
    check_size(file.name, image.size, max_pixels)
    return image


def at_frame(file: File, frame: int | None, max_pixels: int) -> ImageFile.ImageFile:
    """frame: counted from 1; None where there is but one, or one that is the main one, as a HEIC says."""
    image = first_frame(file, max_pixels)
    count = getattr(image, "n_frames", 1)
    if frame is not None or file.kind != "HEIC":
        image.seek(chosen(file, frame, count) - 1)
        check_size(file.name, image.size, max_pixels)  # pages differ in size
    if isinstance(image, Tiff):
        _check_strips(image)
    return image


def chosen(file: File, frame: int | None, count: int) -> int:
    """Which of so many frames, counted from 1. Raises PictureError where that is open, or is none of them."""
    if frame is None and count > 1:
        raise PictureError(f"{file.name}: holds {count} frames or pages. {_way_to_choose(file.name, count)}")
    if frame is not None and not 1 <= frame <= count:
        has = "1 frame" if count == 1 else f"{count} frames"
        raise PictureError(f"{file.name}: has no frame {frame}, for it holds {has}. Choose from 1 to {count}.")
    return frame or 1


def asked_frame(file: File, frame: int | None) -> int | None:
    """By the name of the file, or beside it. Raises UsageError where both say one and they differ."""
    if frame is not None and file.frame is not None and frame != file.frame:
        raise UsageError(f"{file.name}#{file.frame}: `frame` is {frame}, and the name says {file.frame}. Give one.")
    return file.frame if frame is None else frame


def _way_to_choose(name: str, count: int) -> str:
    if os.path.lexists(name):
        return f"Name one by its number, {name}#1 to {name}#{count}."
    return f"Choose one with `frame` N, from 1 to {count}; only files can be named with their number, as FILE#1."


def _heic_opener(name: str) -> Callable[..., ImageFile.ImageFile]:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise PictureError(
            f"{name}: this is a HEIC photo, which needs the package pillow-heif (the extra intarsia[heif]). Install it "
            "with pip install pillow-heif, or convert the photo to JPEG."
        ) from None
    return HeifImageFile


def check_size(name: str, size: tuple[int, int], max_pixels: int) -> None:
    """size: w, h."""
    w, h = size
    if w * h > max_pixels:
        raise PictureError(
            f"{name}: {w} x {h} = {w * h} pixels, more than the limit of {max_pixels}. Shrink it, or raise "
            "--max-pixels."
        )


def check_sums(file: File) -> None:
    """PNG carries checksums that decoding does not look at; a missing end shows here too."""
    if file.kind == "PNG":
        PngImagePlugin.PngImageFile(io.BytesIO(file.data)).verify()


def _check_strips(image: Tiff) -> None:
    """A file may list fewer strips than its size asks for, and Pillow would leave the rest black."""
    separate = image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2
    planes = len(image.getbands()) if separate else 1
    if planes > 1 and max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8:
        raise ValueError("more than 8 bits in separate planes")  # of which Pillow makes noise
    boxes = [tile.extents for tile in image.tile if tile.extents is not None]
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
    whole_file_at_once = image.tile[0].codec_name == "libtiff"  # which counts its strips itself
    if covered < image.width * image.height * (1 if whole_file_at_once else planes):
        raise ValueError("its strips do not cover the picture")
