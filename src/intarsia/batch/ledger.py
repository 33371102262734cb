"""What a batch has done, in the folder of its results: one JSON object per line, each brought to the disk before the
batch goes on.

    run      a run began: the sum of its settings, and its recipe to read
    begun    a picture was handed to a worker, so that its result may stand half-done
    done     its result is there whole, with this sum; it was made from this key
    failed   it could not be painted, and why
    died     its worker did

A result is renamed into place first, and then comes its `done`. So what has a `done` is there; what has none is painted
again. A last line that was cut off by a crash counts as not written.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intarsia.errors import OutputError, RecipeError

NAME = "intarsia-batch.jsonl"


@dataclass(frozen=True)
class History:
    """run: the line of the last run, if any run has finished a picture; last: of each result the last line; made: the
    sum of each as it was last written; size: of the file, in bytes, up to its last whole line."""

    run: dict[str, Any] | None = None
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    size: int = 0


def read_ledger(path: Path) -> History:
    """Raises RecipeError for a file that is no ledger."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return History()
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}). Choose another folder.") from None
    data = data[: data.rfind(b"\n") + 1]
    lines = [_line(path, i, line) for i, line in enumerate(data.splitlines(), 1)]
    runs = [line for line in lines if line["event"] == "run"]
    finished = any(line["event"] == "done" for line in lines)
    last = {line["output"]: line for line in lines if "output" in line}
    made = {line["output"]: line["sum"] for line in lines if line["event"] == "done"}
    return History(runs[-1] if runs and finished else None, last, made, len(data))


def _line(path: Path, number: int, text: bytes) -> dict[str, Any]:
    try:
        line = json.loads(text)
        texts = [
            line["event"],
            *([line["output"], line["sum"]] if line["event"] == "done" else [line.get("output", "")]),
        ]
        if all(isinstance(text, str) for text in texts):
            return line
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise RecipeError(f"{path}, line {number}, is not of a ledger of ours. Move it away, or choose another folder.")


class Ledger:
    """Open for one run, which alone writes to it. Used in a `with`. The first line makes the file."""

    def __init__(self, path: Path, size: int) -> None:
        """size: what of it is whole, as `read_ledger` found it; the rest is cut off."""
        self.path, self.size = path, size
        self._file: int | None = None

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            os.close(self._file)

    def append(self, event: str, **facts: Any) -> None:
        """One line, on the disk when this returns. Raises OutputError."""
        line = json.dumps({"event": event} | facts | {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}) + "\n"
        try:
            if self._file is None:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
                os.ftruncate(self._file, self.size)
            rest = memoryview(line.encode())
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path}: the ledger cannot be written ({error.strerror}). The pictures so far are there; free some "
            "room, or choose another folder."
        )
