"""What the page can ask, over ASGI, with the real workers: from a picture to a painting, and all that can go wrong."""

import dataclasses
import gzip
import io
import os
import signal
import struct
import threading
import time
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")

from starlette.testclient import TestClient

from intarsia.recipe import Job, Recipe
from intarsia.studio.app import app_of
from intarsia.studio.folder import Folder, steps_of
from intarsia.studio.guard import Guard
from intarsia.studio.shared import Limits
from intarsia.studio.sketch import Sketch

ADDRESS = "http://127.0.0.1:7860"
pytestmark = pytest.mark.xdist_group("studio")


def client_of(root, limits=Limits()):  # noqa: B008 (frozen)
    guard = Guard(app_of(Folder(root).made(), limits), 7860, most_bytes=limits.bytes)
    return TestClient(guard, ADDRESS, headers={"origin": ADDRESS})


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def client(root):
    with client_of(root, Limits(bytes=1_000_000, pixels=1_000_000, queue=1)) as client:
        yield client


@pytest.fixture(scope="module")
def content(client, photograph):
    return client.post("/api/pictures?name=photo.png", content=photograph).json()["key"]


@pytest.fixture
def sketch(client, content):
    """The right half in ink, the rest as it is."""
    half = np.zeros((48, 64), np.uint8)
    half[:, 32:] = 255
    key = sent_map(client, half)
    ink = {"id": "s1", "name": "ink", "swatch": "ink"}
    region = {"id": "r1", "name": "right", "color": "#ff0000", "style": "s1", "map": {"pixels": key}}
    return {"content": content, "styles": [ink], "regions": [region], "method": "wct"}


def sent_map(client, levels):
    return told_map(client, levels, "")["key"]


def told_map(client, levels, words, before=None):
    """With what was done to make it of the map before; as a sketch has it."""
    (h, w), more = levels.shape, {} if before is None else {"before": before}
    packed = gzip.compress(levels.tobytes() + words.encode())
    answer = client.post("/api/maps", params={"w": w, "h": h} | more, content=packed)
    assert answer.status_code == 200, answer.text
    return answer.json()


