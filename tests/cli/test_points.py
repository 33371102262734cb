"""`intarsia points` writes pairs and a picture of them, shows edited ones, and says when there are none."""

import json

import pytest
import torch

from intarsia import picture
from intarsia.cli import run
from intarsia.geometry.files import read_points
from intarsia.sizes import resize


@pytest.fixture
def two(folder):
    random = torch.Generator().manual_seed(3)
    coarse, fine = (torch.rand(3, *size, generator=random) for size in ((6, 8), (24, 32)))
    image = (resize(coarse, (192, 256)) * 0.6 + resize(fine, (192, 256)) * 0.4).clamp(0, 1)
    picture.write("a.png", image)
    picture.write("b.png", resize(image[:, 4:, 6:], (200, 240)))
    picture.write("blank.png", torch.full((3, 40, 40), 0.5))
    return folder


def test_pairs_and_their_picture_are_written(two, capsys):
    assert run(["points", "a.png", "b.png", "-o", "p.json", "--picture", "p.png", "--max", "25"]) == 0
    assert capsys.readouterr().out.splitlines() == ["p.json", "p.png", "25 pairs"]
    pairs = read_points("p.json")
    assert len(pairs) == 25
    assert float((pairs.content - pairs.style).abs().max()) < 0.06
    assert picture.read("p.png").image.shape[2] > 600


def test_edited_pairs_are_shown(two, capsys):
    pairs = [{"content": [x, y], "style": [x, 0.3], "name": f"n{x}"} for x, y in ((0.2, 0.2), (0.8, 0.3), (0.5, 0.7))]
    (two / "mine.json").write_text(json.dumps({"pairs": pairs}))
    assert run(["points", "a.png", "b.png", "--points", "mine.json", "--picture", "p.png", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in events] == ["start", "notice", "done"]
    assert "all 3 targets lie on one line" in events[1]["message"]
    assert events[-1]["pairs"] == 3
    assert (two / "p.png").is_file()


def test_no_pairs_are_no_failure(two, capsys):
    assert run(["points", "a.png", "blank.png", "-o", "p.json"]) == 0
    assert "no pairs were found" in capsys.readouterr().err
    assert json.loads((two / "p.json").read_text())["pairs"] == []


def test_points_keep_to_masks(two):
    flags = ["--content-mask", "rectangle 0,0 0.5,1", "--style-mask", "rectangle 0,0 0.5,1", "--clusters", "6"]
    assert run(["points", "a.png", "b.png", "-o", "p.json", *flags]) == 0
    pairs = read_points("p.json")
    assert 2 < len(pairs) <= 6
    assert float(torch.cat([pairs.content, pairs.style])[:, 0].max()) < 0.55


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "nothing says where to write"),
        (["-o", "p.png"], 2, "Name it p.json"),
        (["-o", "p.json", "--max", "0"], 2, "--max is 0"),
        (["-o", "p.json", "--reach", "3"], 2, "--reach is 3"),
        (["-o", "p.json", "--clusters", "0"], 2, "--clusters is 0"),
        (["--picture", "a.png"], 2, "also the input"),
        (["--picture", "-", "--json"], 2, "standard output"),
        (["-o", "none/p.json"], 1, "does not exist"),
        (["-o", "p.json", "--points", "p.json"], 2, "also an input"),
        (["-o", "p.json", "--points", "none.json"], 3, "cannot be read"),
        (["-o", "p.json", "--content-mask", "none.png"], 3, "none.png"),
    ],
)
def test_what_cannot_be_is_told(two, capsys, arguments, code, says):
    assert run(["points", "a.png", "b.png", *arguments]) == code
    assert says in capsys.readouterr().err
    assert not (two / "p.json").exists()
