"""What the page can ask of the server. Nothing here decodes a picture or loads torch: worker processes do."""

import asyncio
import base64
import errno
import hashlib
import io
import json
import os
import sqlite3
import zipfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from intarsia.studio.desk import Desk, Died, Dropped, Refused
from intarsia.studio.folder import Folder
from intarsia.studio.guard import TooLarge
from intarsia.studio.jobs import Full, Jobs
from intarsia.studio.sketch import Drawn, Id, Key, Name, Part, Sketch, Words
from intarsia.studio.store import Row, Store, oldest

PAGE = Path(str(files("intarsia.studio") / "page"))
MAP_SIDE = 2048  # of a map that is sent
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # what is named by its sum does not change
ANEW = {"cache-control": "no-store"}
DAY = 86_400.0
LISTENING = 15.0  # seconds between two signs of life to a page
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


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


class Changed(Part):
    revision: int
    sketch: Sketch


class Asked(Part):
    """A map to draw. on: a picture, or a swatch."""

    on: dict[str, Annotated[str, Field(max_length=64)]]
    map: Drawn


class Cut(Part):
    object: Key
    mask: Words = ""


class Divided(Part):
    content: Key
    k: Annotated[int, Field(ge=2, le=12)]


class Studio:
    """All that requests share."""

    def __init__(self, folder: Folder, limits: Limits):
        self.folder, self.limits = folder, limits
        self.store = Store(folder.root / "studio.db")
        setup = {"folder": str(folder.root), "most": limits.pixels}
        self.desk = Desk(setup | {"look": True})
        self.jobs = Jobs(self.store, folder, Desk(setup | {"look": False}, idle_seconds=60, niceness=5), limits.queue)

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
        most, steps = self.limits, sketch.settings.get("steps", 0)
        if sketch.size is not None and sketch.size > most.side:
            raise HTTPException(400, f"a painting here has up to {most.side} pixels along its longer side.")
        if not isinstance(steps, int | float) or steps > most.steps:
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


def app_of(folder: Folder, limits: Limits = Limits()) -> FastAPI:
    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        app.state.studio = Studio(folder, limits)
        await run_in_threadpool(app.state.studio.tidy)
        yield
        await app.state.studio.close()

    app = FastAPI(lifespan=living, docs_url=None, redoc_url=None, openapi_url=None)
    _add_faults(app)
    _add_pictures(app)
    _add_maps(app)
    _add_sessions(app)
    _add_jobs(app)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


def studio_of(request: Request) -> Studio:
    return request.app.state.studio


def _told(status: int, text: str) -> JSONResponse:
    return JSONResponse({"message": text}, status)


