"""Which pictures a batch paints, and where each result goes."""

import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from intarsia import picture
from intarsia.batch.ledger import NAME
from intarsia.batch.pictures import READ, Picture, without_masks
from intarsia.errors import PictureError, UsageError, unknown
from intarsia.recipe import Recipe

SURE = ("PNG", "JPEG", "WebP", "TIFF", "AVIF", "HEIC", "GIF")  # kinds whose first bytes are enough, whatever the name
USUAL = {"JPEG": "jpg", "HEIC": "jpg", "WebP": "webp", "TIFF": "tif", "AVIF": "avif", "BMP": "bmp", "PPM": "ppm"}


@dataclass(frozen=True)
class Found:
    """pictures: in the order of their names; passed_over: other files and folders that were met on the way; unreadable:
    folders that could not be looked into, each with the reason."""

    pictures: tuple[Picture, ...]
    passed_over: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()


def gather(inputs: Sequence[str], out: str, format: str | None = None, recipe: Recipe | None = None) -> Found:
    """The pictures among `inputs`, files and folders. A folder is walked, and what is in it keeps its place under
    `out`; a file goes straight into `out`. A picture is what has a picture's suffix or begins like one. Hidden files,
    `out` itself and folders that hold the results of another batch are not walked.

    format: suffix of all results; None: that of the input where it can be written, else what the content is. recipe: of
    the batch; the masks that it has for each picture are no pictures themselves.
    Raises PictureError for an input that is not there and where there is no picture, UsageError for two pictures that
    would become one file."""
    if format is not None and format not in picture.SUFFIXES:
        raise UsageError(unknown("picture format", format, picture.SUFFIXES))
    passed_over: list[str] = []
    unreadable: list[tuple[str, str]] = []
    pictures = [
        Picture(source, _result(relative, source, format))
        for given in inputs
        for source, relative in _sources(given, out, passed_over, unreadable)
    ]
    pictures = pictures if recipe is None else list(without_masks(pictures, recipe))
    if not pictures:
        if unreadable:
            raise PictureError(f"{unreadable[0][0]}: {unreadable[0][1]}")
        raise PictureError(f"there is no picture in {', '.join(inputs)}. {_seen(passed_over)}")
    return Found(_apart(pictures, out), tuple(passed_over), tuple(unreadable))


def _sources(
    given: str, out: str, passed_over: list[str], unreadable: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """Each picture with its place: its path from the given folder, or its bare name."""
    if given == "-" or given.startswith("swatch:"):
        raise UsageError(f"{given}: a batch takes files and folders. For one picture there is intarsia stylize.")
    if os.path.isdir(given):
        if _inside(given, out):
            raise UsageError(f"{given} is within {out}, where the results go. Choose another folder for them.")
        for path in _walked(given, out, passed_over, unreadable):
            yield path, os.path.relpath(path, given)
    elif os.path.exists(picture.path_of(given)):
        yield given, _name(given)
    else:
        raise PictureError(f"{given}: there is no such file or folder. Check the path.")


def _walked(folder: str, out: str, passed_over: list[str], unreadable: list[tuple[str, str]]) -> Iterator[str]:
    def note(error: OSError) -> None:
        why = f"this folder cannot be read ({error.strerror}). Change its permissions."
        unreadable.append((str(error.filename), why))

    for root, folders, names in os.walk(folder, onerror=note):
        entered = []
        for path in (os.path.join(root, name) for name in sorted(folders) if not name.startswith(".")):
            if os.path.lexists(os.path.join(path, NAME)) and not _inside(path, out):
                passed_over.append(path)
            elif not _inside(path, out):
                entered.append(os.path.basename(path))
        folders[:] = entered
        for path in (os.path.join(root, name) for name in sorted(names) if not name.startswith(".")):
            if os.path.isfile(path) and (_suffix(path) in READ or picture.kind_of(path) in SURE):
                yield path
            elif os.path.basename(path) != NAME:
                passed_over.append(path)


def _name(given: str) -> str:
    """The second page of `scan.tif`, `scan.tif#2`, becomes `scan-2.tif`."""
    path = picture.path_of(given)
    stem, suffix = os.path.splitext(os.path.basename(path))
    return f"{stem}{given.removeprefix(path).replace('#', '-')}{suffix}"


def _result(relative: str, source: str, format: str | None) -> str:
    suffix = _suffix(relative)
    if format is None and suffix in picture.SUFFIXES:
        return relative
    stem = os.path.splitext(relative)[0] if suffix in READ else relative
    return f"{stem}.{format or USUAL.get(picture.kind_of(source) or '', 'png')}"


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()


def _apart(pictures: Iterable[Picture], out: str) -> tuple[Picture, ...]:
    """Each once. Raises UsageError where two would become one file, or a file and a folder of the same name."""
    owner: dict[str, Picture] = {}
    for one in pictures:
        other = owner.setdefault(_folded(one.output), one)
        if os.path.realpath(other.source) != os.path.realpath(one.source):
            raise UsageError(
                f"{other.source} and {one.source} would both become {os.path.join(out, one.output)}. Rename one of "
                "them, leave `format` away, or paint them into two folders."
            )
    for one in owner.values():
        folder = os.path.dirname(one.output)
        while folder:
            if (other := owner.get(_folded(folder))) is not None:
                raise UsageError(
                    f"{os.path.join(out, folder)} would be a folder, for {one.source}, and a picture, for "
                    f"{other.source}. Rename one of them, or paint them into two folders."
                )
            folder = os.path.dirname(folder)
    return tuple(owner.values())


def _folded(name: str) -> str:
    """As the file systems of other systems than Linux see a name: without case, and with letters composed."""
    return name if sys.platform == "linux" else unicodedata.normalize("NFC", name).casefold()


def _inside(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return path == folder or path.startswith(os.path.join(folder, ""))


def _seen(passed_over: list[str]) -> str:
    if not passed_over:
        return "Name a folder with pictures in it."
    more = f" and {len(passed_over) - 1} more" if len(passed_over) > 1 else ""
    return f"What is there, {passed_over[0]}{more}, is none that we read."
