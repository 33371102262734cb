"""The modes of Pillow (palettes, gray, alpha, CMYK, integers, floats) as levels."""

import numpy as np
from jaxtyping import Shaped
from PIL import Image

from intarsia.errors import PictureError
from intarsia.large import bands
from intarsia.picture import icc
from intarsia.picture.levels import Levels


def from_pillow(image: Image.Image, name: str) -> Levels:
    """Of whatever mode, at the frame where it stands."""
    image.load()
    profile = profile_of(image)
    if image.mode.startswith("I;16"):
        color = np.array(image).astype(np.uint16)[:, :, None]
        return Levels(color, keyed_alpha(color, image), profile)
    if image.mode == "I":
        return Levels(_integers(np.array(image))[:, :, None], None, profile)
    if image.mode == "F":
        return from_floats(np.array(image)[:, :, None], name)
    if image.mode in ("CMYK", "LAB"):
        return from_inks(image, profile, name)
    gray = image.mode in ("1", "L", "LA", "La")
    if not image.has_transparency_data:
        return Levels(_array(image, "L" if gray else "RGB"), None, profile)
    pixels = _array(image, "LA" if gray else "RGBA")
    return Levels(pixels[:, :, :-1], pixels[:, :, -1], profile)


def profile_of(image: Image.Image) -> bytes | None:
    return as_profile(image.info.get("icc_profile"))


def as_profile(profile: object) -> bytes | None:
    """What a file gives as its color profile; a TIFF tag is of any type."""
    return None if not profile else profile if isinstance(profile, bytes) else b"not bytes"


def keyed_alpha(color: Shaped[np.ndarray, "h w c"], image: Image.Image) -> Shaped[np.ndarray, "h w"] | None:
    """PNG's tRNS for 16 bits: one color that stands for transparent."""
    key = image.info.get("transparency")
    return None if key is None else np.where((color == np.array(key)).all(axis=2), 0, 65535).astype(np.uint16)


def from_floats(values: Shaped[np.ndarray, "h w c"], name: str) -> Levels:
    """Stretched into 0..1, with a notice, where they leave it. Raises PictureError where they are not finite."""
    if not np.isfinite(values).all():
        raise PictureError(f"{name}: holds values that are not finite (NaN or infinity). Repair it where it was made.")
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return Levels(values, None)
    notice = f"{name}: its float values, which reach from {low:g} to {high:g}, were scaled to 0..1"
    low, high = min(0.0, low), max(1.0, high)
    return Levels(((values - low) / (high - low)).clip(0, 1).astype(np.float32), None, None, (notice,))


def from_inks(image: Image.Image, profile: bytes | None, name: str) -> Levels:
    """CMYK or Lab as sRGB."""
    if profile is None:
        return Levels(np.array(image.convert("RGB")), None)
    try:
        return Levels(np.array(icc.through_tables(image, profile)), None)
    except icc.BROKEN:
        return Levels(np.array(image.convert("RGB")), None, None, (icc.broken_notice(name),))


def _array(image: Image.Image, mode: str) -> Shaped[np.ndarray, "h w c"]:
    """In bands, since Pillow's own way to an array of another mode takes the whole picture four times."""
    out = np.empty((image.height, image.width, len(mode)), np.uint8)
    for rows in (box.rows for box in bands((image.height, image.width))):
        band = image.crop((0, rows.start, image.width, rows.stop)).convert(mode)
        out[rows] = np.asarray(band).reshape(out[rows].shape)
    return out


def _integers(values: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, "h w"]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ValueError(f"integers from {low} to {high}, where 16 bits hold 0 to 65535")
    return values.astype(np.uint16)
