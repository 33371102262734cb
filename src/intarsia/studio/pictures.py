"""Pictures, maps and previews: what the page asks for while a sketch is made."""

import base64
import hashlib
import json
import os
import re
import zlib
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from intarsia.studio.folder import Folder, steps_of
from intarsia.studio.shared import ANEW, FOREVER, Studio, file, studio_of
from intarsia.studio.sketch import MOST_NAMED, Drawn, Id, Key, Name, Part, Sketch, Style, Words
from intarsia.studio.store import Row

MAP_SIDE = 2048  # of a map that is sent
MOST_WORDS, MOST_STEPS = 60_000, 250_000  # letters: of what was done last, and of all that made a map


class Asked(Part):
    """A map to draw. on: a picture, or a swatch."""

    on: dict[str, Annotated[str, Field(max_length=64)]]
    map: Drawn


class Cut(Part):
    object: Key
    mask: Words = ""


class Divided(Part):
    """within: what of the content is cut; None for all of it."""

    content: Key
    k: Annotated[int, Field(ge=2, le=12)]
    within: Drawn | None = None


class Alike(Part):
    """Two pictures in which the same places are looked for."""

    content: Key
    style: Style


def add_pictures(app: FastAPI) -> None:
    @app.get("/api/about")
    async def about(request: Request) -> dict[str, Any]:
        studio = studio_of(request)
        limits = {"bytes": studio.limits.bytes, "side": studio.limits.side, "steps": studio.limits.steps}
        told = await studio.desk.ask("about")
        studio.jobs.spread(told.pop("gpus"))
        return {**told, "limits": limits}

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
        painted = (
            {}
            if recipe is None
            else {"painted": True, "sketch": None if job is None else job["sketch"] | {"onward": None}}
        )
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
        return file(path, FOREVER)

    @app.post("/api/cutout")
    async def cutout(request: Request, cut: Cut) -> Response:
        answer = await studio_of(request).desk.ask("cutout", newest="cutout", object=cut.object, mask=cut.mask)
        whole = "yes" if answer["whole"] else "no"
        return Response(base64.b64decode(answer["image"]), media_type="image/png", headers=ANEW | {"x-whole": whole})

    @app.post("/api/points")
    async def points(request: Request, alike: Alike) -> dict[str, Any]:
        """Pairs of points, found."""
        studio, style = studio_of(request), alike.style
        studio.check(Sketch(content=alike.content, styles=[style]))
        on = {"swatch": style.swatch} if style.picture is None else {"picture": style.picture}
        return {"pairs": (await studio.desk.ask("points", content=alike.content, on=on))["pairs"]}

    @app.post("/api/preview")
    async def preview(request: Request, sketch: Sketch, session: Name = "", passing: bool = False) -> Response:
        """The newest wins: of those of one session that wait, the older are answered with 409, unpainted; so is one
        that is being painted, if it was passing, of a stroke on its way, and the newest is not."""
        studio = studio_of(request)
        studio.check(sketch)
        if sketch.content is None:
            raise HTTPException(400, "there is no picture to paint. Choose one.")
        word = f"preview {session}"
        answer = await studio.desk.ask("preview", newest=word, passing=passing, sketch=sketch.model_dump())
        notices = json.dumps(answer["notices"])
        image = base64.b64decode(answer["image"])
        return Response(image, media_type="image/png", headers=ANEW | {"x-notices": notices})


def add_maps(app: FastAPI) -> None:
    side = Query(ge=1, le=MAP_SIDE)

    @app.post("/api/maps")
    async def send(
        request: Request, w: Annotated[int, side], h: Annotated[int, side], before: Key | None = None
    ) -> dict[str, Any]:
        """One byte per pixel, row by row, then in words what was done to make it of the map `before`; in gzip."""
        folder, unpacked = studio_of(request).folder, zlib.decompressobj(wbits=31)
        try:
            sent = unpacked.decompress(await request.body(), w * h + MOST_WORDS + 1)
            levels, words = sent[: w * h], sent[w * h :].decode("ascii")
        except (zlib.error, UnicodeDecodeError):
            raise HTTPException(400, "this map is not packed as it should be.") from None
        if len(levels) != w * h or len(words) > MOST_WORDS:
            raise HTTPException(400, f"this map does not have {w} x {h} pixels.")
        steps, named = _steps(folder, before, words)
        return {"key": await run_in_threadpool(folder.store_map, w, h, levels, steps), "named": named}

    @app.get("/api/maps/{key}")
    async def stored(request: Request, key: Key) -> Response:
        return file(studio_of(request).folder.map(key), FOREVER)

    @app.post("/api/draw")
    async def draw(request: Request, asked: Asked) -> dict[str, str]:
        studio = studio_of(request)
        on = asked.on
        if set(on) == {"picture"}:
            studio.check(Sketch(content=on["picture"]))
        elif set(on) != {"swatch"}:
            raise HTTPException(400, "a map is drawn on a picture, or on a swatch.")
        _check_is_here(studio, asked.map)
        return {"key": (await studio.desk.ask("draw", on=on, drawn=asked.map.model_dump()))["key"]}

    @app.post("/api/partition")
    async def divide(request: Request, asked: Divided) -> dict[str, list[str]]:
        studio = studio_of(request)
        studio.check(Sketch(content=asked.content))
        if asked.within is not None:
            _check_is_here(studio, asked.within)
        return {"keys": (await studio.desk.ask("partition", **asked.model_dump()))["keys"]}


def _steps(folder: Folder, before: str | None, words: str) -> tuple[str, list[str]]:
    """All that made a map, and the stored maps that this names. Where it would be too much, it is left to the pixels,
    from which the next steps go on."""
    if not words or (before is not None and not folder.map(before).exists()):
        return "", []
    steps = words if before is None else f"{steps_of(folder.map(before)) or before} | {words}"
    named = sorted(set(re.findall(r"\b[0-9a-f]{64}\b", steps)))
    return ("", []) if len(steps) > MOST_STEPS or len(named) > MOST_NAMED else (steps, named)


def _check_is_here(studio: Studio, drawn: Drawn) -> None:
    if drawn.pixels is not None and not studio.folder.map(drawn.pixels).exists():
        raise HTTPException(410, "this map is no longer here.")
