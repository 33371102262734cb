"""`intarsia --install-completion`: commands and flags at the tab key. The script that is written holds them all, so
that nothing of ours runs while somebody types."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from cyclopts import Parameter
from cyclopts.completion import detect_shell
from cyclopts.completion.detect import ShellDetectionError
from cyclopts.completion.install import get_default_completion_path

from intarsia import picture
from intarsia.cli import app_of, as_typed
from intarsia.errors import OutputError, UsageError

Shell = Literal["bash", "fish", "zsh"]


def install(
    *, shell: Shell | None = None, output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None
) -> None:
    """Write a file from which your shell completes commands and flags.

    Parameters
    ----------
    shell
        Which one; the one that you are in when not given.
    output
        Where to write, - for standard output; where the shell looks for it when not given.
    """
    shell = shell or _shell_around()
    text = app_of([], whole=True).generate_completion(shell=shell)
    if as_typed(output) == "-":
        print(text)
        return
    path = _path(shell) if output is None else Path(output)
    picture.atomic_write(path, text.encode())
    print(f"{path}\n{_next_step(shell, path.absolute())}")


def _shell_around() -> Shell:
    try:
        found = detect_shell()
    except ShellDetectionError:
        found = None
    if found is None or found == "powershell":
        what = "which shell this is cannot be told" if found is None else f"there is no completion for {found}"
        raise UsageError(f"{what}. Say one with `shell`: {', '.join(get_args(Shell))}.")
    return found


def _path(shell: Shell) -> Path:
    try:
        return get_default_completion_path(shell, "intarsia")
    except OSError as error:
        raise OutputError(f"{error.filename}: this folder cannot be made ({error.strerror}). Say `output`.") from None


def _next_step(shell: Shell, path: Path) -> str:
    if shell == "fish":
        return "Every new shell reads it."
    if shell == "bash":
        return f"New shells read it where bash-completion is installed. Elsewhere add to ~/.bashrc:\n  source '{path}'"
    way = f"  fpath=('{path.parent}' $fpath)\n  autoload -Uz compinit && compinit"
    return f"New shells read it if ~/.zshrc has these lines:\n{way}"
