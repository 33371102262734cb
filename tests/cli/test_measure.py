"""A painting is judged by the recipe inside it, or by one that is given."""

import json
import re
import shutil

import pytest
import torch

from intarsia import picture
from intarsia.cli import run

TOY = ("--encoder", "toy")


@pytest.fixture
def painted(stylize, write_map, folder):
    """out.png: content.png, its left half like style.png, its right like other.png."""
    maps = [write_map("left.png", left=1), write_map("right.png", right=1)]
    masks = [part for name in maps for part in ("--content-mask", name)]
    assert stylize("content.png", "style.png", "other.png", "-o", "out.png", *masks, steps=20) == 0
    return "out.png"


@pytest.fixture
def measured(capsys):
    """`measured("out.png")`: what --json prints, and what was said beside it."""

    def call(*arguments: str) -> tuple[dict, str]:
        capsys.readouterr()
        assert run(["measure", *arguments, *TOY, "--json"]) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err

    return call


def test_each_region_of_a_painting_is_nearer_to_its_own_style(painted, measured):
    told, _ = measured(painted)
    assert [region["area"] for region in told["regions"]] == [0.5, 0.5]
    for region in told["regions"]:
        assert region["style"] < region["others"][0]["style"]
    assert 0 < told["ssim"] < 1
    assert told["content"] > 0
    assert set(told["speckle"]) == {"light", "color"}
    assert told["together"].count(", ") == 2
    assert [len(border["between"]) for border in told["borders"]] == [2]
    assert told["gap"] is None


def test_a_content_that_was_not_painted_is_at_no_distance_from_itself(painted, measured):
    told, _ = measured("content.png", "--recipe", painted)
    assert told["ssim"] == pytest.approx(1)
    assert told["content"] == pytest.approx(0, abs=1e-9)
    assert told["borders"][0]["score"] == pytest.approx(0, abs=1e-6)
    assert told["regions"][0]["style"] > measured(painted)[0]["regions"][0]["style"]


def test_a_judge_that_the_run_optimized_is_remarked_and_another_is_not(painted, measured, capsys):
    told, err = measured(painted)
    assert "toy, is also the encoder that the run optimized" in told["remark"]
    assert told["remark"] in err
    assert run(["measure", painted, "--encoder", "compact", "--json"]) == 0
    out, _ = capsys.readouterr()
    assert "optimized" not in json.loads(out)["remark"]


def test_without_weights_at_hand_compact_judges_and_says_so(painted, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path / "empty"))
    assert run(["measure", painted]) == 0
    out, err = capsys.readouterr()
    assert "judged by compact at relu1_1, relu2_1, relu3_1" in out
    assert "No weights of vgg19 are at hand (--encoder-weights FILE)" in err


def test_the_table_has_a_row_per_region_and_border(painted, capsys):
    capsys.readouterr()
    assert run(["measure", painted, *TOY, "--taps", "relu1_1", "--taps", "relu2_1"]) == 0
    out = capsys.readouterr().out
    assert "judged by toy at relu1_1, relu2_1" in out
    for row in ("region 1  ", "region 2  ", "content distance", "structural similarity", "region 1 / region 2"):
        assert row in out
    assert "gap score" not in out
    assert run(["measure", painted, *TOY, "--gradient"]) == 0
    assert "gap score" in capsys.readouterr().out


def test_mixed_styles_are_judged_as_the_mixture_that_they_are(stylize, measured):
    assert stylize("content.png", "style.png", "other.png", "-o", "out.png", steps=20) == 0
    told, _ = measured("out.png")
    assert told["gap"] < 0.5 * min(region["style"] for region in told["regions"])


def test_a_picture_of_another_size_is_judged_at_its_own(painted, measured):
    image = picture.read(painted).image
    picture.write("half.png", picture.resize(image, (24, 32)))
    told, _ = measured("half.png", "--recipe", painted)
    assert [region["area"] for region in told["regions"]] == [0.5, 0.5]


def test_a_recipe_in_a_file_is_followed_from_its_own_folder(painted, measured, folder, monkeypatch, capsys):
    away = folder / "away"
    away.mkdir()
    shutil.move(painted, away / "out.png")
    monkeypatch.chdir(away)
    assert run(["measure", "out.png", *TOY]) == 3
    assert "content.png" in capsys.readouterr().err
    assert measured("out.png", "--folder", "..")[0]["regions"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["style.png"], 3, "style.png holds no recipe.*Say with --recipe what it was to be"),
        (["nothing.png"], 3, "nothing.png"),
        (["tall.png", "--recipe", "out.png"], 3, "tall.png is 32 x 90.*aspect of 64 x 48"),
        (["out.png", "--taps", "relu9_1"], 2, "no tap 'relu9_1'"),
        (["out.png", "--encoder", "vgg16"], 2, "vgg16"),
        (["out.png", "--encoder-weights", "style.png"], 4, "style.png"),
    ],
)
def test_what_cannot_be_measured_is_told(painted, folder, capsys, arguments, code, words):
    picture.write("tall.png", torch.rand(3, 90, 32))
    chosen = () if "--encoder" in arguments or "--encoder-weights" in arguments else TOY
    capsys.readouterr()
    assert run(["measure", *arguments, *chosen]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(words, err)
