"""Pictures from anywhere into tensors: files that strangers made, pipes, arrays, Pillow images.

The order of the checks is the safety: the first bytes say which of seven formats it is (never the suffix), the header
says how big it would be, and only then a decoder runs.
"""

import difflib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from torch import Tensor

from intarsia.errors import InputError, MemoryLimitError, PictureError, UsageError
from intarsia.large import bands, disk, let_go
from intarsia.picture import icc

MAX_PIXELS = 200_000_000
RECIPE_KEY = "intarsia"  # the PNG keyword, and the first line of an EXIF comment that is ours
EXIF_IFD, USER_COMMENT, ORIENTATION = 0x8769, 0x9286, 0x0112

# str or path, "-", bytes, binary file object, PIL.Image, numpy array or torch tensor: what `read` can take
Source = Any


class Opened(NamedTuple):
    """A picture and what its file told about it."""

    image: Float[Tensor, "3 h w"]  # sRGB, 0..1, fp32, contiguous
    alpha: Float[Tensor, "h w"] | None  # None when there is none or it is opaque everywhere
    depth: int  # 8 or 16, bits per channel that it held (floats count as 16)
    notices: tuple[str, ...]  # what we had to decide, a sentence each


class _Levels(NamedTuple):
    """Pixels as the file numbers them: uint8 or uint16 up to the type's maximum, or floats in 0..1."""

    color: Shaped[np.ndarray, "h w c"]  # c is 1 or 3
    alpha: Shaped[np.ndarray, "h w"] | None  # same type as the color
    profile: bytes | None = None
    notices: tuple[str, ...] = ()


class _File(NamedTuple):
    name: str
    kind: str
    data: bytes


# ---------------------------------------------------------------------------------------------------- public


def read(source: Source, *, frame: int | None = None, max_pixels: int = MAX_PIXELS) -> Opened:
    """Any picture as sRGB in 0..1, upright, with its transparency beside it.

    `source` is a path, "-" (bytes on standard input), bytes, a binary file object, a PIL.Image (at the frame where it
    stands), a numpy array (h w), (h w 1), (h w 3) or (h w 4) of bool, uint8, uint16 or floats in 0..1, or a torch
    tensor of the same kinds with its channels first. Nothing in the answer shares memory with what came in.

    Files: PNG, JPEG, WebP, TIFF, AVIF, BMP and PPM, told apart by content. A JPEG that carries further pictures
    (previews, gain maps) is read as its main one. 16-bit PNG, TIFF and binary PPM keep their 16 bits. An ICC profile
    is applied, EXIF orientation too. Floats outside 0..1 in a file are stretched into it, with a notice. Animations
    and multi-page files need `frame`, counted from 1. WebP beyond 178 megapixels is refused by Pillow itself.

    Raises PictureError (an InputError) for whatever cannot be read whole, before decoding where the header tells.
    """
    levels = _levels(source, frame, max_pixels)
    color, notices = _to_srgb(levels, _name(source))
    alpha = None if levels.alpha is None else _scaled(levels.alpha)
    return Opened(
        image=color,
        alpha=None if alpha is None or alpha.min() == 1 else torch.from_numpy(alpha),
        depth=8 if levels.color.dtype == np.uint8 else 16,
        notices=levels.notices + notices,
    )


def read_map(source: Source, *, max_pixels: int = MAX_PIXELS) -> Float[Tensor, "h w"]:
    """A mask or map in 0..1, from any source that `read` takes; 8 or 16 bits are kept.

    Gray counts as it is written (a map is numbers, so no color profile is applied), color by its luminance. Where
    there is transparency, transparent means 0: strokes painted on a transparent layer are a map. If the color is the
    same everywhere, the transparency alone is the map.
    """
    levels = _levels(source, None, max_pixels)
    gray = _luminance(_scaled(levels.color))
    if levels.alpha is not None:
        alpha = _scaled(levels.alpha)
        if alpha.min() < 1:
            gray = alpha if _flat(levels.color) else gray * alpha
    return torch.from_numpy(np.ascontiguousarray(gray))


