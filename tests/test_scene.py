"""A scene is the same for every method: merged, in its colors, and untouched to the bit where the guide ends."""

import pytest
import torch

from intarsia.engine import Frame
from intarsia.guide import Guide, Region
from intarsia.large import Box
from intarsia.networks import Networks
from intarsia.scene import Scene, View, painted
from intarsia.sizes import resize


def half(h=24, w=32):
    left = torch.zeros(h, w)
    left[:, : w // 2] = 1
    return left


@pytest.fixture
def pictures(random_image):
    return random_image(24, 32, 1), random_image(20, 28, 2)


class TestView:
    def test_what_is_shown_is_the_content_to_the_bit_where_the_guide_does_not_reach(self, pictures):
        content, style = pictures
        soft = torch.linspace(1.5, -0.5, 32).clamp(0, 1).expand(24, 32)
        view = View.of(content, Guide((Region(style, soft),)))
        shown = view.composed(torch.ones_like(content))
        assert torch.equal(shown[:, :, soft[0] == 0], content[:, :, soft[0] == 0])
        assert bool((shown[:, :, soft[0] == 1] == 1).all())
        torch.testing.assert_close(shown, torch.lerp(content, torch.ones_like(content), soft))

    def test_a_part_keeps_what_is_untouched(self, pictures):
        content, style = pictures
        view, box = View.of(content, Guide((Region(style, half()),))), Box(3, 10, 20, 30)
        kept = view.kept(torch.zeros(3, 17, 20), box)
        assert bool((kept[:, :, :6] == 0).all())
        assert torch.equal(kept[:, :, 6:], content[:, 3:20, 16:30])

    def test_everywhere_nothing_is_blended(self, pictures):
        content, style = pictures
        for guide in (Guide.everywhere(style), Guide((Region(style, half()), Region(style, 1 - half())))):
            view, image = View.of(content, guide), torch.rand(3, 24, 32)
            assert view.everywhere
            assert view.composed(image) is image
            assert view.kept(image, Box.whole((24, 32))) is image

    def test_shares_that_are_the_same_everywhere_take_no_memory(self, pictures):
        content, style = pictures
        view = View.of(content, Guide.everywhere(style, style.flip(0), weights=[3, 1]))
        assert view.shares.untyped_storage().nbytes() == 8
        torch.testing.assert_close(view.shares[:, 5, 7], torch.tensor([0.75, 0.25]))

    @pytest.mark.parametrize("size", [(24, 32), (1, 1), (1, 64), (3, 2)])
    def test_around_the_margin_it_is_reflected_and_inside_it_is_itself(self, size):
        content, style = torch.rand(3, *size), torch.rand(3, 8, 8)
        view = View.of(content, Guide((Region(style, torch.rand(*size)),)), margin=4)
        plain = View.of(content, view.guide)
        assert view.size == (size[0] + 8, size[1] + 8)
        assert view.long_side == max(size)
        for one in ("content", "shares", "cover"):
            assert torch.equal(view.inner(getattr(view, one)), getattr(plain, one))
            assert torch.equal(getattr(view.visible, one), getattr(plain, one))
        assert torch.equal(view.inner(view.framed(content)), content)
        for k in range(1, 5):
            assert torch.equal(view.content[:, 4 - k], view.content[:, 4 + _back(k, size[0])])

    def test_even_shares_take_no_memory_with_a_margin_either(self, pictures):
        content, style = pictures
        view = View.of(content, Guide.everywhere(style, style.flip(0), weights=[3, 1]), margin=4)
        assert view.shares.shape == (2, 32, 40)
        assert view.shares.untyped_storage().nbytes() == 8


def _back(k: int, length: int) -> int:
    """Where a walk of k pixels ends that turns round at the edges."""
    place, step = 0, 1
    for _ in range(k if length > 1 else 0):
        step = -step if not 0 <= place + step < length else step
        place += step
    return place


class TestScene:
    def test_regions_that_paint_alike_are_one(self, pictures):
        content, style = pictures
        scene = Scene.of(content, Guide((Region(style, half()), Region(style, 1 - half()))))
        assert len(scene.guide.regions) == 1

    def test_the_start_is_in_the_colors_that_are_painted_with(self, pictures):
        content, style = pictures
        scene = Scene.of(content, Guide((Region(style, color="match"),)), start=content)
        torch.testing.assert_close(scene.start, scene.content)
        assert not torch.allclose(scene.start, content, atol=0.02)

    def test_at_a_size_it_has_that_size(self, pictures):
        content, style = pictures
        view = Scene.of(content, Guide((Region(style, half()),))).at((12, 16))
        assert view.size == (12, 16)
        assert torch.equal(view.content, resize(content, (12, 16)))
        torch.testing.assert_close(view.cover, half(12, 16))


class Inverted:
    """A method of one step: the negative."""

    networks = Networks(encoder="toy")
    __call__ = painted

    def paint(self, scene, encoder, state):
        view = scene.at(scene.size)
        yield Frame(scene.shown(view.composed(1 - scene.content)), 1, 1, {}, 1.0, dict)


def test_a_method_is_its_algorithm_and_gets_the_rest(pictures):
    content, style = pictures
    *_, last = Inverted()(content, Guide((Region(style, half()),)))
    assert torch.equal(last.image[:, :, :16], 1 - content[:, :, :16])
    assert torch.equal(last.image[:, :, 16:], content[:, :, 16:])
    *_, still = Inverted()(content, Guide((Region(style, strength=0),)))
    assert torch.equal(still.image, content)


def test_a_region_that_reaches_nothing_leaves_nothing_to_paint(random_image):
    style, nowhere = random_image(16, 16, 2), torch.zeros(24, 32)
    scene = Scene.of(random_image(24, 32, 1), Guide((Region(style, 1 - nowhere, strength=0), Region(style, nowhere))))
    assert scene.is_still
