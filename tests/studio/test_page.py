"""The page in a real Chromium: mouse, keyboard and touch, against a server of its own.

It runs where a Chromium is found (`apt-get install chromium`, or INTARSIA_CHROMIUM=PATH)."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
sync_api = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("INTARSIA_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 90  # seconds; a machine that is busy is no fault

pytestmark = [
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        CHROMIUM is None, reason="needs a Chromium: apt-get install chromium, or INTARSIA_CHROMIUM=PATH"
    ),
]


class Server:
    """`intarsia studio` as a process."""

    def __init__(self, folder: Path, port: int = 0):
        command = [sys.executable, "-c", "import sys; from intarsia.cli import main; sys.exit(main())"]
        flags = ["studio", "--no-browser", "--port", str(port), "--folder", str(folder)]
        self.process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.address = re.search(r"http://\S+", line)[0].rstrip("/")
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                urlopen(self.address + "/", timeout=1)
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the studio did not begin")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def end(self, how: int = signal.SIGINT) -> None:
        self.process.send_signal(how)
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("studio"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server):
    """The studio, opened; whatever goes wrong in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield opened(context, server)
    context.close()


def opened(context, server, path="/"):
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(server.address + path)
    page.locator("body[data-ready]").wait_for()
    return page


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """160 x 120, smaller than a preview may be."""
    y, x = np.mgrid[0:120, 0:160] / 160.0
    rgb = np.stack([x, y, 0.5 + 0.4 * np.sin(9 * x + 7 * y)], 2)
    path = tmp_path_factory.mktemp("pictures") / "photo.png"
    Image.fromarray((255 * rgb).astype(np.uint8)).save(path)
    return path


def dropped(page, path, kind="image/png", zone="content"):
    """Drops a file on the page, on the photograph's half of it."""
    data = page.evaluate_handle(
        """([bytes, name, type]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, { type }));
            return data;
        }""",
        [list(path.read_bytes()), path.name, kind],
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": data})
    page.dispatch_event(f"[data-what={zone}]", "drop", {"dataTransfer": data})


def count(page) -> int:
    return int(page.locator("#canvas").get_attribute("data-previews") or 0)


def looked(page, before: int) -> None:
    """Waits for a preview after so many, and for the page to come to rest."""
    until, calm = time.monotonic() + PATIENCE, 0
    while calm < 2:  # looks in a row: between two previews there is rest for a moment
        busy = count(page) <= before or page.locator("#canvas").get_attribute("aria-busy") == "true"
        calm = 0 if busy else calm + 1
        assert time.monotonic() < until, "no preview came"
        page.wait_for_timeout(50)


def sketch(page):
    return json.loads(page.evaluate("() => JSON.stringify(window.studio.state.sketch)"))


def until(page, told) -> None:
    """Waits for the sketch to be so."""
    limit = time.monotonic() + PATIENCE
    while not told(sketch(page)):
        assert time.monotonic() < limit, sketch(page)
        page.wait_for_timeout(50)


def place(page, x: float, y: float) -> tuple[float, float]:
    """In the window, of a point of the picture."""
    at = page.evaluate("([x, y]) => window.studio.app.view.window({ x, y })", [x, y])
    return at["clientX"], at["clientY"]


def stroke(page, *points) -> None:
    page.mouse.move(*place(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place(page, *point), steps=6)
    page.mouse.up()


def with_photo(page, photo) -> None:
    dropped(page, photo)
    looked(page, 0)


def kept(page) -> str:
    """Waits for the session to be kept; gives its address."""
    page.evaluate("() => window.studio.app.session.keepNow()")
    return page.url


def quick(page) -> None:
    page.select_option("#method", "wct")


# ---- from a picture to a painting ------------------------------------------------------------------------------------


def test_a_newcomer_sees_a_first_region_after_one_click_and_a_stroke(page):
    page.click("#example-coffee")  # click 1
    looked(page, 0)
    before = count(page)
    stroke(page, (0.4, 0.4), (0.6, 0.5))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["pixels"])  # a look may come before its end
    looked(page, before)
    (region,) = sketch(page)["regions"]
    assert region["style"] != sketch(page)["rest"]["style"]
    assert not page.faults


def test_a_stroke_changes_the_preview_inside_the_region_and_nowhere_else(page, photo):
    with_photo(page, photo)
    page.click("#style-none")
    before = count(page)
    stroke(page, (0.3, 0.3), (0.5, 0.5))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["pixels"])
    looked(page, before)
    shown = seen(page)
    key = sketch(page)["regions"][0]["map"]["pixels"]
    inside = _levels(page.request.get(f"{page.url.split('#')[0]}api/maps/{key}").body()) > 0
    same = (shown == np.asarray(Image.open(photo))).all(2)
    assert same[~inside].all()
    assert 0.01 < inside.mean() < 0.3
    assert same[inside].mean() < 0.5


