"""Files that are whole or not there at all."""

import errno
import hashlib
import io
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from intarsia.errors import OutputError

_PART = ".intarsia-"  # how the names of half-written files begin
CLAIMS, PAUSE = 10, 0.03  # times that a claim is tried, and seconds between them
Data = bytes | Callable[[io.BufferedWriter], object]  # a function writes to the stream that it is given


def atomic_write(target: Path, data: Data) -> None:
    """`data` as the file `target`, whole or not at all; or what a function writes to the stream that it is given.

    A temporary file beside it is filled, brought to the disk and renamed, so a full disk, a crash or Ctrl-C leaves
    what was there before. Only a process that is killed leaves it there, and `sweep` removes it. A symbolic link
    stays, and what it points to is replaced. The new file has the permissions of any newly made one. Raises
    OutputError.
    """
    path = _ordinary(target)
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


@contextmanager
def claimed(target: Path) -> Iterator[None]:
    """Within it nobody else claims `target`. Raises OutputError where somebody has.

    The claim is a lock on an empty file beside it, which goes with its process: one that was killed keeps nobody out,
    and `sweep` removes its file. Where there are no locks, or no such file can be, nobody is kept out."""
    path = _ordinary(target)
    try:
        claim = _claim(path.with_name(f"{_PART}{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}.part"))
    except BlockingIOError:
        raise OutputError(f"another run is painting {target}. Wait for it, or give another output.") from None
    try:
        yield
    finally:
        if claim is not None:
            with suppress(OSError):
                os.unlink(claim.name)  # while it is locked, so that nobody can hold a file that goes
            claim.close()


def sweep(folders: Iterable[str | os.PathLike[str]]) -> None:
    """Remove the half-written files of processes that were killed, but none that is being written."""
    for folder in folders:
        for part in Path(folder).glob(f"{_PART}*.part"):
            with suppress(OSError):
                if not _is_being_written(part):
                    part.unlink()


def check_place(target: Path) -> None:
    """Could a file be there? Told by making one: permissions alone do not tell about read-only disks and odd file
    systems. Raises OutputError."""
    folder = _ordinary(target).parent
    sweep([folder])
    trial = _part(folder)
    try:
        _fill(trial, b"")
        trial.unlink()
    except OSError as fault:
        raise OutputError(_why_not_written(target, fault)) from fault


def _ordinary(target: Path) -> Path:
    """Where it really is."""
    path = Path(os.path.realpath(target))
    try:
        path.lstat()
    except FileNotFoundError:
        return path
    except OSError as fault:  # a name that is too long, a folder that cannot be entered
        raise OutputError(_why_not_written(target, fault)) from fault
    if path.is_dir():
        raise OutputError(f"{target}: this is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise OutputError(f"{target}: this is a device or a pipe, not a file. Use - for standard output.")
    return path


def _part(folder: Path) -> Path:
    return folder / f"{_PART}{secrets.token_hex(6)}.part"


def _is_being_written(part: Path) -> bool:
    """Told by the lock on it, which goes with its process. Windows lets nobody remove a file that is open."""
    with open(part, "rb") as stream:
        try:
            _lock(stream)
        except BlockingIOError:
            return True
    return False


def _claim(file: Path) -> io.BufferedWriter | None:
    """The file, made and locked; None where it cannot be. Raises BlockingIOError where another holds it: not at once,
    for whoever sweeps locks each file for a moment, and may have removed it."""
    for left in reversed(range(CLAIMS)):
        try:
            stream = open(file, "ab")  # noqa: SIM115 (as long as it is claimed)
        except OSError:
            return None
        try:
            if _lock(stream) and not _is_same(file, stream):
                raise BlockingIOError
        except BlockingIOError:
            stream.close()
            if not left:
                raise
            time.sleep(PAUSE)
        else:
            return stream
    return None


def _lock(stream: io.BufferedIOBase) -> bool:
    """Whether there are locks. Raises BlockingIOError where another has it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return False
    return True


def _is_same(file: Path, stream: io.BufferedIOBase) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


def _fill(path: Path, data: Data) -> None:
    """A new file with the permissions that `open` would give it (tempfile's are 0600)."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    with open(path, "wb", opener=lambda name, _: os.open(name, flags, 0o666)) as stream:
        with suppress(BlockingIOError):
            _lock(stream)
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


def _why_not_written(target: Path, fault: OSError) -> str:
    folder = Path(os.path.realpath(target)).parent
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{target}: no room on the disk. What was there is untouched. Free some, or write to another folder."
    if fault.errno == errno.ENAMETOOLONG:
        return f"{target}: this name is too long for the disk. Choose a shorter one."
    if not folder.exists():
        return f"{target}: the folder {folder} does not exist. Make it first, or choose another."
    if not folder.is_dir():
        return f"{target}: {folder} is a file, not a folder. Choose another place."
    reason = fault.strerror or str(fault)
    return f"{target}: the folder {folder} cannot be written to ({reason}). Choose another, or change its permissions."
