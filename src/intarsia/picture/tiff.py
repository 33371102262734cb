"""TIFF of 8 and 16 bits, deflated, written in strips of rows. Source: TIFF 6.0, section 2."""

import io
import struct
import zlib

import numpy as np
from jaxtyping import UInt

from intarsia.large import let_go
from intarsia.picture.icc import srgb_profile
from intarsia.picture.pixels import CannotHold, Pixels
from intarsia.picture.recipes import EXIF_IFD, USER_COMMENT, comment

_ROOM = 2**32 - 2**24  # bytes of strips, with some room for what stands behind them
_STRIP = 64  # rows
_TYPES = {"u1": 7, "u2": 3, "u4": 4}  # bytes, numbers of two bytes, of four


def write_tiff(stream: io.BufferedIOBase, pixels: Pixels, recipe: str | None) -> None:
    """Into a stream at its beginning, which can seek. Raises CannotHold beyond 4 GiB."""
    (h, w), channels = pixels.size, pixels.channels
    stream.write(b"II*\0" + bytes(4))
    starts, sizes = _write_strips(stream, pixels)
    shorts = {258: [pixels.depth] * channels, 259: [8], 262: [2], 277: [channels], 284: [1]}
    shorts |= {} if channels == 3 else {338: [2]}  # the fourth channel is alpha, not multiplied in
    longs = {256: [w], 257: [h], 273: starts, 278: [_STRIP], 279: sizes}
    if recipe is not None:
        longs[EXIF_IFD] = [_directory(stream, {USER_COMMENT: np.frombuffer(comment(recipe), "u1")})]
    tags = {tag: np.array(numbers, "u2") for tag, numbers in shorts.items()}
    tags |= {tag: np.array(numbers, "u4") for tag, numbers in longs.items()}
    at = _directory(stream, tags | {34675: np.frombuffer(srgb_profile(), "u1")})
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


def _directory(stream: io.BufferedIOBase, tags: dict[int, UInt[np.ndarray, " n"]]) -> int:
    """Writes what does not fit into the entries, then these, in order of their tags; gives the position of these. They
    come last so that a file without its end shows that it is one."""
    entries = b""
    for tag, numbers in sorted(tags.items(), key=lambda item: item[0]):
        data = numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack("<I", stream.tell())
            stream.write(data + bytes(len(data) % 2))
        entries += struct.pack("<HHI", tag, _TYPES[numbers.dtype.str[1:]], len(numbers)) + place
    at = stream.tell()
    stream.write(struct.pack("<H", len(tags)) + entries + bytes(4))
    return at