def seen(page):
    """The preview's own pixels."""
    levels = page.evaluate(
        """() => {
            const image = window.studio.app.view.top, canvas = new OffscreenCanvas(image.width, image.height);
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            return [image.height, image.width, [...context.getImageData(0, 0, image.width, image.height).data]];
        }"""
    )
    return np.array(levels[2], np.uint8).reshape(levels[0], levels[1], 4)[:, :, :3]


def _levels(body: bytes):
    return np.asarray(Image.open(io.BytesIO(body)))


def test_from_a_drop_to_a_picture_that_brings_everything_back(page, photo, tmp_path):
    with_photo(page, photo)
    stroke(page, (0.3, 0.3), (0.5, 0.5))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["pixels"])
    quick(page)
    page.click("#paint")
    page.locator("#job-download").wait_for()
    with page.expect_download() as download:
        page.click("#job-download")
    path = tmp_path / "painted.png"
    download.value.save_as(path)
    assert Image.open(path).text["intarsia"].startswith("{")
    before = sketch(page)
    page.click(".mark")
    page.locator("#choose").wait_for()
    dropped(page, path)
    until(page, lambda now: now["content"] is not None)
    assert sketch(page)["regions"] == before["regions"]
    assert sketch(page)["content"] == before["content"]
    assert not page.faults


def test_undo_and_redo_and_a_reload_keep_what_was_painted(page, photo):
    with_photo(page, photo)
    stroke(page, (0.3, 0.3), (0.5, 0.5))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["pixels"])
    painted = sketch(page)
    page.keyboard.press("Control+z")
    assert sketch(page)["regions"][0]["map"]["pixels"] is None
    page.keyboard.press("Control+Shift+z")
    assert sketch(page) == painted
    kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    assert sketch(page) == painted
    looked(page, 0)


def test_whoever_paints_a_place_takes_it_from_the_others(page, photo):
    with_photo(page, photo)
    page.keyboard.press("r")
    stroke(page, (0.1, 0.1), (0.6, 0.6))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["words"].startswith("rectangle"))
    page.click("#region-add")
    page.keyboard.press("r")
    stroke(page, (0.4, 0.4), (0.9, 0.9))
    until(page, lambda now: now["regions"][0]["map"]["pixels"] is not None)
    first, second = sketch(page)["regions"]
    assert second["map"]["words"].startswith("rectangle")
    taken = _levels(page.request.get(f"{page.url.split('#')[0]}api/maps/{first['map']['pixels']}").body())
    assert taken[60, 80] == 0  # the middle is the second one's
    assert taken[24, 32] == 255


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_reload_in_the_middle_of_a_painting_loses_nothing(page, photo):
    with_photo(page, photo)
    page.fill("#steps", "60")
    page.locator("#steps").blur()
    page.click("#paint")
    page.locator("#job-stop").wait_for()
    page.reload()
    page.locator(".card").click()
    page.locator("#job-download").wait_for()
    assert "Picture" in page.locator("#job-download").inner_text()


def test_a_painting_that_is_done_takes_more_steps_as_another_one(page, photo):
    with_photo(page, photo)
    page.fill("#steps", "4")
    page.locator("#steps").blur()
    page.click("#paint")
    page.click("#job-more")
    page.locator(".card.done").nth(1).wait_for()
    page.locator("#job-download").wait_for()
    assert "50 steps" in page.locator(".job .told").inner_text()
    assert page.locator("#steps").input_value() == "4"
    assert not page.faults


def test_a_server_that_is_killed_and_started_again_has_the_session(browser, photo, tmp_path):
    server = Server(tmp_path)
    context = browser.new_context()
    page = opened(context, server)
    with_photo(page, photo)
    before, address = sketch(page), kept(page)
    server.end(signal.SIGKILL)
    page.click("#style-woodcut")
    page.locator(".toast.fault").first.wait_for()
    assert "does not answer" in page.locator(".toast.fault").inner_text()
    changed = sketch(page)
    again = Server(tmp_path, server.port)
    page.goto("about:blank")
    page.goto(address)
    page.locator("body[data-ready]").wait_for()
    assert sketch(page) in (before, changed)  # a page that is left tries once more to keep what it has
    context.close()
    again.end()


def test_of_two_windows_the_second_is_told(page, photo, server):
    with_photo(page, photo)
    address = kept(page)
    other = opened(page.context, server, "/" + address[address.index("#") :])
    page.click("#style-ink")
    kept(page)
    other.click("#style-woodcut")
    other.locator(".toast.fault").wait_for()
    assert "another window" in other.locator(".toast.fault").inner_text()