def read_recipe(source: Source) -> str | None:
    """The recipe text that `write` put into a picture; None if there is none. Raises PictureError as `read` does."""
    if isinstance(source, np.ndarray | Tensor):
        return None
    if isinstance(source, Image.Image):
        return _recipe(source)
    file = _file(source)
    with _decoding(file):
        return _recipe(_open(file, MAX_PIXELS))


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """What the first bytes of a file say that it is: PNG, JPEG, WebP, TIFF, AVIF, BMP or PPM; None for all else, and
    for a file that cannot be opened. Two bytes are all that tells BMP and PPM, so a text may pass for one."""
    try:
        with open(path, "rb") as stream:
            return _kind(stream.read(32))
    except (OSError, ValueError):
        return None


# ------------------------------------------------------------------------------------- where pixels come from


def _levels(source: Source, frame: int | None, max_pixels: int) -> _Levels:
    if isinstance(source, Tensor):
        return _from_array(_channels_last(source), "the tensor", source)
    if isinstance(source, np.ndarray):
        return _from_array(source, "the array", source)
    if isinstance(source, Image.Image):
        return _from_pillow(source, max_pixels)
    return _from_file(_file(source), frame, max_pixels)


def _from_pillow(image: Image.Image, max_pixels: int) -> _Levels:
    file = _File(_name(image), image.format or "picture", b"")
    _check_size(file.name, image, max_pixels)
    with _decoding(file):
        image.load()
        return _upright(_pillow_levels(image, file.name), image)


def _from_file(file: _File, frame: int | None, max_pixels: int) -> _Levels:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise UsageError(
            f"{file.name}: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on in this process, so half a picture would pass for "
            "a whole one. Set it to False before reading."
        )
    with _decoding(file):
        _verify(file)
        image = _at_frame(file, frame, max_pixels)
        deep = _deep_levels(file, image, lambda: _at_frame(file, frame, max_pixels))
        if deep is not None:
            return _upright(deep, image)
        notices = _lost_depth(file.name, image)
        image.load()
        levels = _pillow_levels(image, file.name)
        return _upright(levels._replace(notices=notices + levels.notices), image)


def _from_array(array: np.ndarray, name: str, came: np.ndarray | Tensor) -> _Levels:
    _check_array(array, name, came)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype not in (np.uint8, np.uint16):
        array = array.astype(np.float32, copy=False)  # `_scaled` copies
    if array.ndim == 2:
        array = array[:, :, None]
    return _Levels(array[:, :, :3], array[:, :, 3]) if array.shape[2] == 4 else _Levels(array, None)


def _channels_last(tensor: Tensor) -> np.ndarray:
    values = tensor.detach().cpu()
    if values.dtype == torch.bfloat16:  # numpy does not know it
        values = values.float()
    return (values if values.ndim != 3 else values.permute(1, 2, 0)).numpy()


def _check_array(array: np.ndarray, name: str, came: np.ndarray | Tensor) -> None:
    channels_first = isinstance(came, Tensor)
    expected = "(h, w) or (c, h, w)" if channels_first else "(h, w) or (h, w, c)"
    whole = array.ndim in (2, 3) and array.size > 0 and (array.ndim == 2 or array.shape[2] in (1, 3, 4))
    if not whole:
        raise PictureError(f"{name} has the shape {tuple(came.shape)}. Expected {expected}, with c = 1, 3 or 4.")
    if array.dtype in (np.bool_, np.uint8, np.uint16):
        return
    if not np.issubdtype(array.dtype, np.floating):
        raise PictureError(f"{name} holds {came.dtype}. Expected uint8, uint16, or floats in 0..1.")
    if not np.isfinite(array).all():
        raise PictureError(f"{name} holds values that are not finite (NaN or infinity). Expected floats in 0..1.")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        hint = " Divide by 255 if that is its range." if 2 <= high <= 255 and low >= 0 else " Scale or clip it first."
        raise PictureError(f"{name} holds values from {low:g} to {high:g}. Expected floats in 0..1.{hint}")


# ------------------------------------------------------------------------------------------------ bytes and kinds


def _name(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return "standard input" if source == "-" else os.fspath(source)
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or "the image")
    if isinstance(source, bytes | bytearray | memoryview):
        return "the bytes"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the picture"


