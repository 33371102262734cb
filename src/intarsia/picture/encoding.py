"""Pictures as the bytes of a file.

PNG and TIFF are written in bands of rows, from top to bottom, straight into the file, so that a large picture has no
second one of its kind in memory. Pillow writes the others, and has them whole: four bytes a pixel.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from PIL import Image
from torch import Tensor

from intarsia.large import bands, let_go
from intarsia.picture.icc import srgb_profile
from intarsia.picture.reading import EXIF_IFD, RECIPE_KEY, USER_COMMENT

Band = Shaped[np.ndarray, "h w c"]  # uint8 or uint16; c is 3, or 4 with alpha

_JPEG_EXIF_ROOM = 65_000  # an APP1 segment ends at 65 533 bytes, and the tags around the text take some
_TIFF_ROOM = 2**32 - 2**24  # bytes of strips, with some room for what stands behind them
_STRIP = 64  # rows


class CannotHold(Exception):
    """The format has no room for this picture."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture, clamped to 0..1 and rounded to levels of so many bits, a band at a time. on_white: laid on it where
    it is transparent."""

    image: Float[Tensor, "3 h w"]
    alpha: Float[Tensor, "h w"] | None = None
    depth: int = 8
    on_white: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[2]

    @property
    def channels(self) -> int:
        return 3 if self.alpha is None or self.on_white else 4

    def bands(self) -> Iterator[tuple[slice, Band]]:
        """From top to bottom, with their rows."""
        for rows in (box.rows for box in bands(self.size)):
            yield rows, self.band(rows)
            let_go(self.image)

    def band(self, rows: slice) -> Band:
        most, kind = (255, np.uint8) if self.depth == 8 else (65535, np.uint16)
        band = _held(self.image[:, rows])
        if self.alpha is not None:
            cover = _held(self.alpha[None, rows])
            band = band * cover + (1 - cover) if self.on_white else np.concatenate([band, cover])
        return np.ascontiguousarray(np.round(band * np.float32(most)).transpose(1, 2, 0)).astype(kind)

    def whole(self) -> Image.Image:
        """In 8 bits."""
        h, w = self.size
        out = Image.new("RGB" if self.channels == 3 else "RGBA", (w, h))
        for rows, band in self.bands():
            out.paste(Image.fromarray(band), (0, rows.start))
        return out


def _held(part: Float[Tensor, "c h w"]) -> Float[np.ndarray, "c h w"]:
    return part.detach().float().clamp(0, 1).cpu().numpy()


def encode(stream: io.BufferedIOBase, kind: str, pixels: Pixels, recipe: str | None, quality: int) -> None:
    """Into a stream at its beginning, which can seek. Raises CannotHold, and what the stream raises."""
    if kind == "PNG":
        _png(stream, pixels, recipe)
    elif kind == "TIFF":
        _tiff(stream, pixels, recipe)
    else:
        stream.write(_through_pillow(kind, pixels, recipe, quality))


def _through_pillow(kind: str, pixels: Pixels, recipe: str | None, quality: int) -> memoryview:
    file = io.BytesIO()
    try:
        pixels.whole().save(file, kind.upper(), **_options(kind, recipe, quality))
    except (OSError, ValueError) as fault:
        raise CannotHold(str(fault)) from fault
    return file.getbuffer()


def _options(kind: str, recipe: str | None, quality: int) -> dict[str, Any]:
    profile: dict[str, Any] = {"icc_profile": srgb_profile()}
    if kind in ("BMP", "PPM"):
        return profile
    # full resolution for color too: borders between regions are often borders of color alone
    sharp = {"JPEG": {"subsampling": 0}, "AVIF": {"subsampling": "4:4:4"}, "WebP": {"exact": True}}[kind]
    comment = b"" if recipe is None else _comment(recipe)
    fits = comment and (kind != "JPEG" or len(comment) <= _JPEG_EXIF_ROOM)
    return profile | sharp | {"quality": quality} | ({"exif": _exif(comment)} if fits else {})


def _comment(recipe: str) -> bytes:
    """EXIF's UserComment: eight bytes that name the character code, then the text; its first line says it is ours."""
    text = f"{RECIPE_KEY}\n{recipe}"
    return b"ASCII\0\0\0" + text.encode() if text.isascii() else b"UNICODE\0" + text.encode("utf-16")