@pytest.mark.parametrize(
    "data", [b"", b"<script>alert(1)</script>", b"\x89PNG\r\n\x1a\n broken"], ids=["empty", "html", "broken"]
)
def test_what_is_no_picture_is_told_in_a_sentence(page, tmp_path, data):
    path = tmp_path / "<img src=x onerror=alert(1)>.png"
    path.write_bytes(data)
    dropped(page, path)
    page.locator(".toast.fault").wait_for()
    assert len(page.locator(".toast.fault").inner_text()) > 20
    assert page.locator("img[src=x]").count() == 0
    assert not page.faults


def test_without_scripts_there_is_a_sentence(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.address)
    assert "JavaScript" in page.inner_text("body")
    context.close()


def test_without_pointer_events_there_is_a_sentence(browser, server):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("delete window.PointerEvent")
    page.goto(server.address)
    page.locator(".sentence").wait_for()
    assert "too old" in page.inner_text(".sentence")
    context.close()


# ---- strokes as strokes ----------------------------------------------------------------------------------------------


def steps_of(page, region) -> str:
    """How the map of a region was made, in words."""
    body = page.request.get(f"{page.url.split('#')[0]}api/maps/{region['map']['pixels']}").body()
    return Image.open(io.BytesIO(body)).text["intarsia steps"]


def drawn_again(page, words):
    """Words, drawn by the server at the size of the page's maps."""
    address, on = page.url.split("#")[0], {"picture": sketch(page)["content"]}
    asked = {"on": on, "map": {"words": words}}
    answer = page.request.post(f"{address}api/draw", data=asked, headers={"origin": address.rstrip("/")})
    return _levels(page.request.get(f"{address}api/maps/{answer.json()['key']}").body())


def option(page, name, value) -> None:
    page.locator(f"#brush-{name}").fill(str(value))


def test_the_server_draws_the_strokes_as_the_page_does(page):
    """Brush and eraser, hard and soft, thick and thin, of full and of less opacity, on a way with turns."""
    page.click("#example-coffee")
    looked(page, 0)
    page.keyboard.press("b")
    ways = [((0.2, 0.5), (0.5, 0.7), (0.8, 0.4)), ((0.3, 0.8), (0.35, 0.3)), ((0.6, 0.6), (0.6, 0.6))]
    for i, (way, hardness, size, opacity) in enumerate(
        zip(ways, (100, 0, 60), (6, 20, 12), (100, 100, 60), strict=True)
    ):
        for name, value in (("hardness", hardness), ("size", size), ("opacity", opacity)):
            option(page, name, value)
        stroke(page, *way)
        until(page, lambda now, i=i: now["regions"] and steps_count(page, now) == i + 1)
    page.keyboard.press("e")
    option(page, "size", 5)
    stroke(page, (0.3, 0.4), (0.45, 0.75))
    until(page, lambda now: steps_count(page, now) == 4)
    (region,) = sketch(page)["regions"]
    words = steps_of(page, region)
    assert [one.split()[:2] for one in words.split(" | ")] == [
        ["brush", "6%"],
        ["unite", "brush"],
        ["unite", "brush"],
        ["without", "brush"],
    ]
    seen, again = map_of(page, region).astype(int), drawn_again(page, words).astype(int)
    assert 20 < seen.mean() < 120
    assert np.abs(seen - again).mean() < 0.4
    assert (np.abs(seen - again) > 24).mean() < 0.001
    assert not page.faults


def steps_count(page, now) -> int:
    pixels = now["regions"][0]["map"]["pixels"]
    return len(steps_of(page, now["regions"][0]).split(" | ")) if pixels else 0


def test_the_pressure_of_a_pen_is_in_the_stroke(page, photo):
    with_photo(page, photo)
    hand = page.context.new_cdp_session(page)

    def pen(kind, x, y, force):
        at = dict(zip("xy", place(page, x, y), strict=True))
        more = {"button": "left", "buttons": 1, "pointerType": "pen", "force": force, "clickCount": 1}
        hand.send("Input.dispatchMouseEvent", {"type": kind, **at, **more})

    pen("mousePressed", 0.2, 0.4, 0.1)
    for i in range(1, 11):
        pen("mouseMoved", 0.2 + 0.06 * i, 0.4, 0.1 + 0.09 * i)
    pen("mouseReleased", 0.8, 0.4, 1)
    until(page, lambda now: now["regions"] and steps_count(page, now))
    (region,) = sketch(page)["regions"]
    words = steps_of(page, region)
    first, *_, last = words.split(" hardness")[0].split()[2:]
    assert float(first.split(",")[2]) == pytest.approx(0.37, abs=0.02)  # 0.3 + 0.7 of the force
    assert last.count(",") == 1  # full
    seen, again = map_of(page, region).astype(int), drawn_again(page, words).astype(int)
    assert (seen[:, 112] > 127).sum() > 1.4 * (seen[:, 48] > 127).sum()
    assert np.abs(seen - again).mean() < 0.4


