"""Batches: which pictures are found and where their results go, the ledger, processes that die, and going on.

The processes here are a stand-in that copies each picture, and dies or fails where a picture's name says so; the real
ones are in `cli/test_batch.py`."""

import dataclasses
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import filelock
import pytest
import torch
from PIL import Image as PilImage

from intarsia import networks, picture, swatches
from intarsia.batch import CONTENT, Batch, Handling, Ledger, Picture, gather, read_ledger
from intarsia.batch.painter import Painter, Task
from intarsia.batch.pool import Pool
from intarsia.errors import InputError, IntarsiaError, OutputError, PictureError, RecipeError, UsageError
from intarsia.recipe import Job, Recipe
from intarsia.run import Done, Form, Noticed, Started

LEDGER = Path("out/intarsia-batch.jsonl")
STAND_IN = """
import hashlib, json, os, signal, sys, time
from pathlib import Path
setup = json.loads(sys.stdin.readline())
def say(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)
if os.path.exists("unready"):
    sys.exit("no such library")
if os.path.exists("unfit"):
    say("fatal", kind="WeightsError", message="the weights are gone.", full=False)
    sys.exit()
say("ready")
for line in sys.stdin:
    task = json.loads(line)
    name, target = Path(task["source"]).stem, Path(task["target"])
    mark = Path("died-" + name)
    if name.startswith("deadly") or (name.startswith("frail") and not mark.exists()):
        mark.touch()
        target.with_name(".intarsia-0123456789ab.part").touch()
        say("step", part=0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("wrong"):
        say("failed", kind="PictureError", message=task["source"] + ": it is wrong.", full=False, notices=[])
    elif name.startswith("senseless"):
        say("failed", kind="UsageError", message="no such setting.", full=False, notices=[])
    elif name.startswith("heavy"):
        say("failed", kind="OutputError", message="no room.", full=True, notices=[])
    elif target.exists() and not task["replace"]:
        say("failed", kind="OutputError", message="it has appeared.", full=False, notices=[])
    else:
        time.sleep(0.3 * name.startswith("slow"))
        data = Path(task["source"]).read_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        sum = hashlib.sha256(data).hexdigest()
        say("done", sum=sum, inputs={task["source"]: sum}, seconds=0.0, notices=[])
"""


@pytest.fixture
def here(tmp_path, monkeypatch, random_image):
    monkeypatch.chdir(tmp_path)
    picture.write("style.png", random_image(24, 24))
    return tmp_path


@pytest.fixture
def put(here, random_image):
    """`put("in/a.png", "in/b.jpg")`: small pictures, each different."""

    def write(*names: str) -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            picture.write(name, random_image(8, 12, sum(name.encode())))

    return write


def batch(*names: str, size: int = 64, **settings) -> Batch:
    pictures = [Picture(f"in/{name}", name) for name in names]
    recipe = Recipe(content=CONTENT, styles=["style.png"], size=size)
    return Batch(recipe, pictures, "out", Handling(**settings), (sys.executable, "-c", STAND_IN))


def ran(some: Batch, **more) -> list[tuple[str, str | None]]:
    """What happened to which result; not how far it was, nor that nothing happened."""
    events = [(event.kind, event.picture and event.picture.output) for event in some(**more)]
    return [(kind, output) for kind, output in events if kind not in ("wait", "step", "start")]


def lines() -> list[dict]:
    return [json.loads(line) for line in LEDGER.read_text().splitlines()]


def written(event: str) -> list[str]:
    return [line["output"] for line in lines() if line["event"] == event]


def whole(*names: str) -> bool:
    """Each result is there, with the sum that the ledger has for it."""
    last = read_ledger(LEDGER).last
    return all(last[name]["sum"] == hashlib.sha256(Path("out", name).read_bytes()).hexdigest() for name in names)


