"""The samples of a TIFF's gray, RGB and CMYK, of every depth and order, as levels.

tifffile reads them, and knows every layout. What it would fill in silently, strips that are missing, is checked first.
Source: TIFF 6.0, sections 4 to 6, 16, 18 and 19.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped
from PIL import Image
from tifffile import TiffPage

from intarsia.picture.levels import Levels, white_of
from intarsia.picture.modes import as_profile, from_floats, from_inks

Values = Shaped[np.ndarray, "h w c"]

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _INKS = 0, 1, 2, 5  # PhotometricInterpretation
_COLORS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _INKS: 4}  # samples
_SIGNED = 2  # SampleFormat
_OLD_JPEG = 6  # Compression
_JPEG = (_OLD_JPEG, 7, 34892)  # Compression: the old kind, the new one, and that of raw files
_BILEVEL = (1, 2, 3, 4)  # Compression: none, where the size shows whether it is true, and fax
_OF_PICTURES = (2, 3, 4, 6, 7, 34892, 50001)  # Compression: fax, JPEG, WebP, which are more than samples
_BITS, _PHOTOMETRIC = 258, 262
_NUMBERS = (256, 257, 259, _PHOTOMETRIC, 277, 278, 284, 317, 322, 323)  # tags of one number each
_MOST_SPARE = 1.125  # times the size that a strip must have, up to which it may have more
_SLACK = 3  # bytes by which a strip may be longer than it need be
_ORIENTATION, _LARGEST, _INK_SET, _PROFILE = 274, 281, 332, 34675
_MULTIPLIED, _ALPHA = 1, 2  # ExtraSamples
_TWELVE = 2**12 - 1


def has_samples(page: TiffPage) -> bool:
    """Whether `levels_of` reads it; Pillow has palettes, YCbCr, Lab, fax and JPEG."""
    coded = page.compression in _OF_PICTURES and page.bitspersample in (1, 8)
    return page.photometric in _COLORS and not coded


def check_header(page: TiffPage) -> None:
    """Raises ValueError. Readers take the usual value for a tag that is missing or makes no sense, and so may see
    another picture. The old kind of JPEG says these things in its own header."""
    if page.compression == _OLD_JPEG:
        return
    values = {tag: page.tags.valueof(tag) for tag in _NUMBERS}
    odd = [tag for tag, value in values.items() if value is not None and (not isinstance(value, int) or value < 0)]
    if odd or page.tags.valueof(_PHOTOMETRIC) is None or page.planarconfig not in (1, 2) or page.samplesperpixel < 1:
        raise ValueError("its header says nothing that can be")
    bits = page.tags.valueof(_BITS, (1,) if page.compression in _BILEVEL else ())
    bits = bits if isinstance(bits, tuple) else (bits,)
    if len(bits) != page.samplesperpixel or set(bits) != {page.bitspersample}:
        raise ValueError("its header gives no number of bits for each of its samples, or several")


def orientation_of(page: TiffPage) -> int:
    turn = page.tags.valueof(_ORIENTATION)
    return turn if isinstance(turn, int) else 1


def is_lossy(page: TiffPage) -> bool:
    return page.compression in _JPEG


def levels_of(page: TiffPage, name: str) -> Levels:
    """As it lies in the file, not turned. Raises ValueError, and what tifffile raises, for what is broken."""
    _check_whole(page)
    spare = _spare_bytes(page, name) if page.compression == 1 else ()
    values, colors = _pixels(page), _COLORS[page.photometric]
    if values.shape[2] < colors or page.tags.valueof(_INK_SET) not in (None, 1):
        raise ValueError("its samples are not those of its kind of color")
    kind, place = _alpha_of(page, colors)
    alpha = None if place is None else values[:, :, place]
    color, alpha, notices = _leveled(page, values[:, :, :colors], alpha, name)
    notices = spare + notices
    if kind == _MULTIPLIED and alpha is not None:
        color = _divided(color, alpha)
    if page.photometric == _WHITE_IS_ZERO:
        color = white_of(color) - color
    levels = Levels(color, alpha, as_profile(page.tags.valueof(_PROFILE)), notices)
    return _without_inks(levels, name) if colors == 4 else levels


def _check_whole(page: TiffPage) -> None:
    """tifffile takes a strip that is not there for an empty one, and reads on behind one that is too short."""
    places, sizes = page.dataoffsets, page.databytecounts
    end = page.parent.filehandle.size
    if page.imagedepth != 1:
        raise ValueError("a volume of several layers")
    if not len(places) == len(sizes) == int(np.prod(page.chunked)):
        raise ValueError("its strips do not cover the picture, or more than it")
    if any(size <= 0 or place <= 0 or place + size > end for place, size in zip(places, sizes, strict=True)):
        raise ValueError("a strip is missing or cut off")


def _spare_bytes(page: TiffPage, name: str) -> tuple[str, ...]:
    """What is not compressed has the size that the header says; the last strip may be padded to that of the others.
    The notice that there is a little more. Raises ValueError for less, and for much more: then the header is wrong."""
    together, planes = (page.samplesperpixel, 1) if page.planarconfig == 1 else (1, page.samplesperpixel)
    width = page.tilewidth if page.is_tiled else page.imagewidth
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    last = rows if page.is_tiled else (page.imagelength - 1) % rows + 1
    row = math.ceil(width * together * page.bitspersample / 8)
    strips = len(page.databytecounts) // planes
    least = [row * (last if i % strips == 0 else rows) for i in range(1, strips * planes + 1)]
    if any(size < few for size, few in zip(page.databytecounts, least, strict=True)):
        raise ValueError("its strips are smaller than its header says")
    most = max(page.databytecounts)
    if most > _MOST_SPARE * row * rows + _SLACK:
        raise ValueError("its strips are larger than its header says")
    more = most > row * rows + _SLACK
    return (f"{name}: its strips hold more bytes than its header says; they are read as it says",) if more else ()


def _pixels(page: TiffPage) -> Values:
    values = page.asarray(squeeze=False, maxworkers=1)  # (planes, 1, h, w, samples that lie together)
    return np.moveaxis(values[:, 0, :, :, 0], 0, -1) if page.planarconfig == 2 else values[0, 0]


def _alpha_of(page: TiffPage, colors: int) -> tuple[int, int | None]:
    """The kind of the first sample behind the color that is transparency, and its place."""
    extra: Sequence[int] = page.extrasamples
    return next(((kind, colors + i) for i, kind in enumerate(extra) if kind in (_MULTIPLIED, _ALPHA)), (0, None))


def _leveled(
    page: TiffPage, color: Values, alpha: Shaped[np.ndarray, "h w"] | None, name: str
) -> tuple[Values, Shaped[np.ndarray, "h w"] | None, tuple[str, ...]]:
    """Both as uint8, uint16, or floats in 0..1."""
    if color.dtype.kind not in "uibf":
        raise ValueError(f"samples of the kind {color.dtype}")
    if color.dtype.kind == "f":
        floats = from_floats(color.astype(np.float32), name)
        return floats.color, None if alpha is None else alpha.astype(np.float32).clip(0, 1), floats.notices
    white, notices = _white(page, color, name)
    full = 2**page.bitspersample - 1
    above = alpha is not None and int(alpha.max()) > white
    kept = None if alpha is None else _spread(alpha, full if above else white)
    return _spread(color, white), kept, notices


def _white(page: TiffPage, color: Values, name: str) -> tuple[int, tuple[str, ...]]:
    """The level that is white, and what had to be decided about it."""
    bits, low, high = page.bitspersample, int(color.min()), int(color.max())
    full, told = 2**bits - 1, _told_white(page, high)
    if low < 0 or (page.sampleformat == _SIGNED and high > 65535):
        raise ValueError(f"integers from {low} to {high}, where 16 bits hold 0 to 65535")
    if bits < 16:
        return full, ()
    if told is not None:
        return told, (f"{name}: its largest sample value is noted as {told}, which is taken as white",)
    if bits == 16 and page.sampleformat != _SIGNED:
        dark = 0 < high <= _TWELVE and page.photometric != _WHITE_IS_ZERO
        text = (
            f"{name}: its 16-bit samples reach only up to {high} of 65535. If it comes out too dark, scale them first"
        )
        return full, (text,) if dark else ()
    if high <= 65535:
        return 65535, (f"{name}: its {bits}-bit samples, which reach up to {high}, are taken as numbers of 16 bits",)
    if high > full // 2:
        return full, ()
    return high, (f"{name}: its {bits}-bit samples, which reach up to {high}, were scaled so that this is white",)


def _told_white(page: TiffPage, high: int) -> int | None:
    """MaxSampleValue, where it says that 16 bits hold 9 to 15."""
    told = page.tags.valueof(_LARGEST)
    largest = max(told, default=0) if isinstance(told, tuple) else told
    if page.bitspersample != 16 or not isinstance(largest, int) or largest < high:
        return None
    return largest if largest in [2**bits - 1 for bits in range(9, 16)] else None


def _spread(values: Shaped[np.ndarray, "..."], white: int) -> Shaped[np.ndarray, "..."]:
    """As uint8 where that is exact, else uint16."""
    most, kind = (255, np.uint8) if white <= 255 and 255 % white == 0 else (65535, np.uint16)
    if white == most:
        return values.astype(kind)
    return np.round(values.astype(np.float64) * (most / white)).clip(0, most).astype(kind)


def _divided(color: Values, alpha: Shaped[np.ndarray, "h w"]) -> Values:
    """As it was before it was multiplied by its alpha."""
    most = white_of(color)
    share = alpha[:, :, None].astype(np.float64) / most
    divided = np.minimum(color / np.maximum(share, 1 / 65535), most)
    return (divided if color.dtype.kind == "f" else np.round(divided)).astype(color.dtype)


def _without_inks(levels: Levels, name: str) -> Levels:
    """CMYK as sRGB, of 8 bits as its profiles are."""
    eight, halved = levels.color, ()
    if eight.dtype != np.uint8:
        eight = np.round(eight.astype(np.float64) * (255 / white_of(eight))).astype(np.uint8)
        halved = (f"{name}: CMYK of more than 8 bits is read as 8",)
    color = from_inks(Image.fromarray(np.ascontiguousarray(eight), "CMYK"), levels.profile, name)
    alpha = levels.alpha
    if alpha is not None and alpha.dtype != np.uint8:
        alpha = np.round(alpha.astype(np.float64) * (255 / white_of(alpha))).astype(np.uint8)
    return color._replace(alpha=alpha, notices=levels.notices + halved + color.notices)
