"""`intarsia --install-completion`: what the scripts of each shell hold, where they go, and what is said."""

import shutil
import subprocess
from pathlib import Path

import pytest

from intarsia.cli import run
from intarsia.methods import METHODS

SHELLS = ["bash", "zsh", "fish"]
COMMANDS = [
    "stylize",
    "doodle",
    "texture",
    "partition",
    "masks",
    "points",
    "measure",
    "batch",
    "replay",
    "recipe",
    "swatches",
]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of nobody, in no shell."""
    for name in ("ZSH", "ZSH_CUSTOM", "ZSH_VERSION", "BASH_VERSION", "FISH_VERSION", "SHELL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def script(home, capsys):
    """`script("bash")`: its text."""

    def write(shell: str) -> str:
        assert run(["--install-completion", "--shell", shell, "-o", "-"]) == 0
        return capsys.readouterr().out

    return write


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_there_with_its_flags_and_nothing_of_ours_runs_at_the_tab_key(script, shell):
    text = script(shell)
    assert all(name in text for name in (*COMMANDS, "show", "--install-completion"[2:]))
    for flag in ("content-mask", "style-scale", "tv", "workers", "overlay", "folder", "refine", "semantic-weight"):
        assert flag in text
    assert all(name in text for name in (*METHODS, "histogram", "wasserstein"))
    assert "__complete" not in text
    assert "python" not in text


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_takes_it(script, home, shell):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    Path("script").write_text(script(shell))
    said = subprocess.run([program, "-n", "script"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")


def test_bash_completes_commands_flags_and_choices(script, home):
    if (bash := shutil.which("bash")) is None:
        pytest.skip("needs bash")
    Path("script").write_text(script("bash"))

    def completed(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in ("intarsia", *words))
        ask = f'source ./script; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _intarsia; echo "${{COMPREPLY[@]}}"'
        return subprocess.run([bash, "-c", ask], capture_output=True, text=True, check=True).stdout.split()

    assert completed("sty") == ["stylize"]
    assert completed("stylize", "--content-m") == ["--content-mask", "--content-map"]
    assert completed("stylize", "--method", "") == list(METHODS)
    assert completed("recipe", "") == ["show"]


@pytest.mark.parametrize(
    ("shell", "place", "words"),
    [
        ("bash", ".local/share/bash-completion/completions/intarsia", "add to ~/.bashrc:"),
        ("zsh", ".zsh/completions/_cyclopts_intarsia", "if ~/.zshrc has these lines:"),
        ("fish", ".config/fish/completions/intarsia.fish", "Every new shell reads it."),
    ],
)
def test_it_is_written_where_the_shell_looks_and_the_next_step_is_told(home, capsys, shell, place, words):
    Path(".bashrc").write_text("mine")
    assert run(["--install-completion", "--shell", shell]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == str(home / place)
    assert words in out
    assert "stylize" in (home / place).read_text()
    assert Path(".bashrc").read_text() == "mine"


def test_the_shell_around_is_told_by_itself_or_has_to_be_said(home, capsys, monkeypatch):
    monkeypatch.setenv("FISH_VERSION", "4.0")
    assert run(["--install-completion"]) == 0
    assert "intarsia.fish" in capsys.readouterr().out
    from cyclopts.completion.detect import ShellDetectionError

    def unseen():
        raise ShellDetectionError

    for found, words in ((unseen, "cannot be told"), (lambda: "powershell", "no completion for powershell")):
        monkeypatch.setattr("intarsia.cli.completion.detect_shell", found)
        assert run(["--install-completion"]) == 2
        err = capsys.readouterr().err
        assert words in err
        assert "Say one with --shell: bash, fish, zsh." in err
    assert run(["--install-completion", "--shell", "tcsh"]) == 2
    assert "fish" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_to_is_told(home, capsys):
    Path(".config").write_text("a file")
    assert run(["--install-completion", "--shell", "fish"]) == 1
    assert "this folder cannot be made" in capsys.readouterr().err
    assert run(["--install-completion", "--shell", "fish", "-o", "gone/script"]) == 1
    assert "does not exist" in capsys.readouterr().err
