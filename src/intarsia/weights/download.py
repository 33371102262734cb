"""Downloads. Each ends either as a whole file with the right sha256 under its final name, or as a `.part` beside it,
for the next try to go on with."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from intarsia.cache import cache_folder
from intarsia.errors import WeightsError
from intarsia.weights.server import BLOCK, Failed, allow, ask, blocks, validator_of
from intarsia.weights.sums import matches, verify

MAX_BYTES = 2 * 1024**3  # no weights of ours come near it
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each new try; a try that brings the file on starts the count again


@dataclass(frozen=True)
class Source:
    """One row of a manifest. name: the file's name in the cache; sha256: all of it, or at least its first 8 digits;
    size: in bytes, if known."""

    name: str
    url: str
    sha256: str
    size: int | None = None

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return cache_folder() / self.name

    @property
    def by_hand(self) -> str:
        """The way out when it cannot be downloaded."""
        return f"Put the file from {self.url} at {self.path} yourself, or use the compact encoder, which is embedded."


Progress = Callable[[int, int | None], None]


def fetch(source: Source, on_progress: Progress | None = None) -> Path:
    """The verified file in the cache; downloaded first if it is not there.

    on_progress(bytes so far, bytes in all or None) never goes back, and ends at the total. The full sha256 is written
    to `NAME.json` beside the file at its first use and held against it from then on. INTARSIA_OFFLINE=1 opens no
    socket. Raises WeightsError."""
    path = source.path
    if path.exists():
        return _verified(source)
    allow(source.url)
    if os.environ.get("INTARSIA_OFFLINE", "0") not in ("", "0"):
        raise WeightsError(
            f"{source.name} is not in the cache, and INTARSIA_OFFLINE forbids a download. {source.by_hand}"
        )
    lock = FileLock(f"{path}.lock")
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        if not path.exists():  # another process may have been faster
            _download(source, _forward_only(on_progress))
        return _verified(source)
    finally:
        lock.release()


def _verified(source: Source) -> Path:
    path, known = source.path, _read_note(source.path).get("sha256")
    if isinstance(known, str) and known.startswith(source.sha256.lower()):
        verify(path, source.sha256, known)
    else:
        found = verify(path, source.sha256)
        with suppress(OSError):  # a cache that is shared and read-only is no fault
            _write_note(path, {"sha256": found, "url": source.url, "bytes": path.stat().st_size})
    return path


def _forward_only(on_progress: Progress | None) -> Progress:
    """A download that has to start again keeps silent until it is further than before."""
    furthest = 0

    def report(done: int, total: int | None) -> None:
        nonlocal furthest
        if on_progress and done >= furthest:
            furthest = done
            on_progress(done, total)

    return report


def _download(source: Source, report: Progress) -> None:
    part = source.path.with_name(f"{source.name}.part")
    found = _try_until_whole(source, part, report)
    if not matches(found, source.sha256):
        _discard(part)
        raise WeightsError(
            f"the download of {source.name} is not what it should be: its sha256 is {found}, expected {source.sha256}. "
            f"It was thrown away. {source.by_hand}"
        )
    with _writing(source.path):
        os.replace(part, source.path)
        _discard(part)


def _try_until_whole(source: Source, part: Path, report: Progress) -> str:
    """The sha256 of what came. Tries that bring the file no further are counted, and end it."""
    reached, failures, furthest = False, 0, _size(part)
    while True:
        try:
            return _receive(source, part, report)
        except Failed as failed:
            reached, failures = reached or failed.reached, failures + 1
            if _size(part) >= furthest + BLOCK:
                furthest, failures = _size(part), 1
            if not (failed.passing and reached) or failures > len(PAUSES):
                raise WeightsError(f"{source.name} could not be downloaded: {failed}. {source.by_hand}") from None
            time.sleep(PAUSES[failures - 1])


def _receive(source: Source, part: Path, report: Progress) -> str:
    """Ask once for what `part` still lacks, append it, and return the sha256 of the whole."""
    note = _read_note(part)
    have = _size(part) if note.get("url") == source.url else 0
    response, have, total = ask(source.url, have, note.get("validator"))
    with response:
        _check_size(source, total)
        with _writing(part):
            file = part.open("r+b" if have else "w+b")
            _write_note(part, {"url": source.url, "validator": validator_of(response.headers)})
        with file:
            digest = hashlib.file_digest(file, "sha256")
            for block in blocks(response, MAX_BYTES if total is None else total - have):
                with _writing(part):
                    file.write(block)
                digest.update(block)
                have += len(block)
                report(have, total)
            with _writing(part):
                file.flush()
                os.fsync(file.fileno())
    if total is not None and have < total:
        raise Failed(f"the connection ended after {have} of {total} bytes")
    report(have, have)
    return digest.hexdigest()


def _check_size(source: Source, total: int | None) -> None:
    if total is not None and (total > MAX_BYTES or source.size not in (None, total)):
        expected = source.size or f"at most {MAX_BYTES}"
        raise Failed(f"the server offers {total} bytes, expected {expected}", passing=False)


def _note(path: Path) -> Path:
    """The small file beside a file, with what is known about it."""
    return path.with_name(f"{path.name}.json")


def _read_note(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(_note(path).read_bytes())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_note(path: Path, note: dict[str, Any]) -> None:
    _note(path).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be written: {error.strerror}. Make room, or name another folder in INTARSIA_CACHE."
        ) from None
