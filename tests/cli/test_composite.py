"""An object on a picture, from the command line."""

import json

import pytest
import torch

from intarsia import picture
from intarsia.cli import run
from intarsia.composite import BLENDS


def composite(*arguments: str) -> int:
    return run(["composite", "content.png", *arguments, "-o", "out.png"])


def changed() -> torch.Tensor:
    return (picture.read("out.png").image != picture.read("content.png").image).any(0)


@pytest.mark.parametrize("blend", BLENDS)
def test_every_blend_puts_it_there_and_leaves_the_rest(cutout, blend):
    assert composite("--object", "cut.png", "--at", "0.75,0.5", "--scale", "0.25", "--blend", blend) == 0
    where = changed()
    assert bool(where[24, 48])
    assert blend == "pyramid" or not bool(where[:, :16].any())  # which reaches 64 pixels far


def test_an_object_is_as_large_as_it_is_told(cutout, capsys):
    """12 x 8 becomes 24 x 16 on 64 x 48."""
    assert composite("--object", "cut.png", "--at", "0.5,0.5", "--scale", "0.5", "--blend", "over", "--json") == 0
    *_, done = map(json.loads, capsys.readouterr().out.splitlines())
    assert done["covered"] == pytest.approx(24 * 16 / (64 * 48), abs=1e-3)
    where = changed()
    assert bool(where[17:31, 21:43].all())
    where[15:33, 19:45] = False  # with the pixel of a soft edge
    assert not bool(where.any())


def test_a_mask_of_the_object_stands_for_its_alpha(cutout):
    assert composite("--object", "cut.png") == 0
    by_alpha = picture.read("out.png").image
    assert composite("--object", "flat.png", "--object-mask", "fill 0,0 | invert") == 0
    torch.testing.assert_close(picture.read("out.png").image, by_alpha, atol=1.5 / 255, rtol=0)


def test_a_picture_with_the_object_in_its_place_is_blended(cutout):
    content = picture.read("content.png").image
    picture.write("naive.png", 1 - content)
    assert composite("--pasted", "naive.png", "--mask", "rectangle 0.5,0 1,1", "--blend", "over") == 0
    shown = picture.read("out.png").image
    assert torch.equal(shown[:, :, :32], content[:, :, :32])
    torch.testing.assert_close(shown[:, :, 32:], 1 - content[:, :, 32:], atol=1.5 / 255, rtol=0)


def test_a_mask_in_words_is_of_the_picture_with_the_object(cutout):
    """What is filled has the color of the object, not that of what it covers."""
    naive = picture.read("content.png").image.clone()
    naive[:, 10:20, 30:44] = 1
    picture.write("naive.png", naive)
    assert composite("--pasted", "naive.png", "--mask", "fill 0.55,0.3 tolerance=1", "--blend", "over") == 0
    where = changed()
    assert bool(where[10:20, 30:44].all())
    assert int(where.sum()) == 10 * 14


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "nothing was given to put there. Give --object, or --pasted with --mask"),
        (["--object", "flat.png"], 3, 'Give an --object-mask: a file, or words, "fill 0.02,0.02 | invert"'),
        (["--object", "cut.png", "--scale", "3"], 3, "larger than the picture"),
        (["--object", "cut.png", "--at", "0.5"], 2, "'0.5' is no point. It is written X,Y"),
        (["--object", "cut.png", "--at", "30,20"], 3, "the object is outside the picture"),
        (["--object", "cut.png", "--blend", "poison"], 2, "did you mean 'poisson'?"),
        (["--object", "cut.png", "--object-mask", "style.png"], 3, "its object mask is 40 x 40, the object picture"),
        (["--object", "cut.png", "--pasted", "style.png"], 2, "Leave --object and its flags away"),
        (["--pasted", "style.png"], 2, "--pasted and --mask go together"),
        (["--pasted", "style.png", "--mask", "rectangle 0,0 0.5,1"], 3, "They must have the same aspect"),
        (["--pasted", "content.png", "--mask", "style.png"], 3, "must have the same aspect"),
        (["--pasted", "content.png", "--mask", "everywhere"], 3, "the mask covers all of it"),
        (["--pasted", "content.png", "--mask", "everywhere | invert"], 3, "is empty"),
        (["--pasted", "content.png", "--mask", "everywhere", "--blend", "x"], 2, "no blend 'x'"),
        (["--pasted", "content.png", "--mask", "fil 0,0"], 2, "did you mean 'fill'?"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_written(cutout, capsys, arguments, code, words):
    assert composite(*arguments) == code
    assert words in capsys.readouterr().err
    assert not (cutout / "out.png").exists()


def test_an_input_is_not_replaced_unawares(cutout, capsys):
    assert run(["composite", "content.png", "--object", "cut.png", "-o", "cut.png"]) == 2
    assert "cut.png" in capsys.readouterr().err
