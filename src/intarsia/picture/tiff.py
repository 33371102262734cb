"""TIFF of 8 and 16 bits, deflated, written in strips of rows; the directory comes last, when the strips are known.
Source: TIFF 6.0, section 2."""

import io
import struct
import zlib
from typing import NamedTuple

from intarsia import scratch
from intarsia.picture.icc import srgb_profile
from intarsia.picture.pixels import CannotHold, Pixels
from intarsia.picture.recipes import EXIF_IFD, USER_COMMENT, comment

_ROOM = 2**32 - 2**24  # bytes of strips, with some room for what stands behind them
_STRIP = 64  # rows


def write_tiff(stream: io.BufferedIOBase, pixels: Pixels, recipe: str | None) -> None:
    """Into a stream at its beginning, which can seek. Raises CannotHold beyond 4 GiB."""
    (h, w), channels = pixels.size, pixels.channels
    stream.write(b"II*\0" + bytes(4))
    starts, sizes = [], []
    for top in range(0, h, _STRIP):
        strip = pixels.band(slice(top, top + _STRIP))
        scratch.let_go(pixels.image)
        starts.append(stream.tell())
        sizes.append(stream.write(zlib.compress(strip.astype(strip.dtype.newbyteorder("<")).data)))
        if stream.tell() > _ROOM:
            raise CannotHold("it ends at 4 GiB")
    stream.write(bytes(stream.tell() % 2))
    tags = {256: _longs(w), 257: _longs(h), 258: _shorts(*[pixels.depth] * channels), 259: _shorts(8), 262: _shorts(2)}
    tags |= {273: _longs(*starts), 277: _shorts(channels), 278: _longs(_STRIP), 279: _longs(*sizes), 284: _shorts(1)}
    tags |= {} if channels == 3 else {338: _shorts(2)}  # the fourth channel is alpha, not multiplied in
    tags |= {34675: _Value(7, srgb_profile())}
    if recipe is not None:
        tags[EXIF_IFD] = _longs(_directory(stream, {USER_COMMENT: _Value(7, comment(recipe))}))
    at = _directory(stream, tags)
    stream.seek(4)
    stream.write(struct.pack("<I", at))


class _Value(NamedTuple):
    """Of a tag. kind: 3 for numbers of two bytes, 4 for those of four, 7 for bytes."""

    kind: int
    data: bytes


def _shorts(*numbers: int) -> _Value:
    return _Value(3, struct.pack(f"<{len(numbers)}H", *numbers))


def _longs(*numbers: int) -> _Value:
    return _Value(4, struct.pack(f"<{len(numbers)}I", *numbers))


def _directory(stream: io.BufferedIOBase, tags: dict[int, _Value]) -> int:
    """Writes what does not fit into the entries, then these, in order of their tags; gives the position of these. They
    come last so that a file without its end shows that it is one."""
    entries = b""
    for tag, (kind, data) in sorted(tags.items()):
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack("<I", stream.tell())
            stream.write(data + bytes(len(data) % 2))
        entries += struct.pack("<HHI", tag, kind, len(data) // {3: 2, 4: 4, 7: 1}[kind]) + place
    at = stream.tell()
    stream.write(struct.pack("<H", len(tags)) + entries + bytes(4))
    return at
