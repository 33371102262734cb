"""From the color space that an ICC profile describes into sRGB.

Most profiles of pictures (Adobe RGB, Display P3, ProPhoto, gray gammas) are three curves and a matrix. Those we
compute ourselves, in floats, because Pillow's ImageCms has only 8 bits for color and would throw half of a 16-bit
picture away. Profiles made of tables (CMYK, Lab, a few scanners) go through ImageCms.

Source: ICC.1:2010, sections 8.3 (matrix and curve profiles), 10.5 `curv` and 10.15 `para`; relative colorimetric.
"""

import io
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped
from PIL import Image, ImageCms
from torch import Tensor

from intarsia.large import bands, disk, let_go
from intarsia.picture.levels import Levels, scaled

BROKEN = (ImageCms.PyCMSError, OSError, ValueError, ArithmeticError)  # what a broken profile ends in

# linear sRGB to XYZ under D50, the white that profiles connect through, as sRGB profiles themselves write it
_SRGB_TO_XYZ = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
_MOST_TAGS = 1000  # real profiles have some twenty
_SAME = 1.5 / 255  # a profile that moves no color by more than this is sRGB under another maker's name

Curve = Callable[[Float[np.ndarray, "..."]], Float[np.ndarray, "..."]]
Convert = Callable[[Shaped[np.ndarray, "c h w"]], Float32[np.ndarray, "c h w"]]


class Shaper(NamedTuple):
    """A curve per channel, then a matrix into linear sRGB (None for gray: its curve is all there is)."""

    curves: list[Curve]
    matrix: Float[np.ndarray, "3 3"] | None


def to_srgb(levels: Levels, name: str) -> tuple[Float[Tensor, "3 h w"], tuple[str, ...]]:
    """The picture, and the notices of what had to be decided about its profile. Floats are taken as sRGB."""
    color, profile = levels.color, levels.profile
    if profile is None or color.dtype.kind == "f":
        return _planes(color), ()
    try:
        shape = shaper(profile)
        if shape is None:
            return _planes(_eight_bit_through_tables(color, profile)), _halved(name, color)
        if is_srgb(shape):
            return _planes(color), ()
        inks = np.broadcast_to(color, (*color.shape[:2], len(shape.curves)))
        return _planes(inks, converter(shape, color.dtype)), ()
    except BROKEN:
        return _planes(color), (broken_notice(name),)


def broken_notice(name: str) -> str:
    return f"{name}: broken ICC profile ignored, taken as sRGB"


