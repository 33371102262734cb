"""`intarsia deform` paints and bends, shows the warp, reads points, replays, and says what cannot be."""

import json

import pytest
import torch

from intarsia import picture
from intarsia.cli import run

QUICK = ["--encoder", "toy", "--coarsest", "16", "--precision", "fp32", "--size", "64", "--steps", "6"]
PAIRS = [{"content": [x, y], "style": [x, y]} for x, y in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))] + [
    {"content": [0.55, 0.55], "style": [0.45, 0.42]}
]


@pytest.fixture
def pairs(folder):
    (folder / "pairs.json").write_text(json.dumps({"pairs": PAIRS}))
    return folder


def test_the_result_and_the_pictures_of_the_warp_are_written(pairs, capsys):
    beside = ["--unwarped", "u.png", "--warped-content", "w.png", "--grid", "g.png", "--animation", "a.webp"]
    given = ["deform", "content.png", "style.png", "-o", "out.png", "--points", "pairs.json", *QUICK]
    assert run([*given, *beside]) == 0
    content, out, unwarped, warped = (picture.read(f"{name}.png").image for name in ("content", "out", "u", "w"))
    assert out.shape == unwarped.shape == warped.shape == content.shape
    assert not torch.equal(out, unwarped)
    assert 0.01 < float((warped - content).abs().mean()) < 0.2
    assert picture.read("g.png").image.shape[2] > 1000
    assert (pairs / "a.webp").stat().st_size > 1000
    assert run([*given[:3], "-o", "none.png", "--points", "pairs.json", "--warp", "0", *QUICK]) == 0
    assert not torch.equal(picture.read("none.png").image, out)


def test_points_are_in_the_recipe_and_it_paints_again_without_the_file(pairs):
    assert run(["deform", "content.png", "style.png", "-o", "out.png", "--points", "pairs.json", *QUICK]) == 0
    recipe = json.loads(picture.read_recipe("out.png"))
    assert recipe["settings"]["points"] == [[*one["content"], *one["style"]] for one in PAIRS]
    (pairs / "pairs.json").unlink()
    assert run(["replay", "out.png", "-o", "again.png"]) == 0
    assert torch.equal(picture.read("again.png").image, picture.read("out.png").image)
    assert run(["deform", "content.png", "style.png", "--recipe", "out.png", "-o", "more.png", "--seed", "1"]) == 0
    assert json.loads(picture.read_recipe("more.png"))["settings"]["points"] == recipe["settings"]["points"]


def test_stylize_bends_too(pairs):
    how = ["--method", "deform", "--points", "pairs.json"]
    assert run(["stylize", "content.png", "style.png", "-o", "a.png", *how, *QUICK]) == 0
    assert run(["deform", "content.png", "style.png", "-o", "b.png", "--points", "pairs.json", *QUICK]) == 0
    assert torch.equal(picture.read("a.png").image, picture.read("b.png").image)


def test_transparency_bends_with_the_picture(pairs):
    alpha = torch.zeros(48, 64)
    alpha[16:32, 24:42] = 1
    picture.write("cut.png", picture.read("content.png").image, alpha=alpha)
    assert run(["deform", "cut.png", "style.png", "-o", "out.png", "--points", "pairs.json", *QUICK]) == 0
    bent = picture.read("out.png").alpha
    middle = [
        (bent * axis).sum() / bent.sum() for axis in torch.meshgrid(torch.arange(48), torch.arange(64), indexing="ij")
    ]
    assert float(middle[0]) < 23.5 - 0.5
    assert float(middle[1]) < 32.5 - 0.5


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--points", "nowhere.json"], 3, "nowhere.json: cannot be read"),
        (["--points", "empty.json"], 3, "empty.json holds no pairs"),
        (["--points", "two.json"], 3, "takes three pairs of points or more; got 2"),
        (["--points", "twice.json"], 3, "pair 1 and pair 2 have the same point"),
        (["--points", "far.json"], 3, "Points go from 0,0 at the top left to 1,1"),
        (["--animation", "a.png"], 2, "an animation is written as webp or gif"),
        (["--grid", "out.png"], 2, "out.png is named twice among the outputs"),
        (["--unwarped", "content.png"], 2, "this is also the input content.png"),
        (["--warp", "1.5"], 2, "warp"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_painted(pairs, capsys, flags, code, says):
    def write(name, *rows):
        rows = [{"content": list(row[:2]), "style": list(row[2:])} for row in rows]
        (pairs / name).write_text(json.dumps({"pairs": rows}))

    write("empty.json")
    write("two.json", (0.1, 0.1, 0.2, 0.2), (0.5, 0.7, 0.5, 0.5))
    write("twice.json", (0.1, 0.1, 0.2, 0.2), (0.1, 0.1, 0.5, 0.5), (0.8, 0.7, 0.3, 0.9))
    write("far.json", (0.1, 1.4, 0.2, 0.2), (0.5, 0.7, 0.5, 0.5), (0.8, 0.7, 0.3, 0.9))
    assert run(["deform", "content.png", "style.png", "-o", "out.png", *QUICK, *flags]) == code
    assert says in " ".join(capsys.readouterr().err.split())
    assert not (pairs / "out.png").exists()


def test_no_pairs_are_a_notice_and_no_failure(folder, capsys):
    picture.write("blank.png", torch.full((3, 48, 64), 0.5))
    picture.write("flat.png", torch.full((3, 40, 40), 0.2))
    assert run(["deform", "blank.png", "flat.png", "-o", "out.png", *QUICK]) == 0
    assert "no pairs of points were found" in capsys.readouterr().err
    assert (folder / "out.png").exists()
