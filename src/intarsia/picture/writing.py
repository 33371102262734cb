"""Pictures into files, with the recipe that made them inside.

PNG and TIFF are written in bands of rows, straight into the file. Pillow writes the others, and has them whole: four
bytes a pixel.
"""

import io
import sys
from pathlib import Path
from typing import Any

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from intarsia.errors import OutputError, UsageError
from intarsia.picture.atomic import atomic_write
from intarsia.picture.icc import srgb_profile
from intarsia.picture.pixels import CannotHold, Pixels
from intarsia.picture.png import write_png
from intarsia.picture.recipes import exif
from intarsia.picture.targets import Target, kind_of_target
from intarsia.picture.tiff import write_tiff

_DEEP = ("PNG", "TIFF")
_OPAQUE = ("JPEG", "BMP", "PPM")
_JPEG_ROOM = 65_000  # bytes of EXIF: its segment ends at 65 533


def write(
    target: Target,
    image: Float[Tensor, "3 h w"],
    *,
    alpha: Float[Tensor, "h w"] | None = None,
    depth: int = 8,
    recipe: str | None = None,
    quality: int = 95,
    format: str | None = None,
) -> None:
    """Write a picture (sRGB, clamped to 0..1); what was at `target` before is replaced only by a complete file.

    `target` is a path or "-" for standard output. The format comes from `format`, else from the suffix (png, jpg,
    jpeg, webp, tif, tiff, avif, bmp, ppm), else, for "-", it is png. `depth` 16 can go into PNG and TIFF. `quality`
    (1 to 100) counts for JPEG, WebP and AVIF. JPEG, BMP and PPM know no transparency: there the picture is laid on
    white. An sRGB profile is embedded, except in BMP and PPM, which have no room for it.

    `recipe` goes into the PNG text "intarsia" or the EXIF comment of JPEG, WebP, TIFF and AVIF; `read_recipe` gets it
    back. It is left out, without a word, of BMP and PPM, which cannot hold it, and of a JPEG when it is longer than
    the 65 000 bytes that fit there.

    Raises UsageError for a format that is not known, OutputError when the picture cannot be written as asked;
    BrokenPipeError from standard output passes through.
    """
    kind = kind_of_target(target, format)
    pixels = Pixels(image, alpha, depth, on_white=kind in _OPAQUE)
    _check(target, kind, pixels, quality)
    try:
        if target == "-":
            file = io.BytesIO()
            _encode(file, kind, pixels, recipe, quality)
            sys.stdout.buffer.write(file.getbuffer())
            sys.stdout.buffer.flush()
        else:
            atomic_write(Path(target), lambda stream: _encode(stream, kind, pixels, recipe, quality))
    except CannotHold as fault:
        h, w = pixels.size
        raise OutputError(f"{target}: {kind} cannot hold this picture of {w} x {h} ({fault}). Try png.") from fault


def to_pil(image: Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"] | None = None) -> Image.Image:
    """The picture in 8 bits, RGB, or RGBA when there is an alpha."""
    return Pixels(image, alpha).whole()


def _check(target: Target, kind: str, pixels: Pixels, quality: int) -> None:
    if not 1 <= quality <= 100:
        raise UsageError(f"a quality of {quality} does not exist. Choose from 1 to 100.")
    if pixels.depth not in (8, 16):
        raise UsageError(f"a depth of {pixels.depth} bits cannot be written. Choose 8 or 16.")
    if pixels.depth == 16 and kind not in _DEEP:
        raise OutputError(f"{target}: {kind} holds 8 bits per channel, not 16. {' and '.join(_DEEP)} can hold 16.")
    if not pixels.is_finite():
        raise OutputError(f"{target}: the picture holds values that are not finite, so nothing was written.")


def _encode(stream: io.BufferedIOBase, kind: str, pixels: Pixels, recipe: str | None, quality: int) -> None:
    """Into a stream at its beginning, which can seek. Raises CannotHold, and what the stream raises."""
    if kind == "PNG":
        write_png(stream, pixels, recipe)
    elif kind == "TIFF":
        write_tiff(stream, pixels, recipe)
    else:
        stream.write(_through_pillow(kind, pixels, recipe, quality))


def _through_pillow(kind: str, pixels: Pixels, recipe: str | None, quality: int) -> memoryview:
    file = io.BytesIO()
    try:
        pixels.whole().save(file, kind.upper(), **_options(kind, recipe, quality))
    except (OSError, ValueError) as fault:
        raise CannotHold(str(fault)) from fault
    return file.getbuffer()


def _options(kind: str, recipe: str | None, quality: int) -> dict[str, Any]:
    profile: dict[str, Any] = {"icc_profile": srgb_profile()}
    if kind in ("BMP", "PPM"):
        return profile
    # full resolution for color too: borders between regions are often borders of color alone
    sharp = {"JPEG": {"subsampling": 0}, "AVIF": {"subsampling": "4:4:4"}, "WebP": {"exact": True}}[kind]
    note = b"" if recipe is None else exif(recipe)
    fits = note and (kind != "JPEG" or len(note) <= _JPEG_ROOM)
    return profile | sharp | {"quality": quality} | ({"exif": note} if fits else {})