def test_a_long_stroke_is_few_points_and_little_to_send(page):
    page.click("#example-coffee")
    looked(page, 0)
    sent = []
    page.on("request", lambda one: sent.append(len(one.post_data_buffer or b"")) if one.method != "GET" else None)
    x, y = place(page, 0.2, 0.5)
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(300):
        page.mouse.move(x + 1.2 * i, y + 60 * np.sin(i / 25))
    page.mouse.up()
    until(page, lambda now: now["regions"] and steps_count(page, now))
    words = steps_of(page, sketch(page)["regions"][0])
    assert 15 < words.count(",") < 120
    kept(page)
    assert max(sent) < 64_000


def test_shapes_and_what_others_lose_are_steps_too(page, photo):
    with_photo(page, photo)
    page.keyboard.press("r")
    stroke(page, (0.1, 0.2), (0.6, 0.7))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["words"])
    page.keyboard.press("b")
    stroke(page, (0.3, 0.7), (0.3, 0.8))
    until(page, lambda now: now["regions"][0]["map"]["pixels"])
    page.click("#edit-Grow")
    until(page, lambda now: now["regions"][0]["map"]["words"] == "grow 1%")
    page.click("#region-add")
    page.keyboard.press("o")
    stroke(page, (0.5, 0.5), (0.9, 0.8))
    until(page, lambda now: len(now["regions"]) == 2 and now["regions"][1]["map"]["words"])
    first, second = sketch(page)["regions"]
    words = steps_of(page, first)
    verbs = [" ".join(one.split()[:2]) for one in words.split(" | ")]
    assert verbs == ["rectangle 0.1,0.2", "unite brush", "grow 1%", "without ellipse"]
    assert words.endswith(f"without {second['map']['words']}")
    assert np.abs(map_of(page, first).astype(int) - drawn_again(page, words)).mean() < 0.6
    page.click("#edit-Feather")
    until(page, lambda now: now["regions"][1]["map"]["words"].endswith("feather 1%"))
    until(page, lambda now: now["regions"][0]["map"]["named"])
    (named,) = sketch(page)["regions"][0]["map"]["named"]  # what an edit takes is kept as pixels
    assert steps_of(page, sketch(page)["regions"][0]) == f"{words} | without {named}"
    assert not page.faults


def test_an_eraser_where_there_is_nothing_does_nothing(page, photo):
    with_photo(page, photo)
    page.click("#region-add")
    page.keyboard.press("e")
    stroke(page, (0.3, 0.3), (0.5, 0.5))
    page.keyboard.press("b")
    stroke(page, (0.3, 0.6), (0.5, 0.6))
    until(page, lambda now: now["regions"][0]["map"]["pixels"])
    assert steps_of(page, sketch(page)["regions"][0]).startswith("brush 8% ")


def test_where_an_edit_comes_between_the_pixels_that_are_seen_count(page, photo):
    """The region is edited while a stroke is on its way over it."""
    with_photo(page, photo)
    stroke(page, (0.3, 0.3), (0.5, 0.5))
    until(page, lambda now: now["regions"] and steps_count(page, now) == 1)
    page.mouse.move(*place(page, 0.3, 0.7))
    page.mouse.down()
    page.mouse.move(*place(page, 0.5, 0.7), steps=4)
    page.evaluate("() => window.studio.app.rooms.paint.edit('grow 10%')")
    until(page, lambda now: now["regions"][0]["map"]["words"] == "grow 10%")
    page.mouse.up()
    until(page, lambda now: now["regions"][0]["map"]["words"] == "")
    (region,) = sketch(page)["regions"]
    body = page.request.get(f"{page.url.split('#')[0]}api/maps/{region['map']['pixels']}").body()
    assert "intarsia steps" not in Image.open(io.BytesIO(body)).text
    assert not page.faults


# ---- merged and split ------------------------------------------------------------------------------------------------


def in_two(page, photo):
    """Two regions that touch in the middle, the first chosen; gives their maps."""
    with_photo(page, photo)
    page.keyboard.press("r")
    stroke(page, (0.1, 0.2), (0.5, 0.8))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["words"])
    page.click("#region-add")
    stroke(page, (0.5, 0.2), (0.9, 0.8))
    until(page, lambda now: len(now["regions"]) == 2 and now["regions"][1]["map"]["words"])
    page.click("#region-r1")


def map_of(page, region):
    return _levels(page.request.get(f"{page.url.split('#')[0]}api/maps/{region['map']['pixels']}").body())


def merged(page, before):
    """The first has what both had, and is itself otherwise; undo and redo."""
    until(page, lambda now: len(now["regions"]) == 1)
    (one,) = sketch(page)["regions"]
    assert {**one, "map": None} == {**before["regions"][0], "map": None}
    levels = map_of(page, one)
    assert (levels[26:94, 18:142] == 255).all()
    first, second = (region["map"]["words"] for region in before["regions"])
    assert steps_of(page, one) == f"{first} | add {second}"
    assert (levels[:22] == 0).all()
    page.keyboard.press("Control+z")
    assert sketch(page)["regions"] == before["regions"]
    page.keyboard.press("Control+Shift+z")
    assert sketch(page)["regions"] == [one]
    assert not page.faults


