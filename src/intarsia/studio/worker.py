"""A process that works for the server, one task after the other: the only one that decodes pictures and loads networks.

Lines of JSON come in and go out, as in `batch.painter`. In: the setup, {"folder", "most"}, then tasks, {"task": NAME,
"number": N, ...}, {"task": "stop"} for what is being painted, and {"drop": N} for a preview that is not wanted any
more. Out: `ready`; `started`, `step`, `shown`, `noticed` while it paints; then for each task `done`, `failed` or
`dropped`. When nobody writes to it any more, it ends.
"""

import errno
import json
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from intarsia import picture
from intarsia.batch.painter import Send, connected
from intarsia.engine import Frame
from intarsia.errors import explained
from intarsia.recipe import Result
from intarsia.run import Done, Kept, Noticed, Run, Started, Step, Target
from intarsia.studio.desk import Dropped
from intarsia.studio.folder import Folder
from intarsia.studio.looks import CANVAS, SHOWN, SMALL, Looks, is_news, told, write_reduced
from intarsia.studio.rooms import ROOMS
from intarsia.studio.rooms.names import Names
from intarsia.studio.sketch import Sketch

TASKS = ("about", "open", "swatch", "example", "draw", "partition", "cutout", "points", "preview")  # of `Looks`
EVERY = 0.7  # seconds between two pictures of a painting on its way


def main() -> None:
    lines, send = connected()
    stopping, dropped, number = threading.Event(), set[int](), 0
    inbox: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_read, args=(lines, inbox, stopping, dropped), daemon=True).start()
    if (setup := inbox.get()) is None:
        return
    looks = Looks(Folder(Path(setup["folder"])), setup["most"], lambda: number in dropped)
    tasks: dict[str, Callable[..., dict[str, Any]]] = {name: getattr(looks, name) for name in TASKS}
    tasks["paint"] = lambda **task: paint(looks.folder, stopping, send, **task)
    if setup["look"]:
        looks.method.networks.load_encoder()
    all_threads = torch.get_num_threads()
    send("ready")
    while (message := inbox.get()) is not None:
        name, number = message.pop("task"), message.pop("number")
        torch.set_num_threads(1 if _is_busy() else all_threads)
        try:
            with torch.no_grad() if name != "paint" else torch.enable_grad():
                answer = tasks[name](**message)
            send("done", **answer)
        except Dropped:
            send("dropped")
        except Exception as error:
            send("failed", **_failure(error))


def _is_busy() -> bool:
    """Whether others want the processor, and one thread is quicker than several that wait for each other: beside four
    other programs on two cores a preview took 3.7 s with two threads (see `run.threads`)."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > (os.cpu_count() or 1)


def paint(
    folder: Folder, stopping: threading.Event, send: Send, *, job: str, sketch: dict[str, Any], resume: bool
) -> dict[str, Any]:
    """In the job's own folder, where all that it takes lies beside it under plain names, as the recipe has them."""
    stopping.clear()
    home = folder.job(job)
    home.mkdir(parents=True, exist_ok=True)
    os.chdir(home)
    whole = Sketch(**sketch)
    recipe = ROOMS[whole.room].recipe(whole, _laid_out(whole, folder, home))
    target = Target(output="painted.png", save_recipe="recipe.json", resume=resume, keep_every=5.0)
    last, state = 0.0, False
    for event in Run(recipe, target)(stopping.is_set):
        match event:
            case Started(opened):
                send("started", width=opened.size[1], height=opened.size[0])
            case Noticed(text) if is_news(text):
                send("noticed", text=told(text))
            case Kept():
                state = True
            case Step(frame):
                send("step", step=frame.step, steps=frame.steps, part=frame.done, **_loss(frame))
                if time.monotonic() - last > EVERY:
                    write_reduced(home / "so_far.new", frame.image.cpu(), None, CANVAS)
                    os.replace(home / "so_far.new", home / "so_far.webp")
                    send("shown")
                    last = time.monotonic()
            case Done(result, _, finished):
                _show(result, home)
                return {"finished": finished, "state": state and not finished, "recipe": result.recipe.to_json()}
    raise AssertionError("a run ends with Done, or raises")


def _loss(frame: Frame) -> dict[str, float]:
    return {"loss": frame.loss} if frame.losses else {}


def _show(result: Result, home: Path) -> None:
    for name, side in (("shown", SHOWN), ("small", SMALL)):
        write_reduced(home / f"{name}.webp", result.image, result.alpha, side)


def _laid_out(sketch: Sketch, folder: Folder, home: Path) -> Names:
    """Links in the job's folder to all files of the sketch, and how they are called there."""
    called = {style.picture: f"style-{i}" for i, style in enumerate(sketch.styles, 1) if style.picture is not None}
    if sketch.paste is not None:
        called[sketch.paste.object] = "object"
    if sketch.onward is not None:
        called[sketch.onward.picture] = "start"
    if sketch.content is not None:
        called[sketch.content] = "content"
    pictures = {key: f"{name}.{_suffix(folder.picture(key))}" for key, name in called.items()}
    maps = {key: f"map-{i}.png" for i, key in enumerate(sorted(sketch.maps()), 1)}
    for source, name in [(folder.picture(key), name) for key, name in pictures.items()] + [
        (folder.map(key), name) for key, name in maps.items()
    ]:
        if not (home / name).exists():
            os.link(source, home / name)
    return Names(pictures.__getitem__, maps.__getitem__)


def _suffix(path: Path) -> str:
    kind = picture.kind_of(path) or "PNG"
    return {"JPEG": "jpg", "TIFF": "tif"}.get(kind, kind.lower())


def _failure(error: Exception) -> dict[str, Any]:
    known, cause = explained(error), error.__cause__ or error
    full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    facts = {"kind": type(known).__name__, "message": told(" ".join(str(known).split())), "full": full}
    return facts | ({} if known is error else {"traceback": "".join(traceback.format_exception(error))})


def _read(
    lines: BinaryIO, inbox: "queue.Queue[dict[str, Any] | None]", stopping: threading.Event, dropped: set[int]
) -> None:
    for line in lines:
        message = json.loads(line)
        if "drop" in message:
            dropped.add(message["drop"])
        elif message.get("task") == "stop":
            stopping.set()
        else:
            inbox.put(message)
    stopping.set()
    inbox.put(None)


if __name__ == "__main__":
    main()
