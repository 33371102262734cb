"""Pictures into files that are whole or not there at all, with the recipe that made them inside."""

import errno
import io
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from intarsia.errors import OutputError, UsageError, unknown
from intarsia.large import bands, let_go
from intarsia.picture.encoding import CannotHold, Pixels, encode

_KINDS = {
    "png": "PNG",
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "webp": "WebP",
    "tif": "TIFF",
    "tiff": "TIFF",
    "avif": "AVIF",
    "bmp": "BMP",
    "ppm": "PPM",
}
SUFFIXES = tuple(_KINDS)  # of the formats that `write` knows
_PART = ".intarsia-"  # how the names of half-written files begin
_DEEP = ("PNG", "TIFF")
_OPAQUE = ("JPEG", "BMP", "PPM")
_MOST_SIDE = {"JPEG": 65_500, "WebP": 16_383, "AVIF": 65_536}  # pixels that the format, or its encoder, can hold


# ---------------------------------------------------------------------------------------------------- public


def write(
    target: str | os.PathLike[str],
    image: Float[Tensor, "3 h w"],
    *,
    alpha: Float[Tensor, "h w"] | None = None,
    depth: int = 8,
    recipe: str | None = None,
    quality: int = 95,
    format: str | None = None,
) -> None:
    """Write a picture (sRGB, clamped to 0..1); what was at `target` before is replaced only by a complete file.

    `target` is a path or "-" for standard output. The format comes from `format`, else from the suffix (png, jpg,
    jpeg, webp, tif, tiff, avif, bmp, ppm), else, for "-", it is png. `depth` 16 can go into PNG and TIFF. `quality`
    (1 to 100) counts for JPEG, WebP and AVIF. JPEG, BMP and PPM know no transparency: there the picture is laid on
    white. An sRGB profile is embedded, except in BMP and PPM, which have no room for it.

    `recipe` goes into the PNG text "intarsia" or the EXIF comment of JPEG, WebP, TIFF and AVIF; `read_recipe` gets it
    back. It is left out, without a word, of BMP and PPM, which cannot hold it, and of a JPEG when it is longer than
    the 65 000 bytes that fit there.

    Raises UsageError for a format that is not known, OutputError when the picture cannot be written as asked;
    BrokenPipeError from standard output passes through.
    """
    kind = _kind(target, format)
    _check_values(target, kind, image, depth, quality)
    pixels = Pixels(image, alpha, depth, on_white=kind in _OPAQUE)
    try:
        if target == "-":
            file = io.BytesIO()
            encode(file, kind, pixels, recipe, quality)
            sys.stdout.buffer.write(file.getbuffer())
            sys.stdout.buffer.flush()
        else:
            atomic_write(Path(target), lambda stream: encode(stream, kind, pixels, recipe, quality))
    except CannotHold as fault:
        h, w = pixels.size
        raise OutputError(f"{target}: {kind} cannot hold this picture of {w} x {h} ({fault}). Try png.") from fault


def write_map(target: str | os.PathLike[str], one_map: Float[Tensor, "h w"]) -> None:
    """Write a map (clamped to 0..1) as gray PNG, replaced as a whole like a picture: of 8 bits where these hold it
    exactly, as they do for hard masks, else of 16. `read_map` gets it back to 1/131,070. Raises OutputError."""
    if not bool(one_map.isfinite().all()):
        raise OutputError(f"{target}: the map holds values that are not finite, so nothing was written.")
    values = one_map.detach().clamp(0, 1).cpu().numpy().astype(np.float64)
    coarse = np.round(values * 255)
    exact = bool((np.abs(coarse / 255 - values) < 1e-6).all())
    gray = Image.fromarray(coarse.astype(np.uint8) if exact else np.round(values * 65535).astype(np.uint16))
    file = io.BytesIO()
    gray.save(file, "PNG")
    atomic_write(Path(target), file.getvalue())


def check_target(target: str | os.PathLike[str], sources: Iterable[Any], in_place: bool = False) -> None:
    """Before the painting starts: could `write(target, ...)` work, and would it spare the `sources`?

    Sources that are not paths of existing files (arrays, "-", swatches) are passed over. Raises UsageError for an
    unknown suffix or a target that is also a source (unless `in_place`), OutputError for a folder that is missing or
    cannot be written to, or a target that is itself no ordinary file.
    """
    _kind(target, None)
    if target == "-":
        return
    path = Path(os.path.realpath(target))
    _check_ordinary(target, path)
    _check_folder(target, path.parent)
    twin = next((source for source in sources if _same_file(path, source)), None)
    if twin is not None and not in_place:
        raise UsageError(
            f"{target}: this is also the input {twin}, which the result would replace. Choose another name, or say "
            "--in-place."
        )


def check_size(target: str | os.PathLike[str], size: tuple[int, int]) -> None:
    """Before the painting starts: can the format of `target` hold a picture of `size` (h, w)? Raises UsageError."""
    kind = _kind(target, None)
    most = _MOST_SIDE.get(kind, 2**31 - 1)
    if max(size) > most:
        raise UsageError(
            f"{target}: {kind} holds up to {most} pixels a side, and the picture is {size[1]} x {size[0]}. "
            "Choose png or tif, or a smaller --size."
        )


