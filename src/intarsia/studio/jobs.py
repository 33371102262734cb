"""Paintings at full size, first come first served, by one worker process; and what the pages hear of them."""

import asyncio
import hashlib
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from intarsia.studio.desk import Answer, Desk, Died, Refused
from intarsia.studio.folder import Folder
from intarsia.studio.sketch import Onward, Sketch
from intarsia.studio.store import Row, Store

HEARD = ("id", "made", "state", "step", "steps", "part", "message", "notices", "shown", "losses", "width", "height")
MOST_LOSSES = 400  # that a curve is drawn of


class Full(Exception):
    """The queue is as long as it may be."""


class Jobs:
    """most: that may wait."""

    def __init__(self, store: Store, folder: Folder, desk: Desk, most: int):
        self.store, self.folder, self.desk, self.most = store, folder, desk, most
        self.waiting: list[str] = []
        self.running: str | None = None
        self._stopping: str | None = None  # said again until it is heard: the process may not have begun
        self._on_their_way: dict[str, Row] = {}
        self._listeners: dict[str, set[asyncio.Queue[Row | None]]] = defaultdict(set)
        self._said: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._work = asyncio.create_task(self._run())

    # ---- asked -------------------------------------------------------------------------------------------------------

    def begin(self, session: str, sketch: Sketch) -> Row:
        """Raises Full."""
        self._check_room()
        job = self.store.new_job(session, sketch)
        self._queue(job)
        return self.told(job)

    def go_on(self, job: Row) -> None:
        """With one that was stopped. Raises Full."""
        self._check_room()
        self._queue(job)

    def more(self, job: Row, steps: int) -> Row:
        """Another one, which takes so many more steps from where this one ended, at its full size. Raises Full."""
        painted = (self.folder.job(job["id"]) / "painted.png").read_bytes()
        key = hashlib.sha256(painted).hexdigest()
        if not self.folder.picture(key).exists():
            self.folder.store(self.folder.picture(key), lambda path: path.write_bytes(painted))
        sketch = Sketch(**job["sketch"]).model_copy(update={"onward": Onward(picture=key, steps=steps)})
        return self.begin(job["session"], sketch)

    async def stop(self, job: Row) -> None:
        """What is painted is kept, with the state to go on from."""
        if job["id"] in self.waiting:
            self.waiting.remove(job["id"])
            self._change(job["id"], "stopped", message="stopped before it began")
        elif job["id"] == self.running:
            self._stopping = job["id"]
            await self.desk.say(task="stop")

    async def drop(self, job: Row) -> None:
        await self.stop(job)
        self.store.drop_job(job["id"])
        shutil.rmtree(self.folder.job(job["id"]), ignore_errors=True)

    def told(self, job: Row) -> Row:
        """What a page needs to know of it."""
        job = job | self._on_their_way.get(job["id"], {})
        place = {"place": self.waiting.index(job["id"]) + 1} if job["id"] in self.waiting else {}
        home = self.folder.job(job["id"])
        files = {"painted": (home / "shown.webp").exists(), "resumable": (home / "painted.png.state").exists()}
        asked = {key: job["sketch"][key] for key in ("room", "method")}
        return {key: job[key] for key in HEARD if key in job} | files | place | asked

    @contextmanager
    def listening(self, session: str) -> Iterator["asyncio.Queue[Row | None]"]:
        """Whatever changes of the jobs of a session; None when the server ends."""
        queue: asyncio.Queue[Row | None] = asyncio.Queue(1000)
        self._listeners[session].add(queue)
        try:
            yield queue
        finally:
            self._listeners[session].discard(queue)

    def hang_up(self) -> None:
        """On all who listen."""
        for queue in [one for queues in self._listeners.values() for one in queues if not one.full()]:
            queue.put_nowait(None)

    async def close(self) -> None:
        self._work.cancel()
        await self.desk.close()

    # ---- done --------------------------------------------------------------------------------------------------------

    def _check_room(self) -> None:
        if len(self.waiting) >= self.most:
            raise Full

    def _queue(self, job: Row) -> None:
        self.waiting.append(job["id"])
        self._change(job["id"], "waiting", message="")
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if not self.waiting:
                await self._wake.wait()
                continue
            self.running = self.waiting.pop(0)
            for other in self.waiting:
                self._tell(other)
            with suppress(OSError, sqlite3.Error):  # the disk is full; the next job may be smaller
                await self._paint(self.running)
            self.running = None

    async def _paint(self, name: str) -> None:
        job = self.store.job(name)
        if job is None:
            return
        self._on_their_way[name] = {"losses": job.get("losses", []), "notices": [], "shown": 0}
        self._change(name, "running", message="")
        resume = (self.folder.job(name) / "painted.png.state").exists()
        try:
            said = {"job": name, "sketch": job["sketch"], "resume": resume}
            answer = await self.desk.ask("paint", heard=lambda event: self._hear(name, event), **said)
            state = "done" if answer["finished"] else "stopped"
            self._change(name, state, recipe=answer["recipe"], **self._on_their_way[name])
        except Died:
            told = "the process that painted was ended. What it had kept is there; go on from it."
            self._change(name, "stopped", message=told)
        except Refused as refusal:
            self._change(name, "failed", message=refusal.facts["message"])
        finally:
            self._on_their_way.pop(name, None)
            self._stopping = None
            self._tell(name)

    def _hear(self, name: str, event: Answer) -> None:
        facts = self._on_their_way[name]
        match event:
            case {"event": "step"}:
                facts |= {key: event[key] for key in ("step", "steps", "part")}
                if "loss" in event:
                    facts["losses"] = [*facts["losses"], event["loss"]][-MOST_LOSSES:]
            case {"event": "shown"}:
                facts["shown"] += 1
            case {"event": "noticed"}:
                facts["notices"].append(event["text"])
            case {"event": "started"}:
                facts |= {"width": event["width"], "height": event["height"]}
        if name == self._stopping:
            self._said = asyncio.create_task(self.desk.say(task="stop"))
        self._tell(name)

    def _change(self, name: str, state: str, recipe: str | None = None, **facts: Any) -> None:
        self.store.change_job(name, state, recipe, **facts)
        self._tell(name)

    def _tell(self, name: str) -> None:
        if (job := self.store.job(name)) is None:
            return
        told = self.told(job)
        for queue in self._listeners.get(job["session"], ()):
            if not queue.full():  # a page that does not listen asks for all of it when it comes back
                queue.put_nowait(told)