def test_regions_are_merged_by_a_click(page, photo):
    in_two(page, photo)
    before = sketch(page)
    page.click("#merge")
    assert "becomes a part of Region 1" in page.inner_text(".options")
    page.mouse.click(*place(page, 0.05, 0.05))  # nobody's
    page.locator(".toast").wait_for()
    assert sketch(page) == before
    page.mouse.click(*place(page, 0.7, 0.5))
    merged(page, before)


def test_regions_are_merged_by_a_click_with_shift(page, photo):
    in_two(page, photo)
    before = sketch(page)
    page.keyboard.press("p")
    page.mouse.click(*place(page, 0.7, 0.5))
    page.locator("#region-r2[aria-pressed=true]").wait_for()
    page.mouse.click(*place(page, 0.2, 0.5))
    page.locator("#region-r1[aria-pressed=true]").wait_for()
    page.keyboard.down("Shift")
    page.mouse.click(*place(page, 0.7, 0.5))
    page.keyboard.up("Shift")
    merged(page, before)


def test_regions_are_merged_with_the_keyboard_in_the_list(page, photo):
    in_two(page, photo)
    before = sketch(page)
    page.focus("#merge")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator("#merge[aria-pressed=false]").wait_for()
    page.keyboard.press("Enter")
    page.focus("#region-r2")
    page.locator("#region-r2[aria-label='Region 2: merge it into Region 1']").wait_for()
    page.keyboard.press("Enter")
    until(page, lambda now: len(now["regions"]) == 1)
    page.locator("#region-r1:focus").wait_for()
    merged(page, before)


def test_a_region_is_split_in_two(page, tmp_path):
    """By what the picture shows of it: three stripes, of which the region has two."""
    levels = np.zeros((120, 160, 3), np.uint8)
    for start, end, color in ((0, 80, (200, 50, 30)), (80, 125, (30, 180, 50)), (125, 160, (50, 50, 200))):
        levels[:, start:end] = color
    path = tmp_path / "stripes.png"
    Image.fromarray(levels).save(path)
    with_photo(page, path)
    page.keyboard.press("r")
    stroke(page, (0.5, 0.2), (1, 0.8))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["words"])
    before = sketch(page)["regions"]
    page.focus("#split")
    page.keyboard.press("Enter")
    until(page, lambda now: len(now["regions"]) == 2)
    first, second = sketch(page)["regions"]
    assert (first["name"], first["style"]) == (before[0]["name"], before[0]["style"])
    assert second["style"] not in (first["style"], sketch(page)["rest"]["style"])
    assert (map_of(page, first)[30:90, 84:120] > 200).all()
    assert (map_of(page, second)[30:90, 130:158] > 200).all()
    page.keyboard.press("Control+z")
    assert sketch(page)["regions"] == before
    assert not page.faults


# ---- hands -----------------------------------------------------------------------------------------------------------


def test_all_but_strokes_is_done_with_the_keyboard(page):
    """From the example to a painting; the tab key reaches everything."""

    def focused():
        return page.evaluate("() => document.activeElement?.id ?? ''")

    def tab_to(name):
        for _ in range(80):
            if focused() == name:
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the tab key does not reach {name}")

    tab_to("example-coffee")
    page.keyboard.press("Enter")
    looked(page, 0)
    tab_to("canvas")
    page.keyboard.press("r")
    for key in ("ArrowLeft", "ArrowLeft", "Enter", *["ArrowRight"] * 5, *["ArrowDown"] * 5, "Enter"):
        page.keyboard.press(key)
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["words"].startswith("rectangle 0.46"))
    tab_to("style-ink")
    page.keyboard.press("Space")
    until(page, lambda now: any(style["swatch"] == "ink" for style in now["styles"]))
    assert focused() == "style-ink"  # the panel was built anew around it
    tab_to("edit-Grow")
    page.keyboard.press("Enter")
    until(page, lambda now: now["regions"][0]["map"]["words"].endswith("| grow 1%"))
    tab_to("method")
    page.keyboard.press("End")
    tab_to("paint")
    page.keyboard.press("Enter")
    page.locator("#job-stop").wait_for()
    tab_to("job-stop")
    page.keyboard.press("Enter")
    page.locator("#job-on").wait_for()
    assert not page.faults


def test_a_number_counts_when_the_next_thing_is_done_at_once(page, photo):
    with_photo(page, photo)
    quick(page)
    page.click("#size")
    page.keyboard.type("70")
    page.keyboard.press("Tab")
    page.wait_for_timeout(100)
    assert page.evaluate("() => document.activeElement.id") == "paint"
    page.click("#size", click_count=3)
    page.keyboard.type("80")
    page.click("#paint", delay=150)  # still in the field; a press lasts
    page.locator("#job-download").wait_for()
    assert page.locator(".told").inner_text().startswith("80 ")
    assert not page.faults