def files(folder: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


# ---- gathering ----------------------------------------------------------------------------------------------------


def test_what_is_in_a_folder_keeps_its_place_and_a_file_comes_alone(put):
    put("in/a.png", "in/b/c.jpg", "in/b/d/e.webp", "else/f.bmp")
    found = gather(["in", "else/f.bmp"], "out")
    assert found.pictures == (
        Picture("in/a.png", "a.png"),
        Picture("in/b/c.jpg", "b/c.jpg"),
        Picture("in/b/d/e.webp", "b/d/e.webp"),
        Picture("else/f.bmp", "f.bmp"),
    )


def test_the_format_is_as_asked_for_or_as_the_input_or_as_its_content(put):
    put("in/a.TIF", "in/b.jpg", "in/c.png", "in/d.png")
    os.rename("in/b.jpg", "in/b.jfif")
    os.rename("in/c.png", "in/c")
    os.rename("in/d.png", "in/d.2024")
    assert [one.output for one in gather(["in"], "out").pictures] == ["a.TIF", "b.jpg", "c.png", "d.2024.png"]
    assert [one.output for one in gather(["in"], "out", "webp").pictures] == [
        "a.webp",
        "b.webp",
        "c.webp",
        "d.2024.webp",
    ]
    with pytest.raises(UsageError, match="no picture format 'gif'"):
        gather(["in"], "out", "gif")


def test_other_files_are_passed_over_and_named(put):
    put("in/a.png", "in/.hidden.png", "in/.thumbs/b.png")
    Path("in/notes.txt").write_text("P5 is the name of a stage")
    Path("in/broken.png").write_text("")
    os.mkfifo("in/pipe.png")
    found = gather(["in"], "out")
    assert [one.source for one in found.pictures] == ["in/a.png", "in/broken.png"]
    assert found.passed_over == ("in/notes.txt", "in/pipe.png")


def test_masks_of_pictures_are_no_pictures(put):
    """Nor is what lies in a folder of masks; a mask of none is a picture like any other."""
    put(
        "in/a.jpg",
        "in/a_mask.png",
        "in/b_mask.png",
        "in/masks/a.png",
        "in/masks/z.png",
        "in/c/d.jpg",
        "in/c/d_mask.gif.png",
    )

    def gathered(*names: str) -> list[str]:
        recipe = Recipe(content=CONTENT, styles=["style.png"], content_mask=list(names))
        return [one.source for one in gather(["in"], "out", None, recipe).pictures]

    assert gathered("{stem}_mask.png | grow 2", "in/masks") == [
        "in/a.jpg",
        "in/b_mask.png",
        "in/c/d.jpg",
        "in/c/d_mask.gif.png",
    ]
    assert gathered("../{stem}.png") == gathered()


def test_a_result_never_replaces_a_mask(put):
    put("in/a.png", "out/a.png")
    recipe = Recipe(content=CONTENT, styles=["style.png"], content_mask=["../out/{stem}.png"])
    with pytest.raises(UsageError, match="this is also the input"):
        Batch(recipe, [Picture("in/a.png", "a.png")], "out", Handling(overwrite=True)).plan()


def test_results_are_never_painted_again(put):
    put("in/a.png", "in/out/a.png", "in/earlier/a.png")
    Path("in/earlier/intarsia-batch.jsonl").touch()
    found = gather(["in"], "in/out")
    assert [one.source for one in found.pictures] == ["in/a.png"]
    assert found.passed_over == ("in/earlier",)
    for out in ("in", ".", "in/../in"):
        with pytest.raises(UsageError, match="in is within"):
            gather(["in"], out)


@pytest.mark.parametrize(
    ("inputs", "format", "words"),
    [
        (["in"], "png", "in/a.jpg and in/a.webp would both become out/a.png"),
        (["in", "more"], None, "in/a.jpg and more/a.jpg would both become out/a.jpg"),
        (["in/a.jpg", "more"], None, "in/a.jpg and more/a.jpg"),
        (["in", "odd"], None, "out/a.jpg would be a folder, for odd/a.jpg/b.png, and a picture, for in/a.jpg"),
    ],
)
def test_two_pictures_that_would_become_one_are_an_error(put, inputs, format, words):
    put("in/a.jpg", "in/a.webp", "more/a.jpg", "odd/a.jpg/b.png")
    with pytest.raises(UsageError) as error:
        gather(inputs, "out", format)
    assert words in str(error.value)


def test_a_picture_that_is_named_twice_is_painted_once(put):
    put("in/a.png")
    assert len(gather(["in", "in/a.png", "./in/"], "out").pictures) == 1


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ("empty", PictureError, "there is no picture in empty. Name a folder"),
        ("texts", PictureError, "texts/a.txt and 1 more, is none that we read"),
        ("gone", PictureError, "gone: there is no such file or folder"),
        ("-", UsageError, "a batch takes files and folders"),
        ("swatch:ink", UsageError, "a batch takes files and folders"),
    ],
)
def test_where_there_is_no_picture_it_says_so(here, given, kind, words):
    Path("empty").mkdir()
    Path("texts").mkdir()
    for name in "ab":
        Path(f"texts/{name}.txt").write_text("text")
    with pytest.raises(kind) as error:
        gather([given], "out")
    assert words in str(error.value)


