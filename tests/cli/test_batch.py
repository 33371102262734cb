"""`intarsia batch` from folders to folders, with real workers: what they paint, and what is left when they die."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from intarsia import picture
from intarsia.batch import Batch, Event, Picture, read_ledger
from intarsia.cli import run
from intarsia.recipe import read_recipe

TOY = ["--encoder", "toy", "--coarsest", "16", "--precision", "fp32", "--size", "48", "--threads", "1"]
NAMES = ["a.png", "b/c.jpg", "b/ü.webp"]


@pytest.fixture
def folder(folder, random_image):
    """The current folder, with style.png, other.png, and three pictures in in/."""
    Path("in/b").mkdir(parents=True)
    for i, name in enumerate(NAMES):
        picture.write(f"in/{name}", random_image(36, 48, 10 + i))
    return folder


@pytest.fixture
def batch(folder):
    """`batch("in", "-o", "out")`: the command with quick settings; gives its exit code."""

    def call(*arguments: str, steps: int = 4) -> int:
        return run(["batch", *arguments, "--style", "style.png", *TOY, "--steps", str(steps)])

    return call


@pytest.fixture
def stand_in(monkeypatch):
    """`stand_in(failed=["in/a.png"])`: batches whose pictures are done at once, or have failed. Gives those batches."""
    seen: list[Batch] = []

    def use(failed: tuple[str, ...] = (), left: int = 0) -> list[Batch]:
        def events(self: Batch, stopping):
            seen.append(self)
            yield Event("start", 0.0, None, {"pictures": len(self.pictures), "done_before": 0})
            for i, one in enumerate(self.pictures[: len(self.pictures) - left], 1):
                yield Event("begun", 0.0, one, {"worker": 1})
                notices = [f"{one.source}: 4000 x {i}000 is reduced (`size`)."]
                if one.source in failed:
                    facts = {
                        "kind": "PictureError",
                        "message": f"{one.source}: it is broken. Try `frame`.",
                        "notices": [],
                    }
                    yield Event("failed", i / len(self.pictures), one, facts)
                else:
                    yield Event("done", i / len(self.pictures), one, {"seconds": 1.0, "notices": notices})

        monkeypatch.setattr(Batch, "__call__", events)
        return seen

    return use


def sum_of(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def files(folder: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


def assert_each_is_there_once(names: list[str]) -> None:
    """By the ledger and by the sums: whole, finished once, and nothing else is there."""
    ledger = Path("out/intarsia-batch.jsonl")
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    done = [line["output"] for line in lines if line["event"] == "done"]
    assert sorted(done) == sorted(names)
    assert files("out") == {*names, ledger.name}
    for name, last in read_ledger(ledger).last.items():
        assert last["sum"] == sum_of(f"out/{name}")


# ---- painting -----------------------------------------------------------------------------------------------------


def test_each_picture_is_as_stylize_paints_it_however_many_workers_there_are(batch, capsys):
    """To the byte, with the recipe that is inside; and a broken picture stops no other."""
    Path("in/broken.png").write_bytes(Path("in/a.png").read_bytes()[:200])
    assert batch("in", "-o", "one") == 6
    err = capsys.readouterr().err
    assert "1 picture failed:\n  in/broken.png  this PNG is truncated" in err
    assert batch("in", "-o", "two", "--workers", "2", "--quiet") == 6
    assert "in/broken.png" in capsys.readouterr().err
    for name in NAMES:
        assert run(["stylize", f"in/{name}", "style.png", "-o", "alone" + name[-5:], *TOY, "--steps", "4"]) == 0
        assert sum_of(f"one/{name}") == sum_of("alone" + name[-5:]) == sum_of(f"two/{name}")
    recipe = read_recipe("one/b/c.jpg")
    assert (recipe.content, recipe.styles, recipe.threads) == ("in/b/c.jpg", ["style.png"], 1)
    assert recipe.inputs.keys() == {"in/b/c.jpg", "style.png"}
    assert files("one") == files("two") == {*NAMES, "intarsia-batch.jsonl"}


def test_guidance_is_for_each_picture_anew(folder, monkeypatch):
    flags = ["--gradient", "luminance: 1 -> 2", "--color", "luminance", "--style", "style.png", "--style", "other.png"]
    assert run(["batch", "in", "-o", "out", *flags, *TOY, "--steps", "8", "--format", "png", "--depth", "16"]) == 0
    alone = ["in/b/c.jpg", "style.png", "other.png", "-o", "alone.png", *flags[:4], "--depth", "16"]
    assert run(["stylize", *alone, *TOY, "--steps", "8"]) == 0
    assert sum_of("out/b/c.png") == sum_of("alone.png")
    assert not torch.equal(picture.read("out/a.png").image, picture.read("out/b/c.png").image)


def test_an_object_is_harmonized_with_each_picture(folder, random_image):
    """The recipe of one painting, whose own style it is, takes each for its own."""
    alpha = torch.zeros(20, 20)
    alpha[4:16, 4:16] = 1
    picture.write("object.png", random_image(20, 20, 9), alpha=alpha)
    os.makedirs("many")
    for i in (1, 2):
        picture.write(f"many/{i}.png", random_image(36, 48, i))
    how = ["--object", "object.png", "--encoder", "toy", "--steps", "2", "--quiet"]
    for i in (1, 2):
        assert run(["harmonize", f"many/{i}.png", *how, "-o", f"{i}.png", "--save-recipe", "r.json"]) == 0
    assert run(["batch", "many", "-o", "out", "--recipe", "r.json", "--quiet"]) == 0
    for i in (1, 2):
        assert torch.equal(picture.read(f"out/{i}.png").image, picture.read(f"{i}.png").image)


def write_mask(name: str, left: float, h: int = 36, w: int = 48) -> None:
    """A mask that is white left, or right of the middle."""
    gray = torch.full((h, w), 1.0 - left)
    gray[:, : w // 2] = left
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    picture.write(name, gray.expand(3, h, w))


def test_each_picture_has_a_mask_of_its_own_beside_it_and_one_without_fails_alone(batch, capsys):
    write_mask("in/a_mask.png", 1)
    write_mask("in/b/c_mask.png", 0)
    flags = ["--content-mask", "{stem}_mask.png", "--format", "png", "--depth", "16"]
    assert batch("in", "-o", "out", *flags) == 6
    table = " ".join(capsys.readouterr().err.split())
    assert "1 picture failed: in/b/ü.webp its mask is not there: no in/b/ü_mask.png is to be found" in table
    assert files("out") == {"a.png", "b/c.png", "intarsia-batch.jsonl"}
    for source, name, same in (("in/a.png", "a", slice(24, 48)), ("in/b/c.jpg", "b/c", slice(0, 24))):
        change = (picture.read(f"out/{name}.png").image - picture.read(source).image).abs().amax((0, 1))
        assert float(change[same].max()) < 1e-3 < float(change.max())
        assert f"in/{name}_mask.png" in read_recipe(f"out/{name}.png").inputs
    one = ["in/a.png", "style.png", "-o", "alone.png", "--content-mask", "in/a_mask.png", "--depth", "16"]
    assert run(["stylize", *one, *TOY, "--steps", "4"]) == 0
    assert sum_of("alone.png") == sum_of("out/a.png")
    write_mask("in/b/ü_mask.png", 1)
    write_mask("in/a_mask.png", 0)  # so that it is painted again, and c is not
    assert batch("in", "-o", "out", "--resume", "--json", *flags) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["painted"] == 2


def test_a_folder_of_masks_mirrors_the_folders_of_pictures(batch, capsys):
    write_mask("masks/a.TIF", 1)
    write_mask("masks/b/c.webp", 0)
    Path("masks/b/ü.png").write_bytes(b"no picture")
    flags = ["--content-mask", "masks", "--content-map", "masks/", "--style-map", "style.png", "--json"]
    assert batch("in", "-o", "out", *flags[:2]) == 6
    assert "ü.png: " in " ".join(capsys.readouterr().err.split())
    assert read_recipe("out/b/c.jpg").files() == ["in/b/c.jpg", "style.png", "masks/b/c.webp"]
    write_mask("masks/a.png", 1)
    assert batch("in", "-o", "new", "--dry-run", *flags) == 6
    plan = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["does"] for event in plan] == ["fails", "paints", "paints"]
    assert plan[0]["message"] == "in/a.png: it has two masks, masks/a.png and masks/a.TIF. Leave one of them."


# ---- killing, and going on ----------------------------------------------------------------------------------------


def told(process: subprocess.Popen, event: str, count: int = 1) -> dict:
    """Waits for the so-manyth event of a kind."""
    assert process.stdout is not None
    for line in process.stdout:
        found = json.loads(line)
        count -= found["event"] == event
        if count == 0:
            return found
    raise AssertionError(f"the run ended without {event}")


def test_kill_a_worker_then_the_run_and_go_on(batch, start, capsys):
    steps = 200  # about a second a picture
    command = ["batch", "in", "-o", "out", "--style", "style.png", *TOY, "--steps", str(steps), "--json"]
    run_1 = start(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    begun = told(run_1, "begun")
    told(run_1, "step")  # in the middle of the first picture
    os.kill(begun["worker"], signal.SIGKILL)
    assert told(run_1, "died")["picture"] == begun["picture"] == "in/a.png"
    assert told(run_1, "done")["picture"] == "in/a.png"
    worker = told(run_1, "begun")["worker"]
    told(run_1, "step")  # in the middle of the second
    run_1.kill()
    run_1.wait()
    wait_for_the_end_of(worker)
    assert files("out") <= {"a.png", "intarsia-batch.jsonl", ".intarsia-batch.lock"}
    first = os.stat("out/a.png")
    assert batch("in", "-o", "out", steps=steps) == 2  # not without leave
    assert batch("in", "-o", "out", "--resume", "--tv", "0.1", steps=steps) == 3  # not with other settings
    assert batch("in", "-o", "out", "--resume", steps=steps) == 0
    assert (os.stat("out/a.png").st_ino, os.stat("out/a.png").st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert_each_is_there_once(NAMES)
    capsys.readouterr()
    assert batch("in", "-o", "out", "--resume", "--json", steps=steps) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["painted"] == 0


def wait_for_the_end_of(process: int) -> None:
    """An orphan ends by itself, between two steps."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the worker outlived its run")


