"""An object repainted on a painting, from the command line."""

import pytest
import torch
import torch.nn.functional as F

from intarsia import picture
from intarsia.cli import run
from intarsia.recipe import read_recipe

QUICK = ["--encoder", "toy", "--coarsest", "16", "--precision", "fp32", "--steps", "4"]
SEAM = 2  # pixels around the object that may change on a painting of 96 x 72


@pytest.fixture
def painting(folder, random_image):
    """painting.png, 96 x 72; cut.png: a green box on nothing; flat.png: on white; naive.png and mask.png: it in its
    place."""
    content = random_image(72, 96, 4)
    alpha, mask = torch.zeros(30, 40), torch.zeros(72, 96)
    alpha[4:24, 10:34], mask[20:50, 30:66] = 1, 1
    green = torch.tensor([0.1, 0.8, 0.2])[:, None, None]
    picture.write("painting.png", content)
    picture.write("cut.png", green.expand(3, 30, 40), alpha=alpha)
    picture.write("flat.png", green * alpha + (1 - alpha))
    picture.write("naive.png", torch.where(mask > 0, green, content))
    picture.write("mask.png", mask.expand(3, 72, 96))
    return folder


def harmonize(*arguments: str, output: str = "out.png") -> int:
    return run(["harmonize", "painting.png", *arguments, *QUICK, "-o", output])


def painted(*arguments: str) -> torch.Tensor:
    """The picture that the command makes."""
    assert harmonize(*arguments) == 0
    return picture.read("out.png").image


def composed(*arguments: str) -> torch.Tensor:
    """The picture with the object as it is."""
    assert run(["composite", "painting.png", *arguments, "--blend", "over", "-o", "over.png"]) == 0
    return picture.read("over.png").image


FORMS = [["--object", "cut.png", "--at", "0.6,0.4", "--rotate", "20"], ["--pasted", "naive.png", "--mask", "mask.png"]]


@pytest.mark.parametrize("told", FORMS)
def test_the_object_is_repainted_and_the_rest_stays_to_the_bit(painting, told):
    before, over, after = picture.read("painting.png").image, composed(*told), painted(*told)
    on_it = (over != before).any(0)
    near = F.max_pool2d(on_it.float()[None], 2 * SEAM + 1, 1, SEAM)[0] > 0
    assert torch.equal(after[:, ~near], before[:, ~near])
    assert float((after != over).any(0)[on_it].float().mean()) > 0.9


@pytest.mark.parametrize("more", [[], ["--quick"], ["--strength", "0.5", "--size", "64"]])
def test_a_replay_paints_it_again(painting, more):
    first = painted(*FORMS[0], *more)
    assert run(["replay", "out.png", "-o", "again.png"]) == 0
    assert torch.equal(picture.read("again.png").image, first)


def test_the_result_is_as_large_as_the_painting_or_as_told(painting):
    assert painted(*FORMS[1]).shape == (3, 72, 96)
    assert painted(*FORMS[1], "--size", "64").shape == (3, 48, 64)


def test_a_pasted_picture_of_another_size_is_fitted(painting, capsys):
    larger = picture.resize(picture.read("naive.png").image, (144, 192))
    picture.write("larger.png", larger)
    fitted = painted("--pasted", "larger.png", "--mask", "mask.png")
    assert "larger.png is 192 x 144, the picture under it 96 x 72; it was resized." in capsys.readouterr().err
    torch.testing.assert_close(fitted, painted(*FORMS[1]), atol=0.2, rtol=0)


@pytest.mark.parametrize("how", [[], ["--quick"]])
def test_strength_says_how_far_it_goes(painting, how):
    over = composed(*FORMS[1])
    moved = [
        float((painted(*FORMS[1], "--strength", much, "--tv", "0", *how) - over).abs().mean())
        for much in ("0", "0.5", "1")
    ]
    assert moved[0] < moved[1] < moved[2]


def test_strength_takes_the_place_of_the_estimate(painting):
    painted(*FORMS[1])
    assert "brushwork" not in read_recipe("out.png").settings
    painted(*FORMS[1], "--strength", "0.5")
    recipe = read_recipe("out.png")
    assert (recipe.strength, recipe.settings["brushwork"]) == ([0.5], 1.0)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "nothing was given to put there. Give --object, or --pasted with --mask"),
        (["--object", "cut.png", *FORMS[1]], 2, "Leave --object and its flags away"),
        (["--pasted", "naive.png"], 2, "--pasted and --mask go together"),
        (["--mask", "mask.png"], 2, "--pasted and --mask go together"),
        (["--object", "flat.png"], 3, 'Give an --object-mask: a file, or words, "fill 0.02,0.02 | invert"'),
        (["--object", "cut.png", "--scale", "3"], 3, "the object is larger than the picture"),
        (["--object", "cut.png", "--at", "3,4"], 3, "the object is outside the picture"),
        (["--object", "cut.png", "--object-mask", "style.png"], 3, "its object mask is 40 x 40, the object picture"),
        (["--object", "cut.png", "--object-mask", "everywhere | invert"], 3, "the mask of the object is empty"),
        (["--pasted", "style.png", "--mask", "everywhere"], 3, "style.png is 40 x 40, the picture under it 96"),
        (["--pasted", "style.png", "--mask", "mask.png"], 3, "must have the same aspect"),
        (["--pasted", "naive.png", "--mask", "style.png"], 3, "must have the same aspect"),
        (["--pasted", "naive.png", "--mask", "everywhere"], 3, "the mask covers all of it"),
        (["--pasted", "naive.png", "--mask", "everywhere | invert"], 3, "the mask of the object is empty"),
        (["--pasted", "naive.png", "--mask", "mask.png", "--strength", "2"], 2, "less than or equal to 1"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_written(painting, capsys, arguments, code, words):
    assert harmonize(*arguments) == code
    assert words in capsys.readouterr().err
    assert not (painting / "out.png").exists()


def test_an_input_is_not_replaced_unawares(painting, capsys):
    assert harmonize("--object", "cut.png", output="cut.png") == 2
    assert "cut.png" in capsys.readouterr().err
