"""The command line as a whole: exit codes, one line per fault, and any place that output may go to."""

import json
import os
import subprocess
import sys

import pytest

from intarsia.cli import run


def last(*arguments: str, **settings) -> subprocess.CompletedProcess:
    program = [sys.executable, "-c", "from intarsia.cli import main; main()", *arguments]
    return subprocess.run(program, capture_output=True, timeout=60, **settings)


@pytest.mark.parametrize(
    "command", [[], ["stylize"], ["replay"], ["recipe"], ["recipe", "show"], ["info"], ["swatches"]]
)
def test_help_is_there_for_every_command(command, capsys):
    assert run([*command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert "Usage: intarsia" in out
    assert "130 interrupted" in " ".join(out.split())
    assert err == ""


def test_every_setting_of_the_method_is_a_flag_with_its_help(capsys):
    from intarsia.methods import names_of_settings

    run(["stylize", "--help"])
    told = capsys.readouterr().out
    for name in names_of_settings("gatys"):
        assert f"--{name.replace('_', '-')}" in told


def test_version(capsys):
    from intarsia import __version__

    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stylise"], 'Did you mean "stylize"?'),
        (["recipe", "shw"], 'Did you mean "show"?'),
        (["replay"], "PICTURE is missing. See intarsia replay --help."),
        (["stylize"], "CONTENT is missing"),
        (["swatches"], "--output is missing"),
        (["info", "--jsn"], "Did you mean --json?"),
        (["swatches", "-o", "x.png", "--size", "-"], '"-"'),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(arguments, words, capsys):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("intarsia: ")
    assert err.count("\n") == 1
    assert words in err


def test_an_error_is_an_event_for_programs(capsys):
    assert run(["replay", "gone.png", "-o", "out.png", "--json"]) == 3
    out, err = capsys.readouterr()
    event = json.loads(out)
    assert (event["event"], event["kind"]) == ("error", "RecipeError")
    assert event["message"] in err


def test_debug_shows_the_traceback_and_keeps_the_code(capsys):
    assert run(["replay", "gone.png", "-o", "out.png", "--debug"]) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("intarsia: gone.png")


def test_an_unforeseen_failure_is_one_line_too(monkeypatch, capsys):
    def fails(*_):
        raise ZeroDivisionError("no\nsuch luck")

    monkeypatch.setattr("intarsia.cli.show.gathered", fails)
    assert run(["info"]) == 1
    assert capsys.readouterr().err == (
        "intarsia: unforeseen failure, ZeroDivisionError: no such luck. --debug shows where.\n"
    )


def test_warnings_for_programmers_do_not_reach_people():
    code = "import warnings; from intarsia.cli import main; warnings.warn('old'); main(['--version'])"
    warned = "import warnings, intarsia.cli as cli; cli.run = lambda _: warnings.warn('old'); cli.main([])"
    for program, expected in ((code, b"old"), (warned, b"")):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
        assert (b"old" in done.stderr) == bool(expected)


def test_a_name_cannot_command_the_terminal(capsys):
    assert run(["recipe", "show", "\x1b[2J.png"]) == 3
    assert "\x1b" not in capsys.readouterr().err


def test_ctrl_c_before_the_painting_leaves_quietly(monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("intarsia.cli.show.gathered", stopped)
    assert run(["info"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["--help"], ["info", "--json"]])
def test_a_reader_that_leaves_early_is_no_fault_of_ours(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-c", "from intarsia.cli import main; main()", *arguments]
    with os.fdopen(writing) as pipe:
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(program, stdout=pipe, stderr=subprocess.PIPE, env=buffered, timeout=60)
    assert done.stderr == b""
    assert done.returncode == 1


def test_a_plain_locale_and_a_narrow_terminal_show_what_they_can():
    narrow = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "20", "TERM": "dumb"}
    done = last("--help", env=narrow)
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"Usage: intarsia" in done.stdout
    done = last("recipe", "show", "gemälde.png", env=narrow)
    assert done.returncode == 3
    assert done.stderr.startswith(b"intarsia: gem")


@pytest.fixture
def full():
    """An output on which there is no room, as on a full disk."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full, which Linux has")
    with open("/dev/full", "wb", buffering=0) as device:
        yield device


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["info", "--json"], ["recipe", "show", "r.json"], ["recipe", "show", "gone.json"], ["info", "--jsn"]],
)
def test_a_full_output_is_told_as_that(arguments, full, tmp_path):
    """And where something else went wrong, that is told."""
    (tmp_path / "r.json").write_text('{"content": "a.png", "styles": ["b.png"]}')
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", "from intarsia.cli import main; main()", *arguments],
        stdout=full,
        stderr=subprocess.PIPE,
        env=buffered,
        cwd=tmp_path,
        timeout=60,
    )
    other = {"gone.json": (3, b"gone.json: cannot be read"), "--jsn": (2, b"Did you mean --json?")}
    code, words = other.get(arguments[-1], (1, b"standard output cannot be written to (No space left on device)"))
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", ["stylize", "doodle", "texture", "batch", "measure"])
def test_the_encoder_of_the_tests_is_not_offered(command, capsys):
    run([command, "--help"])
    told = capsys.readouterr().out
    assert "compact" in told
    assert "toy" not in told