def test_ctrl_c_lets_the_picture_in_work_be_finished(folder, start):
    command = ["batch", "in", "-o", "out", "--style", "style.png", *TOY, "--steps", "200", "--json"]
    once = start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told(once, "step")
    once.send_signal(signal.SIGINT)
    end = told(once, "done", 2)  # of the picture, then of the batch
    assert (end["painted"], end["interrupted"], end["left"]) == (1, True, 2)
    assert once.wait(20) == 130
    assert_each_is_there_once(["a.png"])


# ---- what is said -------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_and_does_nothing(batch, capsys):
    before = files(".")
    assert batch("in", "-o", "out", "--dry-run", "--format", "png") == 0
    assert capsys.readouterr().out.splitlines() == [
        "paints    in/a.png -> out/a.png",
        "paints    in/b/c.jpg -> out/b/c.png",
        "paints    in/b/ü.webp -> out/b/ü.png",
    ]
    assert batch("in", "-o", "out", "--dry-run", "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[0] == {"event": "plan", "does": "paints", "picture": "in/a.png", "output": "out/a.png"}
    assert files(".") == before
    assert not Path("out").exists()


def test_failures_come_in_a_table_and_the_code_is_6(batch, stand_in, capsys):
    stand_in(failed=("in/a.png", "in/b/c.jpg"))
    assert batch("in", "-o", "out", "--quiet") == 6
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-2:] == ["2 pictures failed:", "  in/a.png and 1 more  it is broken. Try --frame."]