def srgb_profile() -> bytes:
    """The profile that every written picture carries: the same bytes today and tomorrow, so it bears no date."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + profile[36:]


def shaper(profile: bytes) -> Shaper | None:
    """The profile as curves and a matrix; None when it is made of tables. Raises ValueError when it is broken."""
    space, connection, tags = profile[16:20], profile[20:24], _tags(profile)
    if b"A2B0" in tags or connection != b"XYZ ":
        return None
    if space == b"GRAY" and b"kTRC" in tags:
        return Shaper([_curve(tags[b"kTRC"])], None)
    if space == b"RGB " and {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"} <= tags.keys():
        to_xyz = np.stack([_fixed(tags[name], 8, 3) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        curves = [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")]
        return Shaper(curves, np.linalg.inv(_SRGB_TO_XYZ) @ to_xyz)
    return None


def is_srgb(shape: Shaper) -> bool:
    """Whether converting would change nothing that 8 bits can show; then we leave every value exactly as it is."""
    steps = np.round(np.linspace(0, 255, 18)).astype(np.uint8)
    inks = len(shape.curves)
    colors = np.stack(np.meshgrid(*[steps] * inks, indexing="ij")).reshape(inks, -1, 1)
    moved = converter(shape, steps.dtype)(colors) - colors / 255
    return bool(np.abs(moved).max() < _SAME)


def converter(shape: Shaper, dtype: np.dtype) -> Convert:
    """From levels of that type, uint8 or uint16, in the profile's space to sRGB in 0..1; colors outside sRGB are
    clipped to it."""
    tables = [_table(curve, dtype) for curve in shape.curves]

    def to_srgb(levels: Shaped[np.ndarray, "c h w"]) -> Float32[np.ndarray, "c h w"]:
        linear = np.stack([table[plane] for table, plane in zip(tables, levels, strict=True)])
        if shape.matrix is not None:
            linear = np.einsum("ij,jhw->ihw", shape.matrix.astype(np.float32), linear)
        return _encode(linear)

    return to_srgb


def through_tables(image: Image.Image, profile: bytes) -> Image.Image:
    """An 8-bit picture of any mode that the profile fits, as sRGB. Raises ImageCms.PyCMSError or OSError when not."""
    source = ImageCms.getOpenProfile(io.BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None
    return converted


def _planes(color: Shaped[np.ndarray, "h w c"], convert: Convert = scaled) -> Float[Tensor, "3 h w"]:
    """Converted in bands of rows; one channel stands for all three."""
    out = disk.empty((3, *color.shape[:2]))
    for rows in (box.rows for box in bands(color.shape[:2])):
        out[:, rows] = torch.from_numpy(convert(color[rows].transpose(2, 0, 1)))
        let_go(out)
    return out


def _eight_bit_through_tables(color: Shaped[np.ndarray, "h w c"], profile: bytes) -> Shaped[np.ndarray, "h w 3"]:
    eight = color if color.dtype == np.uint8 else ((color.astype(np.uint32) + 128) // 257).astype(np.uint8)
    gray = profile[16:20] == b"GRAY"
    image = Image.fromarray(eight[:, :, 0]) if eight.shape[2] == 1 else Image.fromarray(np.ascontiguousarray(eight))
    return np.array(through_tables(image if gray else image.convert("RGB"), profile))


def _halved(name: str, color: Shaped[np.ndarray, "h w c"]) -> tuple[str, ...]:
    sixteen = color.dtype == np.uint16
    return (f"{name}: its ICC profile is made of tables, so its 16 bits are read as 8",) if sixteen else ()


def _encode(linear: Float32[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _table(curve: Curve, dtype: np.dtype) -> Float32[np.ndarray, " levels"]:
    """The curve at every level that an integer pixel can have: exact, and one look-up per pixel."""
    with np.errstate(all="ignore"):
        table = curve(np.linspace(0, 1, np.iinfo(dtype).max + 1)).astype(np.float32)
    if not np.isfinite(table).all():
        raise ValueError("a curve that leaves the finite numbers")
    return table


def _tags(profile: bytes) -> dict[bytes, memoryview]:
    """Views, not copies: a hostile table can name the same megabytes a million times."""
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise ValueError("not an ICC profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > _MOST_TAGS or 132 + 12 * count > len(profile):
        raise ValueError("tag table cut off")
    rows = [struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(count)]
    if any(offset + size > len(profile) for _, offset, size in rows):
        raise ValueError("tag data cut off")
    view = memoryview(profile)
    return {name: view[offset : offset + size] for name, offset, size in rows}


def _fixed(data: memoryview, offset: int, count: int) -> Float[np.ndarray, " n"]:
    """`count` numbers of ICC's s15Fixed16 kind."""
    return np.frombuffer(data, ">i4", count, offset) / 65536


def _curve(data: memoryview) -> Curve:
    if len(data) < 12 or data[:4] not in (b"curv", b"para"):
        raise ValueError(f"unknown curve {bytes(data[:4])!r}")
    if data[:4] == b"para":
        return _parametric(data)
    (count,) = struct.unpack_from(">I", data, 8)
    entries = np.frombuffer(data, ">u2", count, 12)
    if count == 0:
        return lambda x: x
    if count == 1:
        gamma = entries[0] / 256
        return lambda x: x**gamma
    return lambda x: np.interp(x, np.linspace(0, 1, count), entries / 65535)


def _parametric(data: memoryview) -> Curve:
    """y = (a x + b)^g + e from d on, c x + f before; the five kinds of the standard leave some of these out."""
    (kind,) = struct.unpack_from(">H", data, 8)
    if kind > 4:
        raise ValueError(f"unknown parametric curve {kind}")
    p = _fixed(data, 12, (1, 3, 4, 5, 7)[kind])
    g, a, b, c, d, e, f = (p[0], 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if kind in (1, 2):
        a, b = p[1:3]
        if a == 0:
            raise ValueError("a parametric curve without a slope")
        d = -b / a
        e = f = p[3] if kind == 2 else 0.0
    elif kind == 3:
        a, b, c, d = p[1:]
    elif kind == 4:
        a, b, c, d, e, f = p[1:]
    return lambda x: np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
