"""PNG of 8 and 16 bits, in bands of rows. Source: PNG specification, second edition."""

import io
import struct
import zlib

import numpy as np
from jaxtyping import Shaped, UInt8

from intarsia.picture.icc import srgb_profile
from intarsia.picture.metadata import Metadata
from intarsia.picture.pixels import Pixels
from intarsia.picture.recipes import KEY

Lines = UInt8[np.ndarray, "h n"]


def write_png(stream: io.BufferedIOBase, pixels: Pixels, recipe: str | None, metadata: Metadata) -> None:
    """Into a stream at its beginning. Pillow cannot write 16-bit color."""
    (h, w), bytes_per_pixel = pixels.size, pixels.channels * pixels.depth // 8
    stream.write(b"\x89PNG\r\n\x1a\n")
    color = {3: 2, 4: 6}[pixels.channels]
    stream.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, pixels.depth, color, 0, 0, 0)))
    stream.write(_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile())))
    if (dots := metadata.dots_per_inch) is not None:
        stream.write(_chunk(b"pHYs", struct.pack(">IIB", *(round(one / 0.0254) for one in dots), 1)))
    if metadata:
        stream.write(_chunk(b"eXIf", metadata.exif_bytes()))
    if recipe is not None:  # not compressed: Pillow gives no compressed text beyond a megabyte
        stream.write(_chunk(b"iTXt", KEY.encode() + b"\0\0\0\0\0" + recipe.encode()))
    deflate = zlib.compressobj(strategy=zlib.Z_FILTERED)
    above = np.zeros(w * bytes_per_pixel, np.uint8)
    for rows in pixels.rows():
        band = pixels.band(rows)
        lines = band.astype(band.dtype.newbyteorder(">")).view(np.uint8).reshape(len(band), -1)
        if data := deflate.compress(_filtered(lines, above, bytes_per_pixel).data):
            stream.write(_chunk(b"IDAT", data))
        above = lines[-1]
    stream.write(_chunk(b"IDAT", deflate.flush()))
    stream.write(_chunk(b"IEND", b""))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _filtered(lines: Lines, above: UInt8[np.ndarray, " n"], step: int) -> UInt8[np.ndarray, "h n_and_1"]:
    """Every line as the differences, modulo 256, from the best of five predictions: the one with the smallest sum of
    absolute differences (sections 9 and 12.8). step: bytes from a byte to the same one of the pixel to the left."""
    up = np.concatenate([above[None], lines[:-1]])
    left, corner = np.zeros_like(lines), np.zeros_like(lines)
    left[:, step:], corner[:, step:] = lines[:, :-step], up[:, :-step]
    average = ((left.astype(np.uint16) + up) >> 1).astype(np.uint8)
    best = np.zeros((len(lines), 1 + lines.shape[1]), np.uint8)
    best[:, 1:] = lines
    least = _cost(lines)
    for number, predicted in enumerate((left, up, average, _paeth(left, up, corner)), 1):
        differences = lines - predicted
        cost = _cost(differences)
        better = cost < least
        best[better, 0], best[better, 1:], least[better] = number, differences[better], cost[better]
    return best


def _cost(differences: Lines) -> Shaped[np.ndarray, " h"]:
    return np.minimum(differences, 0 - differences).sum(1, dtype=np.int64)


def _paeth(left: Lines, up: Lines, corner: Lines) -> Lines:
    """Of the three neighbors the one nearest to left + up - corner; in this order where they are as near."""
    a, b, c = (one.astype(np.int16) for one in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
