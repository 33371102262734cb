"""The studio in a real Chromium: how quick page, brush and previews are; memory; many sessions.

    python benchmarks/studio.py [--chromium PATH] [--rounds 8]

A photograph of 4,096 x 3,072 pixels is painted on. Prints each figure beside what was asked of it. Idle machines only:
Chromium, the server and its worker share the processor."""

import io
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import cyclopts
import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import CDPSession, Page, Request, sync_playwright

PATIENCE = 300_000  # milliseconds
WATCH = """() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
    }).observe({ type: "longtask" });
}"""


def photograph() -> bytes:
    y, x = np.mgrid[0:3072, 0:4096] / 4096.0
    waves = np.stack([x, y, 0.5 + 0.4 * np.sin(31 * x + 17 * y)], 2)
    noise = np.random.default_rng(0).normal(0, 0.02, waves.shape)
    file = io.BytesIO()
    Image.fromarray((255 * (waves + noise).clip(0, 1)).astype(np.uint8)).save(file, "JPEG", quality=92)
    return file.getvalue()


def told(what: str, value: float, most: float, unit: str) -> None:
    print(f"{what:58} {value:8.2f} {unit:3} of {most:g} {'' if value <= most else '  MISSED'}", flush=True)


def count(page: Page) -> int:
    return int(page.locator("#canvas").get_attribute("data-previews") or 0)


def looked(page: Page, before: int) -> None:
    while count(page) <= before or page.locator("#canvas").get_attribute("aria-busy") == "true":
        page.wait_for_timeout(10)


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    place = page.evaluate("([x, y]) => window.studio.app.view.window({ x, y })", [x, y])
    return place["clientX"], place["clientY"]


def resident(pid: int) -> float:
    """MB of a process and all that it began."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024  # type: ignore[index]
    return own + sum(resident(int(one)) for one in children)


def brush(page: Page, wire: CDPSession, rounds: int) -> None:
    moved, after, sent, shown = [], [], [], []
    bodies: list[int] = []

    def weigh(request: Request) -> None:
        if request.method in ("POST", "PUT"):
            bodies.append(len(request.post_data_buffer or b""))

    page.on("request", weigh)
    for i in range(rounds):
        page.wait_for_timeout(700)
        bodies.clear()
        y = 0.15 + 0.7 * i / rounds
        page.mouse.move(*at(page, 0.1, y))
        page.mouse.down()
        page.evaluate("() => { window.longest = 0; }")
        places = [at(page, 0.1 + 0.8 * k / 60, y + 0.03 * (k % 5) / 5) for k in range(60)]
        began = time.perf_counter()
        for x, place in places:
            wire.send("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": place, "buttons": 1})
        page.evaluate("() => new Promise(requestAnimationFrame)")
        moved.append(time.perf_counter() - began)
        shown.append(page.evaluate("() => window.longest") / 1000)
        before = count(page)
        began = time.perf_counter()
        page.mouse.up()
        looked(page, before)
        after.append(time.perf_counter() - began)
        page.wait_for_timeout(800)
        sent.append(sum(bodies) / 1000)
    told("60 moves of the brush on 4,096 px, median", statistics.median(moved), 1.2, "s")
    told("longest task of the page meanwhile", max(shown), 0.2, "s")
    told("from the end of a stroke to its preview, median", statistics.median(after[1:]), 0.6, "s")
    told("the same, slowest", max(after[1:]), 1.0, "s")
    told("sent per stroke, previews while painting included, median", statistics.median(sent), 64, "kB")


def sessions(address: str, picture: bytes) -> None:
    """20 sessions are open, of which two paint."""
    headers = {"origin": address}
    slowest = 0.0
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        key = client.post("/api/pictures", content=picture).json()["key"]
        sketch = {"content": key, "styles": [{"id": "s1", "name": "ink", "swatch": "ink"}], "rest": {"style": "s1"}}
        made = [client.post("/api/sessions", json=sketch).json()["id"] for _ in range(20)]

        def listen(name: str) -> None:
            with (
                suppress(httpx.HTTPError),
                httpx.stream("GET", f"{address}/api/events?session={name}", headers=headers, timeout=None) as stream,
            ):
                for _ in stream.iter_lines():
                    pass

        threads = [threading.Thread(target=listen, args=(name,), daemon=True) for name in made]
        for thread in threads:
            thread.start()
        jobs = [client.post(f"/api/sessions/{name}/jobs", json=sketch).json()["id"] for name in made[:2]]
        for i in range(100):
            name = made[i % 20]
            began = time.perf_counter()
            found = client.get(f"/api/sessions/{name}").json()
            changed = {"revision": found["revision"], "sketch": sketch | {"name": f"round {i}"}}
            client.put(f"/api/sessions/{name}", json=changed)
            slowest = max(slowest, (time.perf_counter() - began) / 2)
            time.sleep(0.05)
        for job in jobs:
            client.delete(f"/api/jobs/{job}")
    told("20 sessions open, 2 painting: slowest request", slowest, 0.3, "s")


def run(*, chromium: str | None = None, rounds: int = 8) -> None:
    program = "import sys; from intarsia.cli import main; sys.exit(main())"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-c", program, "studio", "--no-browser", "--port", "0", "--folder", folder]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        address = re.search(r"http://\S+", server.stdout.readline())[0].rstrip("/")  # type: ignore[union-attr,index]
        browser = playwright.chromium.launch(
            executable_path=chromium or shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)
        page.add_init_script(f"({WATCH})()")
        page.goto(address)
        page.locator("body[data-ready]").wait_for()  # the worker has begun
        told("idle, with the encoder loaded", resident(server.pid), 400, "MB")
        began = time.perf_counter()
        page.reload()
        page.locator("body[data-ready]").wait_for()
        told("page ready", time.perf_counter() - began, 1.0, "s")
        data = photograph()
        path = Path(folder) / "photograph.jpg"
        path.write_bytes(data)
        began = time.perf_counter()
        with page.expect_file_chooser() as chooser:
            page.click("#choose")
        chooser.value.set_files(path)
        looked(page, 0)
        print(f"{'a photograph of 4,096 px, to its first preview':58} {time.perf_counter() - began:8.2f} s")
        brush(page, page.context.new_cdp_session(page), rounds)
        browser.close()
        sessions(address, data)
        os.kill(server.pid, signal.SIGINT)
        server.wait(20)


if __name__ == "__main__":
    cyclopts.run(run)