def _file(source: Source) -> _File:
    name = _name(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return _read_checked(io.BytesIO(source), name)
    if isinstance(source, str | os.PathLike):
        if source == "-":
            return _read_checked(sys.stdin.buffer, name)
        try:
            with open(source, "rb") as stream:
                return _read_checked(stream, name)
        except (OSError, ValueError) as fault:  # ValueError: a null byte in the path
            raise PictureError(_why_not_opened(name, fault)) from fault
    if hasattr(source, "read"):
        return _read_checked(source, name)
    raise PictureError(f"a {type(source).__name__} is no picture. Give a path, bytes, an image, an array or a tensor.")


def _why_not_opened(name: str, fault: Exception) -> str:
    if isinstance(fault, FileNotFoundError):
        folder = Path(name).parent
        names = os.listdir(folder) if os.access(folder, os.R_OK) else []
        near = difflib.get_close_matches(Path(name).name, names, n=1)
        return f"{name}: there is no such file. " + (f"Did you mean '{near[0]}'?" if near else "Check the path.")
    if isinstance(fault, IsADirectoryError):
        return f"{name}: this is a folder. Name a picture in it."
    reason = getattr(fault, "strerror", None) or str(fault)
    return f"{name}: cannot be opened ({reason}). Check the path and its permissions."


def _read_checked(stream: Any, name: str) -> _File:
    """The whole stream, once its first bytes have shown a kind that we read: no gigabytes of something else."""
    head = stream.read(32)
    if not isinstance(head, bytes):
        raise PictureError(f"{name}: opened as text. Open it in binary mode ('rb').")
    if not head:
        raise PictureError(f"{name}: the file is empty. Save or download it again.")
    kind = _kind(head)
    if kind is None:
        raise PictureError(f"{name}: {_what_else(head)}. Convert it to one of {', '.join(_OPENERS)}.")
    return _File(name, kind, head + stream.read())


_MAGICS = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "WebP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "AVIF": rb"....ftyp(avif|avis|mif1|msf1)",
    "BMP": rb"BM",
    "PPM": rb"P[1-6f][\s#]",
}
_OTHERS = {
    "a GIF": rb"GIF8",
    "a HEIC photo": rb"....ftyp(hei|hev)",
    "a JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a PDF": rb"%PDF",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "an SVG or other XML": rb"(\xef\xbb\xbf)?\s*<",
    "a Photoshop document": rb"8BPS",
}


def _kind(head: bytes) -> str | None:
    return next((kind for kind, magic in _MAGICS.items() if re.match(magic, head, re.DOTALL)), None)


def _what_else(head: bytes) -> str:
    known = next((kind for kind, magic in _OTHERS.items() if re.match(magic, head, re.DOTALL)), None)
    return f"this is {known}, which we do not read" if known else "this is no picture of a kind that we read"


# ------------------------------------------------------------------------------------------------ opening files


class _Tiff(TiffImagePlugin.TiffImageFile):
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
    "TIFF": _Tiff,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}


@contextmanager
def _decoding(file: _File) -> Iterator[None]:
    """Whatever a decoder throws at a stranger's file is a fact about the file."""
    try:
        yield
    except (InputError, UsageError, MemoryLimitError):
        raise
    except MemoryError as fault:
        raise MemoryLimitError(f"{file.name}: there is no memory to decode it. Shrink the picture first.") from fault
    except Image.DecompressionBombError as fault:
        raise PictureError(
            f"{file.name}: more pixels than Pillow decodes in a {file.kind}, whatever --max-pixels says. Shrink it, "
            "or convert it to PNG."
        ) from fault
    except Exception as fault:
        raise PictureError(
            f"{file.name}: this {file.kind} is truncated, broken or of a kind that we do not read ({fault}). "
            "Download it again, or save it anew as 8- or 16-bit RGB."
        ) from fault


def _open(file: _File, max_pixels: int) -> ImageFile.ImageFile:
    """Header only; nothing is decoded yet."""
    image = _OPENERS[file.kind](io.BytesIO(file.data))
    _check_size(file.name, image, max_pixels)
    return image


def _check_size(name: str, image: Image.Image, max_pixels: int) -> None:
    w, h = image.size
    if w * h > max_pixels:
        raise PictureError(
            f"{name}: {w} x {h} = {w * h} pixels, more than the limit of {max_pixels}. Shrink it, or raise "
            "--max-pixels."
        )


def _verify(file: _File) -> None:
    """PNG carries checksums that decoding does not look at; a missing end shows here too."""
    if file.kind == "PNG":
        PngImagePlugin.PngImageFile(io.BytesIO(file.data)).verify()


