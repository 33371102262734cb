"""16-bit color of PNG and PPM, which Pillow would cut to 8.

Pillow keeps one byte of each sample, and its name for the byte order says which. So we decode twice, once with the
order turned round, and put the bytes together: all of Pillow's checks hold, and every compression it knows.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import ImageFile

from intarsia.picture.files import File
from intarsia.picture.levels import Levels
from intarsia.picture.modes import keyed_alpha, profile_of


def deep_levels(file: File, image: ImageFile.ImageFile, again: Callable[[], ImageFile.ImageFile]) -> Levels | None:
    """None when it is not 16-bit color (or not of a kind that can be had whole). again: opens the same frame anew."""
    if file.kind == "PPM":
        return _ppm(file.data, image)
    if not _separable(image):
        return None
    rawmode, profile = _rawmode(image), profile_of(image)
    if rawmode.startswith("LA"):  # its four bytes per pixel are L, L, A, A: unpack them as if they were RGBA
        four = _pixels(image, "RGBA")
        pixels = _joined(four[:, :, 0::2], four[:, :, 1::2])
    else:
        pixels = _joined(_pixels(image, rawmode), _pixels(again(), _swapped(rawmode)))
    if pixels.shape[2] == 3:
        return Levels(pixels, keyed_alpha(pixels, image), profile)
    return Levels(pixels[:, :, :-1], pixels[:, :, -1], profile)


def lost_depth(name: str, image: ImageFile.ImageFile) -> tuple[str, ...]:
    """The notice that more bits will be read as 8, if so."""
    bits = image.info.get("bit_depth", 8)  # of HEIC
    if isinstance(bits, int) and bits > 8:
        return (f"{name}: its {bits} bits are read as 8",)
    lost = ";16" in _rawmode(image) and not image.mode.startswith("I")
    return (f"{name}: 16 bits of this kind ({_rawmode(image)}) are read as 8",) if lost else ()


def _rawmode(image: ImageFile.ImageFile) -> str:
    """How the decoder will be told to unpack: `RGB;16B` is 16 bits, big-endian."""
    args = image.tile[0].args if image.tile else ""
    first = args if isinstance(args, str) else (args or ("",))[0]
    return first if isinstance(first, str) else ""


def _separable(image: ImageFile.ImageFile) -> bool:
    """Not when frames are blended: there the low bytes do not come out alone."""
    still = image.format == "PNG" and getattr(image, "n_frames", 1) == 1
    return still and re.fullmatch(r"(RGB|RGBA|LA);16B", _rawmode(image)) is not None


def _pixels(image: ImageFile.ImageFile, rawmode: str) -> UInt8[np.ndarray, "h w c"]:
    def renamed(args: Any) -> Any:
        return rawmode if isinstance(args, str) else (rawmode, *args[1:])

    image.tile = [tile._replace(args=renamed(tile.args)) for tile in image.tile]
    return np.array(image)


def _swapped(rawmode: str) -> str:
    return rawmode.removesuffix("B") + "L"


def _joined(high: UInt8[np.ndarray, "h w c"], low: UInt8[np.ndarray, "h w c"]) -> UInt16[np.ndarray, "h w c"]:
    return (high.astype(np.uint16) << 8) | low


def _ppm(data: bytes, image: ImageFile.ImageFile) -> Levels | None:
    tile = image.tile[0]
    if tile.codec_name != "ppm" or image.mode != "RGB" or tile.args[-1] < 256:  # pyright: ignore
        return None
    most = int(tile.args[-1])  # pyright: ignore
    samples = np.frombuffer(data, ">u2", image.width * image.height * 3, tile.offset)
    color = np.round(samples.astype(np.float64) * (65535 / most)).clip(0, 65535).astype(np.uint16)
    return Levels(color.reshape(image.height, image.width, 3), None)
