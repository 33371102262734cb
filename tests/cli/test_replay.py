"""What a picture remembers of its making, and painting it again."""

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from intarsia import picture
from intarsia.cli import run
from intarsia.networks import Networks
from intarsia.recipe import Recipe

TWO = ("content.png", "style.png", "-o", "out.png")


def image(name: str) -> torch.Tensor:
    return picture.read(name).image


@pytest.mark.parametrize("name", ["out.png", "out.tif", "out.jpg", "out.webp"])
def test_replay_gives_the_same_picture(stylize, name):
    assert stylize("content.png", "style.png", "-o", name, "--init", "noise", "--seed", "3") == 0
    assert run(["replay", name, "-o", "again.png"]) == 0
    stylize("content.png", "style.png", "-o", "plain.png", "--init", "noise", "--seed", "3")
    assert torch.equal(image("again.png"), image("plain.png"))


def test_replay_of_a_replay_is_the_same_file(stylize):
    stylize(*TWO)
    assert run(["replay", "out.png", "-o", "again.png"]) == 0
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()


def test_show_prints_the_recipe(stylize, capsys):
    stylize(*TWO, "--tv", "0.5")
    capsys.readouterr()
    assert run(["recipe", "show", "out.png"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert Recipe.from_json(out).build_method().tv == 0.5
    assert json.loads(out)["content"] == "content.png"


def test_show_prints_a_recipe_file_as_it_stands(stylize, capsys):
    Path("recipes").mkdir()
    stylize(*TWO, "--save-recipe", "recipes/r.json")
    capsys.readouterr()
    assert run(["recipe", "show", "recipes/r.json"]) == 0
    assert capsys.readouterr().out == Path("recipes/r.json").read_text()


def test_a_picture_without_a_recipe_says_so(folder, capsys):
    for command in (["recipe", "show", "style.png"], ["replay", "style.png", "-o", "out.png"]):
        assert run(command) == 3
        assert "style.png holds no recipe" in capsys.readouterr().err


def test_a_file_that_has_changed_is_named(stylize, capsys):
    stylize(*TWO)
    shutil.copy("other.png", "style.png")
    capsys.readouterr()
    assert run(["replay", "out.png", "-o", "again.png"]) == 0
    err = capsys.readouterr().err
    assert "style.png has changed since the recipe was written" in err
    assert "content.png has changed" not in err


def test_a_recipe_file_is_followed_from_its_own_folder_and_a_picture_from_the_current_one(
    stylize, folder, capsys, monkeypatch
):
    Path("away").mkdir()
    stylize(*TWO, "--save-recipe", "r.json")
    monkeypatch.chdir("away")
    assert run(["replay", "../r.json", "-o", "again.png"]) == 0
    assert torch.equal(image("again.png"), image("../out.png"))
    capsys.readouterr()
    assert run(["replay", "../out.png", "-o", "more.png"]) == 3
    assert "its recipe needs content.png, which is not there. Say with --folder" in capsys.readouterr().err
    assert run(["replay", "../out.png", "-o", "more.png", "--folder", ".."]) == 0
    assert torch.equal(image("more.png"), image("../out.png"))
    assert run(["replay", "more.png", "-o", "third.png"]) == 0  # it was painted here, so it is found from here


def test_replay_spares_its_inputs(stylize, capsys):
    stylize(*TWO)
    before = Path("content.png").read_bytes()
    assert run(["replay", "out.png", "-o", "content.png"]) == 2
    assert "also the input content.png" in capsys.readouterr().err
    assert Path("content.png").read_bytes() == before


def test_a_replay_that_was_stopped_goes_on(stylize, monkeypatch):
    import signal

    from intarsia.cli import progress

    class Stopping(progress.Silent):
        def frame(self, frame):
            if frame.step == 13:
                signal.raise_signal(signal.SIGINT)

    stylize(*TWO, steps=30)
    with monkeypatch.context() as patch:
        patch.setattr("intarsia.cli.stylize.reporter", lambda *_: Stopping())
        assert run(["replay", "out.png", "-o", "again.png"]) == 130
    assert run(["replay", "out.png", "-o", "again.png", "--resume"]) == 0
    assert torch.equal(image("again.png"), image("out.png"))
    assert not os.path.exists("again.png.state")


def test_frames_are_looked_for_as_they_were_named(stylize, folder, capsys):
    page = picture.to_pil(image("style.png"))
    page.rotate(90).save("styles.tif", save_all=True, append_images=[page])
    assert stylize("content.png", "styles.tif#2", "-o", "out.png") == 0
    assert stylize("content.png", "style.png", "-o", "alone.png") == 0
    assert torch.equal(image("out.png"), image("alone.png"))
    assert run(["replay", "out.png", "-o", "again.png"]) == 0
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
    os.remove("styles.tif")
    assert run(["replay", "out.png", "-o", "again.png"]) == 3
    assert "needs styles.tif#2, which is not there" in capsys.readouterr().err


def test_a_recipe_of_any_length_comes_back_from_a_jpeg(stylize, capsys):
    """A polygon of 5,500 points is longer than EXIF can hold."""
    points = " ".join(f"{0.3 + 0.4 * (i % 2):.6f},{i / 5500:.6f}" for i in range(5500))
    mask = ("--content-mask", f"polygon {points}")
    assert stylize("content.png", "style.png", "-o", "out.jpg", *mask) == 0
    assert stylize("content.png", "style.png", "-o", "out.png", *mask) == 0
    assert len(picture.read_recipe("out.jpg")) > 65_536
    assert picture.read_recipe("out.jpg") == picture.read_recipe("out.png")
    assert run(["replay", "out.jpg", "-o", "again.png"]) == 0
    assert torch.equal(image("again.png"), image("out.png"))


def test_a_picture_without_its_recipe_says_so(stylize, capsys):
    assert stylize("content.png", "style.png", "-o", "out.jpg", "--without-recipe") == 0
    assert b"style.png" not in Path("out.jpg").read_bytes()
    capsys.readouterr()
    assert run(["recipe", "show", "out.jpg"]) == 3
    assert "or without one" in capsys.readouterr().err


def test_a_picture_made_in_python_cannot_be_painted_again_from_its_file(folder, random_image, capsys):
    import intarsia
    from intarsia.recipe import stylize

    quick = intarsia.Gatys(steps=1, networks=Networks(encoder="toy"))
    stylize(random_image(20, 20), "style.png", method=quick, size=32).save("out.png")
    assert run(["replay", "out.png", "-o", "again.png"]) == 3
    assert "<content>: this picture was handed over in Python" in capsys.readouterr().err


# ---- standard input -----------------------------------------------------------------------------------------------


@pytest.fixture
def piped(monkeypatch):
    """`piped("out.png")`: standard input is what is in this file."""

    def pipe(name: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(name).read_bytes())))

    return pipe


