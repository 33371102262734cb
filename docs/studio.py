"""Makes the pictures and the film of the studio's page, in a real Chromium.

    python docs/studio.py [--only film|pictures] [--chromium PATH]

The film shows what was on the screen, frame by frame, with the time that each frame stood there; make it on a machine
with nothing else to do. Needs the extras `studio`, `demo` and `dev`, and a Chromium (apt-get install chromium)."""

import argparse
import io
import math
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from gallery import large_eyes, woman
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from skimage.data import astronaut, chelsea

import intarsia
from intarsia import picture, swatches
from intarsia.geometry import border_points, sample, warp_grid
from intarsia.sizes import size_of

PICTURES = Path(__file__).resolve().parent / "pictures"
MOST_BYTES = 1_000_000
FILM_WIDTH = 720
PATIENCE = 300_000  # milliseconds
DOODLE = (
    [(0, 0.6), (0.25, 0.45), (0.55, 0.62), (0.8, 0.5), (1, 0.58), (1, 1), (0, 1)],
    [(0, 0.8), (0.3, 0.72), (0.7, 0.85), (1, 0.75), (1, 1), (0, 1)],
    [(0.7, 0.12), (0.82, 0.1), (0.88, 0.22), (0.8, 0.34), (0.7, 0.3), (0.66, 0.2)],
)


