"""What the page can ask of the server. Nothing here decodes a picture or loads torch: worker processes do."""

import errno
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from intarsia.studio.desk import Died, Dropped, Refused
from intarsia.studio.folder import Folder
from intarsia.studio.guard import TooLarge
from intarsia.studio.jobs import Full
from intarsia.studio.pictures import add_maps, add_pictures
from intarsia.studio.sessions import add_jobs, add_sessions
from intarsia.studio.shared import Limits, Studio

PAGE = Path(str(files("intarsia.studio") / "page"))
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def app_of(folder: Folder, limits: Limits = Limits()) -> FastAPI:  # noqa: B008 (frozen)
    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        app.state.studio = Studio(folder, limits)
        await run_in_threadpool(app.state.studio.tidy)
        yield
        await app.state.studio.close()

    app = FastAPI(lifespan=living, docs_url=None, redoc_url=None, openapi_url=None)
    _add_faults(app)
    add_pictures(app)
    add_maps(app)
    add_sessions(app)
    add_jobs(app)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


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

    @app.exception_handler(Dropped)
    async def dropped(request: Request, error: Dropped) -> Response:
        return _told(409, "a newer one has taken its place.")
