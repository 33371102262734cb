"""Files of strangers: where their bytes come from, which of nine formats they are, and which frame of them is meant.

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
from typing import Any, NamedTuple, cast

from PIL import Image

from intarsia.errors import PictureError

# str or path, "-", bytes, binary file object, PIL.Image, numpy array or torch tensor: what `read` can take
Source = Any

KINDS = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "WebP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "PPM": rb"P[1-6f][\s#]",
}
_BRANDS = {  # of the family of HEIF, which names them in a box at its beginning
    b"avif": "AVIF",
    b"avis": "AVIF",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC"),
}
_CODERS = {b"av01": "AVIF", b"hvc1": "HEIC"}  # types of its items, where only general brands are named
_GENERAL = (b"mif1", b"msf1", b"mif2", b"miaf")
READ = (*KINDS, "AVIF", "HEIC")
RAW = "a camera's raw file"
RAW_ADVICE = "Develop it first, in the camera's own program, darktable or RawTherapee, and save it as TIFF or JPEG."
OTHERS = {
    RAW: rb"....ftypcrx |FUJIFILMCCD-RAW|II(RO|RS|U\0)|MMOR|\0MRM|FOVb|II\x1a\0\0\0HEAPCCDR",
    "a video": rb"....ftyp(isom|iso\d|mp4|qt|M4V|avc1|3gp)",
    "a JPEG XL picture": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a JPEG 2000 picture": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "a PDF": rb"%PDF",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "an SVG or other XML": rb"(\xef\xbb\xbf)?\s*<",
    "a Photoshop document": rb"8BPS",
}
HEAD = 1024  # bytes that tell the format


class File(NamedTuple):
    name: str
    kind: str  # one of READ
    data: bytes
    frame: int | None = None  # that its name asks for, counted from 1


def path_of(name: str) -> str:
    """The file that a name means: `scan.tif` for `scan.tif#2`, its second page, unless a file has that very name."""
    return _parted(name)[0]


def _parted(name: str) -> tuple[str, int | None]:
    """The path, and the number of the frame."""
    found = re.fullmatch(r"(.+)#([0-9]{1,9})", name, re.DOTALL)
    if found is None or not os.path.basename(found[1]) or os.path.lexists(name):
        return name, None
    return found[1], int(found[2])


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """What the first bytes of a file say that it is: PNG, JPEG, WebP, TIFF, AVIF, HEIC, GIF, BMP or PPM; None for all
    else, and for a file that cannot be opened. Two bytes are all that tells BMP and PPM, so a text may pass for one."""
    try:
        with open(path_of(os.fspath(path)), "rb") as stream:
            return _kind(stream.read(HEAD))
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


def standard_input() -> io.BufferedIOBase:
    """Raises PictureError where the process has none."""
    if sys.stdin is None:
        raise PictureError("standard input is closed, so `-` has nothing to read. Name a file.")
    return cast(io.BufferedIOBase, sys.stdin.buffer)


def load(source: Source) -> File:
    """All bytes of a path, with `#2` behind it for its second frame, "-", bytes or a binary file object. Raises
    PictureError."""
    name = name_of(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return _checked(io.BytesIO(source), name)
    if isinstance(source, str) and source == "-":
        return _checked(standard_input(), name)
    if isinstance(source, str | os.PathLike):
        path, frame = _parted(name)
        try:
            with open(path, "rb") as stream:
                return _checked(stream, path)._replace(frame=frame)
        except (OSError, ValueError) as fault:  # ValueError: a null byte in the path
            raise PictureError(_why_not_opened(path, fault)) from fault
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
    if (kind := _kind(head)) is None:
        raise PictureError(f"{name}: {_why_not_read(head)}")
    return File(name, kind, head + stream.read())


def _why_not_read(head: bytes) -> str:
    other = _told(OTHERS, head)
    if other == RAW:
        return f"this is {RAW}. {RAW_ADVICE}"
    fact = f"this is {other}, which we do not read" if other else "this is no picture of a kind that we read"
    return f"{fact}. Convert it to one of {', '.join(READ)}."


def _kind(head: bytes) -> str | None:
    return _told(KINDS, head) or _of_heif(head)


def _of_heif(head: bytes) -> str | None:
    """AVIF or HEIC, by the brands of its first box: the major one, then the compatible ones."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, end, 4))]
    known = next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    if known is None and any(brand in _GENERAL for brand in brands):
        return next((kind for coder, kind in _CODERS.items() if coder in head), "HEIC")
    return known


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