def test_one_finger_paints_and_two_zoom(browser, server, photo):
    context = browser.new_context(has_touch=True, viewport={"width": 420, "height": 860})
    page = opened(context, server)
    with_photo(page, photo)
    hand = context.new_cdp_session(page)

    def touch(kind, *points):
        at = [dict(zip("xy", place(page, *point), strict=True), id=i) for i, point in enumerate(points)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (0.3, 0.3))
    for i in range(6):
        touch("touchMove", (0.3 + i / 30, 0.4))
    touch("touchEnd")
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["pixels"])
    painted = sketch(page)
    touch("touchStart", (0.4, 0.5))
    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    for i in range(5):
        touch("touchMove", (0.4 - i / 30, 0.5), (0.6 + i / 30, 0.5))
    touch("touchEnd")
    assert page.evaluate("() => window.studio.app.view.zoom") > 1.1
    page.wait_for_timeout(300)
    assert sketch(page) == painted  # the first finger did not mean to paint
    context.close()


# ---- the room of objects ---------------------------------------------------------------------------------------------


def test_an_object_is_put_moved_and_looked_at(page, photo, tmp_path):
    levels = np.zeros((60, 60, 4), np.uint8)
    levels[10:50, 10:50] = (30, 200, 60, 255)
    path = tmp_path / "object.png"
    Image.fromarray(levels).save(path)
    page.click("#room-paste")
    dropped(page, photo)
    page.locator("#object-choose").wait_for()
    with page.expect_file_chooser() as chooser:
        page.click("#object-choose")
    chooser.value.set_files(str(path))
    until(page, lambda now: now["paste"] is not None)
    looked(page, 0)
    before = count(page)
    stroke(page, (0.5, 0.6), (0.3, 0.4))
    until(page, lambda now: abs(now["paste"]["at"][0] - 0.3) < 0.05)
    assert abs(sketch(page)["paste"]["at"][1] - 0.4) < 0.05
    looked(page, before)
    page.focus("#canvas")
    page.keyboard.press("ArrowRight")
    until(page, lambda now: now["paste"]["at"][0] > 0.305)
    assert not page.faults


# ---- the room of doodles ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def painting(tmp_path_factory):
    """Four grounds: dark and light, of two colors, with some grain."""
    levels = np.random.default_rng(0).integers(0, 60, (120, 160, 3))
    levels[:60, :80] += (0, 20, 160)
    levels[:60, 80:] += (190, 180, 120)
    levels[60:, :80] += (20, 90, 0)
    levels[60:, 80:] += (150, 60, 20)
    path = tmp_path_factory.mktemp("painting") / "painting.png"
    Image.fromarray(levels.astype(np.uint8)).save(path)
    return path


def with_colors(page, painting) -> None:
    """In the room of doodles, with an empty canvas."""
    page.click("#room-doodle")
    dropped(page, painting)
    until(page, lambda now: len(now["regions"]) == 4)
    looked(page, 0)


def test_a_doodle_in_the_colors_of_a_painting_is_looked_at_and_painted(page, painting):
    with_colors(page, painting)
    colors = sketch(page)["regions"]
    assert len({one["color"] for one in colors}) == 4
    assert all(one["part"]["pixels"] and one["style"] == "s1" for one in colors)
    assert [one["map"]["words"] for one in colors] == ["everywhere", "", "", ""]
    before, looks = seen(page).astype(int), count(page)
    page.click("#tool-brush")
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    until(page, lambda now: now["regions"][1]["map"]["pixels"] and now["regions"][0]["map"]["pixels"])
    looked(page, looks)
    changed = np.abs(seen(page).astype(int) - before).max(2) > 60
    assert changed[54:66, 40:120].mean() > 0.5
    assert changed[:30].mean() < 0.1
    page.click("#mode-none")
    page.wait_for_timeout(300)
    assert np.abs(np.array(pixel(page, 0.5, 0.5)) - hexed(sketch(page)["regions"][1]["color"])).max() <= 3  # flat
    page.fill("#size", "96")
    page.fill("#steps", "3")
    page.locator("#steps").blur()
    page.click("#paint")
    page.locator("#job-download").wait_for()
    assert not page.faults


