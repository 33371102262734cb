"""Textures out of noise, as a stranger makes them."""

from pathlib import Path

import pytest
import torch

from intarsia import picture
from intarsia.cli import run
from intarsia.recipe import read_recipe


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, random_image):
    monkeypatch.chdir(tmp_path)
    tinted = random_image(40, 40, 3) * torch.tensor([1.0, 0.5, 0.2])[:, None, None]
    picture.write("style.png", tinted)
    return tmp_path


TOY = ["--encoder", "toy", "--quiet"]
QUICK = [*TOY, "--method", "wct", "--levels", "2", "--levels", "1", "--rounds", "1"]
BETTER = [*TOY, "--steps", "12"]


@pytest.mark.parametrize("flags", [QUICK, BETTER], ids=["wct", "gatys"])
def test_a_texture_has_the_size_asked_for_and_the_colors_of_its_style(flags):
    assert run(["texture", "style.png", "-o", "out.png", "--size", "64x48", *flags]) == 0
    image, style = picture.read("out.png").image, picture.read("style.png").image
    assert image.shape == (3, 48, 64)
    assert float((image.mean((1, 2)) - style.mean((1, 2))).abs().max()) < 0.05


@pytest.mark.parametrize("flags", [QUICK, BETTER], ids=["wct", "gatys"])
def test_the_seed_is_that_of_the_noise_and_replay_gives_the_same_file(flags):
    for name, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2")):
        assert run(["texture", "style.png", "-o", name, "--size", "32x32", "--seed", seed, *flags]) == 0
    images = [picture.read(name).image for name in ("a.png", "b.png", "c.png")]
    assert torch.equal(images[0], images[1])
    assert not torch.allclose(images[0], images[2], atol=0.02)
    assert read_recipe("a.png").content == "noise:32x32:1"
    assert run(["replay", "a.png", "-o", "again.png", "--quiet"]) == 0
    assert torch.equal(picture.read("again.png").image, images[0])


@pytest.mark.parametrize("flags", [["--size", "64"], ["--size", "0x9"], ["--seed", "-1"], ["--size", "99999x99999"]])
def test_what_cannot_be_is_told(capsys, flags):
    code = run(["texture", "style.png", "-o", "out.png", *flags, *QUICK])
    assert code in (2, 3)
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("out.png").exists()


def test_without_a_style_it_says_so(capsys):
    assert run(["texture", "-o", "out.png"]) == 2
    assert "no style was given" in capsys.readouterr().err
