"""All that requests share: the folder, what is kept, the workers, and what is allowed."""

import os
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException, Request
from fastapi.responses import FileResponse, Response

from intarsia.studio.desk import Desk
from intarsia.studio.folder import Folder
from intarsia.studio.jobs import Jobs
from intarsia.studio.sketch import Sketch
from intarsia.studio.store import Row, Store, oldest

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # what is named by its sum does not change
ANEW = {"cache-control": "no-store"}
DAY = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """bytes: of a picture that is sent; pixels: in it; side, steps: of a painting; disk: bytes of all files; queue:
    paintings that may wait."""

    bytes: int = 64 * 2**20
    pixels: int = 100_000_000
    side: int = 4096
    steps: int = 2000
    sessions: int = 200
    disk: int = 8 * 2**30
    queue: int = 8


def visible_gpu(number: int) -> str:
    """What CUDA calls it in a process that is to see it alone."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return given.split(",")[number] if given else str(number)


class Studio:
    """All that requests share."""

    def __init__(self, folder: Folder, limits: Limits):
        self.folder, self.limits = folder, limits
        self.store = Store(folder.root / "studio.db")
        setup = {"folder": str(folder.root), "most": limits.pixels}
        self.desk = Desk(setup | {"look": True})

        def desk_at(gpu: int | None) -> Desk:
            only = None if gpu is None else visible_gpu(gpu)
            return Desk(setup | {"look": False}, idle_seconds=60, niceness=5, gpu=only)

        self.jobs = Jobs(self.store, folder, desk_at, limits.queue)

    async def close(self) -> None:
        await self.jobs.close()
        await self.desk.close()
        self.store.close()

    def tidy(self) -> None:
        """What nobody names goes after a day; the oldest sessions go where there are too many, or too little room."""
        while len(self.store.sessions()) > self.limits.sessions:
            self.store.drop_session(str(oldest(self.store.sessions())))
        self.folder.forget(*self.store.used(), age=DAY)
        while self.folder.size() > self.limits.disk and len(self.store.sessions()) > 1:
            self.store.drop_session(str(oldest(self.store.sessions())))
            self.folder.forget(*self.store.used(), age=0)

    def check(self, sketch: Sketch) -> Sketch:
        """What it names is here, and it is not larger than this server paints."""
        most, steps = self.limits, [sketch.settings.get("steps"), sketch.deform and sketch.deform.steps]
        if sketch.size is not None and sketch.size > most.side:
            raise HTTPException(400, f"a painting here has up to {most.side} pixels along its longer side.")
        if not all(one is None or (isinstance(one, int | float) and one <= most.steps) for one in steps):
            raise HTTPException(400, f"a painting here takes up to {most.steps} steps.")
        for setting in sketch.settings:
            if setting.endswith("weights") and setting != "tap_weights":
                raise HTTPException(400, f"`{setting}` names a file, which a page cannot.")
        gone = [key for key in sketch.pictures() if not self.folder.picture(key).exists()]
        gone += [key for key in sketch.maps() if not self.folder.map(key).exists()]
        if gone:
            raise HTTPException(410, "a picture or a map of this session is no longer here. Choose it again.")
        return sketch

    def session(self, name: str) -> Row:
        if (found := self.store.session(name)) is None:
            raise HTTPException(404, "this session is not here.")
        return found

    def job(self, name: str) -> Row:
        if (found := self.store.job(name)) is None:
            raise HTTPException(404, "this painting is not here.")
        return found


def studio_of(request: Request) -> Studio:
    return request.app.state.studio


def file(path: Path, headers: dict[str, str], name: str | None = None) -> Response:
    if not path.is_file():
        raise HTTPException(404, "this picture is not here.")
    return FileResponse(path, headers=headers, filename=name)
