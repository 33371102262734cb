"""Processes that work on one task at a time. Tasks and answers are lines of JSON through their pipes."""

import json
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

END_SECONDS = 10.0  # that a process has to end after it was asked to


class Worker:
    """One process. task: what it is at; ready: it has reported so; last_lines: of its standard error."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], inbox: "queue.Queue[Any]") -> None:
        self.task: Any = None
        self.ready = False
        self.last_lines: deque[str] = deque(maxlen=20)
        pipe = subprocess.PIPE
        # in a session of its own: Ctrl-C at the terminal is for the run, which lets the pictures in work be finished
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        )
        work = (self._read_answers, inbox), (self._read_errors,)
        self._threads = [threading.Thread(target=read, args=rest, daemon=True) for read, *rest in work]
        for thread in self._threads:
            thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # it has died, which is reported when its answers end
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def assign(self, task: Any, message: Mapping[str, Any]) -> None:
        self.task = task
        self.send(message)

    def dismiss(self) -> None:
        """Asks it to end: at once if it is idle, between two steps if it is not."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()

    def end(self) -> None:
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _read_answers(self, inbox: "queue.Queue[Any]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):  # a line that it died in
                inbox.put((self, json.loads(line)))
        inbox.put((self, {"event": "died", "why": _ending(self.process.wait())}))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.last_lines.append(line.decode("utf-8", "replace").rstrip())


class Pool:
    """Up to `count` processes, each sent `setup` first. environment: variables beside those of this process. Used in a
    `with`, at whose end none is left."""

    def __init__(
        self, command: Sequence[str], setup: Mapping[str, Any], count: int, environment: Mapping[str, str]
    ) -> None:
        self.command, self.setup, self.count = command, setup, count
        self.environment = {**os.environ, **environment}
        # what `intarsia.cli` asks of glibc: freed memory is kept, since every step takes the same again
        self.environment |= {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
        self.workers: list[Worker] = []
        self._inbox: queue.Queue[tuple[Worker, dict[str, Any]]] = queue.Queue()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self.workers:
            worker.dismiss()
        for worker in self.workers:
            worker.end()

    def fill(self, tasks: int) -> None:
        """As many processes as there are tasks, within the count."""
        while len(self.workers) < min(self.count, tasks):
            self.workers.append(Worker(self.command, self.environment, self._inbox))
            self.workers[-1].send(self.setup)

    def idle(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.ready and worker.task is None]

    def busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.task is not None]

    def next_answer(self, timeout: float) -> tuple[Worker, dict[str, Any]] | None:
        """The next message of any of them; None if there was none in so many seconds. One that died is let go."""
        try:
            worker, message = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return None
        if message["event"] == "died" and worker in self.workers:
            self.workers.remove(worker)
            worker.dismiss()
            threading.Thread(target=worker.end, daemon=True).start()  # it joins the thread that this came from
        return worker, message


def _ending(code: int) -> str:
    if code >= 0:
        return f"code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"
