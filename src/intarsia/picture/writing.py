"""Pictures into files, with the recipe that made them inside.

PNG and TIFF are written in bands of rows, straight into the file. Pillow writes the others, and has them whole: four
bytes a pixel.
"""

import io
import sys
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from intarsia.errors import OutputError, UsageError
from intarsia.picture.atomic import atomic_write
from intarsia.picture.icc import srgb_profile
from intarsia.picture.metadata import Metadata
from intarsia.picture.pixels import CannotHold, Pixels
from intarsia.picture.png import write_png
from intarsia.picture.recipes import comment, jpeg_comments
from intarsia.picture.targets import OPAQUE, Target, kind_of_target, tell_losses
from intarsia.picture.tiff import write_tiff

_DEEP = ("PNG", "TIFF")
_NOTHING = Metadata()
_JPEG_ROOM = 65_000  # bytes of EXIF: its segment ends at 65 533


def write(
    target: Target,
    image: Float[Tensor, "3 h w"],
    *,
    alpha: Float[Tensor, "h w"] | None = None,
    depth: int = 8,
    recipe: str | None = None,
    metadata: Metadata = _NOTHING,
    quality: int = 95,
    format: str | None = None,
) -> None:
    """Write a picture (sRGB, clamped to 0..1); what was at `target` before is replaced only by a complete file.

    `target` is a path or "-" for standard output. The format comes from `format`, else from the suffix (png, jpg,
    jpeg, webp, tif, tiff, avif, bmp, ppm), else, for "-", it is png. `depth` 16 can go into PNG and TIFF. `quality`
    (1 to 100) counts for JPEG, WebP and AVIF. JPEG, BMP and PPM know no transparency: there the picture is laid on
    white. An sRGB profile is embedded, except in BMP and PPM, which have no room for it.

    `recipe` goes into the PNG text "intarsia" or the EXIF comment of JPEG, WebP, TIFF and AVIF; in a JPEG, when it is
    longer than the 65 000 bytes that fit there, into comments of the JPEG itself. `read_recipe` gets it back.
    `metadata`, as a picture was `read` with it, goes into EXIF, its resolution also to where the format has it. BMP and
    PPM cannot hold these. What is lost is told by a notice (see `tell_losses`).

    Raises UsageError for a format that is not known, OutputError when the picture cannot be written as asked;
    BrokenPipeError from standard output passes through.
    """
    kind = kind_of_target(target, format)
    pixels = Pixels(image, alpha, depth, on_white=kind in OPAQUE)
    _check(target, kind, pixels, quality)
    tell_losses(target, format, alpha=is_seen_through(alpha), notes=recipe is not None or bool(metadata))
    extras = Extras(recipe, metadata, quality)
    try:
        if target == "-":
            file = io.BytesIO()
            _encode(file, kind, pixels, extras)
            _to_standard_output(file)
        else:
            atomic_write(Path(target), lambda stream: _encode(stream, kind, pixels, extras))
    except CannotHold as fault:
        h, w = pixels.size
        raise OutputError(f"{target}: {kind} cannot hold this picture of {w} x {h} ({fault}). Try png.") from fault


def _to_standard_output(file: io.BytesIO) -> None:
    try:
        sys.stdout.buffer.write(file.getbuffer())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise OutputError(
            f"standard output cannot be written to ({fault.strerror}). Free some room, or name a file."
        ) from fault


def is_seen_through(alpha: Float[Tensor, "h w"] | None) -> bool:
    """Whether any place of a picture with this alpha, if it has one, is transparent."""
    return alpha is not None and bool(alpha.min() < 1)


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


class Extras(NamedTuple):
    """What is written beside the pixels."""

    recipe: str | None
    metadata: Metadata
    quality: int


def _encode(stream: io.BufferedIOBase, kind: str, pixels: Pixels, extras: Extras) -> None:
    """Into a stream at its beginning, which can seek. Raises CannotHold, and what the stream raises."""
    if kind == "PNG":
        write_png(stream, pixels, extras.recipe, extras.metadata)
    elif kind == "TIFF":
        write_tiff(stream, pixels, extras.recipe, extras.metadata)
    else:
        stream.write(_through_pillow(kind, pixels, extras))


def _through_pillow(kind: str, pixels: Pixels, extras: Extras) -> memoryview:
    file = io.BytesIO()
    try:
        pixels.whole().save(file, kind.upper(), **_options(kind, extras))
    except (OSError, ValueError) as fault:
        raise CannotHold(str(fault)) from fault
    return file.getbuffer()


def _options(kind: str, extras: Extras) -> dict[str, Any]:
    profile: dict[str, Any] = {"icc_profile": srgb_profile()}
    dots = extras.metadata.dots_per_inch
    density = {"dpi": dots} if dots and kind in ("JPEG", "BMP") else {}
    if kind in ("BMP", "PPM"):
        return profile | density
    # full resolution for color too: borders between regions are often borders of color alone
    sharp = {"JPEG": {"subsampling": 0}, "AVIF": {"subsampling": "4:4:4"}, "WebP": {"exact": True}}[kind]
    return profile | sharp | density | _notes(kind, extras) | {"quality": extras.quality}


def _notes(kind: str, extras: Extras) -> dict[str, bytes]:
    recipe, metadata = extras.recipe, extras.metadata
    if recipe is None:
        return {"exif": b"Exif\0\0" + metadata.exif_bytes()} if metadata else {}
    exif = b"Exif\0\0" + metadata.exif_bytes(comment(recipe))
    if kind != "JPEG" or len(exif) <= _JPEG_ROOM:
        return {"exif": exif}
    return _notes(kind, extras._replace(recipe=None)) | {"extra": jpeg_comments(recipe)}