# ---- the ledger ---------------------------------------------------------------------------------------------------


def test_the_last_line_about_a_result_counts(tmp_path):
    path = tmp_path / "ledger"
    with Ledger(path, 0) as ledger:
        ledger.append("run", settings="s")
        for event, output in (("begun", "a"), ("failed", "a"), ("begun", "ü\udcff"), ("done", "ü\udcff")):
            ledger.append(event, output=output, sum=f"of {output}")
    history = read_ledger(path)
    assert {name: line["event"] for name, line in history.last.items()} == {"a": "failed", "ü\udcff": "done"}
    assert history.made == {"ü\udcff": "of ü\udcff"}
    assert history.run is not None
    assert history.run["settings"] == "s"
    assert history.size == path.stat().st_size


def test_a_line_that_a_crash_cut_off_was_not_written(tmp_path):
    path = tmp_path / "ledger"
    with Ledger(path, 0) as ledger:
        ledger.append("run")
        ledger.append("done", output="a", sum="")
    good = path.read_bytes()
    for cut in (1, 5, 20):
        path.write_bytes(good + good[: -cut - 1].splitlines()[-1])
        history = read_ledger(path)
        assert history.last.keys() == {"a"}
        with Ledger(path, history.size) as ledger:
            ledger.append("done", output="b", sum="")
        assert read_ledger(path).last.keys() == {"a", "b"}


@pytest.mark.parametrize(
    "text",
    ["a picture\n", "[]\n", '{"event": 1}\n', '{"event": "begun", "output": 3}\n', '{"event": "done"}\n', "{}\n"],
)
def test_another_file_of_that_name_is_refused(tmp_path, text):
    (tmp_path / "ledger").write_text('{"event": "run"}\n' + text)
    with pytest.raises(RecipeError, match="line 2, is not of a ledger of ours"):
        read_ledger(tmp_path / "ledger")


def test_a_run_that_finished_nothing_binds_nobody(here, put):
    put("in/wrong.png")
    ran(batch("wrong.png"))
    assert read_ledger(LEDGER).run is None
    assert batch("wrong.png", size=32).plan().todo


# ---- painting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 3])
def test_every_picture_is_begun_and_done_once(put, workers):
    names = ["a.png", "b.png", "c/d.png", "c/ü.png", "e.png"]
    put(*(f"in/{name}" for name in names))
    events = ran(batch(*names, workers=workers))
    assert sorted(events) == sorted([(kind, name) for kind in ("begun", "done") for name in names])
    assert files("out") == {*names, LEDGER.name}
    assert whole(*names)
    assert sorted(written("done")) == sorted(names)


def test_a_failure_is_written_down_and_the_others_are_painted(put):
    put("in/a.png", "in/wrong.png", "in/z.png")
    events = list(batch("a.png", "wrong.png", "z.png")())
    (failed,) = [event for event in events if event.kind == "failed"]
    assert failed.facts["message"] == "in/wrong.png: it is wrong."
    assert written("failed") == ["wrong.png"]
    assert whole("a.png", "z.png")
    assert events[-1].part == 1
    parts = [event.part for event in events]
    assert parts == sorted(parts)


