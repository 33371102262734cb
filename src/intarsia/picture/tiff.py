"""TIFF of 8 and 16 bits, deflated, written in strips of rows. Source: TIFF 6.0, section 2."""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from intarsia.large import let_go
from intarsia.picture.directories import SIZES
from intarsia.picture.icc import srgb_profile
from intarsia.picture.metadata import GPS_IFD, Metadata
from intarsia.picture.pixels import CannotHold, Pixels
from intarsia.picture.recipes import EXIF_IFD, comment

_ROOM = 2**32 - 2**24  # bytes of strips, with some room for what stands behind them
_STRIP = 64  # rows


class Entry(NamedTuple):
    """kind: of the numbers, as TIFF counts them; length: how many; data: these, little-endian."""

    kind: int
    length: int
    data: bytes


def write_tiff(stream: io.BufferedIOBase, pixels: Pixels, recipe: str | None, metadata: Metadata) -> None:
    """Into a stream at its beginning, which can seek. Raises CannotHold beyond 4 GiB."""
    (h, w), channels = pixels.size, pixels.channels
    stream.write(b"II*\0" + bytes(4))
    starts, sizes = _write_strips(stream, pixels)
    shorts = {258: [pixels.depth] * channels, 259: [8], 262: [2], 277: [channels], 284: [1]}
    shorts |= {} if channels == 3 else {338: [2]}  # the fourth channel is alpha, not multiplied in
    longs = {256: [w], 257: [h], 273: starts, 278: [_STRIP], 279: sizes}
    told = metadata.tags(None if recipe is None else comment(recipe))
    for directory in (EXIF_IFD, GPS_IFD):
        if inner := told.pop(directory, None):
            longs[directory] = [_write_directory(stream, _entries(inner, directory))]
    entries = _entries(told) | {34675: _entry(srgb_profile())}
    entries |= {tag: _entry(np.array(numbers, "u2")) for tag, numbers in shorts.items()}
    entries |= {tag: _entry(np.array(numbers, "u4")) for tag, numbers in longs.items()}
    at = _write_directory(stream, entries)
    stream.seek(4)
    stream.write(struct.pack("<I", at))


def _write_strips(stream: io.BufferedIOBase, pixels: Pixels) -> tuple[list[int], list[int]]:
    """Where each begins, and its bytes."""
    starts, sizes = [], []
    for top in range(0, pixels.size[0], _STRIP):
        strip = pixels.band(slice(top, top + _STRIP))
        let_go(pixels.image)
        starts.append(stream.tell())
        sizes.append(stream.write(zlib.compress(strip.astype(strip.dtype.newbyteorder("<")).data)))
        if stream.tell() > _ROOM:
            raise CannotHold("it ends at 4 GiB")
    stream.write(bytes(stream.tell() % 2))
    return starts, sizes


def _entry(numbers: UInt[np.ndarray, " n"] | bytes) -> Entry:
    if isinstance(numbers, bytes):
        return Entry(7, len(numbers), numbers)
    kind = {"u2": 3, "u4": 4}[numbers.dtype.str[1:]]
    return Entry(kind, len(numbers), numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())


def _entries(tags: Mapping[int, Any], directory: int | None = None) -> dict[int, Entry]:
    """Of values as Pillow has them: it writes them, and we take its directory apart."""
    written = ImageFileDirectory_v2(group=directory)
    for tag, value in tags.items():
        written[tag] = value
    data = written.tobytes(0)
    found = {}
    for i in range(struct.unpack_from("<H", data)[0]):
        tag, kind, count, place = struct.unpack_from("<HHI4s", data, 2 + 12 * i)
        size = count * SIZES[kind]
        start = int.from_bytes(place, "little")
        found[tag] = Entry(kind, count, place[:size] if size <= 4 else data[start : start + size])
    return found


def _write_directory(stream: io.BufferedIOBase, entries: Mapping[int, Entry]) -> int:
    """Writes what does not fit into the entries, then these, in order of their tags; gives the position of these. They
    come last so that a file without its end shows that it is one."""
    table = b""
    for tag, (kind, count, data) in sorted(entries.items(), key=lambda item: item[0]):
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack("<I", stream.tell())
            stream.write(data + bytes(len(data) % 2))
        table += struct.pack("<HHI", tag, kind, count) + place
    at = stream.tell()
    stream.write(struct.pack("<H", len(entries)) + table + bytes(4))
    return at