def _add_faults(app: FastAPI) -> None:
    """Every failure is a sentence."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return _told(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        fault = error.errors()[0]
        where = ".".join(str(one) for one in fault["loc"] if one != "body")
        return _told(400, f"this request cannot be: {where}: {fault['msg']}.")

    @app.exception_handler(Refused)
    async def failed(request: Request, error: Refused) -> Response:
        return _told(507 if error.facts["full"] else 400, str(error))

    @app.exception_handler(Died)
    async def died(request: Request, error: Died) -> Response:
        return _told(503, "the process that looks at pictures was ended. A new one is started; try again.")

    @app.exception_handler(Full)
    async def queued(request: Request, error: Full) -> Response:
        return _told(429, "so many paintings are waiting that no more are taken. Wait for one to be done.")

    @app.exception_handler(TooLarge)
    async def large(request: Request, error: TooLarge) -> Response:
        return _told(413, str(error))

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.OperationalError)
    async def disk(request: Request, error: Exception) -> Response:
        full = getattr(error, "errno", None) in FULL or "full" in str(error)
        if not full:
            raise error
        return _told(507, "the disk is full, so this was not kept. What was there is untouched. Free some room.")


# ---- pictures --------------------------------------------------------------------------------------------------------


def _add_pictures(app: FastAPI) -> None:
    @app.get("/api/about")
    async def about(request: Request) -> dict[str, Any]:
        studio = studio_of(request)
        limits = {"bytes": studio.limits.bytes, "side": studio.limits.side, "steps": studio.limits.steps}
        return {**await studio.desk.ask("about"), "limits": limits}

    @app.post("/api/pictures")
    async def send(request: Request, name: Name = "") -> Row:
        studio = studio_of(request)
        path, total = studio.folder.new(), hashlib.sha256()
        try:
            with open(path, "wb") as file:
                async for part in request.stream():
                    total.update(part)
                    await run_in_threadpool(file.write, part)
            return await _taken(studio, path, total.hexdigest(), name)
        finally:
            path.unlink(missing_ok=True)

    @app.post("/api/examples/{which}")
    async def example(request: Request, which: Id) -> Row:
        studio = studio_of(request)
        path = studio.folder.new()
        try:
            await studio.desk.ask("example", which=which, path=str(path))
            return await _taken(studio, path, hashlib.sha256(path.read_bytes()).hexdigest(), which)
        finally:
            path.unlink(missing_ok=True)

    async def _taken(studio: Studio, path: Path, key: str, name: str) -> Row:
        """What is no picture leaves nothing behind."""
        target = studio.folder.picture(key)
        known = studio.store.picture(key)
        if known is None or not target.exists() or not studio.folder.shown(key).exists():
            os.replace(path, target)
            try:
                facts = await studio.desk.ask("open", key=key)
            except Exception:
                target.unlink(missing_ok=True)
                raise
            facts.pop("event")
            studio.store.keep_picture(key, name, facts)
            await run_in_threadpool(studio.tidy)
        known = studio.store.picture(key)
        assert known is not None
        recipe = known.pop("recipe")
        job = None if recipe is None else studio.store.job_with(recipe)
        painted = {} if recipe is None else {"painted": True, "sketch": None if job is None else job["sketch"]}
        return known | painted | {"name": name or known["name"]}

    @app.get("/api/pictures/{key}")
    def known(request: Request, key: Key) -> Row:
        if (found := studio_of(request).store.picture(key)) is None:
            raise HTTPException(404, "this picture is not here.")
        return {name: value for name, value in found.items() if name != "recipe"}

    @app.get("/api/swatches/{which}")
    async def swatch(request: Request, which: Id) -> Response:
        answer = await studio_of(request).desk.ask("swatch", which=which)
        return Response(base64.b64decode(answer["image"]), media_type="image/png", headers=FOREVER)

    @app.get("/api/pictures/{key}/{which}")
    async def shown(request: Request, key: Key, which: Id) -> Response:
        folder = studio_of(request).folder
        path = {"shown": folder.shown, "small": folder.small}.get(which, folder.shown)(key)
        return _file(path, FOREVER)

    @app.post("/api/cutout")
    async def cutout(request: Request, cut: Cut) -> Response:
        answer = await studio_of(request).desk.ask("cutout", newest="cutout", object=cut.object, mask=cut.mask)
        whole = "yes" if answer["whole"] else "no"
        return Response(base64.b64decode(answer["image"]), media_type="image/png", headers=ANEW | {"x-whole": whole})

    @app.post("/api/preview")
    async def preview(request: Request, sketch: Sketch, session: Name = "") -> Response:
        """The newest wins: of those of one session that wait, the older are answered with 409, unpainted."""
        studio = studio_of(request)
        studio.check(sketch)
        if sketch.content is None:
            raise HTTPException(400, "there is no picture to paint. Choose one.")
        answer = await studio.desk.ask("preview", newest=f"preview {session}", sketch=sketch.model_dump())
        notices = json.dumps(answer["notices"])
        image = base64.b64decode(answer["image"])
        return Response(image, media_type="image/png", headers=ANEW | {"x-notices": notices})

    @app.exception_handler(Dropped)
    async def dropped(request: Request, error: Dropped) -> Response:
        return _told(409, "a newer one has taken its place.")


def _file(path: Path, headers: dict[str, str], name: str | None = None) -> Response:
    if not path.is_file():
        raise HTTPException(404, "this picture is not here.")
    return FileResponse(path, headers=headers, filename=name)


# ---- maps ------------------------------------------------------------------------------------------------------------


def _add_maps(app: FastAPI) -> None:
    side = Query(ge=1, le=MAP_SIDE)

    @app.post("/api/maps")
    async def send(request: Request, w: Annotated[int, side], h: Annotated[int, side]) -> dict[str, str]:
        """One byte per pixel, row by row, in gzip."""
        unpacked = zlib.decompressobj(wbits=31)
        try:
            levels = unpacked.decompress(await request.body(), w * h + 1)
        except zlib.error:
            raise HTTPException(400, "this map is not packed as it should be.") from None
        if len(levels) != w * h:
            raise HTTPException(400, f"this map does not have {w} x {h} pixels.")
        return {"key": await run_in_threadpool(studio_of(request).folder.store_map, w, h, levels)}

    @app.get("/api/maps/{key}")
    async def stored(request: Request, key: Key) -> Response:
        return _file(studio_of(request).folder.map(key), FOREVER)

    @app.post("/api/draw")
    async def draw(request: Request, asked: Asked) -> dict[str, str]:
        studio = studio_of(request)
        on = asked.on
        if set(on) == {"picture"}:
            studio.check(Sketch(content=on["picture"]))
        elif set(on) != {"swatch"}:
            raise HTTPException(400, "a map is drawn on a picture, or on a swatch.")
        if asked.map.pixels is not None and not studio.folder.map(asked.map.pixels).exists():
            raise HTTPException(410, "this map is no longer here.")
        return {"key": (await studio.desk.ask("draw", on=on, drawn=asked.map.model_dump()))["key"]}

    @app.post("/api/partition")
    async def divide(request: Request, asked: Divided) -> dict[str, list[str]]:
        studio = studio_of(request)
        studio.check(Sketch(content=asked.content))
        return {"keys": (await studio.desk.ask("partition", content=asked.content, k=asked.k))["keys"]}


# ---- sessions --------------------------------------------------------------------------------------------------------


def _add_sessions(app: FastAPI) -> None:
    @app.get("/api/sessions")
    def every(request: Request) -> list[Row]:
        return studio_of(request).store.sessions()

    @app.post("/api/sessions")
    def begin(request: Request, sketch: Sketch) -> Row:
        studio = studio_of(request)
        name = studio.store.new_session(studio.check(sketch))
        return {"id": name, "revision": 1}

    @app.get("/api/sessions/{name}")
    def one(request: Request, name: Id) -> Row:
        studio = studio_of(request)
        return studio.session(name) | {"jobs": [studio.jobs.told(job) for job in studio.store.jobs(name)]}

    @app.put("/api/sessions/{name}")
    def change(request: Request, name: Id, changed: Changed) -> Row:
        studio = studio_of(request)
        studio.session(name)
        revision = studio.store.change_session(name, changed.revision, studio.check(changed.sketch))
        if revision is None:
            raise HTTPException(409, "this session was changed in another window.")
        return {"revision": revision}

    @app.delete("/api/sessions/{name}")
    async def drop(request: Request, name: Id) -> Row:
        studio = studio_of(request)
        for job in studio.store.jobs(name):
            await studio.jobs.drop(job)
        studio.store.drop_session(name)
        return {}


# ---- jobs ------------------------------------------------------------------------------------------------------------


def _add_jobs(app: FastAPI) -> None:
    @app.post("/api/sessions/{name}/jobs")
    async def begin(request: Request, name: Id, sketch: Sketch) -> Row:
        studio = studio_of(request)
        studio.session(name)
        if sketch.content is None:
            raise HTTPException(400, "there is no picture to paint. Choose one.")
        return studio.jobs.begin(name, studio.check(sketch))

    @app.post("/api/jobs/{name}/stop")
    async def stop(request: Request, name: Id) -> Row:
        studio = studio_of(request)
        await studio.jobs.stop(studio.job(name))
        return studio.jobs.told(studio.job(name))

    @app.post("/api/jobs/{name}/go-on")
    async def go_on(request: Request, name: Id) -> Row:
        studio = studio_of(request)
        job = studio.job(name)
        if job["state"] not in ("stopped", "failed"):
            raise HTTPException(400, "this painting is not stopped.")
        studio.jobs.go_on(job)
        return studio.jobs.told(studio.job(name))

    @app.delete("/api/jobs/{name}")
    async def drop(request: Request, name: Id) -> Row:
        studio = studio_of(request)
        await studio.jobs.drop(studio.job(name))
        return {}

    @app.get("/api/jobs/{name}/sketch")
    def sketch(request: Request, name: Id) -> Row:
        return studio_of(request).job(name)["sketch"]

    @app.get("/api/jobs/{name}/{which}.webp")
    def shown(request: Request, name: Id, which: Id) -> Response:
        """shown: the painting, small: a thumbnail, sofar: on its way."""
        studio = studio_of(request)
        known = {"shown": "shown.webp", "small": "small.webp", "sofar": "so_far.webp"}
        return _file(studio.folder.job(studio.job(name)["id"]) / known.get(which, "shown.webp"), ANEW)

    @app.get("/api/jobs/{name}/painted.png")
    def painted(request: Request, name: Id) -> Response:
        studio = studio_of(request)
        home = studio.folder.job(studio.job(name)["id"])
        return _file(home / "painted.png", ANEW, "painted.png")

    @app.get("/api/jobs/{name}/all.zip")
    def bundle(request: Request, name: Id) -> Response:
        """The painting, its recipe, and all that the recipe names."""
        studio = studio_of(request)
        home, packed = studio.folder.job(studio.job(name)["id"]), io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(home.glob("*")):
                if path.suffix in (".state", ".webp", ".new") or not path.is_file():
                    continue
                archive.write(path, path.name)
        headers = ANEW | {"content-disposition": 'attachment; filename="painted.zip"'}
        return Response(packed.getvalue(), media_type="application/zip", headers=headers)

    @app.get("/api/events")
    async def events(request: Request, session: Id) -> StreamingResponse:
        """Server-sent events: every job of the session as it is, then whatever changes."""
        studio = studio_of(request)
        studio.session(session)

        async def stream() -> AsyncIterator[str]:
            with studio.jobs.listening(session) as queue:
                for job in studio.store.jobs(session):
                    yield _event(studio.jobs.told(job))
                while True:
                    try:
                        if (job := await asyncio.wait_for(queue.get(), LISTENING)) is None:
                            return
                        yield _event(job)
                    except TimeoutError:
                        yield ": still here\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream", headers=ANEW)


def _event(job: Row) -> str:
    return f"event: job\ndata: {json.dumps(job)}\n\n"