def test_a_picture_whose_worker_dies_is_tried_once_more(put):
    put("in/frail.png", "in/a.png")
    assert ran(batch("frail.png", "a.png")) == [
        ("begun", "frail.png"),
        ("died", "frail.png"),
        ("begun", "frail.png"),
        ("done", "frail.png"),
        ("begun", "a.png"),
        ("done", "a.png"),
    ]
    assert files("out") == {"frail.png", "a.png", LEDGER.name}  # what it left half-written is gone


def test_a_picture_that_kills_its_workers_is_given_up(put):
    put("in/a.png", "in/deadly.png", "in/z.png")
    events = list(batch("a.png", "deadly.png", "z.png", workers=2)())
    (failed,) = [event for event in events if event.kind == "failed"]
    assert "in/deadly.png: its worker died 2 times (killed by SIGKILL)" in failed.facts["message"]
    assert written("begun").count("deadly.png") == 2
    assert whole("a.png", "z.png")
    assert files("out") == {"a.png", "z.png", LEDGER.name}


def test_workers_that_cannot_start_end_the_batch(put):
    put("in/a.png")
    Path("unready").touch()
    with pytest.raises(IntarsiaError, match=r"3 workers ended before they were ready \(code 1\). no such library"):
        ran(batch("a.png"))
    assert not Path("out").exists()  # nothing came of it, so nothing is left of it


def test_what_no_picture_can_escape_ends_the_batch(put):
    put("in/a.png", "in/senseless.png")
    with pytest.raises(UsageError, match="no such setting"):
        ran(batch("senseless.png", "a.png"))
    assert written("begun") == ["senseless.png"]
    Path("unfit").touch()
    with pytest.raises(IntarsiaError, match="the weights are gone") as error:
        ran(batch("a.png"))
    assert error.value.exit_code == 4


def test_a_full_disk_ends_the_batch(put):
    put("in/a.png", "in/heavy.png", "in/z.png")
    with pytest.raises(OutputError, match=r"no room\. The batch ended there"):
        ran(batch("a.png", "heavy.png", "z.png"))
    assert written("begun") == ["a.png", "heavy.png"]
    assert ran(batch("a.png", "z.png", resume=True)) == [("begun", "z.png"), ("done", "z.png")]


def test_when_asked_to_stop_it_finishes_what_it_is_at(put):
    put("in/slow1.png", "in/slow2.png", "in/a.png", "in/z.png")
    some = batch("slow1.png", "slow2.png", "a.png", "z.png", workers=2)
    events = ran(some, stopping=lambda: len(LEDGER.read_text().splitlines()) > 2 if LEDGER.exists() else False)
    assert sorted(events) == sorted([(kind, f"slow{i}.png") for kind in ("begun", "done") for i in (1, 2)])
    assert whole("slow1.png", "slow2.png")


def test_threads_are_shared_out(monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 4)
    names = [f"{i}.png" for i in range(8)]
    assert [batch(*names, workers=n).threads for n in (1, 2, 3, 8)] == [4, 2, 1, 1]
    assert batch("a.png", workers=8).threads == 4


def test_a_file_that_appears_meanwhile_is_not_replaced(put):
    put("in/slow.png", "in/z.png", "style/z.png")
    Path("out").mkdir()
    for event in batch("slow.png", "z.png")():
        if (event.kind, event.picture and event.picture.output) == ("begun", "slow.png"):
            Path("out/z.png").write_text("precious")
    assert written("failed") == ["z.png"]
    assert Path("out/z.png").read_text() == "precious"
    with pytest.raises(UsageError, match=r"out/z.png is there already. Choose another folder"):
        ran(batch("slow.png", "z.png", resume=True))
    assert Path("out/z.png").read_text() == "precious"