def _at_frame(file: _File, frame: int | None, max_pixels: int) -> ImageFile.ImageFile:
    image = _open(file, max_pixels)
    count = getattr(image, "n_frames", 1)
    if frame is None and count > 1:
        raise PictureError(f"{file.name}: holds {count} frames or pages. Choose one with --frame N, from 1 to {count}.")
    if frame is not None and not 1 <= frame <= count:
        has = "1 frame" if count == 1 else f"{count} frames"
        raise PictureError(f"{file.name}: has no frame {frame}, for it holds {has}. Choose from 1 to {count}.")
    image.seek((frame or 1) - 1)
    _check_size(file.name, image, max_pixels)  # pages differ in size
    _check_tiles(image)
    return image


def _check_tiles(image: ImageFile.ImageFile) -> None:
    """A TIFF may list fewer strips than its size asks for, and Pillow would leave the rest black."""
    if not isinstance(image, _Tiff):
        return
    planes = len(image.getbands()) if _in_planes(image) else 1
    if planes > 1 and max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8:
        raise ValueError("more than 8 bits in separate planes")  # of which Pillow makes noise
    boxes = [tile.extents for tile in image.tile if tile.extents is not None]
    covered = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
    whole_file_at_once = image.tile[0].codec_name == "libtiff"  # which counts its strips itself
    if covered < image.width * image.height * (1 if whole_file_at_once else planes):
        raise ValueError("its strips do not cover the picture")


def _in_planes(image: TiffImagePlugin.TiffImageFile) -> bool:
    return image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2


# ----------------------------------------------------------------------------------------------- pixels from Pillow


def _pillow_levels(image: Image.Image, name: str) -> _Levels:
    """The pixels of a loaded Pillow image, whatever its mode."""
    profile = _profile(image)
    if image.mode.startswith("I;16"):
        color = np.array(image).astype(np.uint16)[:, :, None]
        return _Levels(color, _keyed_alpha(color, image), profile)
    if image.mode == "I":
        return _Levels(_integers(np.array(image))[:, :, None], None, profile)
    if image.mode == "F":
        return _floats(np.array(image), name)
    if image.mode in ("CMYK", "LAB"):
        return _through_tables(image, profile, name)
    return _split(image)._replace(profile=profile)


def _profile(image: Image.Image) -> bytes | None:
    profile = image.info.get("icc_profile")
    if not profile:
        return None
    return profile if isinstance(profile, bytes) else b"not even bytes"  # a TIFF tag can be of any type


def _split(image: Image.Image) -> _Levels:
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        pixels = _array(image, "LA" if gray else "RGBA")
        return _Levels(pixels[:, :, :-1], pixels[:, :, -1])
    return _Levels(_array(image, "L" if gray else "RGB"), None)


def _array(image: Image.Image, mode: str) -> Shaped[np.ndarray, "h w c"]:
    """In bands, since Pillow's own way to an array of another mode takes the whole picture four times."""
    out = np.empty((image.height, image.width, len(mode)), np.uint8)
    for rows in (box.rows for box in bands((image.height, image.width))):
        band = image.crop((0, rows.start, image.width, rows.stop)).convert(mode)
        out[rows] = np.asarray(band).reshape(out[rows].shape)
    return out


def _keyed_alpha(color: Shaped[np.ndarray, "h w c"], image: Image.Image) -> Shaped[np.ndarray, "h w"] | None:
    """PNG's tRNS for 16 bits: one color that stands for transparent."""
    key = image.info.get("transparency")
    if key is None:
        return None
    return np.where((color == np.array(key)).all(axis=2), 0, 65535).astype(np.uint16)


def _integers(values: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, "h w"]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ValueError(f"integers from {low} to {high}, where 16 bits hold 0 to 65535")
    return values.astype(np.uint16)


def _floats(values: Shaped[np.ndarray, "h w"], name: str) -> _Levels:
    if not np.isfinite(values).all():
        raise PictureError(f"{name}: holds values that are not finite (NaN or infinity). Repair it where it was made.")
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    if (low, high) == (0, 1):
        return _Levels(values[:, :, None], None)
    scaled = ((values - low) / (high - low)).clip(0, 1).astype(np.float32)
    notice = f"{name}: its float values, which reach from {values.min():g} to {values.max():g}, were scaled to 0..1"
    return _Levels(scaled[:, :, None], None, None, (notice,))


