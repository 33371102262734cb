"""The folder that a batch writes to, which is its own as long as it runs."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import filelock

from intarsia import picture
from intarsia.errors import OutputError

LOCK = ".intarsia-batch.lock"


def sum_of(name: str) -> str | None:
    """None for what cannot be read."""
    try:
        with open(picture.path_of(name), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def check_folder(folder: str) -> None:
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: this is a file, not a folder. Name a folder for the results.")


@contextmanager
def owned(folder: str) -> Iterator[None]:
    """The folder, made if need be, with no other batch in it. If nothing came into it, it goes again."""
    check_folder(folder)
    new = not os.path.exists(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}). Choose another.") from None
    picture.check_target(os.path.join(folder, ".trial.png"), [])
    lock = filelock.FileLock(os.path.join(folder, LOCK), timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise OutputError(f"{folder}: another batch writes there. Wait for it, or choose another folder.") from None
    except (OSError, NotImplementedError):  # a file system without locks: nobody is kept out
        pass
    try:
        yield
    finally:
        with suppress(OSError):  # while it is still ours, so that nobody can wait for a file that goes
            os.unlink(lock.lock_file)
        lock.release()
        if new:
            with suppress(OSError):
                os.rmdir(folder)
