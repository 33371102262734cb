import json

import pytest
import torch

from intarsia import picture
from intarsia.cli import run


def masks(*arguments: str) -> int:
    return run(["masks", "content.png", *arguments, "-o", "over.png", "--size", "64"])


@pytest.fixture
def maps(folder, write_map):
    write_map("left.png", left=1)
    write_map("all.png", left=1, right=1)
    flat = torch.zeros(3, 48, 64)
    flat[0, :, :16], flat[2, :, 16:] = 1, 1
    picture.write("labels.png", flat)
    return folder


GUIDES = {
    "words": (["--content-mask", "rectangle 0,0 0.5,1"], [("region 1", 0.5)], 0, 0.5),
    "a file": (["--content-mask", "left.png"], [("region 1", 0.5)], 0, 0.5),
    "two": (
        ["--content-mask", "left.png", "--content-mask", "all.png"],
        [("region 1", 0.25), ("region 2", 0.75)],
        0.5,
        0,
    ),
    "a region and the rest": (
        ["--region", "a: content=left.png style=2", "--region", "b: content=rest style=1"],
        [("a", 0.5), ("b", 0.5)],
        0,
        0,
    ),
    "a gradient": (["--gradient", "linear 0: 1 -> 2"], [("style 1", 0.5), ("style 2", 0.5)], 0, 0),
    "labels": (["--content-map", "labels.png"], [("#0000ff", 0.75), ("#ff0000", 0.25)], 0, 0),
    "labels and a style's": (
        ["labels.png", "--content-map", "labels.png", "--style-map", "labels.png"],
        [("#0000ff", 0.75), ("#ff0000", 0.25)],
        0,
        0,
    ),
    "everywhere": (["--content-mask", "everywhere"], [("region 1", 1.0)], 0, 0),
}


@pytest.mark.parametrize(("arguments", "regions", "overlap", "uncovered"), GUIDES.values(), ids=GUIDES)
def test_any_guide_is_shown_and_told_in_numbers(maps, capsys, arguments, regions, overlap, uncovered):
    assert masks(*arguments, "--json") == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in events] == ["start", "done"]
    done = events[-1]
    assert [(one["name"], pytest.approx(one["share"], abs=0.01)) for one in done["regions"]] == regions
    assert (done["overlap"], done["uncovered"]) == (overlap, pytest.approx(uncovered, abs=0.01))
    assert len({one["color"] for one in done["regions"]}) == len(regions)
    shown = picture.read("over.png").image
    assert shown.shape == (3, 48, 64)
    assert not torch.equal(shown, picture.read("content.png").image)
    assert masks(*arguments) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "over.png"
    for line, (name, share) in zip(told[2:], regions, strict=False):
        assert line.startswith(name)
        assert float(line.split("%")[0].split()[-1]) == pytest.approx(100 * share, abs=1)
    assert told[-2].startswith("maps overlap")
    assert told[-1].startswith("nothing covers")


def test_what_was_guessed_of_a_mask_is_told(maps, capsys):
    picture.write("ids.png", picture.read("left.png").image * 15 / 255)
    assert masks("--content-mask", "ids.png") == 0
    assert "two values, 0 and 15" in capsys.readouterr().err


def test_a_guide_file_that_was_saved_is_shown(maps, stylize, capsys):
    assert (
        stylize(
            "content.png",
            "style.png",
            "--content-mask",
            "left.png | feather 4",
            "-o",
            "p.png",
            "--save-guide",
            "g.json",
        )
        == 0
    )
    capsys.readouterr()
    assert masks("--guide", "g.json") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "region 1" in captured.out


def test_the_overlay_on_standard_output_is_the_picture_alone(maps, capsysbinary):
    assert run(["masks", "content.png", "--content-mask", "left.png", "-o", "-"]) == 0
    assert picture.read(capsysbinary.readouterr().out).image.shape[0] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["content.png", "-o", "over.png"], 2, "no region was given"),
        (["content.png", "-o", "content.png", "--content-mask", "left.png"], 2, "also the input"),
        (["content.png", "-o", "left.png", "--content-mask", "left.png"], 2, "also the input"),
        (["content.png", "-o", "-", "--json", "--content-mask", "left.png"], 2, "both want standard output"),
        (["content.png", "-o", "over.png", "--content-mask", "nowhere.png"], 3, "no such file"),
        (["nowhere.png", "-o", "over.png", "--content-mask", "left.png"], 3, "no such file"),
        (["content.png", "-o", "over.png", "--content-mask", "fill"], 2, "It is written 'fill"),
        (
            ["content.png", "-o", "over.png", "--content-mask", "left.png", "--style-mask", "left.png"],
            2,
            "without the style",
        ),
        (["content.png", "-o", "no/over.png", "--content-mask", "left.png"], 1, "does not exist"),
        (["content.png", "-o", "over.txt", "--content-mask", "left.png"], 2, "over.txt"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(maps, capsys, arguments, code, words):
    before = {path.name: path.read_bytes() for path in maps.iterdir()}
    assert run(["masks", *arguments]) == code
    told = capsys.readouterr().err
    assert words in told
    assert len(told.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in maps.iterdir()} == before
