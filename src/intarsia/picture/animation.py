"""Pictures one after another in a file: GIF, and WebP, which is smaller and has all colors."""

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from intarsia.errors import UsageError
from intarsia.picture.atomic import atomic_write
from intarsia.picture.pixels import Pixels
from intarsia.picture.targets import check_spared
from intarsia.types import Image

_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    ".webp": ("WEBP", {"quality": 85, "method": 4}),
    ".gif": ("GIF", {}),
}


def check_animation(target: str | os.PathLike[str], sources: Iterable[str], in_place: bool = False) -> None:
    """Could `write_animation` write there, and would it spare the sources? UsageError, OutputError."""
    _kind_of(target)
    check_spared(target, sources, in_place)


def write_animation(target: str | os.PathLike[str], images: Iterable[Image], milliseconds: Sequence[int]) -> None:
    """Pictures of one size, each shown for so long, over and over; whole or not at all. UsageError for a suffix that is
    neither .gif nor .webp, OutputError where it cannot be written."""
    kind, options = _kind_of(target)
    first, *others = (Pixels(one).whole() for one in images)
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=others, duration=list(milliseconds), loop=0, **options)
    atomic_write(Path(target), bytes(file.getbuffer()))


def _kind_of(target: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    suffix = Path(target).suffix.lower()
    if suffix not in _KINDS:
        better = Path(target).with_suffix(".webp").name or "bent.webp"
        raise UsageError(f"{target}: an animation is written as webp or gif. Name it {better}.")
    return _KINDS[suffix]