def test_an_old_result_that_could_not_be_painted_anew_is_still_ours(put):
    put("in/a.png", "in/b.png")
    ran(batch("a.png", "b.png"))
    Path("out/b.png").write_bytes(b"damaged")
    with Ledger(LEDGER, LEDGER.stat().st_size) as ledger:
        for name in ("a.png", "b.png"):
            ledger.append("failed", input=f"in/{name}", output=name)
    with pytest.raises(UsageError, match=r"out/b.png is there already"):
        batch("a.png", "b.png", resume=True).plan()
    assert batch("a.png", resume=True).plan().replaced == {"a.png"}


def test_memory_is_shared_out(monkeypatch):
    monkeypatch.setattr("intarsia.batch.batch.free_memory", lambda device: 3000)
    assert batch("a.png", "b.png", "c.png", workers=3)._pool().environment["INTARSIA_MEMORY"] == "1000"
    assert "INTARSIA_MEMORY" not in batch("a.png")._pool().environment


# ---- going on -----------------------------------------------------------------------------------------------------


def test_going_on_paints_what_is_not_done_and_nothing_else(put):
    names = ["a.png", "b.png", "c.png", "d.png", "e.png"]
    put(*(f"in/{name}" for name in names))
    ran(batch(*names[:4]))
    before = {name: os.stat(f"out/{name}").st_mtime_ns for name in names[:4]}
    Path("out/b.png").unlink()
    Path("out/c.png").write_bytes(b"half")
    os.replace("in/e.png", "in/d.png")  # another picture than the one that was painted
    put("in/e.png")
    plan = batch(*names, resume=True).plan()
    assert [one.output for one in plan.done] == ["a.png"]
    assert plan.replaced == {"c.png", "d.png"}
    events = ran(batch(*names, resume=True))
    assert [output for kind, output in events if kind == "done"] == ["b.png", "c.png", "d.png", "e.png"]
    assert os.stat("out/a.png").st_mtime_ns == before["a.png"]
    assert whole(*names)
    assert ran(batch(*names, resume=True)) == []


def test_a_result_without_its_line_is_painted_again(put):
    """As it is when the run was killed between the two."""
    put("in/a.png", "in/b.png")
    ran(batch("a.png", "b.png"))
    text = LEDGER.read_text().splitlines(keepends=True)
    assert json.loads(text[-1])["event"] == "done"
    LEDGER.write_text("".join(text[:-1]) + text[-1][:20])
    assert ran(batch("a.png", "b.png", resume=True)) == [("begun", "b.png"), ("done", "b.png")]


def test_without_leave_nothing_that_is_there_is_touched(put):
    put("in/a.png", "in/b.png", "out/b.png")
    before = Path("out/b.png").read_bytes()
    for resume in (False, True):  # it is no result of ours, so that going on gives no leave
        with pytest.raises(
            UsageError, match=r"out/b.png is there already. Choose another folder; `overwrite` replaces"
        ):
            ran(batch("a.png", "b.png", resume=resume))
    assert files("out") == {"b.png"}
    assert Path("out/b.png").read_bytes() == before
    ran(batch("a.png", "b.png", overwrite=True))
    with pytest.raises(UsageError, match=r"out/a.png is there already, and 1 more. `resume` goes on"):
        ran(batch("a.png", "b.png"))
    with pytest.raises(UsageError, match="Give one of them"):
        batch("a.png", resume=True, overwrite=True).plan()


def test_more_pictures_may_come_into_the_same_folder(put):
    put("in/a.png", "in/b.png")
    ran(batch("a.png"))
    assert ran(batch("b.png")) == [("begun", "b.png"), ("done", "b.png")]


@pytest.mark.parametrize("resume", [False, True])
def test_other_settings_are_refused_by_name(put, random_image, resume):
    put("in/a.png", "in/b.png")
    ran(batch("a.png"))
    with pytest.raises(RecipeError, match=r"out holds results of other settings: size was 64, is 32\. Repeat"):
        batch("b.png", size=32, resume=resume).plan()
    with pytest.raises(RecipeError, match="quality was 95, is 80"):
        batch("b.png", quality=80, resume=resume).plan()
    picture.write("style.png", random_image(24, 24, 9))
    with pytest.raises(RecipeError, match=r"the content of style.png has changed"):
        batch("b.png", resume=resume).plan()
    assert batch("a.png", overwrite=True).plan().replaced == {"a.png"}


