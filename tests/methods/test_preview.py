"""A preview is what the method would paint, and looks at nothing twice."""

import pytest
import torch

import intarsia
from intarsia import picture
from intarsia.encoders import Encoder, load
from intarsia.errors import PictureError
from intarsia.guide import Guide, Region
from intarsia.methods.adain import AdaIN
from intarsia.methods.wct import WCT

TOY = load("toy", device="cpu")


@pytest.fixture
def content(random_image):
    return random_image(48, 64, 1)


@pytest.fixture
def guides(random_image):
    """Two, with one style and other maps."""
    style, left, top = random_image(40, 40, 2), torch.zeros(48, 64), torch.zeros(48, 64)
    left[:, :30], top[:20] = 1, 0.6
    return [Guide((Region(style, one_map, name="a"),)) for one_map in (left, top)]


@pytest.fixture
def looks(monkeypatch):
    """Sizes and deepest taps of what a network has looked at."""
    seen = []
    looked = Encoder.__call__

    def call(self, image, taps, plain=()):
        seen.append((tuple(image.shape[1:]), list(taps)[-1]))
        return looked(self, image, taps, plain)

    monkeypatch.setattr(Encoder, "__call__", call)
    return seen


def painted(method, content, guide):
    *_, last = method(content, guide, encoder=TOY)
    return last.image


@pytest.mark.parametrize("method", [WCT(), AdaIN(level=3), WCT(rounds=2)], ids=["wct", "adain", "rounds"])
def test_it_is_what_the_method_paints(content, guides, method):
    look = intarsia.preview(content, method=method, encoder=TOY)
    for guide in [*guides, guides[0]]:
        torch.testing.assert_close(look(guide), painted(method, content, guide), atol=1e-5, rtol=0)


def test_it_is_what_the_method_paints_in_the_colors_of_the_content(content, guides):
    region = guides[0].regions[0]
    matched = Guide((Region(region.style, region.content_map, name="a", color="match"),))
    look = intarsia.preview(content, encoder=TOY)
    look(guides[0])
    torch.testing.assert_close(look(matched), painted(WCT(), content, matched), atol=1e-5, rtol=0)


def test_another_map_looks_neither_at_the_style_nor_at_the_content_again(content, guides, looks):
    look = intarsia.preview(content, method=WCT(levels=(3, 1)), encoder=load("toy", device="cpu"))
    look(guides[0])
    before = len(looks)
    look(guides[1])
    assert before == 3  # the style, at both taps in one pass; the content; what level 3 painted
    assert looks[before:] == [((48, 64), "relu1_1")]  # what level 3 painted


def test_a_content_is_reduced_to_its_size_and_not_enlarged(content, guides):
    assert intarsia.preview(content, size=32, encoder=TOY)(guides[0]).shape == (3, 24, 32)
    assert intarsia.preview(content, size=500, encoder=TOY)(guides[0]).shape == (3, 48, 64)


def test_a_file_is_read(tmp_path, content, guides):
    picture.write(tmp_path / "content.png", content)
    assert intarsia.preview(tmp_path / "content.png", encoder=TOY)(guides[0]).shape == (3, 48, 64)
    with pytest.raises(PictureError):
        intarsia.preview(tmp_path / "none.png", encoder=TOY)