def _exif(comment: bytes) -> bytes:
    exif = Image.Exif()
    exif[EXIF_IFD] = {USER_COMMENT: comment}
    return exif.tobytes()


# -------------------------------------------------------------------------------------------------------------- PNG


def _png(stream: io.BufferedIOBase, pixels: Pixels, recipe: str | None) -> None:
    """Of both depths; Pillow cannot write 16-bit color. Source: PNG specification, second edition."""
    (h, w), bytes_per_pixel = pixels.size, pixels.channels * pixels.depth // 8
    stream.write(b"\x89PNG\r\n\x1a\n")
    color = {3: 2, 4: 6}[pixels.channels]
    stream.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, pixels.depth, color, 0, 0, 0)))
    stream.write(_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile())))
    if recipe is not None:  # not compressed: Pillow, rightly wary of bombs, gives no compressed text beyond a megabyte
        stream.write(_chunk(b"iTXt", RECIPE_KEY.encode() + b"\0\0\0\0\0" + recipe.encode()))
    deflate = zlib.compressobj(strategy=zlib.Z_FILTERED)
    above = np.zeros(w * bytes_per_pixel, np.uint8)
    for _, band in pixels.bands():
        lines = band.astype(band.dtype.newbyteorder(">")).view(np.uint8).reshape(len(band), -1)
        if data := deflate.compress(_filtered(lines, above, bytes_per_pixel).data):
            stream.write(_chunk(b"IDAT", data))
        above = lines[-1]
    stream.write(_chunk(b"IDAT", deflate.flush()))
    stream.write(_chunk(b"IEND", b""))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))


def _filtered(
    lines: UInt8[np.ndarray, "h n"], above: UInt8[np.ndarray, " n"], step: int
) -> UInt8[np.ndarray, "h n_and_1"]:
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


def _cost(differences: UInt8[np.ndarray, "h n"]) -> Shaped[np.ndarray, " h"]:
    return np.minimum(differences, 0 - differences).sum(1, dtype=np.int64)


def _paeth(
    left: UInt8[np.ndarray, "h n"], up: UInt8[np.ndarray, "h n"], corner: UInt8[np.ndarray, "h n"]
) -> UInt8[np.ndarray, "h n"]:
    """Of the three neighbors the one nearest to left + up - corner; in this order where they are as near."""
    a, b, c = (one.astype(np.int16) for one in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where(to_up <= to_corner, up, corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)


# ------------------------------------------------------------------------------------------------------------- TIFF


def _tiff(stream: io.BufferedIOBase, pixels: Pixels, recipe: str | None) -> None:
    """Deflated, of both depths; the directory comes last, when the strips are known. Source: TIFF 6.0, section 2."""
    (h, w), channels = pixels.size, pixels.channels
    stream.write(b"II*\0" + bytes(4))
    starts, sizes = [], []
    for top in range(0, h, _STRIP):
        strip = pixels.band(slice(top, top + _STRIP))
        let_go(pixels.image)
        starts.append(stream.tell())
        sizes.append(stream.write(zlib.compress(strip.astype(strip.dtype.newbyteorder("<")).data)))
        if stream.tell() > _TIFF_ROOM:
            raise CannotHold("it ends at 4 GiB")
    stream.write(bytes(stream.tell() % 2))
    tags = {256: _longs(w), 257: _longs(h), 258: _shorts(*[pixels.depth] * channels), 259: _shorts(8), 262: _shorts(2)}
    tags |= {273: _longs(*starts), 277: _shorts(channels), 278: _longs(_STRIP), 279: _longs(*sizes), 284: _shorts(1)}
    tags |= {} if channels == 3 else {338: _shorts(2)}  # the fourth channel is alpha, not multiplied in
    tags |= {34675: _Value(7, srgb_profile())}
    if recipe is not None:
        tags[EXIF_IFD] = _longs(_directory(stream, {USER_COMMENT: _Value(7, _comment(recipe))}))
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
