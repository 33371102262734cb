"""Sums: whether a file is the one that it should be."""

import hashlib
import re
from pathlib import Path

from intarsia.errors import WeightsError


def verify(path: Path, *sums: str) -> str:
    """The file's sha256. Raises WeightsError, with both sums, unless it is (or begins with) each one given."""
    found = file_sum(path)
    for wanted in sums:
        if not _is_sum(wanted):
            raise WeightsError(f"{path}: '{wanted}' is no sha256 to check it against (8 to 64 hexadecimal digits).")
        if not matches(found, wanted):
            begins = "" if len(wanted) == 64 else "one that begins with "
            raise WeightsError(
                f"{path} is not what it should be: its sha256 is {found}, expected {begins}{wanted}. "
                "Delete the file and fetch it anew."
            )
    return found


def file_sum(path: Path) -> str:
    """The file's sha256 in hexadecimal. Raises WeightsError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from None


def matches(found: str, wanted: str) -> bool:
    """Whether a sum is the wanted one, or begins with it. Less than 8 digits match nothing."""
    return _is_sum(wanted) and found.startswith(wanted.lower())


def _is_sum(text: str) -> bool:
    return re.fullmatch("[0-9a-fA-F]{8,64}", text) is not None
