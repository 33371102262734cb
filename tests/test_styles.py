"""The styles of a guide: each encoded once, and tiles do not show."""

import pytest
import torch

from intarsia.encoders import Encoder, load
from intarsia.encoders.toy import Toy
from intarsia.encoders.vgg import VGG
from intarsia.guide import Guide, Region
from intarsia.moments import moments
from intarsia.sizes import fit, pool_to_grid, resize, size_of
from intarsia.styles import moments_of, style_moments, styles_in_basis

TAPS = ["relu1_1", "relu3_1", "relu5_1"]


class TestMoments:
    @pytest.mark.parametrize("size", [(70, 45), (64, 64)])
    def test_over_tiles_are_those_of_the_whole(self, random_vgg, random_image, size):
        image, maps = random_image(*size), torch.rand(2, *size)
        summed = moments_of(random_vgg, image, TAPS, maps, 32)
        for tap, features in random_vgg(image, TAPS).items():
            stride = random_vgg.strides[tap]
            whole = moments(features, pool_to_grid(maps, size_of(features), stride))
            torch.testing.assert_close(summed[tap].mass, whole.mass)
            torch.testing.assert_close(summed[tap].first, whole.first, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(summed[tap].second, whole.second, rtol=1e-4, atol=1e-5)

    def test_a_map_that_is_the_same_everywhere_may_take_no_memory(self, random_vgg, random_image):
        image = random_image(40, 50)
        same = moments_of(random_vgg, image, TAPS, torch.ones(1, 1, 1).expand(1, 40, 50), 16)
        full = moments_of(random_vgg, image, TAPS, torch.ones(1, 40, 50), 16)
        assert torch.equal(same["relu5_1"].second, full["relu5_1"].second)


class TestStyles:
    TAPS = ("relu1_1", "relu3_1")

    @pytest.fixture
    def encoder(self):
        torch.manual_seed(0)
        return Encoder("random", VGG((4, 4, 5, 5, 6), bases=("relu3_1",)).frozen())

    @pytest.fixture
    def guide(self, random_image):
        one, other = random_image(50, 70, 1), random_image(60, 40, 2)
        left = (torch.arange(70) < 30).float().expand(50, 70)
        regions = Region(one, style_map=left), Region(other, style_scale=0.7), Region(one, style_scale=0.7)
        return Guide((*regions, Region(one, style_map=1 - left)))

    @pytest.mark.parametrize("side", [None, 32])
    def test_are_those_of_each_region_alone_also_in_tiles(self, encoder, guide, side):
        found = styles_in_basis(encoder, guide, 90, self.TAPS, side)
        for r, region in enumerate(guide.regions):
            size = fit(*size_of(region.style), round(90 * region.style_scale))
            part = torch.ones(1, 1) if region.style_map is None else region.style_map
            for tap, features in encoder(resize(region.style, size), self.TAPS).items():
                maps = pool_to_grid(resize(part[None], size), size_of(features), encoder.strides[tap])
                wanted = moments(features, maps)
                torch.testing.assert_close(found[tap].gram()[r], wanted.gram()[0], rtol=1e-3, atol=1e-5)
                torch.testing.assert_close(found[tap].mean()[r], wanted.mean()[0], rtol=1e-3, atol=1e-5)
                assert float(found[tap].mass[r]) == pytest.approx(float(wanted.mass[0]), rel=1e-4)

    def test_a_map_that_the_resizing_loses_is_all_of_its_style(self, encoder, random_image):
        style, dot = random_image(50, 70, 1), torch.zeros(500, 700)
        dot[100, 100] = 1e-45
        lost, whole = (
            style_moments(encoder, Guide((Region(style, style_map=one),)), 32, self.TAPS) for one in (dot, None)
        )
        assert torch.equal(lost["relu1_1"].second, whole["relu1_1"].second)


class TestKept:
    """Many pictures in one style: it is looked at once."""

    @pytest.fixture
    def calls(self, monkeypatch):
        """The pictures that a network has computed."""
        seen, forward = [], Toy.forward
        monkeypatch.setattr(Toy, "forward", lambda self, *given: seen.append(given) or forward(self, *given))
        return seen

    def found(self, encoder, style, style_map=None, long_side=32):
        return style_moments(encoder, Guide((Region(style, style_map=style_map),)), long_side, ["relu2_1"])["relu2_1"]

    def test_what_comes_again_is_known_and_the_answer_is_the_same(self, random_image, calls):
        encoder, style = load("toy"), random_image(32, 40)
        first, again = self.found(encoder, style), self.found(encoder, style.clone())
        assert len(calls) == 1
        assert torch.equal(first.second, again.second)

    def test_another_picture_map_or_size_is_not_taken_for_it(self, random_image, calls):
        encoder, style, part = load("toy"), random_image(32, 40), torch.ones(32, 40)
        part[0, 0] = 0
        other = style.clone()
        other[0, 0, 1] = 1 - other[0, 0, 1]
        asked = [(style,), (other,), (style, part), (style, 1 - part), (style, None, 24), (style.flip(2),)]
        for one in asked:
            plain = load("toy")
            assert torch.equal(self.found(encoder, *one).second, self.found(plain, *one).second)
        assert len(calls) == 2 * len(asked)

    def test_memory_has_an_end(self, random_image, monkeypatch, calls):
        monkeypatch.setattr("intarsia.encoders.ROOM", 3 * 8 * (1 + 12 + 12**2))
        encoder, styles = load("toy"), [random_image(16, 16, seed) for seed in range(5)]
        for style in [*styles, styles[4], styles[2], styles[0]]:
            self.found(encoder, style)
        assert len(calls) == 6  # the last three are known, the first is not
        assert len(encoder._known) == 3
