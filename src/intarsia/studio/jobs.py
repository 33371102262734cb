"""Paintings at full size, first come first served, by a worker process for each device; and what the pages hear of
them."""

import asyncio
import hashlib
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
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
    """desk_at: a new one, for the GPU of this number, or for any where there is none; most: that may wait."""

    def __init__(self, store: Store, folder: Folder, desk_at: Callable[[int | None], Desk], most: int):
        self.store, self.folder, self.desk_at, self.most = store, folder, desk_at, most
        self.waiting: list[str] = []
        self.running: dict[str, Desk] = {}
        self._stopping: set[str] = set()  # said again until it is heard: the process may not have begun
        self._on_their_way: dict[str, Row] = {}
        self._listeners: dict[str, set[asyncio.Queue[Row | None]]] = defaultdict(set)
        self._said: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self.desks = [desk_at(None)]
        self._work = [asyncio.create_task(self._run(self.desks[0]))]

    def spread(self, gpus: int) -> None:
        """Over so many, a desk for each."""
        for i in range(len(self.desks), gpus):
            self.desks.append(self.desk_at(i))
            self._work.append(asyncio.create_task(self._run(self.desks[i])))

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
        elif job["id"] in self.running:
            self._stopping.add(job["id"])
            await self.running[job["id"]].say(task="stop")

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
        for work in self._work:
            work.cancel()
        for desk in self.desks:
            await desk.close()

    # ---- done --------------------------------------------------------------------------------------------------------

    def _check_room(self) -> None:
        if len(self.waiting) >= self.most:
            raise Full

    def _queue(self, job: Row) -> None:
        self.waiting.append(job["id"])
        self._change(job["id"], "waiting", message="")
        self._wake.set()

    async def _run(self, desk: Desk) -> None:
        while True:
            while not self.waiting:
                self._wake.clear()
                await self._wake.wait()
            name = self.waiting.pop(0)
            self.running[name] = desk
            for other in self.waiting:
                self._tell(other)
            with suppress(OSError, sqlite3.Error):  # the disk is full; the next job may be smaller
                await self._paint(name, desk)
            del self.running[name]

    async def _paint(self, name: str, desk: Desk) -> None:
        job = self.store.job(name)
        if job is None:
            return
        self._on_their_way[name] = {"losses": job.get("losses", []), "notices": [], "shown": 0}
        self._change(name, "running", message="")
        resume = (self.folder.job(name) / "painted.png.state").exists()
        try:
            said = {"job": name, "sketch": job["sketch"], "resume": resume}
            answer = await desk.ask("paint", heard=lambda event: self._hear(name, event), **said)
            state = "done" if answer["finished"] else "stopped"
            self._change(name, state, recipe=answer["recipe"], **self._on_their_way[name])
        except Died:
            told = "the process that painted was ended. What it had kept is there; go on from it."
            self._change(name, "stopped", message=told)
        except Refused as refusal:
            self._change(name, "failed", message=refusal.facts["message"])
        finally:
            self._on_their_way.pop(name, None)
            self._stopping.discard(name)
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
        if name in self._stopping:
            self._said = asyncio.create_task(self.running[name].say(task="stop"))
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
