"""Where a picture may be written: checked before the painting starts."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from intarsia.errors import UsageError, notice, unknown
from intarsia.picture.atomic import check_place
from intarsia.picture.files import path_of

Target = str | os.PathLike[str]
_FORMATS = ("PNG", "JPEG", "WebP", "TIFF", "AVIF", "BMP", "PPM")
_KINDS = {format.lower(): format for format in _FORMATS} | {"jpg": "JPEG", "tif": "TIFF"}
SUFFIXES = tuple(_KINDS)  # of the formats that `write` knows
OPAQUE = ("JPEG", "BMP", "PPM")
_MUTE = ("BMP", "PPM")  # hold no recipe and no metadata
_MOST_SIDE = {"JPEG": 65_500, "WebP": 16_383, "AVIF": 65_536}  # pixels that the format, or its encoder, can hold


def check_target(target: Target, sources: Iterable[Any], in_place: bool = False) -> None:
    """Could `write(target, ...)` work, and would it spare the `sources`?

    Sources that are not paths of existing files (arrays, "-", swatches) are passed over. Raises UsageError for an
    unknown suffix or a target that is also a source (unless `in_place`), OutputError for a folder that is missing or
    cannot be written to, or a target that is itself no ordinary file.
    """
    kind_of_target(target)
    if target != "-":
        check_spared(target, sources, in_place)


def check_spared(target: Target, sources: Iterable[Any], in_place: bool = False) -> None:
    """The same of a file of any kind."""
    check_place(Path(target))
    same = next((source for source in sources if _same_file(Path(target), source)), None)
    if same is not None and not in_place:
        raise UsageError(
            f"{target}: this is also the input {same}, which the result would replace. Choose another name, or say "
            "--in-place."
        )


def check_size(target: Target, size: tuple[int, int]) -> None:
    """Can the format of `target` hold a picture of `size` (h, w)? Raises UsageError."""
    kind = kind_of_target(target)
    most = _MOST_SIDE.get(kind, 2**31 - 1)
    if max(size) > most:
        raise UsageError(
            f"{target}: {kind} holds up to {most} pixels a side, and the picture is {size[1]} x {size[0]}. "
            "Choose png or tif, or a smaller --size."
        )


def tell_losses(target: Target, format: str | None = None, *, alpha: bool, notes: bool) -> None:
    """Notices of what the format of `target` cannot hold. alpha: whether there is transparency; notes: whether there is
    a recipe or metadata. Raises UsageError as `write` does."""
    kind, name = kind_of_target(target, format), "standard output" if target == "-" else target
    if alpha and kind in OPAQUE:
        notice(
            f"{name}: {kind} holds no transparency, so the picture is laid on white. png, tif, webp and avif keep it."
        )
    if notes and kind in _MUTE:
        notice(
            f"{name}: {kind} holds no recipe and no metadata, so it cannot be painted again from itself. "
            "`save_recipe` writes one."
        )


def kind_of_target(target: Target, format: str | None = None) -> str:
    """One of the formats that can be written, by `format` or the suffix. Raises UsageError."""
    asked = (format or ("png" if target == "-" else Path(target).suffix)).lower().removeprefix(".")
    if not asked:
        raise UsageError(
            f"{target}: the name has no suffix to tell the format. Add one of: {', '.join(sorted(_KINDS))}."
        )
    if asked not in _KINDS:
        raise UsageError(f"{target}: " + unknown("picture format", asked, _KINDS))
    return _KINDS[asked]


def _same_file(path: Path, source: Any) -> bool:
    if not isinstance(source, str | os.PathLike) or source == "-":
        return False
    try:
        return os.path.samefile(path, path_of(os.fspath(source)))
    except (OSError, ValueError):  # one of them is not there, or its name is no path at all
        return False