def _through_tables(image: Image.Image, profile: bytes | None, name: str) -> _Levels:
    notices = ()
    if profile is not None:
        try:
            return _Levels(np.array(icc.through_tables(image, profile)), None)
        except (ImageCms.PyCMSError, OSError, ValueError):
            notices = (_broken_profile(name),)
    return _Levels(np.array(image.convert("RGB")), None, None, notices)


# ------------------------------------------------------------------------------------------------- 16 bits in full


def _rawmode(image: ImageFile.ImageFile) -> str:
    """How the decoder will be told to unpack: `RGB;16B` is 16 bits, big-endian."""
    args = image.tile[0].args if image.tile else ""
    first = args if isinstance(args, str) else (args or ("",))[0]
    return first if isinstance(first, str) else ""


def _deep_levels(file: _File, image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]) -> _Levels | None:
    """16-bit color, which Pillow would cut to 8; None when it is not that (or not a kind that can be had whole).

    Pillow keeps one byte of each sample, and its name for the byte order says which. So we decode twice, once with
    the order turned round, and put the bytes together: all of Pillow's checks hold, and every compression it knows.
    """
    profile, rawmode = _profile(image), _rawmode(image)
    if file.kind == "PPM":
        color = _deep_ppm(file.data, image)
        return None if color is None else _Levels(color, None)
    if not _separable(image):
        return None
    if rawmode.startswith("LA"):  # its four bytes per pixel are L, L, A, A: unpack them as if they were RGBA
        pixels = _pixels(image, "RGBA").astype(np.uint16)
        return _Levels((pixels[:, :, 0:1] << 8) | pixels[:, :, 1:2], (pixels[:, :, 2] << 8) | pixels[:, :, 3], profile)
    apart = rawmode.replace("a", "A")  # unpacked as if not premultiplied, for Pillow would divide the bytes one by one
    pixels = (_pixels(image, apart).astype(np.uint16) << 8) | _pixels(again(), _swapped(apart))
    color, alpha = pixels[:, :, :3], pixels[:, :, 3] if pixels.shape[2] == 4 else None
    if alpha is None:
        return _Levels(color, _keyed_alpha(color, image), profile)
    return _Levels(color if apart == rawmode else _unmultiplied(color, alpha), alpha, profile)


def _unmultiplied(color: Shaped[np.ndarray, "h w c"], alpha: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, "h w c"]:
    share = np.maximum(alpha, 1)[:, :, None].astype(np.float64) / 65535
    return np.minimum(np.round(color / share), 65535).astype(np.uint16)


def _separable(image: ImageFile.ImageFile) -> bool:
    """Not when frames are blended: there the low bytes do not come out alone."""
    still = isinstance(image, _Tiff) or (image.format == "PNG" and getattr(image, "n_frames", 1) == 1)
    return still and re.fullmatch(r"(RGB|RGBA|RGBa|RGBX|LA);16[BLN]", _rawmode(image)) is not None


def _pixels(image: ImageFile.ImageFile, rawmode: str) -> Shaped[np.ndarray, "h w c"]:
    def retold(args: Any) -> Any:
        return rawmode if isinstance(args, str) else (rawmode, *args[1:])

    image.tile = [tile._replace(args=retold(tile.args)) for tile in image.tile]
    return np.array(image)


def _swapped(rawmode: str) -> str:
    native = "L" if sys.byteorder == "little" else "B"
    order = native if rawmode[-1] == "N" else rawmode[-1]
    return rawmode[:-1] + {"L": "B", "B": "L"}[order]


def _deep_ppm(data: bytes, image: ImageFile.ImageFile) -> Shaped[np.ndarray, "h w 3"] | None:
    tile = image.tile[0]
    if tile.codec_name != "ppm" or image.mode != "RGB" or tile.args[-1] < 256:  # pyright: ignore
        return None
    most = int(tile.args[-1])  # pyright: ignore
    samples = np.frombuffer(data, ">u2", image.width * image.height * 3, tile.offset)
    color = np.round(samples.astype(np.float64) * (65535 / most)).clip(0, 65535).astype(np.uint16)
    return color.reshape(image.height, image.width, 3)