def pixel(page, x, y):
    """Of the window, at a point of the picture."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB").getpixel(place(page, x, y))


def hexed(color):
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def test_a_part_of_the_painting_is_corrected_and_all_is_undone_and_kept(page, painting):
    with_colors(page, painting)
    before = sketch(page)
    page.click("#part")
    page.locator("#part-done").wait_for()
    assert page.locator("#style-none").count() == 0
    stroke(page, (0.1, 0.1), (0.9, 0.9))
    until(page, lambda now: now["regions"][1]["part"] != before["regions"][1]["part"])
    corrected = sketch(page)
    assert corrected["regions"][1]["map"] == before["regions"][1]["map"]
    page.click("#part-done")
    page.keyboard.press("Control+z")
    assert sketch(page) == before
    page.keyboard.press("Control+Shift+z")
    kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    assert sketch(page) == corrected
    looked(page, 0)
    page.select_option("#colors", "2")
    until(page, lambda now: len(now["regions"]) == 2)
    page.keyboard.press("Control+z")
    assert sketch(page) == corrected
    assert not page.faults


def test_a_doodle_is_drawn_with_the_keyboard(page, painting):
    with_colors(page, painting)
    page.keyboard.press("3")
    page.keyboard.press("r")
    page.focus("#canvas")
    for key in ("Enter", *["ArrowRight"] * 5, *["ArrowDown"] * 5, "Enter"):
        page.keyboard.press(key)
    until(page, lambda now: now["regions"][2]["map"]["words"].startswith("rectangle 0.5"))
    page.keyboard.press("`")  # no color is in hand
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    until(page, lambda now: now["regions"][0]["map"]["pixels"])
    assert len(sketch(page)["regions"]) == 4
    assert not page.faults


# ---- the room of points ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rabbits(tmp_path_factory):
    """A picture of blobs, and the same with its middle drawn down."""
    random = np.random.default_rng(3)
    coarse, fine = (Image.fromarray(random.integers(0, 255, (*size, 3), np.uint8)) for size in ((6, 8), (24, 32)))
    levels = np.asarray(Image.blend(coarse.resize((256, 192), 3), fine.resize((256, 192), 3), 0.4))
    y, x = np.mgrid[0:192, 0:256]
    lower = levels[np.clip(y - np.round(8 * np.sin(np.pi * x / 256) * np.sin(np.pi * y / 192)).astype(int), 0, 191), x]
    paths = [tmp_path_factory.mktemp("rabbits") / name for name in ("photo.png", "painting.png")]
    for path, one in zip(paths, (levels, lower), strict=True):
        Image.fromarray(one).save(path)
    return paths


def with_points(page, rabbits) -> None:
    """In the room of points, with pairs that were found."""
    page.click("#room-deform")
    dropped(page, rabbits[0])
    page.locator("#shapes-choose").wait_for()
    with page.expect_file_chooser() as chooser:
        page.click("#shapes-choose")
    chooser.value.set_files(str(rabbits[1]))
    until(page, lambda now: now["deform"] and len(now["deform"]["pairs"]) > 5)
    looked(page, 0)


def pairs(page):
    return sketch(page)["deform"]["pairs"]


def on_painting(page, x, y):
    at = page.evaluate("([x, y]) => window.studio.app.rooms.deform.view.window({ x, y })", [x, y])
    return at["clientX"], at["clientY"]


def shown_bent(page):
    return page.evaluate("() => document.getElementById('bent').toDataURL()")


def test_a_point_that_is_dragged_bends_the_preview_and_is_in_the_recipe(page, rabbits, tmp_path):
    with_points(page, rabbits)
    before, looks, bent = pairs(page), count(page), shown_bent(page)
    x, y = before[0][2:]
    to = (x, y + (0.08 if y < 0.5 else -0.08))
    page.mouse.move(*on_painting(page, x, y))
    page.mouse.down()
    page.mouse.move(*on_painting(page, *to), steps=5)
    page.mouse.up()
    looked(page, looks)
    assert pairs(page)[0][2:] == pytest.approx(to, abs=0.005)
    assert pairs(page)[0][:2] == before[0][:2]
    assert pairs(page)[1:] == before[1:]
    assert shown_bent(page) != bent
    page.fill("#size", "64")
    page.fill("#steps", "3")
    page.locator("#steps").blur()
    page.click("#paint")
    page.locator("#job-download").wait_for()
    with page.expect_download() as download:
        page.click("#job-download")
    download.value.save_as(tmp_path / "painted.png")
    recipe = json.loads(Image.open(tmp_path / "painted.png").text["intarsia"])
    assert recipe["method"] == "deform"
    assert recipe["settings"]["points"] == pairs(page)
    assert not page.faults


def test_a_click_makes_a_pair_and_undo_and_a_reload_keep_what_is_there(page, rabbits):
    with_points(page, rabbits)
    page.click("#pair-remove")
    before = pairs(page)
    empty = emptiest(before)
    page.mouse.click(*place(page, *empty))
    until(page, lambda now: len(now["deform"]["pairs"]) == len(before) + 1)
    after = pairs(page)
    assert after[:-1] == before
    assert after[-1][:2] == pytest.approx(empty, abs=0.005)
    page.keyboard.press("Control+z")
    assert pairs(page) == before
    page.keyboard.press("Control+Shift+z")
    assert pairs(page) == after
    page.click("#mode-preview")
    page.mouse.click(*place(page, *emptiest(after)))  # on the bent picture there are no points
    assert pairs(page) == after
    kept(page)
    page.reload()
    page.locator("body[data-ready]").wait_for()
    looked(page, 0)
    assert pairs(page) == after
    assert page.locator("#points-photograph .point:visible").count() == len(after)
    assert not page.faults


def emptiest(pairs):
    """The place on the photograph that is farthest from all points."""
    places = np.mgrid[0.1:0.9:9j, 0.1:0.9:9j].reshape(2, -1).T.tolist()
    return max(places, key=lambda at: min(np.hypot(at[0] - one[0], at[1] - one[1]) for one in pairs))


def test_points_are_moved_made_and_removed_with_the_keyboard(page, rabbits):
    with_points(page, rabbits)
    before = pairs(page)
    focused = "() => document.activeElement.ariaLabel ?? document.activeElement.id"
    page.focus("#canvas")
    page.keyboard.press("Tab")
    assert page.evaluate(focused).startswith("Pair 1 on the photograph")
    page.keyboard.press("ArrowRight")
    assert pairs(page)[0] == pytest.approx([before[0][0] + 0.01, *before[0][1:]], abs=1e-4)
    page.keyboard.press("PageDown")
    assert page.evaluate(focused).startswith("Pair 2 on the photograph")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(focused).startswith("Pair 2 on the painting")
    page.keyboard.press("Shift+ArrowUp")
    assert pairs(page)[1][3] == pytest.approx(before[1][3] - 0.002, abs=1e-4)
    page.keyboard.press("Delete")
    assert pairs(page)[1:] == before[2:]
    assert page.evaluate(focused).startswith("Pair 2 on the painting")
    page.focus("#points-add")
    page.keyboard.press("Enter")
    assert len(pairs(page)) == len(before)
    assert pairs(page)[-1][:2] == [0.5, 0.5]
    assert page.evaluate(focused).startswith(f"Pair {len(before)} on the photograph")
    page.keyboard.press("Delete")
    assert page.evaluate(focused).startswith(f"Pair {len(before) - 1} on the photograph")
    assert not page.faults


def test_the_next_pair_is_at_once_the_one_that_tab_reaches_on_either_picture(page, rabbits):
    with_points(page, rabbits)
    page.focus("#points-photograph .chosen")
    reached = page.evaluate("""() => {
        const key = new KeyboardEvent("keydown", { key: "PageDown", bubbles: true, cancelable: true });
        document.activeElement.dispatchEvent(key);
        return ["photograph", "painting"].map((name) =>
            [...document.querySelectorAll(`#points-${name} .point`)].findIndex((point) => point.tabIndex === 0));
    }""")  # before anything is drawn again
    assert reached == [1, 1]


def test_on_a_narrow_page_the_pictures_are_one_above_the_other(browser, server, rabbits):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = opened(context, server)
    with_points(page, rabbits)
    photo, painting = page.locator("#canvas").bounding_box(), page.locator("#painting").bounding_box()
    assert photo["y"] + photo["height"] <= painting["y"] + 1
    assert photo["width"] == painting["width"] == 390
    assert not page.faults
    context.close()


# ---- the scripts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_serious_violation(browser, server, photo, scheme):
    page = with_axe(browser, server, scheme)
    check(page)
    with_photo(page, photo)
    stroke(page, (0.3, 0.3), (0.5, 0.5))
    until(page, lambda now: now["regions"] and now["regions"][0]["map"]["pixels"])
    quick(page)
    page.click("#paint")
    page.locator("#job-download").wait_for()
    check(page)
    page.click("#sessions")
    page.locator("dialog li").first.wait_for()
    check(page)
    page.context.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_serious_violation_among_points(browser, server, rabbits, scheme):
    page = with_axe(browser, server, scheme)
    with_points(page, rabbits)
    check(page)
    page.context.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_serious_violation_in_a_doodle(browser, server, painting, scheme):
    page = with_axe(browser, server, scheme)
    with_colors(page, painting)
    check(page)
    page.click("#part")
    page.locator("#part-done").wait_for()
    check(page)
    page.context.close()


def with_axe(browser, server, scheme):
    script = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip("needs axe-core: npm ci")
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, viewport={"width": 1280, "height": 800})
    page = opened(context, server)
    page.add_script_tag(path=str(script))
    return page


def check(page) -> None:
    found = page.evaluate("() => axe.run()")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in serious]


def test_the_types_of_the_scripts_fit():
    tsc = ROOT / "node_modules" / ".bin" / "tsc"
    if not tsc.exists():
        pytest.skip("needs TypeScript: npm ci")
    told = subprocess.run([tsc, "-p", ROOT], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout
