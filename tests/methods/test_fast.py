"""Trained networks under guides."""

import pytest
import torch

from handmade import untrained
from intarsia.encoders import load
from intarsia.errors import GuideError, Notice
from intarsia.guide import Guide, Region
from intarsia.methods.fast import Fast
from intarsia.models import read_model
from intarsia.nets import painted

TOY = load("toy", device="cpu")


@pytest.fixture
def models(tmp_path, random_image):
    return tuple(untrained(tmp_path / f"{i}.safetensors", random_image(32, 40, i), seed=i) for i in (1, 2))


@pytest.fixture
def styles(models):
    return [read_model(path).style for path in models]


@pytest.fixture
def content(random_image):
    return random_image(72, 96, 5)


def alone(models, content):
    return [painted(read_model(path).network, content) for path in models]


def frames(models, content, guide, **settings):
    return list(Fast(models=models, **settings)(content, guide, encoder=TOY))


def test_each_region_is_painted_by_the_network_of_its_style(models, styles, content):
    left = torch.zeros(72, 96)
    left[:, :48] = 1
    regions = Region(styles[1], left), Region(styles[0], 1 - left)
    *_, frame = frames(models, content, Guide(regions))
    one, two = alone(models, content)
    torch.testing.assert_close(frame.image[:, :, :48], two[:, :, :48], atol=1e-5, rtol=0)
    torch.testing.assert_close(frame.image[:, :, 48:], one[:, :, 48:], atol=1e-5, rtol=0)
    assert (frame.step, frame.steps, frame.done) == (2, 2, 1)


def test_soft_borders_and_strength_mix_the_paintings(models, styles, content):
    ramp = torch.linspace(0, 1, 96).expand(72, 96)
    guide = Guide((Region(styles[0], 1 - ramp), Region(styles[1], ramp, strength=0.25)))
    *_, frame = frames(models, content, guide)
    one, two = alone(models, content)
    wanted = (1 - ramp) * one + ramp * (0.25 * two + 0.75 * content)
    torch.testing.assert_close(frame.image, wanted, atol=1e-5, rtol=0)


def test_a_network_paints_once_for_all_its_regions(models, styles, content):
    thirds = torch.zeros(3, 72, 96)
    for i in range(3):
        thirds[i, :, 32 * i : 32 * (i + 1)] = 1
    regions = [Region(styles[i % 2], one, strength=s) for i, one, s in zip(range(3), thirds, (1, 1, 0.5), strict=True)]
    assert len(frames(models, content, Guide(tuple(regions)))) == 2


def test_it_goes_on_from_a_state_exactly(models, styles, content):
    guide = Guide.everywhere(*styles, weights=[0.4, 0.6])
    first, last = frames(models, content, guide)
    wanted = last.image.clone()
    for state, left in ((first.state(), 1), (last.state(), 1)):
        again = list(Fast(models=models)(content, guide, state=state, encoder=TOY))
        assert len(again) == left
        assert torch.equal(again[-1].image, wanted)


def test_tiles_give_what_the_whole_gives(models, styles, content):
    guide = Guide.everywhere(styles[0])
    with pytest.warns(Notice, match="painted in 12 tiles"):
        (tiles,) = frames(models, content, guide, tile=24)
    (whole,) = frames(models, content, guide)
    torch.testing.assert_close(tiles.image, whole.image, atol=1e-3, rtol=0)


def test_the_painting_itself_may_be_the_style_that_a_network_was_trained_on(tmp_path, content, random_image):
    large = random_image(300, 600, 7)
    path = untrained(tmp_path / "large.safetensors", large)
    (frame,) = frames((path,), content, Guide.everywhere(large))
    torch.testing.assert_close(frame.image, alone([path], content)[0], atol=1e-5, rtol=0)


def test_a_style_without_a_network_is_told_before_anything_is_painted(models, content, random_image):
    with pytest.raises(GuideError, match=r"region 'sky': .* no network was trained on it"):
        next(Fast(models=models)(content, Guide((Region(random_image(32, 40, 9), name="sky"),)), encoder=TOY))


def test_what_a_network_cannot_do_is_told(models, styles, content):
    with pytest.warns(Notice, match="strokes of one size"):
        frames(models, content, Guide((Region(styles[0], style_scale=0.5),)))
