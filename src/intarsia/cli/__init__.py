"""The command line: translates, holds no defaults and no maths. Sub-commands are imported when they are called."""

import contextlib
import ctypes
import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts import App

    from intarsia.errors import IntarsiaError

STREAM = "\0-"  # "-" while the arguments are parsed, where it would pass for a flag; no argument can hold a zero byte
BY_ARGUMENTS = {  # commands whose flags and defaults go by their arguments, as those of a method
    "stylize": "Paint a picture like other pictures.",
    "doodle": "Paint a label map like a painting.",
    "batch": "Paint folders of pictures.",
    "texture": "Make a texture like that of a picture.",
    "partial": "Paint a part of a picture.",
    "deform": "Paint a picture, and bend it toward the shapes of the style.",
    "harmonize": "Repaint a pasted object so that it belongs to the painting.",
}
EXIT_CODES = """
Exit codes: 0 done; 1 failure; 2 usage; 3 bad input; 4 weights missing or wrong; 5 out of memory;
6 a batch finished with failures; 130 interrupted, the picture so far is kept. --debug shows where an error came from.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code."""
    # Before torch loads: its threads wait for each other awake only for a moment. With the usual long wait, a run
    # beside one other busy program took 5 to 15 times as long; on two idle cores the short wait costs about 5 %.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    _keep_freed_memory()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries, which are for programmers
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def _keep_freed_memory() -> None:
    """Every step allocates and frees the same large tensors. By default glibc hands each back to the system and gets
    it again as fresh pages, which took 9 % of a whole run. Tensors of more than 32 MiB, which pictures of up to 700
    pixels do not have, still go back: kept, they would add a third to the peak of a large picture."""
    mmap_threshold, trim_threshold = -3, -1  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h
    with contextlib.suppress(OSError, AttributeError):  # another C library: its own habits stay
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_threshold, 2**25)
        mallopt(trim_threshold, 2**31 - 1)


def run(arguments: list[str]) -> int:
    """Runs one command; gives its exit code. `--debug` shows where an error came from."""
    _never_die_of_output()
    try:
        return _run([argument for argument in arguments if argument != "--debug"], "--debug" in arguments)
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str], debug: bool) -> int:
    try:
        code = app_of(arguments)([STREAM if argument == "-" else argument for argument in arguments]) or 0
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a broken pipe and a full disk are expected
        return code
    except BrokenPipeError:
        leave_output()
        return 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        explained = _explained(error, arguments)
        _print_error(explained, arguments)
        return explained.exit_code


def as_typed(value: Any) -> Any:
    """With "-" for STREAM, also within a list or a dictionary."""
    if isinstance(value, list):
        return [as_typed(item) for item in value]
    if isinstance(value, dict):
        return {name: as_typed(item) for name, item in value.items()}
    return "-" if value == STREAM else value


def app_of(arguments: list[str], whole: bool = False) -> "App":
    """The commands; those of `BY_ARGUMENTS` only as far as their help, but for the one that is asked for, unless they
    are to be whole."""
    from cyclopts import App, Parameter

    from intarsia import __version__

    app = App(
        name="intarsia",
        help="Paint a picture, region by region, in the manner of other pictures.",
        help_epilogue=EXIT_CODES,
        version=__version__,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,  # printed by `_run`, in one line
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative_iterable=()),
    )
    for name, told in BY_ARGUMENTS.items():
        if whole or arguments[:1] == [name]:
            getattr(import_module(f"intarsia.cli.{name}"), f"{name}_command")(app, arguments[1:])
        else:
            app.command(f"intarsia.cli.{name}:{name}_command", name=name, help=told)
    app.command("intarsia.cli.replay:replay", name="replay", help="Paint a picture again from the recipe inside it.")
    recipes = App(name="recipe", help="Read the recipe of a picture.", result_action="return_value")
    recipes.command("intarsia.cli.replay:show", name="show", help="Print the recipe that a picture holds, as JSON.")
    app.command(recipes)
    app.command("intarsia.cli.partition:partition", name="partition", help="Cut a picture into regions.")
    app.command("intarsia.cli.composite:composite", name="composite", help="Put an object on a picture.")
    app.command("intarsia.cli.masks:masks", name="masks", help="Show where the regions of a guide are.")
    app.command("intarsia.cli.points:points", name="points", help="Find points of a picture that belong to another's.")
    app.command("intarsia.cli.train:train", name="train", help="Train a network that paints in one style, quickly.")
    app.command("intarsia.cli.export:export", name="export", help="Write a trained network as ONNX.")
    app.command("intarsia.cli.measure:measure", name="measure", help="Measure a painting: styles, content, borders.")
    app.command("intarsia.cli.studio:studio", name="studio", help="Paint where, and see at once, in the browser.")
    app.command("intarsia.cli.show:sheet", name="swatches", help="Paint a sheet of all built-in styles.")
    app.command("intarsia.cli.show:info", name="info", help="Versions, device, processor features, encoders, cache.")
    app.command(
        "intarsia.cli.completion:install", name="--install-completion", help="Commands and flags at the tab key."
    )
    return app