def to_pil(image: Float[Tensor, "3 h w"], alpha: Float[Tensor, "h w"] | None = None) -> Image.Image:
    """The picture in 8 bits, RGB, or RGBA when there is an alpha."""
    return Pixels(image, alpha).whole()


def atomic_write(target: Path, data: bytes | Callable[[io.BufferedWriter], object]) -> None:
    """`data` as the file `target`, whole or not at all; or what a function writes to the stream that it is given.

    A temporary file beside it is filled, brought to the disk and renamed, so a full disk, a crash or Ctrl-C leaves
    what was there before. Litter is left only by a process that is killed, and `sweep` takes it away. A symbolic link
    stays, and what it points to is replaced. The new file has the permissions of any newly made one. Raises
    OutputError.
    """
    path = Path(os.path.realpath(target))
    _check_ordinary(target, path)
    temporary = _part(path.parent)
    try:
        _fill(temporary, data)
        os.replace(temporary, path)
    except BaseException as fault:
        with suppress(OSError):  # the folder itself may be missing
            temporary.unlink()
        if isinstance(fault, OSError):
            raise OutputError(_why_not_written(target, fault)) from fault
        raise
    _sync_folder(path.parent)


def sweep(folders: Iterable[str | os.PathLike[str]]) -> None:
    """Away with the half-written files of processes that were killed; not with those that are being written."""
    for folder in folders:
        for part in Path(folder).glob(f"{_PART}*.part"):
            with suppress(OSError):
                if not _is_being_written(part):
                    part.unlink()


# ------------------------------------------------------------------------------------------------------ checks


def _kind(target: str | os.PathLike[str], format: str | None) -> str:
    name = "" if target == "-" else Path(target).suffix
    asked = (format or name or ("png" if target == "-" else "")).lower().removeprefix(".")
    if not asked:
        raise UsageError(f"{target}: the name has no suffix to tell the format. Add one of: {_list(_KINDS)}.")
    if asked not in _KINDS:
        raise UsageError(f"{target}: " + unknown("picture format", asked, _KINDS))
    return _KINDS[asked]


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _check_values(
    target: str | os.PathLike[str], kind: str, image: Float[Tensor, "3 h w"], depth: int, quality: int
) -> None:
    if not 1 <= quality <= 100:
        raise UsageError(f"a quality of {quality} does not exist. Choose from 1 to 100.")
    if depth not in (8, 16):
        raise UsageError(f"a depth of {depth} bits cannot be written. Choose 8 or 16.")
    if depth == 16 and kind not in _DEEP:
        raise OutputError(f"{target}: {kind} holds 8 bits per channel, not 16. {' and '.join(_DEEP)} can hold 16.")
    if not all(_finite(box.of(image)) for box in bands((image.shape[1], image.shape[2]))):
        raise OutputError(f"{target}: the picture holds values that are not finite, so nothing was written.")


def _finite(part: Float[Tensor, "3 h w"]) -> bool:
    finite = bool(torch.isfinite(part).all())
    let_go(part)
    return finite


def _check_ordinary(target: str | os.PathLike[str], path: Path) -> None:
    if path.is_dir():
        raise OutputError(f"{target}: this is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise OutputError(f"{target}: this is a device or a pipe, not a file. Use - for standard output.")


def _check_folder(target: str | os.PathLike[str], folder: Path) -> None:
    """By making a file there: permissions alone do not tell about read-only disks and odd file systems."""
    sweep([folder])
    trial = _part(folder)
    try:
        _fill(trial, b"")
        trial.unlink()
    except OSError as fault:
        raise OutputError(_why_not_written(target, fault)) from fault


def _same_file(path: Path, source: Any) -> bool:
    if not isinstance(source, str | os.PathLike) or source == "-":
        return False
    try:
        return os.path.samefile(path, source)
    except (OSError, ValueError):  # one of them is not there, or its name is no path at all
        return False


# -------------------------------------------------------------------------------------------------- the file system


def _part(folder: Path) -> Path:
    return folder / f"{_PART}{secrets.token_hex(6)}.part"


def _is_being_written(part: Path) -> bool:
    """Told by the lock on it, which goes with its process. Windows lets nobody remove a file that is open."""
    if fcntl is None:
        return False
    with open(part, "rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _fill(path: Path, data: bytes | Callable[[io.BufferedWriter], object]) -> None:
    """A new file with the permissions that `open` would give it (tempfile's are 0600)."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    with open(path, "wb", opener=lambda name, _: os.open(name, flags, 0o666)) as stream:
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(stream, fcntl.LOCK_EX)
        data(stream) if callable(data) else stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """So that the new name outlives a power cut. Where folders cannot be synced, the file is there all the same."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _why_not_written(target: str | os.PathLike[str], fault: OSError) -> str:
    folder = Path(os.path.realpath(target)).parent
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{target}: no room on the disk. What was there is untouched. Free some, or write to another folder."
    if not folder.exists():
        return f"{target}: the folder {folder} does not exist. Make it first, or choose another."
    if not folder.is_dir():
        return f"{target}: {folder} is a file, not a folder. Choose another place."
    reason = fault.strerror or str(fault)
    return f"{target}: the folder {folder} cannot be written to ({reason}). Choose another, or change its permissions."
