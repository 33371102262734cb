"""What a photograph tells of itself, from its file into that of its painting: EXIF, of whichever format.

Not carried: the orientation, for the picture is upright by now; thumbnails, which show what was not painted; sizes and
color spaces, which are the new file's own; the notes of camera makers, which only fit the place where they stood.
Source: EXIF 2.32, sections 4.6.4 to 4.6.6; PNG 3, sections 11.3.3 and 11.3.4.
"""

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from PIL import Image, PngImagePlugin

from intarsia.picture.recipes import EXIF_IFD, USER_COMMENT, is_ours

GPS_IFD = 0x8825
Policy = Literal["safe", "keep", "none"]
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
_DATE, _ARTIST, _COPYRIGHT, _AUTHOR_OF_WINDOWS = 306, 315, 33432, 40093
_SAFE = (_DATE, _ARTIST, _COPYRIGHT, _AUTHOR_OF_WINDOWS, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)
_KEPT = (*_SAFE, 270, 271, 272, 305, 316, 18246, 18249, 40091, 40092, 40094, 40095)  # description, camera, rating, ...
_DATES = (36867, 36868, 36880, 36881, 36882, 37520, 37521, 37522)  # taken, digitized, time zones, parts of seconds
_OWN = (37500, 40961, 40962, 40963, 40965)  # of the old file: notes of the maker, color space, size, interoperability
_MOST_BYTES = 8000  # of one value; a longer one is no name and no date
_TEXTS = {"Author": _ARTIST, "Copyright": _COPYRIGHT}  # of PNG


@dataclass(frozen=True)
class Metadata:
    """Values by the numbers of their tags. main: of the picture; exif: of how it was taken; place: where."""

    main: Mapping[int, Any] = field(default_factory=dict)
    exif: Mapping[int, Any] = field(default_factory=dict)
    place: Mapping[int, Any] = field(default_factory=dict)

    def kept(self, policy: Policy) -> "Metadata":
        """safe: author, copyright, date and resolution, and nothing of the place; keep: all; none: nothing."""
        if policy == "none":
            return Metadata()
        return self if policy == "keep" else Metadata(_among(self.main, _SAFE), _among(self.exif, _DATES))

    def __bool__(self) -> bool:
        return bool(self.main or self.exif or self.place)

    @property
    def dots_per_inch(self) -> tuple[float, float] | None:
        across, down = self.main.get(X_RESOLUTION), self.main.get(Y_RESOLUTION)
        if across is None or down is None:
            return None
        inch = 2.54 if self.main.get(RESOLUTION_UNIT) == 3 else 1
        return float(across) * inch, float(down) * inch

    def tags(self, comment: bytes | None = None) -> dict[int, Any]:
        """As Pillow writes them, those of EXIF and place within. comment: EXIF's UserComment, in place of an earlier
        one."""
        exif = {**self.exif, **({} if comment is None else {USER_COMMENT: comment})}
        return {**self.main, **({EXIF_IFD: exif} if exif else {}), **({GPS_IFD: self.place} if self.place else {})}

    def exif_bytes(self, comment: bytes | None = None) -> bytes:
        """From the header of its TIFF on."""
        exif = Image.Exif()
        exif.update(self.tags(comment))
        return exif.tobytes().removeprefix(b"Exif\0\0")


def metadata_of(image: Image.Image) -> Metadata:
    """Of an opened picture. What is broken, or of a kind that cannot be written again, is passed over: it is no reason
    to refuse a picture."""
    exif = Image.Exif()
    with suppress(Exception):
        exif = image.getexif()
    extra: dict[int, Any] = {}
    with suppress(Exception):
        extra = _resolution(image) | (_texts(image.text) if isinstance(image, PngImagePlugin.PngImageFile) else {})
    return _gathered(exif, extra)


def metadata_of_tiff(data: bytes) -> Metadata:
    """Of the first directory."""
    exif = Image.Exif()
    with suppress(Exception):
        exif.load_from_fp(io.BytesIO(data))
    return _gathered(exif, {})


def _gathered(exif: Image.Exif, extra: dict[int, Any]) -> Metadata:
    """extra: what the format says in its own way, where EXIF does not."""
    main = _writable(extra) | _writable(_among(_entries(exif), _KEPT))
    if not _is_resolution(main):
        main = {tag: value for tag, value in main.items() if tag not in (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)}
    taken = {tag: value for tag, value in _entries(exif, EXIF_IFD).items() if tag not in _OWN}
    if is_ours(taken.get(USER_COMMENT)):  # the recipe of an earlier painting
        del taken[USER_COMMENT]
    return Metadata(main, _writable(taken, EXIF_IFD), _writable(_entries(exif, GPS_IFD), GPS_IFD))


def _among(tags: Mapping[int, Any], names: tuple[int, ...]) -> dict[int, Any]:
    return {tag: value for tag, value in tags.items() if tag in names}


def _entries(exif: Image.Exif, directory: int | None = None) -> dict[int, Any]:
    found: dict[int, Any] = {}
    with suppress(Exception):
        found = dict(exif if directory is None else exif.get_ifd(directory))
    return {tag: _as_read(value) for tag, value in found.items()}


def _as_read(value: Any) -> Any:
    """Text that is not ASCII as the bytes that it was: Pillow reads them as Latin letters, and would write ?."""
    return value if not isinstance(value, str) or value.isascii() else value.encode("latin-1", "replace")


def _writable(tags: Mapping[int, Any], directory: int | None = None) -> dict[int, Any]:
    return {tag: value for tag, value in tags.items() if _can_be_written(tag, value, directory)}


def _can_be_written(tag: int, value: Any, directory: int | None) -> bool:
    exif = Image.Exif()
    try:
        exif[tag if directory is None else directory] = value if directory is None else {tag: value}
        return not isinstance(value, dict) and len(exif.tobytes()) < _MOST_BYTES
    except Exception:  # whatever Pillow finds in a stranger's values
        return False


def _is_resolution(main: Mapping[int, Any]) -> bool:
    """Of inches or centimeters, and one that can be."""
    try:
        values = [float(main[X_RESOLUTION]), float(main[Y_RESOLUTION])]
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return False
    return main.get(RESOLUTION_UNIT, 2) in (2, 3) and all(1 < value < 1e6 for value in values)


def _resolution(image: Image.Image) -> dict[int, Any]:
    """As JFIF, PNG and BMP say it. Pillow gives every JPEG that does not one of 72."""
    dots = image.info.get("dpi")
    if not dots or (image.format == "JPEG" and image.info.get("jfif_unit") not in (1, 2)):
        return {}
    return {X_RESOLUTION: round(float(dots[0]), 2), Y_RESOLUTION: round(float(dots[1]), 2), RESOLUTION_UNIT: 2}


def _texts(texts: Mapping[str, str]) -> dict[int, Any]:
    found: dict[int, Any] = {tag: texts[key].encode() for key, tag in _TEXTS.items() if texts.get(key)}
    if (date := _parsed(texts.get("Creation Time", ""))) is not None:
        found[_DATE] = f"{date:%Y:%m:%d %H:%M:%S}".encode()
    return found


def _parsed(date: str) -> datetime | None:
    """As mails write it, which PNG recommends, or ISO 8601."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        with suppress(ValueError, TypeError):
            return parse(date)
    return None