def test_what_does_not_decide_the_picture_may_change(put):
    put("in/a.png")
    os.link("style.png", "same.png")
    some = batch("a.png")
    recipe = some.recipe
    for change in ({"styles": ["same.png"]}, {"threads": 3}, {"max_pixels": 9_999}, {"version": "0.0.1"}):
        other = dataclasses.replace(some, handling=Handling(workers=3), recipe=recipe.model_copy(update=change))
        assert other.settings == some.settings
    for change in ({"settings": {"tv": 0.1}}, {"color": "match"}, {"styles": ["swatch:ink"]}, {"frame": 1}):
        assert dataclasses.replace(some, recipe=recipe.model_copy(update=change)).settings != some.settings
    assert dataclasses.replace(some, handling=Handling(format="png")).settings != some.settings


# ---- what is refused ----------------------------------------------------------------------------------------------


def test_an_input_is_never_a_result(put):
    put("in/a.png", "out/a.png")
    recipe = Recipe(content=CONTENT, styles=["style.png"])
    for one in (Picture("out/a.png", "a.png"), Picture("in/a.png", "../style.png")):
        with pytest.raises(UsageError, match="this is also the input"):
            Batch(recipe, [one], "out", Handling(overwrite=True)).plan()


def test_styles_are_looked_at_before_anything_is_begun(put):
    put("in/a.png")
    for style, kind, words in (
        ("gone.png", InputError, "there is no such file"),
        ("swatch:imk", UsageError, "did you mean 'ink'"),
        ("-", UsageError, "standard input cannot be a style"),
    ):
        recipe = Recipe(content=CONTENT, styles=[style])
        with pytest.raises(kind) as error:
            list(Batch(recipe, [Picture("in/a.png", "a.png")], "out")())
        assert words in str(error.value)
        assert not Path("out").exists()


def test_two_batches_do_not_share_a_folder(put):
    put("in/a.png")
    first = batch("a.png")()
    next(first)
    with pytest.raises(OutputError, match="out: another batch writes there"):
        ran(batch("a.png"))
    list(first)
    assert files("out") == {"a.png", LEDGER.name}
    with filelock.FileLock("out/.intarsia-batch.lock"), pytest.raises(OutputError, match="another batch"):
        ran(batch("a.png", resume=True))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize("out", ["/proc", "/proc/results", "in/a.png", "in/a.png/results"])
def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_begun(put, out):
    put("in/a.png")
    recipe = Recipe(content=CONTENT, styles=["style.png"])
    with pytest.raises(OutputError):
        list(Batch(recipe, [Picture("in/a.png", "b.png")], out)())


def test_pages_of_a_file_are_pictures_of_their_own(put):
    put("in/scan.tif", "in/other.tif")
    found = gather(["in/scan.tif#2", "in/scan.tif#1", "in/other.tif"], "out", "png")
    assert found.pictures == (
        Picture("in/scan.tif#2", "scan-2.png"),
        Picture("in/scan.tif#1", "scan-1.png"),
        Picture("in/other.tif", "other.png"),
    )
    assert gather(["in/scan.tif#2"], "out").pictures == (Picture("in/scan.tif#2", "scan-2.tif"),)
    with pytest.raises(PictureError, match="no such file"):
        gather(["in/gone.tif#2"], "out")


@pytest.mark.parametrize(
    ("name", "result"),
    [("a.gif", "a.png"), ("a.heic", "a.jpg"), ("a.HEIF", "a.jpg"), ("IMG_1", "IMG_1.jpg"), ("drawn", "drawn.png")],
)
def test_photographs_of_phones_and_gifs_are_gathered(here, name, result):
    """By suffix or content; their results are of a format that can be written."""
    heic = b"\0\0\0\x18ftypmif1\0\0\0\0heicmif1"
    Path("in").mkdir()
    Path("in", name).write_bytes(b"GIF89a" if result.endswith("png") else heic)
    assert gather(["in"], "out").pictures == (Picture(f"in/{name}", result),)


