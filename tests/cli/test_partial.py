"""A part of a picture, from the command line."""

import json

import pytest
import torch

from intarsia import picture
from intarsia.cli import run
from intarsia.recipe import read_recipe

CORNERS = ["--corners", "0.2,0.15", "0.8,0.25", "0.85,0.8", "0.1,0.9"]
QUICK = ["--encoder", "toy", "--coarsest", "16", "--precision", "fp32", "--steps", "4"]


def partial(*arguments: str) -> int:
    return run(["partial", "content.png", *arguments, *QUICK, "-o", "out.png"])


def moved() -> torch.Tensor:
    return (picture.read("out.png").image != picture.read("content.png").image).any(0)


@pytest.mark.parametrize(
    "told", [CORNERS, ["--polygon", "0.3,0.2", "0.8,0.5", "0.2,0.8"], ["--flood", "0.5,0.5", "--tolerance", "25"]]
)
def test_a_part_is_painted_and_the_rest_stays(folder, told):
    assert partial("style.png", *told) == 0
    where = moved()
    assert 0.01 < float(where.float().mean()) < 0.9
    assert not bool(where[0, 0])


def test_a_replay_and_a_recipe_paint_it_again(folder):
    assert partial("style.png", *CORNERS, "--surround", "other.png") == 0
    painted = picture.read("out.png").image
    assert run(["replay", "out.png", "-o", "again.png"]) == 0
    assert torch.equal(picture.read("again.png").image, painted)
    assert run(["stylize", "content.png", "style.png", "--recipe", "out.png", "-o", "once_more.png"]) == 0
    assert torch.equal(picture.read("once_more.png").image, painted)


def test_a_batch_paints_the_same_part_of_each(folder):
    assert partial("style.png", *CORNERS) == 0
    arguments = ["batch", "content.png", "--style", "style.png", "--recipe", "out.png", "-o", "results", "--quiet"]
    assert run(arguments) == 0
    assert torch.equal(picture.read("results/content.png").image, picture.read("out.png").image)


def test_previews_show_the_whole_scene(folder):
    assert partial("style.png", *CORNERS, "--preview", "so_far.png", "--every", "1") == 0
    assert picture.read("so_far.png").image.shape == (3, 48, 64)


def test_the_steps_are_shown_on_a_sheet(folder, capsys):
    assert partial("style.png", *CORNERS, "--steps-sheet", "steps.png", "--json") == 0
    sheet = picture.read("steps.png").image
    assert sheet.shape[1] == 320
    assert sheet.shape[2] > 5 * 320
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == "done"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "say which part is painted in one way: by --corners, by a --polygon, or by a --flood"),
        (["--corners", "0.1,0.1", "0.9,0.1", "0.9,0.9"], 2, "--corners are four points"),
        (["--corners", "10,10", "50,10", "50,40", "10,40"], 2, "the point 10,10 is outside the picture"),
        (["--corners", "0.1,0.1", "0.9,0.9", "0.9,0.1", "0.1,0.9"], 3, "crosses itself or is dented"),
        (["--corners", "0.1", "0.9,0.1", "0.9,0.9", "0.1,0.9"], 2, "'0.1' is no point"),
        (["--flood", "0.5,0.5", "--tolerance", "100"], 3, "Try a --tolerance of"),
        (["--flood", "0.5,0.5", "--tolerance", "-1"], 2, "tolerance"),
        ([*CORNERS, "--steps-sheet", "content.png"], 2, "content.png"),
        ([*CORNERS, "--steps-sheet", "out.png"], 2, "out.png"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_written(folder, capsys, arguments, code, words):
    assert partial("style.png", *arguments) == code
    assert words in capsys.readouterr().err
    assert not (folder / "out.png").exists()


def test_a_style_is_needed(folder, capsys):
    assert partial(*CORNERS) == 2
    assert "no style was given" in capsys.readouterr().err


def test_the_recipe_holds_the_part(folder):
    assert partial("style.png", *CORNERS, "--feather", "1") == 0
    part = read_recipe("out.png").part
    assert part is not None
    assert (part.corners[0], part.feather) == ((0.2, 0.15), 1)
