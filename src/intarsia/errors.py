"""What can go wrong, as a tree. Each leaf knows the exit code that the command line ends with::

    IntarsiaError                1   any failure that we can explain
    ├── UsageError               2   a flag, a name or a setting that cannot be
    ├── InputError               3   a file that strangers gave us
    │   ├── PictureError             a picture that cannot be read or used
    │   ├── GuideError               maps and regions that do not fit
    │   └── RecipeError              a recipe or a saved state that does not fit
    ├── WeightsError             4   weights missing, wrong or broken
    ├── MemoryLimitError         5   it would not fit, after all that we tried
    ├── DivergedError            1   the optimization went astray; the last good picture is saved
    └── OutputError              1   the result could not be written; what was there before is untouched

A message says the fact, what came, and the way out, in that order. It names a setting in backticks, `style_scale`: a
face says it in its own way (`settings_as`), as a flag, a field or a slider.

A notice is what a person should know though it went on. It goes to whoever listens in the same context (`listening`),
as a run does, so that two runs in two threads do not mix theirs; where nobody does, it is a Python warning.
"""

import difflib
import errno
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class IntarsiaError(Exception):
    """Any failure that we can explain; its message says the fact, what came, and the way out."""

    exit_code = 1

    @property
    def settings(self) -> list[str]:
        """Names of the settings that the message speaks of."""
        return _SETTING.findall(str(self))


class UsageError(IntarsiaError):
    exit_code = 2


class InputError(IntarsiaError):
    exit_code = 3


class PictureError(InputError):
    pass


class GuideError(InputError):
    pass


class RecipeError(InputError):
    pass


class WeightsError(IntarsiaError):
    exit_code = 4


class MemoryLimitError(IntarsiaError):
    exit_code = 5


class DivergedError(IntarsiaError):
    """`parameters` are the last finite ones of what was optimized, tensors by name."""

    parameters: object = None


class OutputError(IntarsiaError):
    pass


def explained(error: Exception) -> IntarsiaError:
    """Any failure as one of ours: itself, memory that ran out, or one that nobody foresaw."""
    if isinstance(error, IntarsiaError):
        return error
    if _ran_out_of_memory(error):
        return MemoryLimitError("the picture did not fit into memory. Try a smaller `size`.")
    return IntarsiaError(f"unforeseen failure, {type(error).__name__}: {str(error)[:300]}. `debug` shows where.")


def _ran_out_of_memory(error: Exception) -> bool:
    """However torch, OpenCV, the system and Python itself tell it; a thread too needs room for its stack."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return not isinstance(error, OSError) and re.search(_NO_MEMORY, str(error), re.IGNORECASE) is not None


_NO_MEMORY = "out of memory|insufficient memory|allocate (memory|[0-9]+ bytes)|bad_alloc|start new thread"


def in_percent(value: object, most: object) -> str:
    """` Did you mean 0.5?`, where 50 came for a setting of at most 1; else nothing."""
    try:
        part = float(str(value)) / 100
    except ValueError:
        return ""
    return f" Did you mean {part:g}?" if most == 1 and 0.01 < part <= 1 else ""


def unknown(kind: str, name: str, choices: Iterable[str]) -> str:
    """`no method 'gatsy': did you mean 'gatys'? There are: gatys, wct.`"""
    choices = sorted(choices)
    near = difflib.get_close_matches(name, choices, n=1)
    guess = f": did you mean '{near[0]}'?" if near else "."
    return f"no {kind} '{name}'{guess} There are: {', '.join(choices)}."


_SETTING = re.compile("`([a-z][a-z0-9_]*)`")


def settings_as(said: Callable[[str], str], text: str) -> str:
    """A message with every setting called what `said` makes of its name."""
    return _SETTING.sub(lambda found: said(found[1]), text)


class Notice(UserWarning):
    """Something that a person should know though it went on: a map resized, a region dropped."""


_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def notice(text: str) -> None:
    """Tells whoever listens; else a warning, which points at the first line that is not ours."""
    listener = _listener.get()
    if listener is not None:
        return listener(text)
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in _INNER:
        level, frame = level + 1, frame.f_back
    return warnings.warn(text, Notice, stacklevel=level)


_INNER = ("intarsia", "jaxtyping", "beartype", "contextlib")


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Notices of this context go to `listener`, each text once."""
    heard: set[str] = set()

    def once(text: str) -> None:
        if text not in heard:
            heard.add(text)
            listener(text)

    token = _listener.set(once)
    try:
        yield
    finally:
        _listener.reset(token)