def test_a_frame_of_a_style_is_a_setting(put):
    """And the file itself is spared."""
    put("in/a.png")
    page = picture.to_pil(picture.read("style.png").image)
    page.save("pages.tif", save_all=True, append_images=[page.rotate(90)])
    some = batch("a.png")
    one, two = (
        dataclasses.replace(some, recipe=some.recipe.model_copy(update={"styles": [f"pages.tif#{number}"]}))
        for number in (1, 2)
    )
    assert one.settings != two.settings
    assert one.plan().todo
    within = dataclasses.replace(one, pictures=[Picture("in/a.png", "pages.tif")], out=".")
    with pytest.raises(UsageError, match=r"also the input pages\.tif#1"):
        within.plan()


@pytest.mark.parametrize("form", [{"metadata": "none"}, {"without_recipe": True}, {"quality": 50}])
def test_how_results_are_written_reaches_the_painters(put, form):
    put("in/a.png")
    sent = json.loads(json.dumps(batch("a.png", **form)._pool().setup))["form"]
    assert sent == {"depth": 8, "quality": 95, "metadata": "safe", "without_recipe": False} | form


# ---- the painter --------------------------------------------------------------------------------------------------


@pytest.fixture
def painter(here):
    settings = {"encoder": "toy", "coarsest": 16, "steps": 2}
    return Painter.open(Recipe(content=CONTENT, styles=["style.png"], size=24, settings=settings))


def painted(painter: Painter, source: str, target: str, replace: bool = False):
    task = Task(source, target, replace)
    *_, done = painter.run(task)
    assert isinstance(done, Done)
    return painter.save(done.result, task)


def test_a_painter_reads_the_styles_once_and_every_recipe_knows_them(painter, put, monkeypatch):
    put("a.png", "b.png")
    seen, read = [], picture.read
    monkeypatch.setattr(picture, "read", lambda source, **more: seen.append(source) or read(source, **more))
    for name in ("a.png", "b.png"):
        done = painted(painter, name, f"out/deep/{name}")
        assert done.sum == hashlib.sha256(Path(f"out/deep/{name}").read_bytes()).hexdigest()
        assert done.inputs == {
            file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in (name, "style.png")
        }
    assert seen == ["a.png", "b.png"]


def test_a_painter_loads_its_networks_once(put, monkeypatch):
    put("a.png", "b.png")
    loaded, load = [], networks.load_decoders
    monkeypatch.setattr(
        networks, "load_decoders", lambda encoder, levels, file: loaded.extend(levels) or load(encoder, levels, file)
    )
    settings = {"encoder": "toy", "levels": [2, 1]}
    painter = Painter.open(Recipe(content=CONTENT, styles=["style.png"], size=24, method="wct", settings=settings))
    for name in ("a.png", "b.png"):
        painted(painter, name, f"out/{name}")
    assert loaded == [2, 1]


def test_a_painter_replaces_only_what_it_may(painter, put):
    put("a.png", "b.png")
    before = Path("b.png").read_bytes()
    with pytest.raises(OutputError, match=r"b\.png has appeared since the batch began"):
        painted(painter, "a.png", "b.png")
    assert Path("b.png").read_bytes() == before
    painted(painter, "a.png", "b.png", replace=True)
    assert Path("b.png").read_bytes() != before
    with pytest.raises(OutputError, match="the folder cannot be made"):
        painted(painter, "a.png", "b.png/c.png")


def test_a_format_that_cannot_hold_the_picture_is_told_before_it_is_painted(painter, put):
    picture.write("wide.png", torch.zeros(3, 1, 17_000))
    wide = dataclasses.replace(painter, recipe=painter.recipe.model_copy(update={"size": 17_000}))
    with pytest.raises(OutputError, match="WebP holds up to 16383 pixels"):
        list(wide.run(Task("wide.png", "out/wide.webp", False)))
    started = next(wide.run(Task("wide.png", "out/wide.png", False)))
    assert isinstance(started, Started)
    assert started.job.content.shape == (3, 1, 17_000)


