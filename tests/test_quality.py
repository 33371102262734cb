"""Paintings with the defaults beside those that other people published: nearer to the style and to the content, under
the VGG-19 that no run of ours looks through, and no more speckled."""

from pathlib import Path

import pytest

from intarsia import picture
from intarsia.encoders import load
from intarsia.guide import Guide
from intarsia.measure import TAPS, content_distance, speckle, style_distances
from intarsia.methods import METHODS
from intarsia.sizes import fit, size_of

SHARED = Path(__file__).parents[2] / "shared"
TEACHER = SHARED / "teacher" / "vgg19_to_relu3_4.safetensors"
pytestmark = pytest.mark.skipif(not TEACHER.exists(), reason="VGG-19 (../shared/teacher) is not beside this checkout")


@pytest.fixture(scope="module")
def judge():
    return load("vgg19", TEACHER, device="cpu", precision="fp32")


def judged(judge, image, content, style):
    image = picture.resize(image, size_of(content))
    near = style_distances(judge, image, style)
    return sum(near.values()) / len(TAPS), content_distance(judge, image, content, "relu3_4")


@pytest.mark.parametrize(
    ("method", "content", "style", "published"),
    [
        ("gatys", "city_tubingen", "turner_minotaur_shipwreck", "neural_style/tubingen_shipwreck"),
        ("wct", "portrait_brad_pitt", "matisse_woman_with_hat", "peers/microast_pitt_matisse"),
        ("wct", "animal_dog", "great_wave_woodcut", "peers/microast_dog_wave"),
    ],
)
def test_the_defaults_are_nearer_to_both_than_a_published_painting(judge, method, content, style, published):
    cases = SHARED / "cases"
    content, style = (
        picture.read(cases / kind / f"{name}.jpg").image for kind, name in (("content", content), ("style", style))
    )
    theirs = picture.read(cases / "reference" / f"{published}.png").image
    content = picture.resize(content, fit(*size_of(content), 512))
    *_, last = METHODS[method]()(content, Guide.everywhere(style))
    ours, published = (judged(judge, image, content, style) for image in (last.image, theirs))
    assert ours[0] < 0.9 * published[0]
    assert ours[1] < published[1]
    assert max(speckle(last.image, Guide.everywhere(style))) < 1.05
