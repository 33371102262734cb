"""A worker process seen from the server: tasks are handed to it one at a time, and answered. One that dies is replaced
when the next task comes."""

import asyncio
import itertools
import json
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

LINE = 64 * 2**20  # bytes that an answer may have: pictures come in it
END_SECONDS = 5.0

Answer = dict[str, Any]


class Dropped(Exception):
    """A newer task of the same kind has taken its place."""


class Died(Exception):
    """The process ended before it had answered."""


class Refused(Exception):
    """The task failed; `facts` as the worker tells them."""

    def __init__(self, facts: Answer):
        super().__init__(facts["message"])
        self.facts = facts


@dataclass(eq=False)
class Task:
    name: str
    said: dict[str, Any]
    newest: str | None
    passing: bool
    heard: Callable[[Answer], None]
    number: int = field(default_factory=itertools.count(1).__next__)
    answer: "asyncio.Future[Answer]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Desk:
    """setup: what a process is told first; idle_seconds: after which it is let go, None for never; niceness: how far it
    stands back for other processes; gpu: the only one that it sees, None for all."""

    def __init__(
        self, setup: dict[str, Any], idle_seconds: float | None = None, niceness: int = 0, gpu: str | None = None
    ):
        self.setup, self.idle_seconds, self.niceness, self.gpu = setup, idle_seconds, niceness, gpu
        self.process: asyncio.subprocess.Process | None = None
        self._waiting: deque[Task] = deque()
        self.at: Task | None = None  # in work
        self._wake = asyncio.Event()
        self._work = asyncio.create_task(self._run())

    async def ask(
        self,
        name: str,
        newest: str | None = None,
        passing: bool = False,
        heard: Callable[[Answer], None] = lambda answer: None,
        **said: Any,
    ) -> Answer:
        """newest: of the waiting tasks with this word only the newest is done, the others raise Dropped; passing: it
        is dropped for one with the same word, which is not passing, when it is in work too. heard: is told what comes
        before the answer. Raises Refused, and Died."""
        if newest is not None:
            for task in [one for one in self._waiting if one.newest == newest]:
                self._waiting.remove(task)
                task.answer.set_exception(Dropped())
            if self.at is not None and self.at.passing and self.at.newest == newest and not passing:
                await self.say(drop=self.at.number)
        task = Task(name, said, newest, passing, heard)
        self._waiting.append(task)
        self._wake.set()
        return await task.answer

    async def say(self, **message: Any) -> None:
        """To the process, whatever it is at."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.write(json.dumps(message).encode() + b"\n")
                await self.process.stdin.drain()

    async def close(self) -> None:
        self._work.cancel()
        await self._end()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if not self._waiting:
                try:
                    await asyncio.wait_for(self._wake.wait(), self.idle_seconds if self.process else None)
                except TimeoutError:
                    await self._end()
                continue
            self.at = self._waiting.popleft()
            await self._do(self.at)
            self.at = None

    async def _do(self, task: Task) -> None:
        try:
            await self._begin()
            await self.say(task=task.name, number=task.number, **task.said)
            while (answer := await self._next())["event"] not in ("done", "failed", "dropped"):
                task.heard(answer)
        except Died as error:
            await self._end()
            return None if task.answer.done() else task.answer.set_exception(error)
        if task.answer.done():  # whoever asked has gone
            return None
        if answer["event"] == "dropped":
            return task.answer.set_exception(Dropped())
        if answer["event"] == "failed":
            return task.answer.set_exception(Refused(answer))
        return task.answer.set_result(answer)

    async def _begin(self) -> None:
        if self.process is not None and self.process.returncode is None:
            return
        # freed memory is kept, since every task takes the same again, and threads do not wait for each other awake:
        # what `intarsia.cli` asks for
        gpu = {} if self.gpu is None else {"CUDA_VISIBLE_DEVICES": self.gpu}
        more = {"GOMP_SPINCOUNT": "10000", "MALLOC_TRIM_THRESHOLD_": str(2**27), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "intarsia.studio.worker"),
            stdin=pipe,
            stdout=pipe,
            limit=LINE,
            env={**os.environ, **more, **gpu},
            start_new_session=True,  # Ctrl-C at the terminal is for the server
            preexec_fn=(lambda: os.nice(self.niceness)) if self.niceness else None,
        )
        await self.say(**self.setup)
        while (await self._next())["event"] != "ready":
            pass

    async def _next(self) -> Answer:
        assert self.process is not None
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise Died(f"code {await self.process.wait()}")
        return json.loads(line)

    async def _end(self) -> None:
        process, self.process = self.process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
