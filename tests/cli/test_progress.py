"""What a run shows while it works, and what signals do to it."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
import torch

from intarsia import picture
from intarsia.cli import progress
from intarsia.cli.progress import Clock, Events, Silent, reporter
from intarsia.cli.progress import _duration as duration
from intarsia.engine import Frame
from intarsia.errors import listening, notice

TWO = ("content.png", "style.png", "-o", "out.png")
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"  # the cursor


def frame(step: int = 1, steps: int = 4) -> Frame:
    return Frame(torch.zeros(3, 48, 64), step, steps, {"style": 1.5, "tv": 0.25}, step / steps, dict)


@pytest.fixture
def clock(monkeypatch):
    """Time that stands still until `clock.wait(seconds)`."""

    class Fake:
        now = 1000.0

        def wait(self, seconds: float) -> None:
            self.now += seconds

    fake = Fake()
    monkeypatch.setattr(progress.time, "monotonic", lambda: fake.now)
    return fake


# ---- downloads ----------------------------------------------------------------------------------------------------


def test_a_download_is_told_in_steps_and_at_its_end(capsys):
    report = Events()
    for done in range(0, 10_000_001, 1_000_000):
        report.download(done, 10_000_000)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["bytes"] for event in told] == [0, 4_000_000, 8_000_000, 10_000_000]
    assert {(event["event"], event["total"]) for event in told} == {("download", 10_000_000)}


def test_a_download_without_a_terminal_is_a_line_now_and_then(clock, capsys):
    with reporter(as_json=False, quiet=False) as report:
        report.download(1_000_000, None)
        clock.wait(6)
        report.download(250_000_000, 500_000_000)
    assert capsys.readouterr().err == "downloading weights  250 of 500 MB  50%\n"


# ---- time left ----------------------------------------------------------------------------------------------------


def test_time_left_is_the_time_that_the_rest_takes_at_this_pace(clock):
    left = Clock()
    assert left.left(0.0) is None  # nothing to go by
    clock.wait(10)
    assert left.left(0.25) == 30
    clock.wait(10)
    assert left.left(0.5) == 20
    clock.wait(20)
    assert left.left(1.0) == 0


def test_a_run_that_goes_on_counts_from_where_it_began(clock):
    left = Clock()
    assert left.left(0.8) is None
    clock.wait(5)
    assert left.left(0.9) == 5


def test_a_standstill_has_no_time_left(clock):
    left = Clock()
    left.left(0.5)
    clock.wait(60)
    assert left.left(0.5) is None


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (3600, "1 h 0 min"), (90061, "25 h 1 min")],
)
def test_durations_are_told_in_two_units(seconds, told):
    assert duration(seconds) == told


# ---- events, lines, silence ---------------------------------------------------------------------------------------


def test_every_line_of_json_is_an_event(stylize, capsys):
    assert stylize(*TWO, "--json", size=32) == 0
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    assert [event["event"] for event in events] == ["notice", "start", *["step"] * 4, "done"]
    assert "reduced" in events[0]["message"]
    assert events[1] == {
        "event": "start",
        "content": "content.png",
        "styles": ["style.png"],
        "size": [32, 24],
        "method": "gatys",
    }
    assert [event["step"] for event in events[2:-1]] == [1, 2, 3, 4]
    last = events[-2]
    assert (last["steps"], last["size"], last["done"]) == (4, [32, 24], 1)
    assert last["loss"] == pytest.approx(sum(last["losses"].values()), abs=1e-5)
    assert (events[-1]["output"], events[-1]["steps"]) == ("out.png", 4)


def test_an_interruption_is_told_in_the_last_event(stylize, capsys, monkeypatch):
    class Stopping(Events):
        def frame(self, frame):
            super().frame(frame)
            if frame.step == 2:
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("intarsia.cli.stylize.reporter", lambda *_: Stopping())
    assert stylize(*TWO) == 130
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["start", "step", "step", "notice", "done"]
    assert events[-1]["interrupted"] is True


def test_quiet_says_nothing_when_all_is_well(stylize, capfd):
    assert stylize(*TWO, "--quiet") == 0
    assert capfd.readouterr() == ("", "")


def test_quiet_still_says_what_changes_the_picture(stylize, capsys):
    assert stylize(*TWO, "--quiet", size=32) == 0
    assert "reduced to 32 x 24" in capsys.readouterr().err


def test_without_a_terminal_a_line_comes_now_and_then(clock, capsys):
    with reporter(as_json=False, quiet=False) as bar:
        bar.start()
        for step in range(1, 5):
            clock.wait(4)
            bar.frame(frame(step))
        bar.done(output="out.png", seconds=16.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "64 x 48  step 2/4  loss 1.750  50%  8 s left",
        "64 x 48  step 4/4  loss 1.750  100%  0 s left",
        "out.png  16.0 s",
    ]


def test_a_notice_comes_once_and_says_settings_as_flags(capsys):
    with listening(Silent().notice):
        for _ in range(2):
            notice("mask resized, see `style_scale`")
    assert capsys.readouterr().err == "intarsia: mask resized, see --style-scale\n"


def test_a_name_is_no_markup(capsys):
    with reporter(as_json=False, quiet=False) as bar:
        bar.notice("[red]odd[/red].png: [link")
    assert "[red]odd[/red].png: [link" in capsys.readouterr().err


# ---- signals ------------------------------------------------------------------------------------------------------


@pytest.fixture
def long_run(start):
    """A run of many steps in a process of its own, which goes on only as its events are read."""

    def begin(*flags: str) -> subprocess.Popen:
        arguments = ["stylize", *TWO, "--encoder", "toy", "--coarsest", "16", "--size", "64", "--precision", "fp32"]
        process = start(
            *arguments, "--json", *flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        if sys.platform == "linux":
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        return process

    return begin


def read_to_step(process: subprocess.Popen, step: int) -> None:
    for line in process.stdout:
        if json.loads(line).get("step") == step:
            return
    raise AssertionError(process.stderr.read())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_finishes_the_step_and_keeps_picture_and_state(long_run, number):
    process = long_run("--steps", "5000")
    read_to_step(process, 20)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert json.loads(out.splitlines()[-1])["interrupted"] is True
    assert picture.read("out.png").image.shape == (3, 48, 64)
    assert Path("out.png.state").exists()


def test_events_that_nobody_reads_any_more_do_not_end_the_painting(long_run):
    process = long_run("--steps", "60")
    read_to_step(process, 5)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert picture.read("out.png").image.shape == (3, 48, 64)


def test_a_notice_brings_no_escape_sequence(capsys):
    for quiet in (True, False):
        with reporter(as_json=False, quiet=quiet) as shown:
            shown.notice("od\x1b[31md.png: \x07told")
    told = capsys.readouterr().err
    assert told.count("told") == 2
    assert not any(letter in told for letter in "\x1b\x07")


def wait_until_full(process: subprocess.Popen) -> None:
    """Until nothing more comes into its output, which nobody reads."""
    before, now = -1, 0
    while now != before:
        time.sleep(0.5)
        before, now = now, int.from_bytes(fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_the_second_signal_leaves_at_once(long_run, folder):
    Path("out.png").write_bytes(b"older")
    process = long_run("--steps", "5000")
    read_to_step(process, 20)
    wait_until_full(process)  # and it waits for its events to be read, in the middle of a step
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=5) == 130
    assert Path("out.png").read_bytes() == b"older"
    assert all(part.stat().st_size == 0 for part in folder.glob(".*.part"))  # that the output was claimed
    picture.sweep([folder])  # as the next run does
    assert not list(folder.glob(".*.part"))


def test_after_a_kill_the_run_goes_on_from_its_last_state(long_run, stylize):
    stylize("content.png", "style.png", "-o", "whole.png", "--threads", "1", steps=150)
    flags = ("--threads", "1", "--steps", "150")
    process = long_run(*flags, "--keep-every", "0")
    read_to_step(process, 60)
    process.kill()
    process.wait()
    assert Path("out.png.state").exists()
    assert not Path("out.png").exists()
    process = long_run(*flags, "--resume")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    steps = [event["step"] for event in map(json.loads, out.splitlines()) if event["event"] == "step"]
    assert 1 < steps[0] <= steps[-1] == 150
    assert torch.equal(picture.read("out.png").image, picture.read("whole.png").image)
    assert not Path("out.png.state").exists()


# ---- terminals ----------------------------------------------------------------------------------------------------


class Terminal:
    """A terminal of so many columns; `shown` is all that was written to it so far."""

    def __init__(self, columns: int):
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.shown = ""

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def read(self, until: str | None = None) -> str:
        """Until this is shown, or until the last writer has gone."""
        while until is None or until not in self.shown:
            try:
                more = os.read(self.ours, 4096)
            except OSError:  # how Linux says that nobody is left to write
                break
            if not more:
                break
            self.shown += more.decode("utf-8", "replace")
        return self.shown


@pytest.fixture
def terminal():
    """`terminal(20)` is a new one of 20 columns."""
    opened = []

    def begin(columns: int) -> Terminal:
        opened.append(Terminal(columns))
        return opened[-1]

    yield begin
    for one in opened:
        os.close(one.ours)


@pytest.fixture
def shown_in_terminal(terminal, stylize, monkeypatch):
    """`shown_in_terminal(20, "utf-8", "--steps", ...)`: exit code, and what standard error shows in such a terminal."""

    def call(columns: int, encoding: str, *flags: str) -> tuple[int, str]:
        screen = terminal(columns)
        monkeypatch.setenv("COLUMNS", str(columns))
        with os.fdopen(screen.theirs, "w", encoding=encoding) as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            reader = threading.Thread(target=screen.read)
            reader.start()
            code = stylize(*TWO, *flags, steps=60)
        reader.join(timeout=20)
        return code, screen.shown

    return call


@pytest.mark.parametrize(
    ("columns", "kind", "encoding", "drawn"),
    [
        (100, "xterm-256color", "utf-8", True),
        (20, "xterm-256color", "utf-8", False),
        (100, "dumb", "utf-8", False),
        (100, "xterm", "ascii", False),
    ],
)
def test_a_terminal_of_any_kind_gets_what_it_can_show(shown_in_terminal, monkeypatch, columns, kind, encoding, drawn):
    monkeypatch.setenv("TERM", kind)
    code, shown = shown_in_terminal(columns, encoding)
    assert code == 0
    assert ("━" in shown) == drawn
    assert shown.rstrip().endswith(" s")
    assert shown.count(HIDE) == shown.count(SHOW)


def test_a_fault_shows_the_cursor_again(shown_in_terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    code, shown = shown_in_terminal(100, "utf-8", "--optimizer", "adam", "--rate", "1e35")
    assert code == 1
    assert "went astray" in shown
    assert shown.count(HIDE) == shown.count(SHOW) == 1


def test_ctrl_c_in_a_terminal_keeps_the_picture_and_shows_the_cursor_again(start, terminal):
    screen = terminal(100)
    process = start(
        *("stylize", *TWO, "--encoder", "toy", "--coarsest", "16", "--size", "64", "--steps", "100000"),
        environment={"TERM": "xterm-256color", "COLUMNS": "100"},
        stdin=screen.theirs,
        stdout=screen.theirs,
        stderr=screen.theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(screen.theirs)
    screen.read(until="left")
    screen.type(b"\x03")
    shown = screen.read()
    assert process.wait(timeout=60) == 130, shown
    assert "stopping after this step; once more leaves at once" in shown
    assert "--resume goes on" in shown
    assert shown.count(HIDE) == shown.count(SHOW) == 1
    assert Path("out.png").exists()
    assert Path("out.png.state").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_a_full_output_costs_the_events_and_not_the_painting(start, folder):
    settings = [
        "--encoder",
        "toy",
        "--coarsest",
        "16",
        "--precision",
        "fp32",
        "--steps",
        "4",
        "--size",
        "64",
        "--threads",
        "1",
    ]

    def told(*arguments: str) -> tuple[int, str]:
        with open("/dev/full", "wb", buffering=0) as full:
            command = ["stylize", "content.png", "style.png", *arguments, *settings]
            process = start(*command, stdout=full, stderr=subprocess.PIPE)
            return process.wait(60), process.stderr.read().decode()

    code, text = told("-o", "a.png", "--json")
    assert code == 1
    assert "could not be written to (No space left on device), so events are missing" in text
    assert text.count("\n") == 1
    assert picture.read("a.png").image.shape == (3, 48, 64)
    code, text = told("-o", "-", "--quiet")
    assert code == 1
    assert text.startswith("intarsia: standard output cannot be written to (No space left on device). Free some room")
    assert text.count("\n") == 1