def levels_of(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def started(client, sketch):
    session = client.post("/api/sessions", json=sketch).json()["id"]
    return session, client.post(f"/api/sessions/{session}/jobs", json=sketch).json()["id"]


def ended(client, session, job, seconds=120):
    """The job, once it is no longer on its way."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = next(one for one in client.get(f"/api/sessions/{session}").json()["jobs"] if one["id"] == job)
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{found} after {seconds} s")


def begun(client, session, job, steps=1):
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = next(one for one in client.get(f"/api/sessions/{session}").json()["jobs"] if one["id"] == job)
        if found.get("step", 0) >= steps:
            return
        time.sleep(0.05)
    raise AssertionError("it did not begin")


# ---- pictures --------------------------------------------------------------------------------------------------------


def test_a_picture_is_known_by_what_is_in_it(client, content, photograph):
    again = client.post("/api/pictures?name=copy.png", content=photograph).json()
    assert again["key"] == content
    assert (again["width"], again["height"], again["alpha"], again["map"]) == (64, 48, False, [64, 48])
    assert levels_of(client.get(f"/api/pictures/{content}/shown")).shape == (48, 64, 3)


def bomb() -> bytes:
    """A PNG whose header promises 60,000 x 60,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


BAD = {
    "empty": lambda good: b"",
    "truncated": lambda good: good[: len(good) // 2],
    "no picture": lambda good: b"<html><script>alert(1)</script></html>",
    "a pickle": lambda good: b"\x80\x04\x95" + bytes(60),
    "a bomb": lambda good: bomb(),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_picture_is_told_and_leaves_nothing(client, root, photograph, kind):
    before = {path for path in root.rglob("*") if path.is_file() and "studio.db" not in path.name}
    answer = client.post("/api/pictures?name=../../x.png", content=BAD[kind](photograph))
    assert answer.status_code == 400
    assert len(answer.json()["message"]) > 20
    assert {path for path in root.rglob("*") if path.is_file() and "studio.db" not in path.name} == before


def test_a_picture_beyond_the_limit_is_refused(client, root):
    def parts():  # chunked: no length is told
        for _ in range(20):
            yield bytes(100_000)

    assert client.post("/api/pictures", content=parts()).status_code == 413
    assert not list((root / "new").iterdir())


@pytest.mark.parametrize(
    "path",
    [
        "/api/pictures/..%2F..%2Fetc%2Fpasswd/shown",
        "/api/maps/../../studio.db",
        "/api/maps/%2e%2e%2f%2e%2e%2fstudio.db",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/app.py",
        "/api/jobs/..%2f..%2fstudio/painted.png",
        "/api/jobs/0000/%2e%2e.webp",
    ],
)
def test_no_path_leads_out(client, path):
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert b"SQLite" not in answer.content
    assert b"root:" not in answer.content


def test_names_are_only_shown(client, root, photograph):
    name = '"><img src=x onerror=alert(1)>/../../x'
    answer = client.post("/api/pictures", params={"name": name}, content=photograph + b"x")
    assert answer.json()["name"] == name
    assert not [path for path in root.rglob("*") if "onerror" in path.name]


# ---- maps ------------------------------------------------------------------------------------------------------------


def test_a_map_comes_back_as_it_was_sent(client):
    faint = np.full((48, 64), 1, np.uint8)  # so faint that a mask of strangers would be refused
    key = sent_map(client, faint)
    assert (levels_of(client.get(f"/api/maps/{key}")) == faint).all()


def test_a_map_that_unpacks_to_more_than_it_says_is_refused(client):
    big = gzip.compress(bytes(50_000_000))
    assert client.post("/api/maps?w=64&h=48", content=big).status_code == 400
    assert client.post("/api/maps?w=64&h=48", content=b"nothing").status_code == 400
    assert client.post("/api/maps?w=100000&h=100000", content=big).status_code == 400


def test_words_are_drawn_as_the_command_line_draws_them(client, content):
    asked = {"on": {"picture": content}, "map": {"words": "rectangle 0,0 0.5,1 | invert"}}
    drawn = levels_of(client.get(f"/api/maps/{client.post('/api/draw', json=asked).json()['key']}"))
    assert (drawn[:, 32:] == 255).all()
    assert (drawn[:, :32] == 0).all()


@pytest.mark.parametrize(
    "words",
    ["/etc/passwd", "'studio.db'", "label /etc/passwd #ffffff", "everywhere | subtract /etc/passwd", "nonsense 1,2"],
)
def test_words_name_no_files(client, content, words):
    answer = client.post("/api/draw", json={"on": {"picture": content}, "map": {"words": words}})
    assert answer.status_code == 400


def test_a_region_is_split_by_what_it_holds(client, png):
    """Three stripes; the region is the two on the right."""
    levels = np.zeros((48, 64, 3), np.uint8)
    for start, end, color in ((0, 32, (200, 50, 30)), (32, 50, (30, 180, 50)), (50, 64, (50, 50, 200))):
        levels[:, start:end] = color
    content = client.post("/api/pictures", content=png(levels)).json()["key"]
    asked = {"content": content, "k": 2, "within": {"words": "rectangle 0.5,0 1,1"}}
    answer = client.post("/api/partition", json=asked)
    first, second = (levels_of(client.get(f"/api/maps/{key}")) for key in answer.json()["keys"])
    whole = np.zeros((48, 64))
    whole[:, 32:] = 255
    assert np.abs(first.astype(float) + second - whole).max() <= 1
    assert first[:, 34:48].mean() > 200 > 55 > first[:, 52:].mean()
    gone = asked | {"within": {"pixels": "0" * 64}}
    assert client.post("/api/partition", json=gone).status_code == 410
    empty = asked | {"within": {"words": "everywhere | invert"}}
    assert client.post("/api/partition", json=empty).status_code == 400
    same = asked | {"within": {"words": "rectangle 0.5,0.25 0.515625,0.27083333"}}  # a single pixel
    answer = client.post("/api/partition", json=same)
    assert answer.status_code == 400
    assert "could be cut" in answer.json()["message"]


# ---- previews --------------------------------------------------------------------------------------------------------


def test_a_preview_changes_the_region_and_nothing_else(client, sketch, photograph):
    shown = levels_of(client.post("/api/preview", json=sketch)).astype(int)
    before = np.asarray(Image.open(io.BytesIO(photograph))).astype(int)
    assert (shown[:, :32] == before[:, :32]).all()
    assert np.abs(shown[:, 32:] - before[:, 32:]).mean() > 5


def test_of_the_previews_that_wait_only_the_newest_is_painted(client, sketch):
    answers = []

    def ask(strength):
        changed = sketch | {"rest": {"style": "s1", "manner": {"strength": strength}}}
        answers.append(client.post("/api/preview?session=abc", json=changed).status_code)

    threads = [threading.Thread(target=ask, args=(i / 10,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {200, 409}
    assert 1 <= answers.count(200) <= 4


def of_many_regions(sketch, many):
    one = sketch["regions"][0]
    words = [f"rectangle {i / many},0 {(i + 1) / many},1" for i in range(many)]
    named = [one | {"id": f"r{i}", "name": f"r{i}", "map": {"words": text}} for i, text in enumerate(words)]
    return sketch | {"regions": named}


def test_a_preview_of_a_stroke_on_its_way_gives_way_to_one_that_stays(client, sketch):
    long, answers = of_many_regions(sketch, 48), []
    client.post("/api/preview?session=abc", json=sketch)  # the worker has begun
    passing = threading.Thread(
        target=lambda: answers.append(client.post("/api/preview?session=abc&passing=true", json=long).status_code)
    )
    passing.start()
    until, desk = time.monotonic() + 60, client.app.app.state.studio.desk
    while desk.at is None or not desk.at.passing:  # it is in work, for about a second
        assert time.monotonic() < until
        time.sleep(0.01)
    assert client.post("/api/preview?session=abc", json=sketch).status_code == 200
    passing.join()
    assert answers == [409]
    assert client.post("/api/preview?session=abc&passing=true", json=sketch).status_code == 200


def test_forty_regions_are_looked_at(client, sketch):
    assert client.post("/api/preview", json=of_many_regions(sketch, 40)).status_code == 200


def test_a_style_of_one_pixel_is_looked_at(client, sketch, png):
    key = client.post("/api/pictures", content=png(np.full((1, 1, 3), 99, np.uint8))).json()["key"]
    dot = sketch | {"styles": [{"id": "s1", "name": "dot", "picture": key}]}
    assert client.post("/api/preview", json=dot).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"settings": {"decoder_weights": "/etc/passwd"}},
        {"settings": {"encoder_weights": "/etc/passwd"}},
        {"settings": {"steps": 10**9}},
        {"size": 100_000},
        {"method": "nothing"},
        {"content": "/etc/passwd"},
        {"content": "0" * 64},
        {"styles": [{"id": "s1", "name": "x", "swatch": "nothing"}]},
        {"unknown": 1},
    ],
)
def test_a_sketch_that_cannot_be_is_refused_with_a_sentence(client, sketch, fault):
    session = client.post("/api/sessions", json=sketch).json()["id"]
    answers = [client.post("/api/preview", json=sketch | fault)]
    if "method" not in fault and "styles" not in fault:  # which only the recipe knows
        answers.append(client.post(f"/api/sessions/{session}/jobs", json=sketch | fault))
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert len(answer.json()["message"]) > 10


# ---- points ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alike(client, png):
    """A picture of blobs, and the same with its middle drawn down: as the page asks for pairs of points."""
    random = np.random.default_rng(3)
    coarse, fine = (Image.fromarray(random.integers(0, 255, (*size, 3), np.uint8)) for size in ((6, 8), (24, 32)))
    levels = np.asarray(Image.blend(coarse.resize((256, 192), 3), fine.resize((256, 192), 3), 0.4))
    y, x = np.mgrid[0:192, 0:256]
    lower = levels[np.clip(y - np.round(8 * np.sin(np.pi * x / 256) * np.sin(np.pi * y / 192)).astype(int), 0, 191), x]
    keys = [client.post("/api/pictures", content=png(one)).json()["key"] for one in (levels, lower)]
    return {"content": keys[0], "style": {"id": "s1", "name": "lower", "picture": keys[1]}}


@pytest.fixture(scope="module")
def bending(client, alike):
    """A sketch with the pairs that were found."""
    answer = client.post("/api/points", json=alike)
    assert answer.status_code == 200, answer.text
    deform = {"style": "s1", "pairs": answer.json()["pairs"], "warp": 1}
    return {"room": "deform", "content": alike["content"], "styles": [alike["style"]], "deform": deform}


def test_points_are_found_where_the_pictures_are_alike(bending):
    pairs = np.array(bending["deform"]["pairs"])
    assert 8 < len(pairs) <= 24
    inner = pairs[np.abs(pairs[:, :2] - 0.5).max(1) < 0.3]
    assert np.median(inner[:, 3] - inner[:, 1]) > 0.015  # drawn down
    assert np.abs(np.median(inner[:, 2] - inner[:, 0])) < 0.01


def test_where_nothing_is_alike_it_is_told_in_a_sentence(client, content, png):
    key = client.post("/api/pictures", content=png(np.full((64, 64, 3), 99, np.uint8))).json()["key"]
    asked = {"content": content, "style": {"id": "s1", "name": "blank", "picture": key}}
    answer = client.post("/api/points", json=asked)
    assert answer.status_code == 400
    assert "by hand" in answer.json()["message"]


def test_a_pair_that_is_moved_changes_the_look(client, bending):
    before = levels_of(client.post("/api/preview", json=bending)).astype(int)
    (x, y, *style), *rest = bending["deform"]["pairs"]
    moved = bending["deform"] | {"pairs": [[x, y, style[0], style[1] + (0.1 if y < 0.5 else -0.1)], *rest]}
    after = levels_of(client.post("/api/preview", json=bending | {"deform": moved})).astype(int)
    assert before.shape == (192, 256, 3)
    changed = np.abs(after - before).max(2) > 30
    assert changed.mean() > 0.02


@pytest.mark.parametrize(
    "fault",
    [
        {"pairs": [[0.1, 0.1, 0.1, 1.1]] * 3},
        {"pairs": [[0.1, 0.1, 0.1]] * 3},
        {"pairs": [["NaN", 0.1, 0.1, 0.1]] * 3},
        {"pairs": [2 * [0.1 + i / 150, 0.1 + (i / 150) ** 2] for i in range(101)]},
        {"pairs": [[0.1, 0.1, 0.1, 0.1]] * 3},
        {"pairs": [[0.1, 0.1, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2], [0.3, 0.3, 0.3, 0.3]]},
        {"pairs": []},
        {"warp": 2},
        {"steps": 0},
        {"steps": 2001},
        {"style": "s9"},
    ],
)
def test_a_bending_that_cannot_be_is_refused_with_a_sentence(client, bending, fault):
    answer = client.post("/api/preview", json=bending | {"deform": bending["deform"] | fault})
    assert answer.status_code == 400
    assert len(answer.json()["message"]) > 20


def test_a_bent_painting_holds_its_pairs_and_is_painted_again(client, bending, tmp_path):
    session, job = started(client, bending | {"size": 48, "deform": bending["deform"] | {"steps": 6}})
    assert ended(client, session, job)["state"] == "done"
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{job}/all.zip").content)) as packed:
        packed.extractall(tmp_path)
    recipe = Recipe.from_json((tmp_path / "recipe.json").read_text())
    assert [list(row) for row in recipe.settings["points"]] == bending["deform"]["pairs"]
    *_, frame = (opened := Job.open(recipe, tmp_path)).frames()
    again = np.asarray(opened.result(frame).to_pil()).astype(int)
    assert np.abs(again - np.asarray(Image.open(tmp_path / "painted.png"))).max() <= 1
    back = client.post("/api/pictures", content=(tmp_path / "painted.png").read_bytes()).json()
    assert back["sketch"]["deform"]["pairs"] == bending["deform"]["pairs"]


# ---- doodles ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def doodle(client, png):
    """A painting, red at the left and blue at the right, and a white canvas: blue above, red below."""
    random = np.random.default_rng(0).integers(0, 120, (64, 96, 3))
    random[:, :48, 0] += 130
    random[:, 48:, 2] += 130
    sent = [random.astype(np.uint8), np.full((64, 96, 3), 255, np.uint8)]
    painting, canvas = (client.post("/api/pictures", content=png(one)).json()["key"] for one in sent)
    left, upper = np.zeros((2, 64, 96), np.uint8)
    left[:, :48], upper[:32] = 255, 255
    keys = [sent_map(client, one) for one in (255 - left, left, upper, 255 - upper)]
    regions = [
        {
            "id": f"r{i}",
            "name": name,
            "color": "#000000",
            "style": "s1",
            "map": {"pixels": at},
            "part": {"pixels": part},
        }
        for i, (name, part, at) in enumerate([("blue", keys[0], keys[2]), ("red", keys[1], keys[3])])
    ]
    style = {"id": "s1", "name": "painting", "picture": painting}
    return {"room": "doodle", "content": canvas, "styles": [style], "regions": regions, "rest": {"style": "s1"}}


def has_its_colors(levels) -> bool:
    """Blue above and red below, by as much as the painting has, and nowhere flat."""
    upper, lower = (levels[rows, 20:76].astype(float) for rows in (slice(8, 20), slice(44, 56)))
    blue, red = (upper[:, :, 2] - upper[:, :, 0]).mean(), (lower[:, :, 0] - lower[:, :, 2]).mean()
    return bool(blue > 80 and red > 80 and upper.std(1).mean() > 10 and lower.std(1).mean() > 10)


def test_a_doodle_is_looked_at_as_texture_in_the_colors_of_its_parts(client, doodle):
    answer = client.post("/api/preview", json=doodle)
    assert has_its_colors(levels_of(answer))
    assert answer.headers["x-notices"] == "[]"
    as_regions = levels_of(client.post("/api/preview", json=doodle | {"room": "paint"}))
    assert not has_its_colors(as_regions)  # a white canvas has no texture; the look of one room is not that of another
    assert has_its_colors(levels_of(client.post("/api/preview", json=doodle)))


def test_a_doodle_is_painted_from_nothing_but_its_colors(client, doodle):
    session, job = started(client, doodle | {"size": 96, "settings": {"steps": 4}})
    assert ended(client, session, job)["state"] == "done"
    assert has_its_colors(levels_of(client.get(f"/api/jobs/{job}/painted.png")))


# ---- sessions and jobs -----------------------------------------------------------------------------------------------


def test_of_two_windows_the_second_is_told(client, sketch):
    session = client.post("/api/sessions", json=sketch).json()
    changed = {"revision": session["revision"], "sketch": sketch | {"name": "first"}}
    assert client.put(f"/api/sessions/{session['id']}", json=changed).json()["revision"] == 2
    assert client.put(f"/api/sessions/{session['id']}", json=changed).status_code == 409
    assert client.get(f"/api/sessions/{session['id']}").json()["sketch"]["name"] == "first"


def test_a_painting_holds_its_recipe_and_brings_everything_back(client, sketch, tmp_path, photograph):
    session, job = started(client, sketch)
    assert ended(client, session, job)["state"] == "done"
    painted = client.get(f"/api/jobs/{job}/painted.png").content
    back = client.post("/api/pictures?name=painted.png", content=painted).json()
    assert back["sketch"]["regions"][0]["map"]["pixels"] == sketch["regions"][0]["map"]["pixels"]
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{job}/all.zip").content)) as packed:
        assert set(packed.namelist()) == {"content.png", "map-1.png", "painted.png", "recipe.json"}
        packed.extractall(tmp_path)
    recipe = Recipe.from_json((tmp_path / "recipe.json").read_text())
    *_, frame = (opened := Job.open(recipe, tmp_path)).frames()
    again = np.asarray(opened.result(frame).to_pil()).astype(int)
    assert np.abs(again - np.asarray(Image.open(tmp_path / "painted.png"))).max() <= 1
    before = np.asarray(Image.open(io.BytesIO(photograph)))
    assert (again[:, :32] == before[:, :32]).all()


def blurred(row) -> int:
    """How many pixels across an edge are neither in nor out."""
    return int(((row > 0.05) & (row < 0.95)).sum())


def test_strokes_are_drawn_again_as_sharp_at_twice_the_size(client, sketch, png, tmp_path):
    large = np.random.default_rng(0).integers(0, 255, (192, 256, 3), np.uint8)
    content = client.post("/api/pictures", content=png(large)).json()["key"]
    painted = np.zeros((48, 64), np.uint8)
    painted[20:29, 16:48] = 255
    told = told_map(client, painted, "brush 16% 0.25,0.5 0.75,0.5 hardness=1 opacity=1")
    told = told_map(client, painted, "without brush 4% 0.5,0.2 0.5,0.8 hardness=1", told["key"])
    drawn = {"pixels": told["key"], "named": told["named"]}
    whole = sketch | {"content": content, "regions": [sketch["regions"][0] | {"map": drawn}], "size": 128}
    session, job = started(client, whole)
    assert ended(client, session, job)["state"] == "done"
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{job}/all.zip").content)) as packed:
        packed.extractall(tmp_path)
    text = (tmp_path / "recipe.json").read_text()
    assert "brush 16% 0.25,0.5 0.75,0.5 hardness=1 opacity=1 | without brush 4%" in text  # for people to read
    assert "map-1.png" not in text
    recipe = Recipe.from_json(text)
    maps = [
        Job.open(recipe.model_copy(update={"size": size}), tmp_path).guide.regions[0].content_map.numpy()
        for size in (128, 256)
    ]
    assert [one.shape for one in maps] == [(96, 128), (192, 256)]
    assert max(blurred(one[:, one.shape[1] // 3]) for one in maps) <= 2
    as_pixels = np.asarray(Image.fromarray(painted).resize((256, 192), Image.Resampling.BILINEAR)) / 255
    assert blurred(as_pixels[:, 85]) > 4
    assert [one[one.shape[0] // 2, one.shape[1] // 2] for one in maps] == [0, 0]  # the eraser


def test_pixels_without_words_are_what_strokes_go_on_from(client, sketch, tmp_path):
    """A map of a partition, say, or of a session from before."""
    first = sketch["regions"][0]["map"]["pixels"]
    told = told_map(client, np.zeros((48, 64), np.uint8), "without brush 20% 0.75,0.5", first)
    assert told["named"] == [first]
    whole = sketch | {"regions": [sketch["regions"][0] | {"map": {"pixels": told["key"], "named": told["named"]}}]}
    session, job = started(client, whole)
    assert ended(client, session, job)["state"] == "done"
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{job}/all.zip").content)) as packed:
        packed.extractall(tmp_path)
    drawn = Job.open(Recipe.from_json((tmp_path / "recipe.json").read_text()), tmp_path).guide.regions[0].content_map
    assert (drawn[24, 48], drawn[2, 48], drawn[24, 10]) == (0, 1, 0)


@pytest.mark.parametrize("words", ["brush 5% 0.1,0.1 | unite /etc/passwd", "nonsense 1,2", f"unite {'e' * 64}"])
def test_steps_that_cannot_be_fail_with_a_sentence(client, sketch, words):
    told = told_map(client, np.full((48, 64), 255, np.uint8), words)
    region = sketch["regions"][0] | {"map": {"pixels": told["key"], "named": []}}
    session, job = started(client, sketch | {"regions": [region]})
    found = ended(client, session, job)
    assert found["state"] == "failed"
    assert "passwd:" not in found["message"]
    assert len(found["message"]) > 20


def test_steps_beyond_the_limit_are_left_to_the_pixels(client, root):
    empty, long = np.zeros((48, 64), np.uint8), "brush 5% " + "0.1,0.2 " * 7_000
    packed = gzip.compress(empty.tobytes() + long.encode() + b" " * 10_000)
    assert client.post("/api/maps?w=64&h=48", content=packed).status_code == 400
    assert client.post("/api/maps?w=64&h=48", content=gzip.compress(empty.tobytes() + b"\xff")).status_code == 400
    key, lengths = None, []
    for _ in range(6):
        key = told_map(client, empty, long if key is None else f"unite {long}", key)["key"]
        lengths.append(len(steps_of(Folder(root).map(key))))
    assert lengths[3] > 4 * 50_000
    assert lengths[4] == 0
    assert lengths[5] < 60_000  # which goes on from the pixels
    assert steps_of(Folder(root).map(key)).split(" ", 1)[0] not in ("brush", "unite")


def test_with_a_session_go_its_paintings_and_their_files(client, root, sketch):
    session, job = started(client, sketch)
    ended(client, session, job)
    assert (root / "jobs" / job).exists()
    client.delete(f"/api/sessions/{session}")
    assert client.get(f"/api/jobs/{job}/sketch").status_code == 404
    assert not (root / "jobs" / job).exists()


@pytest.fixture
def slow(sketch):
    return sketch | {"method": "gatys", "settings": {"steps": 2000}, "size": 64}


def test_what_is_stopped_is_kept_and_goes_on(client, slow):
    session, job = started(client, slow | {"settings": {"steps": 60}})
    begun(client, session, job)
    client.post(f"/api/jobs/{job}/stop")
    found = ended(client, session, job)
    assert found["state"] == "stopped"
    assert found["resumable"]
    assert client.get(f"/api/jobs/{job}/painted.png").status_code == 200
    assert client.post(f"/api/jobs/{job}/go-on").json()["state"] in ("waiting", "running")
    assert ended(client, session, job)["state"] == "done"


def test_a_painting_takes_more_steps_from_where_it_ended(client, slow, tmp_path):
    session, job = started(client, slow | {"settings": {"steps": 8}})
    ended(client, session, job)
    more = client.post(f"/api/jobs/{job}/more").json()
    found = ended(client, session, more["id"])
    assert (found["state"], found["steps"]) == ("done", 50)
    recipe = Recipe.from_json(client.app.app.state.studio.store.job(more["id"])["recipe"])
    assert (recipe.start, recipe.settings["steps"]) == ("start.png", 50)
    losses = [client.app.app.state.studio.store.job(name)["losses"] for name in (job, more["id"])]
    assert losses[1][0] < 1.5 * losses[0][-1] < losses[0][0]  # it began where the other one ended
    assert losses[1][-1] < losses[0][-1]
    again = client.get(f"/api/jobs/{more['id']}/sketch").json()
    assert (again["settings"], again["onward"]) == ({"steps": 8}, None)
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/jobs/{more['id']}/all.zip").content)) as packed:
        assert "start.png" in packed.namelist()


def test_a_painting_in_one_pass_takes_no_more_steps_and_what_is_done_does_not_go_on(client, sketch):
    session, job = started(client, sketch)
    ended(client, session, job)
    for what in ("more", "go-on"):
        assert client.post(f"/api/jobs/{job}/{what}").status_code == 400
    assert client.get(f"/api/sessions/{session}").json()["jobs"][0]["state"] == "done"


def test_what_is_stopped_before_it_has_begun_stops_too(client, slow):
    session, job = started(client, slow)
    until = time.monotonic() + 60
    while client.get(f"/api/sessions/{session}").json()["jobs"][0]["state"] != "running":
        assert time.monotonic() < until
    client.post(f"/api/jobs/{job}/stop")  # while it reads its pictures, or its process only starts
    assert ended(client, session, job)["state"] == "stopped"


def test_a_long_queue_is_full_and_a_worker_that_is_killed_is_told(client, slow):
    session, job = started(client, slow)
    begun(client, session, job)
    _, waiting = started(client, slow)
    refused = client.post(f"/api/sessions/{session}/jobs", json=slow)
    assert refused.status_code == 429
    client.post(f"/api/jobs/{waiting}/stop")
    app = client.app.app  # within the guard
    os.kill(app.state.studio.jobs.desks[0].process.pid, signal.SIGKILL)
    found = ended(client, session, job)
    assert found["state"] == "stopped"
    assert "ended" in found["message"]
    client.post(f"/api/jobs/{job}/go-on")
    begun(client, session, job)
    client.delete(f"/api/jobs/{job}")


def test_each_gpu_has_a_worker_of_its_own_and_paintings_go_to_whichever_is_free(tmp_path, photograph, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")  # as a person may have shared them out
    with client_of(tmp_path) as client:
        jobs = client.app.app.state.studio.jobs
        client.portal.call(jobs.spread, 2)
        assert [desk.gpu for desk in jobs.desks] == [None, "7"]
        key = client.post("/api/pictures", content=photograph).json()["key"]
        ink = {"id": "s1", "name": "ink", "swatch": "ink"}
        slow = {"content": key, "styles": [ink], "rest": {"style": "s1"}, "settings": {"steps": 2000}, "size": 64}
        made = [started(client, slow) for _ in range(3)]
        for session, job in made[:2]:
            begun(client, session, job)
        session, third = made[2]
        assert client.get(f"/api/sessions/{session}").json()["jobs"][0]["state"] == "waiting"
        assert {desk.process.pid for desk in jobs.running.values()} == {desk.process.pid for desk in jobs.desks}
        for session, job in made[:2]:
            client.post(f"/api/jobs/{job}/stop")
            assert ended(client, session, job)["state"] == "stopped"
        begun(client, made[2][0], third)
        client.delete(f"/api/jobs/{third}")


def test_a_looking_worker_that_is_killed_is_replaced(client, sketch):
    assert client.post("/api/preview", json=sketch).status_code == 200
    os.kill(client.app.app.state.studio.desk.process.pid, signal.SIGKILL)
    time.sleep(0.2)
    answers = [client.post("/api/preview", json=sketch).status_code for _ in range(2)]
    assert answers[-1] == 200


def test_a_full_disk_is_told_and_nothing_is_lost(client, sketch, monkeypatch):
    session = client.post("/api/sessions", json=sketch).json()["id"]

    def full(*given, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "store_map", full)
    answer = client.post("/api/maps?w=1&h=1", content=gzip.compress(b"\0"))
    assert answer.status_code == 507
    assert "disk is full" in answer.json()["message"]
    monkeypatch.undo()
    assert client.get(f"/api/sessions/{session}").json()["sketch"]["regions"][0]["name"] == "right"
    assert client.post("/api/preview", json=sketch).status_code == 200


def test_a_server_that_starts_again_has_everything(root, tmp_path, photograph):
    with client_of(tmp_path) as client:
        key = client.post("/api/pictures", content=photograph).json()["key"]
        sketch = {"content": key, "styles": [{"id": "s1", "name": "ink", "swatch": "ink"}], "rest": {"style": "s1"}}
        session = client.post("/api/sessions", json=sketch).json()["id"]
        store = client.app.app.state.studio.store
        job = store.new_job(session, Sketch(**sketch))["id"]
        store.change_job(job, "running")  # as one that was on its way when the server was killed
    with client_of(tmp_path) as client:
        found = client.get(f"/api/sessions/{session}").json()
        assert found["sketch"]["content"] == key
        assert [one["state"] for one in found["jobs"]] == ["stopped"]
        assert client.get(f"/api/pictures/{key}/shown").status_code == 200


def test_the_oldest_sessions_go_where_there_is_too_little_room(tmp_path, photograph):
    with client_of(tmp_path, dataclasses.replace(Limits(), sessions=2)) as client:
        key = client.post("/api/pictures", content=photograph).json()["key"]
        made = [client.post("/api/sessions", json={"content": key}).json()["id"] for _ in range(4)]
        client.app.app.state.studio.tidy()
        assert {row["id"] for row in client.get("/api/sessions").json()} == set(made[2:])


def test_the_oldest_sessions_go_with_their_pictures_where_the_disk_is_used_up(tmp_path, photograph, png):
    with client_of(tmp_path, dataclasses.replace(Limits(), disk=1)) as client:
        keys, made = [], []
        for data in (photograph, png(np.full((20, 30, 3), 90, np.uint8))):
            keys.append(client.post("/api/pictures", content=data).json()["key"])
            made.append(client.post("/api/sessions", json={"content": keys[-1]}).json()["id"])
        client.app.app.state.studio.tidy()
        assert [row["id"] for row in client.get("/api/sessions").json()] == made[1:]
        assert [(tmp_path / "pictures" / key).exists() for key in keys] == [False, True]
