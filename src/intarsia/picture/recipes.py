"""Recipes inside pictures: the PNG text "intarsia", or a comment in EXIF whose first line says that it is ours."""

import numpy as np
from PIL import Image, PngImagePlugin
from torch import Tensor

from intarsia.picture.files import Source, load
from intarsia.picture.frames import MAX_PIXELS, decoding, first_frame

KEY = "intarsia"
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286


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


def exif(recipe: str) -> bytes:
    """EXIF that holds nothing else."""
    tags = Image.Exif()
    tags[EXIF_IFD] = {USER_COMMENT: comment(recipe)}
    return tags.tobytes()


def _recipe(image: Image.Image) -> str | None:
    if isinstance(image, PngImagePlugin.PngImageFile):
        return image.text.get(KEY)
    found = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if not isinstance(found, bytes):
        return None
    text = found[8:].decode("utf-16" if found.startswith(b"UNICODE\0") else "ascii", errors="replace")
    key, _, recipe = text.partition("\n")
    return recipe if key == KEY else None