def _explained(error: Exception, arguments: list[str]) -> "IntarsiaError":
    from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError

    from intarsia.errors import UsageError, explained

    if isinstance(error, UnusedCliTokensError) and error.unused_tokens and error.command_chain:
        command, left = " ".join(error.command_chain), " ".join(error.unused_tokens)
        return UsageError(
            f"{command} does not know what {left!r} is for. A flag that takes several values is named before each of "
            f"them (--flag A --flag B). See intarsia {command} --help."
        )
    if isinstance(error, MissingArgumentError) and error.argument is not None and error.command_chain:
        command = " ".join(error.command_chain)
        return UsageError(f"{command}: {error.argument.name} is missing. See intarsia {command} --help.")
    if isinstance(error, CycloptsError):
        return UsageError((_fault_of_settings(error) or str(error).replace(STREAM, "-")) + _hint_at_files(arguments))
    if isinstance(error, OSError) and (fault := _fault_of_output()) is not None:
        return fault
    return explained(error)


def _hint_at_files(arguments: list[str]) -> str:
    """Where the name of a file begins like a flag."""
    names = [name for name in arguments if name.startswith("-") and name != "-" and os.path.exists(name)]
    return f" The file {names[0]} is written ./{names[0]}" if names else ""


def _fault_of_output() -> "IntarsiaError | None":
    """What is wrong with standard output, where what was written to it is still not taken."""
    from intarsia.errors import OutputError

    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as fault:
        leave_output()
        return OutputError(f"standard output cannot be written to ({fault.strerror}). Free some room, or name a file.")
    return None


def leave_output() -> None:
    """What is still written to standard output goes nowhere, so that closing it does not complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _fault_of_settings(error: Exception) -> str | None:
    """In our words, what pydantic found wrong with a method's settings."""
    if not type(error.__cause__).__module__.startswith("pydantic"):
        return None
    from intarsia.recipe import in_our_words

    return in_our_words(error.__cause__)  # pyright: ignore[reportArgumentType]


def _print_error(error: Exception, arguments: list[str]) -> None:
    """One line for people; one JSON event where those were asked for."""
    message = " ".join(with_flags(str(error)).split())
    if "--json" in arguments:
        import json

        with contextlib.suppress(OSError):
            print(json.dumps({"event": "error", "kind": type(error).__name__, "message": message}), flush=True)
    print(f"intarsia: {printable(message)}", file=sys.stderr)
    _fault_of_output()


def with_flags(text: str) -> str:
    """A message with each setting called by its flag."""
    from intarsia.errors import settings_as

    return settings_as(lambda name: f"--{name.replace('_', '-')}", text)


def printable(text: str) -> str:
    """Without the control characters that a file name may bring into a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _never_die_of_output() -> None:
    """A locale that cannot show a character shows another one; messages without a place to go go nowhere."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
