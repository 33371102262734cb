"""Files of strangers: where their bytes come from, and which of seven formats they are.

The order of the checks is the safety: the first bytes say the format (never the suffix), the header says how big the
picture would be (see `frames`), and only then a decoder runs.
"""

import difflib
import io
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from intarsia.errors import PictureError

# str or path, "-", bytes, binary file object, PIL.Image, numpy array or torch tensor: what `read` can take
Source = Any

KINDS = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "WebP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "AVIF": rb"....ftyp(avif|avis|mif1|msf1)",
    "BMP": rb"BM",
    "PPM": rb"P[1-6f][\s#]",
}
OTHERS = {
    "a GIF": rb"GIF8",
    "a HEIC photo": rb"....ftyp(hei|hev)",
    "a JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a PDF": rb"%PDF",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "an SVG or other XML": rb"(\xef\xbb\xbf)?\s*<",
    "a Photoshop document": rb"8BPS",
}
HEAD = 32  # bytes that tell the format


class File(NamedTuple):
    name: str
    kind: str  # one of KINDS
    data: bytes


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """What the first bytes of a file say that it is: PNG, JPEG, WebP, TIFF, AVIF, BMP or PPM; None for all else, and
    for a file that cannot be opened. Two bytes are all that tells BMP and PPM, so a text may pass for one."""
    try:
        with open(path, "rb") as stream:
            return _told(KINDS, stream.read(HEAD))
    except (OSError, ValueError):
        return None


def name_of(source: Source) -> str:
    """What messages call it."""
    if isinstance(source, str | os.PathLike):
        return "standard input" if source == "-" else os.fspath(source)
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or "the image")
    if isinstance(source, bytes | bytearray | memoryview):
        return "the bytes"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the picture"


def load(source: Source) -> File:
    """All bytes of a path, "-", bytes or a binary file object. Raises PictureError."""
    name = name_of(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return _checked(io.BytesIO(source), name)
    if isinstance(source, str) and source == "-":
        return _checked(sys.stdin.buffer, name)
    if isinstance(source, str | os.PathLike):
        try:
            with open(source, "rb") as stream:
                return _checked(stream, name)
        except (OSError, ValueError) as fault:  # ValueError: a null byte in the path
            raise PictureError(_why_not_opened(name, fault)) from fault
    if hasattr(source, "read"):
        return _checked(source, name)
    raise PictureError(f"a {type(source).__name__} is no picture. Give a path, bytes, an image, an array or a tensor.")


def _checked(stream: Any, name: str) -> File:
    """The whole stream, once its first bytes have shown a kind that we read: no gigabytes of something else."""
    head = stream.read(HEAD)
    if not isinstance(head, bytes):
        raise PictureError(f"{name}: opened as text. Open it in binary mode ('rb').")
    if not head:
        raise PictureError(f"{name}: the file is empty. Save or download it again.")
    kind, other = _told(KINDS, head), _told(OTHERS, head)
    if kind is None:
        fact = f"this is {other}, which we do not read" if other else "this is no picture of a kind that we read"
        raise PictureError(f"{name}: {fact}. Convert it to one of {', '.join(KINDS)}.")
    return File(name, kind, head + stream.read())


def _told(kinds: Mapping[str, bytes], head: bytes) -> str | None:
    return next((kind for kind, magic in kinds.items() if re.match(magic, head, re.DOTALL)), None)


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
