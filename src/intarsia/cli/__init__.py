"""The command line: translates, holds no defaults and no maths. Sub-commands are imported when they are called."""

import io
import os
import sys
from collections.abc import Sequence

EXIT_CODES = """
Exit codes: 0 done; 1 failure; 2 usage; 3 bad input; 4 weights missing or wrong; 5 out of memory;
6 a batch finished with failures; 130 interrupted, the picture so far is kept.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits with its code."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Runs one command; gives its exit code. `--debug` shows the traceback of an error that we have explained."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    _never_die_of_output()
    from intarsia.errors import IntarsiaError

    try:
        return _app(arguments)(arguments, exit_on_error=False) or 0
    except IntarsiaError as error:
        if debug:
            raise
        _tell(error, arguments)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that closing standard output does not complain again
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if debug:
            raise
        return _unforeseen(error, arguments)


def _app(arguments: list[str]):
    from cyclopts import App

    from intarsia import __version__

    app = App(
        name="intarsia",
        help="Paint a picture, region by region, in the manner of other pictures.",
        help_epilogue=EXIT_CODES,
        version=__version__,
        result_action="return_value",
    )
    if arguments[:1] == ["stylize"]:  # its flags are those of the method that it is asked for
        from intarsia.cli.stylize import stylize_command

        stylize_command(app, arguments[1:])
    else:
        app.command("intarsia.cli.stylize:stylize_command", name="stylize", help="Paint a picture like other pictures.")
    app.command("intarsia.cli.replay:replay", name="replay", help="Paint a picture again from the recipe inside it.")
    recipes = App(name="recipe", help="Read the recipe of a picture.", result_action="return_value")
    recipes.command("intarsia.cli.replay:show", name="show", help="Print the recipe that a picture holds, as JSON.")
    app.command(recipes)
    app.command("intarsia.cli.show:sheet", name="swatches", help="Paint a sheet of all built-in styles.")
    app.command("intarsia.cli.show:info", name="info", help="Versions, device, processor features, encoders, cache.")
    return app


def _tell(error: Exception, arguments: list[str]) -> None:
    """One line for people; one JSON event where those were asked for."""
    if "--json" in arguments:
        import json

        print(json.dumps({"event": "error", "kind": type(error).__name__, "message": str(error)}), flush=True)
    print(f"intarsia: {error}", file=sys.stderr)


def _unforeseen(error: Exception, arguments: list[str]) -> int:
    from intarsia.errors import IntarsiaError

    class Failure(IntarsiaError):
        pass

    if type(error).__module__.startswith("cyclopts"):
        if not str(error).startswith("╭"):
            print(f"intarsia: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    fact = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    _tell(Failure(f"unforeseen failure, {fact}. Run again with --debug to see where."), arguments)
    return 1


def _never_die_of_output() -> None:
    """A locale that cannot show a character shows another one."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
