"""What a run shows while it works: a bar for people, a line of JSON per event for programs."""

import json
import os
import signal
import sys
import threading
import time
from typing import Any

from intarsia.cli import leave_output, printable, with_flags
from intarsia.engine import Frame
from intarsia.errors import OutputError

STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
DOWNLOAD_STEP = 4_000_000  # bytes between two download events


def reporter(as_json: bool, quiet: bool) -> "Reporter":
    return Events() if as_json else Silent() if quiet else Bar()


class Silent:
    """Notices only, since they may change what the user wants."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def download(self, done: int, total: int | None) -> None:
        pass

    def start(self, **facts: Any) -> None:
        pass

    def frame(self, frame: Frame) -> None:
        pass

    def part(self, event: str, done: float, text: str, **facts: Any) -> None:
        """Of a job of many pictures: the event in one word, the part of the whole that is done, what the bar says."""

    def notice(self, text: str) -> None:
        print(f"intarsia: {printable(with_flags(text))}", file=sys.stderr)

    def done(self, **facts: Any) -> None:
        pass


class Events:
    """One JSON object per line on standard output: start, step, notice, done (and error)."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.downloaded: int | None = None
        self.unheard: OSError | None = None

    def __enter__(self) -> "Events":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None and self.unheard is not None and not isinstance(self.unheard, BrokenPipeError):
            raise OutputError(
                f"standard output could not be written to ({self.unheard.strerror}), so events are missing. What was "
                "to be done is done; free some room before the next time."
            )

    def download(self, done: int, total: int | None) -> None:
        if self.downloaded is None or done - self.downloaded >= DOWNLOAD_STEP or done == total:
            self.downloaded = done
            self._event("download", {"bytes": done, "total": total})

    def start(self, **facts: Any) -> None:
        self._event("start", facts)

    def frame(self, frame: Frame) -> None:
        h, w = frame.image.shape[-2:]
        left = self.clock.left(frame.done)
        facts = {"step": frame.step, "steps": frame.steps, "size": [w, h], "done": round(frame.done, 4)}
        losses = {name: round(value, 6) for name, value in frame.losses.items()}
        self._event("step", facts | {"loss": round(frame.loss, 6), "losses": losses, "seconds_left": left})

    def part(self, event: str, done: float, text: str, **facts: Any) -> None:
        self._event(event, facts | {"done": round(done, 4), "seconds_left": self.clock.left(done)})

    def notice(self, text: str) -> None:
        self._event("notice", {"message": with_flags(text)})

    def done(self, **facts: Any) -> None:
        self._event("done", facts)

    def _event(self, name: str, facts: dict[str, Any]) -> None:
        if self.unheard is not None:
            return
        try:
            print(json.dumps({"event": name} | facts), flush=True)
        except OSError as error:  # nobody listens any more, or the disk is full, and the painting goes on to its file
            self.unheard = error
            leave_output()


class Bar:
    """A progress bar on standard error; without a terminal, a line now and then."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.clock = Clock()
        self.console = Console(stderr=True)
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        plain = self.console.width < 60 or not _can_draw()
        columns = [TextColumn("{task.description}")] + ([] if plain else [BarColumn(bar_width=24)])
        columns.append(TextColumn("{task.percentage:>3.0f}% {task.fields[left]}"))
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.live)
        self.task = self.progress.add_task("loading", total=1.0, left="")
        self.last_line = time.monotonic()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def download(self, done: int, total: int | None) -> None:
        part = done / total if total else 0.0
        text = f"downloading weights  {done / 1e6:.0f}" + (f" of {total / 1e6:.0f} MB" if total else " MB")
        self.progress.update(self.task, completed=part, description=text, left="")
        self._line(f"{text}  {100 * part:.0f}%")

    def start(self, **facts: Any) -> None:
        self.progress.start()

    def frame(self, frame: Frame) -> None:
        h, w = frame.image.shape[-2:]
        loss = f"  loss {frame.loss:.3f}" if frame.losses else ""
        self.part("step", frame.done, f"{w} x {h}  step {frame.step}/{frame.steps}{loss}")

    def part(self, event: str, done: float, text: str, **facts: Any) -> None:
        left = self.clock.left(done)
        after = "" if left is None else f"{_duration(left)} left"
        self.progress.update(self.task, completed=done, description=text, left=after)
        self._line(f"{text}  {100 * done:.0f}%  {after}")

    def _line(self, text: str) -> None:
        if not self.live and time.monotonic() - self.last_line > 5:
            self.last_line = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def notice(self, text: str) -> None:
        self.console.print(f"note: {printable(with_flags(text))}", markup=False, highlight=False, soft_wrap=True)

    def done(self, **facts: Any) -> None:
        self.progress.stop()
        if "output" in facts and facts["output"] != "-":
            many = f"{facts['painted']} painted, in " if "painted" in facts else ""
            text = f"{many}{facts['output']}  {facts['seconds']:.1f} s"
            self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


Reporter = Silent | Events | Bar  # used in a `with`, so that it leaves the terminal as it was, whatever happens


class Clock:
    """Time left, from the part done since the first frame seen here: a resumed run starts in the middle."""

    def __init__(self) -> None:
        self.first: tuple[float, float] | None = None

    def left(self, done: float) -> float | None:
        """Seconds, or None while there is too little to go by."""
        now = time.monotonic()
        self.first = self.first or (now, done)
        spent, advanced = now - self.first[0], done - self.first[1]
        return round(spent / advanced * (1 - done), 1) if advanced > 0.01 else None


class Interrupts:
    """The first Ctrl-C (or a termination signal, or the end of its terminal) asks the run to stop after its step; the
    second leaves at once.

    At once is also in the middle of a long step, when Python handles no signal: a thread of its own reads the bytes
    that the interpreter's C code writes."""

    def __init__(self, stopping: str = "stopping after this step") -> None:
        self.asked, self.stopping = False, stopping

    def __enter__(self) -> "Interrupts":
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.writing, False)
        self.before = {number: signal.signal(number, self._ask) for number in STOPPING}
        self.writing_before = signal.set_wakeup_fd(self.writing, warn_on_full_buffer=False)
        threading.Thread(target=self._count, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        signal.set_wakeup_fd(self.writing_before)
        for number, handler in self.before.items():
            signal.signal(number, handler)
        os.close(self.writing)

    def _ask(self, number: int, stack: object) -> None:
        self.asked = True

    def _count(self) -> None:
        signals = 0
        while sent := os.read(self.reading, 1):
            signals += sent[0] in self.before
            if signals == 1:
                _write_to_terminal(f"\n{self.stopping}; once more leaves at once\n")
            elif signals == 2:
                _write_to_terminal("\x1b[?25h")  # the cursor, which the bar hides
                os._exit(130)  # outputs are only ever replaced whole, so nothing can be left half-written
        os.close(self.reading)


def _write_to_terminal(text: str) -> None:
    if os.isatty(2):
        os.write(2, text.encode())


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _can_draw() -> bool:
    try:
        "━".encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
