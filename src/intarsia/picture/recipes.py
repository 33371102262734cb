"""Recipes inside pictures: the PNG text "intarsia"; a comment in EXIF whose first line says that it is ours; or, where
EXIF has no room for it, which in a JPEG ends at 64 KB, comments of JPEG that together are one."""

import re
import struct

import numpy as np
from PIL import Image, JpegImagePlugin, PngImagePlugin
from torch import Tensor

from intarsia.picture.files import Source, load
from intarsia.picture.frames import MAX_PIXELS, decoding, first_frame

KEY = "intarsia"
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
_PART = 65_000  # bytes of recipe in a segment, which ends at 65 533


def read_recipe(source: Source) -> str | None:
    """The recipe text that `write` put into a picture; None if there is none. Raises PictureError as `read` does."""
    if isinstance(source, np.ndarray | Tensor):
        return None
    if isinstance(source, Image.Image):
        return _recipe(source)
    file = load(source)
    with decoding(file.name, file.kind):
        return _recipe(first_frame(file, MAX_PIXELS))


def comment(recipe: str) -> bytes:
    """EXIF's UserComment: eight bytes that name the character code, then the text."""
    text = f"{KEY}\n{recipe}"
    return b"ASCII\0\0\0" + text.encode() if text.isascii() else b"UNICODE\0" + text.encode("utf-16")


def jpeg_comments(recipe: str) -> bytes:
    """Segments, each with the key, its number and how many there are before its part of the text."""
    text = recipe.encode()
    parts = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    heads = (f"{KEY} {i}/{len(parts)}\n".encode() for i in range(1, len(parts) + 1))
    return b"".join(
        b"\xff\xfe" + struct.pack(">H", 2 + len(head) + len(part)) + head + part
        for head, part in zip(heads, parts, strict=True)
    )


def is_ours(note: object) -> bool:
    """Whether an EXIF comment is a recipe."""
    return isinstance(note, bytes) and _of_comment(note) is not None


def _recipe(image: Image.Image) -> str | None:
    if isinstance(image, PngImagePlugin.PngImageFile):
        return image.text.get(KEY)
    found = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    recipe = _of_comment(found) if isinstance(found, bytes) else None
    return _of_segments(image) if recipe is None and isinstance(image, JpegImagePlugin.JpegImageFile) else recipe


def _of_comment(found: bytes) -> str | None:
    text = found[8:].decode("utf-16" if found.startswith(b"UNICODE\0") else "ascii", errors="replace")
    key, _, recipe = text.partition("\n")
    return recipe if key == KEY else None


def _of_segments(image: JpegImagePlugin.JpegImageFile) -> str | None:
    """None also where one of them is missing."""
    told = [re.match(rb"intarsia (\d{1,6})/(\d{1,6})\n", data) for name, data in image.applist if name == "COM"]
    parts = {int(one[1]): one.string[one.end() :] for one in told if one is not None}
    count = next((int(one[2]) for one in told if one is not None), 0)
    if not parts or sorted(parts) != list(range(1, count + 1)):
        return None
    return b"".join(parts[i] for i in sorted(parts)).decode("utf-8", "replace")
