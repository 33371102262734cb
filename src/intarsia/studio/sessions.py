"""Sessions and their paintings, and the events of both."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from intarsia.studio.shared import ANEW, file, studio_of
from intarsia.studio.sketch import Id, Part, Sketch
from intarsia.studio.store import Row

MORE = 50  # steps that a painting which is done takes when asked for more
LISTENING = 15.0  # seconds between two signs of life to a page


class Changed(Part):
    revision: int
    sketch: Sketch


def add_sessions(app: FastAPI) -> None:
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


def add_jobs(app: FastAPI) -> None:
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

    @app.post("/api/jobs/{name}/more")
    async def more(request: Request, name: Id) -> Row:
        studio = studio_of(request)
        job = studio.job(name)
        by_steps = job["sketch"]["room"] == "paint" and job.get("losses")
        if job["state"] != "done" or not by_steps:
            raise HTTPException(400, "only a painting that was optimized step by step, and is done, takes more steps.")
        return studio.jobs.more(job, MORE)

    @app.delete("/api/jobs/{name}")
    async def drop(request: Request, name: Id) -> Row:
        studio = studio_of(request)
        await studio.jobs.drop(studio.job(name))
        return {}

    @app.get("/api/jobs/{name}/sketch")
    def sketch(request: Request, name: Id) -> Row:
        return studio_of(request).job(name)["sketch"] | {"onward": None}

    @app.get("/api/jobs/{name}/{which}.webp")
    def shown(request: Request, name: Id, which: Id) -> Response:
        """shown: the painting, small: a thumbnail, sofar: on its way."""
        studio = studio_of(request)
        known = {"shown": "shown.webp", "small": "small.webp", "sofar": "so_far.webp"}
        return file(studio.folder.job(studio.job(name)["id"]) / known.get(which, "shown.webp"), ANEW)

    @app.get("/api/jobs/{name}/painted.png")
    def painted(request: Request, name: Id) -> Response:
        studio = studio_of(request)
        home = studio.folder.job(studio.job(name)["id"])
        return file(home / "painted.png", ANEW, "painted.png")

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