@contextmanager
def studio(folder: Path) -> Iterator[str]:
    """The address of one that runs."""
    program = "import sys; from intarsia.cli import main; sys.exit(main())"
    flags = ["studio", "--no-browser", "--port", "0", "--folder", str(folder)]
    process = subprocess.Popen([sys.executable, "-c", program, *flags], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found is not None
    try:
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def rested(page: Page) -> None:
    page.wait_for_timeout(600)
    page.locator("#canvas[aria-busy=false]").wait_for()
    page.wait_for_timeout(400)


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    """In the window, of a point of the picture."""
    place = page.evaluate("([x, y]) => window.studio.app.view.window({ x, y })", [x, y])
    return place["clientX"], place["clientY"]


def begin(page: Page, example: str) -> None:
    page.click(f"#example-{example}")
    page.locator("#canvas[data-previews]").wait_for()
    rested(page)


def stroke(page: Page, points: list[tuple[float, float]]) -> Iterator[None]:
    page.mouse.move(*at(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(page, *point), steps=2)
        yield
    page.mouse.up()


def around_the_cup(turns: float = 2.2, steps: int = 46) -> list[tuple[float, float]]:
    """A spiral over the inside of the cup, as a hand would fill it."""
    angles = [2 * math.pi * turns * i / steps for i in range(steps)]
    grown = [0.25 + 0.75 * i / steps for i in range(steps)]
    return [
        (0.485 + 0.155 * r * math.cos(a), 0.30 + 0.185 * r * math.sin(a)) for a, r in zip(angles, grown, strict=True)
    ]


def shot(page: Page, name: str) -> None:
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.save(PICTURES / f"{name}.jpg", quality=84, optimize=True, progressive=True)
    print(name)


def pictures(page: Page, folder: Path) -> None:
    begin(page, "coffee")
    page.click("#region-add")
    for _ in stroke(page, around_the_cup()):
        page.wait_for_timeout(30)
    rested(page)
    page.fill("#name", "Cup")
    page.press("#name", "Enter")
    page.locator("#name").blur()
    rested(page)
    page.mouse.move(*at(page, 0.9, 0.9))
    shot(page, "studio")
    page.emulate_media(color_scheme="light")
    page.keyboard.press("m")
    page.click("#mode-split")
    page.wait_for_timeout(500)
    shot(page, "studio-split")
    paste(page, folder)


def paste(page: Page, folder: Path) -> None:
    """The astronaut on a painted sky."""
    levels = np.dstack([astronaut(), (255 * woman()).astype(np.uint8)])
    Image.fromarray(levels).save(folder / "woman.png")
    picture.write(folder / "painting.png", swatches.paint("starry", (640, 900)))
    page.click(".mark")
    page.click("#room-paste")
    with page.expect_file_chooser() as chooser:
        page.click("#choose")
    chooser.value.set_files(str(folder / "painting.png"))
    page.locator("#object-choose").wait_for()
    with page.expect_file_chooser() as chooser:
        page.click("#object-choose")
    chooser.value.set_files(str(folder / "woman.png"))
    page.locator("#paste-scale").wait_for()
    rested(page)
    page.focus("#canvas")
    for key in ["ArrowLeft"] * 14 + ["+"] * 9 + ["ArrowDown"] * 2:
        page.keyboard.press(key)
    page.wait_for_timeout(1000)
    rested(page)
    shot(page, "studio-paste")
    deform(page, folder)
    doodle(page, folder)


def deform(page: Page, folder: Path) -> None:
    """The cat, and a painting of it with larger eyes."""
    painted = intarsia.stylize(chelsea(), "swatch:impasto", method=intarsia.WCT(alpha=0.6)).image
    held, eyes = border_points(), large_eyes()
    points, targets = torch.cat([held, eyes.content]), torch.cat([held, eyes.style])
    picture.write(folder / "cat.png", sample(painted, warp_grid(points, targets, size_of(painted))))
    page.click(".mark")
    page.click("#room-deform")
    page.click("#example-chelsea")
    page.locator("#shapes-choose").wait_for()
    with page.expect_file_chooser() as chooser:
        page.click("#shapes-choose")
    chooser.value.set_files(str(folder / "cat.png"))
    page.locator("#bent").wait_for()
    rested(page)
    shot(page, "studio-deform")


def doodle(page: Page, folder: Path) -> None:
    """Hills and a sun, of the colors of a painting."""
    picture.write(folder / "night.png", swatches.paint("scream", (640, 900)))
    page.click(".mark")
    page.click("#room-doodle")
    with page.expect_file_chooser() as chooser:
        page.click("#choose")
    chooser.value.set_files(str(folder / "night.png"))
    page.locator("#region-r4").wait_for()
    rested(page)
    for color, way in enumerate(DOODLE, 2):
        page.click(f"#region-r{color}")
        page.keyboard.press("l")
        for _ in stroke(page, way):
            pass
        rested(page)
    page.mouse.move(*at(page, 0.97, 0.03))
    shot(page, "studio-doodle")


def film(page: Page) -> None:
    begin(page, "coffee")
    clip = page.locator(".stage").bounding_box()
    frames: list[tuple[Image.Image, float]] = []

    def take() -> None:
        shown = Image.open(io.BytesIO(page.screenshot(clip=clip, type="jpeg", quality=90))).convert("RGB")
        height = round(FILM_WIDTH * shown.height / shown.width)
        frames.append((shown.resize((FILM_WIDTH, height), Image.Resampling.LANCZOS), time.monotonic()))

    take()
    for _ in stroke(page, around_the_cup()):
        take()
    for _ in range(6):
        page.wait_for_timeout(150)
        take()
    ends = [when for _, when in frames[1:]] + [frames[-1][1] + 1.5]
    lasting = [max(20, round(1000 * (end - when))) for (_, when), end in zip(frames, ends, strict=True)]
    for quality in (70, 55, 40, 25):
        file = io.BytesIO()
        first, *others = [image for image, _ in frames]
        first.save(
            file, "WEBP", save_all=True, append_images=others, duration=lasting, loop=0, quality=quality, method=6
        )
        if len(file.getvalue()) < MOST_BYTES:
            break
    (PICTURES / "studio.webp").write_bytes(file.getvalue())
    print(f"film: {len(frames)} frames, {sum(lasting) / 1000:.1f} s, {len(file.getvalue()) / 1000:.0f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("film", "pictures"))
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, studio(Path(made)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=asked.chromium, args=["--no-sandbox"])
        for kind in ("film", "pictures"):
            if asked.only not in (None, kind):
                continue
            context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(address)
            page.locator("body[data-ready]").wait_for()
            film(page) if kind == "film" else pictures(page, Path(made))
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
