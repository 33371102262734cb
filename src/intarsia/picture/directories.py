"""Which of the image directories of a TIFF is the picture.

A TIFF holds a chain of them, and each may hold more below it. Pages are pictures in their own right. Reduced copies (of
a pyramid, or a thumbnail) and masks are not, as their `NewSubfileType` says, or their pixels where it does not. A
camera's raw file is a TIFF too: what can be read of it without developing it is a preview.

Source: TIFF 6.0, section 8; TIFF/EP; DNG 1.6.
"""

import contextlib
import io
import logging
import struct
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePath
from typing import Literal, NamedTuple

from tifffile import TiffFile, TiffPage

from intarsia.errors import PictureError
from intarsia.picture.files import RAW_ADVICE, File

MOST = 65_536  # pages: as many as a TIFF can number
_NO_PAGE = 1 | 4 | 8 | 16  # bits of NewSubfileType: reduced copy, mask, depth, matte
_SENSOR = (32803, 34892)  # PhotometricInterpretation: color filter array, linear raw
_CAMERAS = (32767, 32769, 32770, 34713, 65000, 65535)  # Compression: of Sony, Epson, Samsung, Nikon, Kodak, Pentax
_DNG_VERSION, _CFA_PATTERN = 50706, 33422
_PRIVATE, _PROFILE = 32768, 34675
_LAYOUT = {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339}
_BIG = 43  # the number of BigTIFF
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # bytes
_MARKED = (b"CR\2", b"IIII", b"MMMM")  # behind the header, by Canon and Phase One
_RAW_SUFFIXES = (
    "3fr arw cr2 cr3 crw dcr dng erf fff gpr iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl sr2 srf srw x3f"
)


@contextlib.contextmanager
def opened(file: File) -> Iterator[TiffFile]:
    """What tifffile logs of odd files is not for us: it raises what it cannot read, and we check the rest."""
    logger, here = logging.getLogger("tifffile"), threading.get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(is_of_others)
    try:
        with TiffFile(io.BytesIO(file.data), name="") as tiff:
            yield tiff
    finally:
        logger.removeFilter(is_of_others)


def pages_of(tiff: TiffFile, file: File) -> list[TiffPage]:
    """The pictures in it, at least one. Raises PictureError for a camera's raw file."""
    chain = [page for page in islice(_chain(tiff), MOST) if page.imagewidth and page.imagelength]
    if not chain:
        raise ValueError("no picture in it")
    below = [page for one in chain for page in _below(one)]
    if _is_raw(file, [*chain, *below]):
        raise PictureError(f"{file.name}: this is a camera's raw file, of which only a preview is ready. {RAW_ADVICE}")
    for pages in (chain, below):
        if whole := [page for page in pages if not page.subfiletype & _NO_PAGE]:
            return whole
    return [max(chain, key=area)]


def area(page: TiffPage) -> int:
    return page.imagewidth * page.imagelength


def largest_of_alike(pages: Sequence[TiffPage]) -> TiffPage | None:
    """The largest page, where all others have its shape and are clearly smaller, as copies of it would be."""
    largest = max(pages, key=area)
    w, h = largest.imagewidth, largest.imagelength
    others = [page for page in pages if page is not largest]
    alike = all(
        page.imagewidth < 0.75 * w and abs(page.imagelength - page.imagewidth * h / w) <= 1 + h / w for page in others
    )
    return largest if others and alike else None


def check_tags(file: File, page: TiffPage) -> None:
    """Raises ValueError where the values of a public tag lie beyond the end of the file, or a tag of the layout comes
    twice: readers pass such a tag over, and take for granted what it says."""
    form, seen = _form(file), set()
    (count,) = struct.unpack_from(form.length, file.data, page.offset)
    for i in range(count):
        at = page.offset + struct.calcsize(form.length) + i * struct.calcsize(form.entry)
        tag, kind, number, place = struct.unpack_from(form.entry, file.data, at)
        size = number * SIZES.get(kind, 0)
        start = int.from_bytes(place, form.order)
        if size > len(place) and start + size > len(file.data) and (tag < _PRIVATE or tag == _PROFILE):
            raise ValueError(f"what its tag {tag} says is cut off")
        if tag in seen:
            raise ValueError(f"its tag {tag} comes twice")
        seen |= {tag} & _LAYOUT


def alone(file: File, page: TiffPage) -> File:
    """The file as if this directory were its first: for readers that begin there."""
    form = _form(file)
    first = slice(form.first, form.first + form.offset)
    if int.from_bytes(file.data[first], form.order) == page.offset:
        return file
    place = page.offset.to_bytes(form.offset, form.order)
    return file._replace(data=file.data[: first.start] + place + file.data[first.stop :])


class _Form(NamedTuple):
    """How the numbers of a file are written. first: where the place of the first directory stands, in `offset` bytes;
    length, entry: of a directory, for `struct`."""

    order: Literal["little", "big"]
    first: int
    offset: int
    length: str
    entry: str


def _form(file: File) -> _Form:
    order, sign = ("little", "<") if file.data[:2] == b"II" else ("big", ">")
    if int.from_bytes(file.data[2:4], order) == _BIG:
        return _Form(order, 8, 8, f"{sign}Q", f"{sign}HHQ8s")
    return _Form(order, 4, 4, f"{sign}H", f"{sign}HHI4s")


def _chain(tiff: TiffFile) -> Iterator[TiffPage]:
    """Up to where it ends, or comes back to itself."""
    seen: set[int] = set()
    for page in tiff.pages:
        assert isinstance(page, TiffPage)
        if page.offset in seen:
            return
        seen.add(page.offset)
        yield page


def _below(page: TiffPage) -> list[TiffPage]:
    if not page.subifds:
        return []
    assert page.pages is not None
    return [one for one in islice(page.pages, MOST) if isinstance(one, TiffPage)]


def _is_raw(file: File, pages: Sequence[TiffPage]) -> bool:
    named = PurePath(file.name).suffix.lower().removeprefix(".") in _RAW_SUFFIXES.split()
    marked = file.data[8:11] == _MARKED[0] or file.data[8:12] in _MARKED[1:]
    return named or marked or any(_is_of_a_sensor(page) for page in pages)


def _is_of_a_sensor(page: TiffPage) -> bool:
    by_tags = any(tag in page.tags for tag in (_DNG_VERSION, _CFA_PATTERN))
    return by_tags or page.photometric in _SENSOR or page.compression in _CAMERAS