def _lost_depth(name: str, image: ImageFile.ImageFile) -> tuple[str, ...]:
    if ";16" not in _rawmode(image) or image.mode.startswith("I"):
        return ()
    return (f"{name}: 16 bits of this kind ({_rawmode(image)}) are read as 8",)


# ------------------------------------------------------------------------------------------- levels into a picture


def _upright(levels: _Levels, image: Image.Image) -> _Levels:
    """EXIF orientation, applied to a loaded picture. (Pillow turns a TIFF while loading and then drops the tag.)"""
    turn = _TURNS.get(_orientation(image))
    if turn is None:
        return levels
    return levels._replace(color=turn(levels.color), alpha=None if levels.alpha is None else turn(levels.alpha))


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # a camera's broken notes are no reason to refuse its picture
        return 1


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: np.rot90,
}


def _to_srgb(levels: _Levels, name: str) -> tuple[Float[Tensor, "3 h w"], tuple[str, ...]]:
    color, profile = levels.color, levels.profile
    if profile is None or color.dtype.kind == "f":
        return _planes(color), ()
    try:
        shape = icc.shaper(profile)
        if shape is None:
            return _planes(_eight_bit_through_tables(color, profile)), _halved(name, color)
        if icc.is_srgb(shape):
            return _planes(color), ()
        inks = np.broadcast_to(color, (*color.shape[:2], icc.channels(shape)))
        return _planes(inks, icc.converter(shape, color.dtype)), ()
    except (ImageCms.PyCMSError, OSError, ValueError, ArithmeticError):
        return _planes(color), (_broken_profile(name),)


def _eight_bit_through_tables(color: Shaped[np.ndarray, "h w c"], profile: bytes) -> Shaped[np.ndarray, "h w 3"]:
    eight = color if color.dtype == np.uint8 else ((color.astype(np.uint32) + 128) // 257).astype(np.uint8)
    gray = profile[16:20] == b"GRAY"
    image = Image.fromarray(eight[:, :, 0]) if eight.shape[2] == 1 else Image.fromarray(np.ascontiguousarray(eight))
    return np.array(icc.through_tables(image if gray else image.convert("RGB"), profile))


def _halved(name: str, color: Shaped[np.ndarray, "h w c"]) -> tuple[str, ...]:
    sixteen = color.dtype == np.uint16
    return (f"{name}: its ICC profile is made of tables, so its 16 bits are read as 8",) if sixteen else ()


def _broken_profile(name: str) -> str:
    return f"{name}: broken ICC profile ignored, taken as sRGB"


def _scaled(levels: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """A fresh float32 array in 0..1: division rather than a product, so that the top level is exactly 1."""
    if levels.dtype.kind == "f":
        return np.array(levels, np.float32, order="C")
    out = np.empty(levels.shape, np.float32)
    return np.divide(levels, np.float32(np.iinfo(levels.dtype).max), out=out)


def _planes(
    color: Shaped[np.ndarray, "h w c"],
    convert: Callable[[Shaped[np.ndarray, "c rows w"]], Float[np.ndarray, "c rows w"]] = _scaled,
) -> Float[Tensor, "3 h w"]:
    """Converted in bands of rows; one channel stands for all three."""
    out = disk.empty((3, *color.shape[:2]))
    for rows in (box.rows for box in bands(color.shape[:2])):
        out[:, rows] = torch.from_numpy(convert(color[rows].transpose(2, 0, 1)))
        let_go(out)
    return out


def _luminance(color: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w"]:
    r, g, b = color[:, :, 0], color[:, :, -1] if color.shape[2] == 1 else color[:, :, 1], color[:, :, -1]
    if (r == g).all() and (g == b).all():
        return r  # gray stays exact
    return (color @ np.array([0.2126, 0.7152, 0.0722], np.float32)).clip(0, 1)


def _flat(color: Shaped[np.ndarray, "h w c"]) -> bool:
    return bool((color == color[0, 0]).all())


# ------------------------------------------------------------------------------------------------------- recipes


def _recipe(image: Image.Image) -> str | None:
    if isinstance(image, PngImagePlugin.PngImageFile):
        return image.text.get(RECIPE_KEY)
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if not isinstance(comment, bytes):
        return None
    text = comment[8:].decode("utf-16" if comment.startswith(b"UNICODE\0") else "ascii", errors="replace")
    key, _, recipe = text.partition("\n")
    return recipe if key == RECIPE_KEY else None