def test_notices_of_one_kind_are_told_once(batch, stand_in, capsys):
    stand_in()
    assert batch("in", "-o", "out") == 0
    err = capsys.readouterr().err
    assert err.count("is reduced (--size)") == 2  # the first, and how many there were
    assert "3 pictures" in err
    assert "3 painted, in out" in err


def test_events_tell_programs_how_far_it_is(batch, stand_in, capsys):
    stand_in(failed=("in/a.png",), left=1)
    assert batch("in", "-o", "out", "--json") == 130
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "notice"]
    assert kinds == ["start", "begun", "failed", "begun", "done", "done"]
    failed, last = events[2], next(event for event in events if "painted" in event)
    assert (failed["picture"], failed["kind"], failed["done"]) == ("in/a.png", "PictureError", 0.3333)
    assert failed["message"] == "in/a.png: it is broken. Try --frame."
    assert {key: last[key] for key in ("painted", "failed", "left")} == {"painted": 1, "failed": 1, "left": 1}


def test_settings_come_from_a_recipe_too(batch, stand_in):
    seen = stand_in()
    flags = ["--tv", "0.5", "--threads", "1", "--save-recipe", "r.json"]
    assert run(["stylize", "other.png", "style.png", "-o", "x.png", *TOY[:-2], "--steps", "2", *flags]) == 0
    assert run(["batch", "in", "-o", "out", "--recipe", "r.json", "--strength", "0.5"]) == 0
    recipe = seen[0].recipe
    assert (recipe.styles, recipe.size, recipe.strength, recipe.threads) == (["style.png"], 48, [0.5], None)
    assert (recipe.build_method().tv, recipe.build_method().networks.encoder) == (0.5, "toy")
    assert [one.output for one in seen[0].pictures] == NAMES


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-o", "out"], 2, "no picture was given"),
        (["in"], 2, "--output is missing"),
        (["gone", "-o", "out"], 3, "gone: there is no such file or folder"),
        (["empty", "-o", "out"], 3, "there is no picture in empty"),
        (["in", "-o", "in"], 2, "in is within in, where the results go"),
        (["in", "twin", "-o", "out"], 2, "in/a.png and twin/a.png would both become out/a.png"),
        (["in", "-o", "style.png"], 1, "style.png: this is a file, not a folder"),
        (["in", "-o", "out", "--workers", "0"], 2, "workers = '0': Input should be greater than or equal to 1"),
        (["in", "-o", "out", "--depth", "12"], 2, "depth = '12': Input should be a multiple of 8"),
        (["in", "-o", "out", "--depth", "16"], 2, "--depth 16 needs png or tif, and b/c.jpg is neither"),
        (["in", "-o", "out", "--quality", "0"], 2, "quality = '0': Input should be greater"),
        (["in", "-o", "out", "--format", "gif"], 2, "no picture format 'gif'"),
        (["in", "-o", "out", "--style", "gone.png"], 3, "gone.png: there is no such file"),
        (["in", "-o", "out", "--content-mask", "gone/"], 3, "gone/: there is no such file or folder"),
        (["in", "-o", "out", "--method", "gatsy"], 2, "did you mean 'gatys'?"),
        (["in", "-o", "out", "--stepz", "3"], 2, "Did you mean --steps?"),
        (["-", "-o", "out"], 2, "-: a batch takes files and folders"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_before_anything_is_written(batch, capsys, arguments, code, words):
    for name in ("empty", "twin"):
        Path(name).mkdir()
    picture.write("twin/a.png", torch.zeros(3, 8, 8))
    before = files(".")
    assert batch(*arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    assert words in err
    assert files(".") == before
    assert not Path("out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_file_may_be_named_by_any_bytes(batch, stand_in, capsys):
    seen = stand_in(failed=("in/c\udcff\x1b.png",))
    os.rename("in/a.png", b"in/c\xff\x1b.png")
    assert batch("in", "-o", "out") == 6
    assert Picture("in/c\udcff\x1b.png", "c\udcff\x1b.png") in seen[0].pictures
    assert "\x1b" not in capsys.readouterr().err.splitlines()[-1]


def test_a_folder_that_cannot_be_read_is_told_and_the_rest_is_painted(batch, capsys, monkeypatch):
    scan = os.scandir

    def guarded(path="."):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert batch("in", "-o", "out", "--dry-run") == 6
    assert batch("in", "-o", "out", "--json") == 6
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["failed"] == 1
    assert "in/b: this folder cannot be read (Permission denied)" in " ".join(err.split())
    assert picture.read("out/a.png").image.shape == (3, 36, 48)
    assert batch("in/b", "-o", "other") == 3  # nothing is left to paint
    assert "in/b: this folder cannot be read" in capsys.readouterr().err