def test_a_painter_keeps_metadata_and_recipe_as_asked(painter, here):
    exif = PilImage.Exif()
    exif[315] = "Somebody"
    picture.to_pil(torch.rand(3, 8, 12)).save("a.jpg", exif=exif)
    painted(painter, "a.jpg", "out/a.jpg")
    with PilImage.open("out/a.jpg") as image:
        assert image.getexif()[315] == "Somebody"
    assert picture.read_recipe("out/a.jpg") is not None
    bare = dataclasses.replace(painter, form=Form(metadata="none", without_recipe=True))
    painted(bare, "a.jpg", "out/b.jpg")
    with PilImage.open("out/b.jpg") as image:
        assert not image.getexif()


def test_transparency_that_is_lost_is_told_once(painter, here):
    picture.write("a.png", torch.rand(3, 8, 12), alpha=torch.rand(8, 12))
    told = [event.text for event in painter.run(Task("a.png", "out/a.jpg", False)) if isinstance(event, Noticed)]
    assert [text for text in told if "transparency" in text] == [
        "out/a.jpg: JPEG holds no transparency, so the picture is laid on white. png, tif, webp and avif keep it."
    ]


def test_a_swatch_is_painted_as_large_as_for_the_picture_alone(here, random_image, monkeypatch):
    """And no more often than its size changes."""
    sizes, paint = [], swatches.paint
    monkeypatch.setattr(swatches, "paint", lambda name, size, seed: sizes.append(size) or paint(name, size, seed))
    for name, (h, w) in {"a.png": (20, 300), "b.png": (300, 30), "c.png": (40, 400)}.items():
        picture.write(name, random_image(h, w))
    recipe = Recipe(content=CONTENT, styles=["swatch:scream"], method="wct", settings={"encoder": "toy", "levels": [1]})
    painter = Painter.open(recipe)
    for name in ("a.png", "b.png", "c.png"):
        painted(painter, name, f"out/{name}")
        alone = Job.open(recipe.model_copy(update={"content": name}))
        *_, frame = alone.frames()
        alone.result(frame).save("alone.png")
        assert torch.equal(picture.read(f"out/{name}").image, picture.read("alone.png").image)
    assert sizes == [(300, 300), (300, 300), (300, 300), (400, 400), (400, 400)]


# ---- processes ----------------------------------------------------------------------------------------------------


def test_no_process_outlives_its_pool(here):
    sleeper = 'import sys, time; print(\'{"event": "ready"}\', flush=True); sys.stdin.read(); sys.exit()'
    with Pool((sys.executable, "-c", sleeper), {}, 2, {}) as pool:
        pool.fill(5)
        answers = [pool.next_answer(20) for _ in range(2)]
        processes = [worker.process for worker in pool.workers]
    assert {message["event"] for _, message in filter(None, answers)} == {"ready"}
    assert [process.returncode for process in processes] == [0, 0]


def test_a_process_that_does_not_listen_is_killed(here, monkeypatch):
    monkeypatch.setattr("intarsia.batch.pool.END_SECONDS", 0.1)
    with Pool((sys.executable, "-c", "import time; time.sleep(60)"), {}, 1, {}) as pool:
        pool.fill(1)
        process = pool.workers[0].process
    assert process.returncode == -signal.SIGKILL


def test_a_process_that_was_killed_is_heard_of(here):
    with Pool((sys.executable, "-c", "import time; time.sleep(60)"), {}, 1, {}) as pool:
        pool.fill(1)
        began = time.monotonic()
        os.kill(pool.workers[0].process.pid, signal.SIGKILL)
        answer = pool.next_answer(20)
        assert answer is not None
        assert answer[1] == {"event": "died", "why": "killed by SIGKILL"}
        assert time.monotonic() - began < 20
        assert pool.workers == []