def test_a_recipe_comes_from_standard_input_as_from_a_file(stylize, piped, capsys):
    assert stylize("content.png", "style.png", "-o", "out.png", "--save-recipe", "made.json") == 0
    capsys.readouterr()
    assert run(["recipe", "show", "out.png"]) == 0
    wanted = capsys.readouterr().out
    for name in ("out.png", "made.json"):
        piped(name)
        assert run(["recipe", "show", "-"]) == 0
        assert capsys.readouterr().out == wanted
        piped(name)
        assert run(["replay", "-", "-o", "again.png"]) == 0
        assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
        piped(name)
        assert run(["stylize", "content.png", "style.png", "--recipe", "-", "-o", "third.png"]) == 0
        assert torch.equal(picture.read("third.png").image, picture.read("out.png").image)
    capsys.readouterr()
    assert run(["measure", "out.png", "--encoder", "toy", "--taps", "relu1_1", "--json"]) == 0
    wanted = capsys.readouterr().out
    piped("out.png")
    assert run(["measure", "-", "--encoder", "toy", "--taps", "relu1_1", "--json"]) == 0
    assert capsys.readouterr().out == wanted
    piped("made.json")
    assert run(["measure", "out.png", "--recipe", "-", "--encoder", "toy", "--taps", "relu1_1", "--json"]) == 0
    assert capsys.readouterr().out == wanted
    assert run(["measure", "-", "--recipe", "-"]) == 2
    assert "Name a file for one of them" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["recipe", "show"], ["replay"], ["measure"], ["stylize", "style.png", "--recipe"]])
def test_a_standard_input_that_is_closed_or_empty_is_told(folder, words, capsys, monkeypatch):
    more = [] if words[0] in ("recipe", "measure") else ["-o", "out.png"]
    monkeypatch.setattr(sys, "stdin", None)
    assert run([*words, "-", *more]) == 3
    assert "standard input is closed" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert run([*words, "-", *more]) == 3
    assert "unforeseen" not in capsys.readouterr().err
