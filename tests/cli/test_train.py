"""A network is trained, paints, is painted with again from the recipe, and goes to other programs."""

from pathlib import Path

import pytest
import torch

from handmade import untrained
from intarsia import picture
from intarsia.cli import run
from intarsia.recipe import read_recipe

QUICK = ["--steps", "3", "--width", "2", "--blocks", "1", "--crop", "64", "--style-size", "40"]
TOY = ["--encoder", "toy"]


@pytest.fixture
def trained(folder):
    """net.safetensors, in the style of style.png; other.safetensors in that of other.png."""
    for i, (name, style) in enumerate((("net", "style.png"), ("other", "other.png"))):
        untrained(folder / f"{name}.safetensors", picture.read(style).image, seed=i)
    return folder


def painted(*arguments):
    assert run(["stylize", "content.png", *arguments, "--method", "fast", *TOY, "--quiet"]) == 0
    return picture.read(arguments[arguments.index("-o") + 1]).image


def test_what_is_trained_paints(folder, capsys):
    assert run(["train", "style.png", "-o", "net.safetensors", "--pictures", ".", *QUICK, *TOY]) == 0
    assert "net.safetensors paints: intarsia stylize" in capsys.readouterr().out
    assert {path.name for path in folder.glob("net.*")} == {"net.safetensors", "net.samples.png", "net.losses.png"}
    assert painted("net.safetensors", "-o", "out.png").shape == (3, 48, 64)


def test_networks_paint_under_a_guide_and_again_from_the_recipe(trained):
    whole = painted("net.safetensors", "-o", "whole.png")
    other = painted("other.safetensors", "-o", "other-whole.png")
    regions = ["--region", "a: content='rectangle 0,0 0.5,1' style=2", "--region", "b: content=rest style=1"]
    image = painted("net.safetensors", "other.safetensors", *regions, "-o", "out.png")
    torch.testing.assert_close(image[..., :24], other[..., :24], atol=1.5 / 255, rtol=0)
    torch.testing.assert_close(image[..., 40:], whole[..., 40:], atol=1.5 / 255, rtol=0)
    assert not torch.allclose(whole, other, atol=0.05)
    recipe = read_recipe("out.png")
    assert recipe.styles == ["net.safetensors", "other.safetensors"]
    assert {"net.safetensors", "other.safetensors"} <= recipe.inputs.keys()
    assert run(["replay", "out.png", "-o", "again.png", "--quiet"]) == 0
    assert torch.equal(picture.read("again.png").image, image)


def test_what_comes_with_the_package_paints_and_is_named_in_the_recipe(folder):
    image = painted("trained:glass", "-o", "out.png")
    assert read_recipe("out.png").styles == ["trained:glass"]
    assert run(["replay", "out.png", "-o", "again.png", "--quiet"]) == 0
    assert torch.equal(picture.read("again.png").image, image)


def test_a_recipe_finds_its_networks_from_elsewhere(trained, monkeypatch):
    (trained / "sub").mkdir()
    flags = ["other.png", "--models", "other.safetensors", "--save-recipe", "sub/recipe.json"]
    image = painted("net.safetensors", *flags, "-o", "out.png")
    monkeypatch.chdir(trained / "sub")
    assert (
        run(
            [
                "stylize",
                "../content.png",
                "../net.safetensors",
                "../other.png",
                "--recipe",
                "recipe.json",
                "-o",
                "o.png",
            ]
        )
        == 0
    )
    assert torch.equal(picture.read("o.png").image, image)


def test_another_method_takes_the_picture_of_the_style(trained):
    for name, style in (("a.png", "net.safetensors"), ("b.png", "style.png")):
        assert run(["stylize", "content.png", style, "-o", name, "--method", "adain", "--level", "2", *TOY]) == 0
    assert torch.equal(picture.read("a.png").image, picture.read("b.png").image)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["style.png", "-o", "net.png"], 2, "--output net.png has to end in .safetensors"),
        (["style.png", "other.png", "-o", "n.safetensors"], 2, "singular learns from one style, and 2 came"),
        (["-o", "n.safetensors"], 2, "singular learns from one style, and 0 came"),
        (["no.png", "-o", "n.safetensors"], 3, "no.png"),
        (["style.png", "-o", "n.safetensors", "--pictures", "nowhere"], 2, "there is no folder nowhere"),
        (["style.png", "-o", "no/n.safetensors"], 1, "no/n"),
        (["style.png", "-o", "n.safetensors", "--crop", "70"], 2, "multiple of 16"),
        (["style.png", "-o", "n.safetensors", "--start", "style.png"], 4, "cannot be read as a trained network"),
    ],
)
def test_what_cannot_be_is_told_before_the_training(folder, capsys, arguments, code, told):
    assert run(["train", *arguments, *QUICK[:2], *TOY]) == code
    assert told in capsys.readouterr().err
    assert not list(folder.glob("n.*"))


def test_a_picture_is_no_style_for_networks(folder, capsys):
    assert run(["stylize", "content.png", "style.png", "-o", "out.png", "--method", "fast", *TOY]) == 3
    assert "no network was trained on it" in capsys.readouterr().err
    assert not Path("out.png").exists()


def test_a_folder_is_painted(trained):
    assert run(["batch", "content.png", "-o", "out", "--style", "net.safetensors", "--method", "fast", *TOY]) == 0
    torch.testing.assert_close(
        picture.read("out/content.png").image, painted("net.safetensors", "-o", "one.png"), atol=1.5 / 255, rtol=0
    )


def test_an_exported_network_paints_the_same(trained, capsys):
    pytest.importorskip("onnxruntime")
    assert run(["export", "net.safetensors", "-o", "net.onnx"]) == 0
    assert "onnxruntime paints the same" in capsys.readouterr().out
    assert run(["export", "net.safetensors", "-o", "net.pt"]) == 2
    assert run(["export", "style.png", "-o", "style.onnx"]) == 4
    assert not Path("style.onnx").exists()
