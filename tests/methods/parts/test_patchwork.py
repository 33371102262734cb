"""Patches come from the region's own part of its own style; mixtures may match either; tiny pictures are no trouble."""

import pytest
import torch

from intarsia.encoders import load
from intarsia.guide import Guide, Region
from intarsia.losses import patch_loss
from intarsia.methods.parts.patchwork import patchworks
from intarsia.scene import View

TOY = load("toy", device="cpu")
TAPS = ("relu2_1", "relu3_1")


def built(content, guide, weight=1.0, taps=TAPS):
    return patchworks(TOY, View.of(content, guide), taps, 4, weight)


def loss(patches, tap, image):
    features = TOY(image, TAPS)[tap]
    return float(patch_loss(features, patches.votes(patches.matched(features))))


def half(h=32, w=48):
    left = torch.zeros(h, w)
    left[:, : w // 2] = 1
    return left


@pytest.fixture
def pictures(random_image):
    return random_image(32, 48, 1), random_image(32, 48, 2), random_image(48, 40, 3)


def test_a_picture_whose_patches_are_the_styles_has_no_loss(pictures):
    style = pictures[1]
    shifted = style[:, :, 8:]  # by whole positions of both taps
    for image in (style, shifted):
        for tap, patches in built(image, Guide((Region(style, style_scale=48 / max(image.shape)),))).items():
            assert loss(patches, tap, image) == pytest.approx(0, abs=1e-5)
    for tap, patches in built(style, Guide.everywhere(style)).items():
        assert loss(patches, tap, pictures[0]) > 0.03


def test_black_has_a_loss_of_about_one(pictures):
    """What the weight is relative to."""
    content, style, _ = pictures
    for tap, patches in built(content, Guide.everywhere(style)).items():
        features = torch.zeros_like(TOY(content, TAPS)[tap])
        assert float(patch_loss(features, patches.votes(patches.matched(features)))) == pytest.approx(1, rel=0.4)


@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0])
def test_regions_match_within_their_own_part_of_the_style(pictures, weight):
    content, style, _ = pictures
    guide = Guide((Region(style, half(), 1 - half()), Region(style, 1 - half(), half())))
    for tap, patches in built(content, guide, weight).items():
        width = 48 // TOY.strides[tap]
        matched = patches.offered.at[patches.matched(TOY(content, TAPS)[tap])]
        here, there = (at[:, 4] % width < width // 2 for at in (patches.wanted.at, matched))  # is the center left?
        assert torch.equal(here, ~there)


def test_regions_match_within_their_own_style(pictures):
    content, one, other = pictures
    guide = Guide((Region(one, half()), Region(other, 1 - half())))
    for tap, patches in built(content, guide).items():
        width, first = 48 // TOY.strides[tap], TOY(one, [tap])[tap][0].numel()  # rows of the other come after
        matched = patches.offered.at[patches.matched(TOY(content, TAPS)[tap])]
        assert torch.equal(patches.wanted.at[:, 4] % width < width // 2, matched[:, 4] < first)


def test_a_place_that_is_half_of_each_matches_the_nearer_of_both(pictures):
    _, one, other = pictures
    content = torch.cat([one[:, :, :24], other[:, :32, 16:]], 2)  # one's left, other's right
    guide = Guide.everywhere(one, other)
    patches = built(content, guide, taps=("relu2_1",))["relu2_1"]
    matched = patches.offered.at[patches.matched(TOY(content, TAPS)["relu2_1"])]
    column = patches.wanted.at[:, 4] % 24
    assert bool((matched[column < 10, 4] < 16 * 24).all())
    assert float((matched[column > 13, 4] >= 16 * 24).float().mean()) > 0.5


def test_meaning_brings_borders_to_borders(pictures):
    """Where the content's regions meet, patches come from where the style's meet, in the same order."""
    content, style, _ = pictures
    guide = Guide((Region(style, half(), half()), Region(style, 1 - half(), 1 - half())))
    patches = built(content, guide, weight=10)["relu2_1"]
    matched = patches.offered.at[patches.matched(TOY(content, TAPS)["relu2_1"])]
    here, there = patches.wanted.at[:, 4] % 24, matched[:, 4] % 24
    for column in (11, 12):
        assert bool((there[here == column] == column).all())
    assert bool(((there[here == 5] != 11) & (there[here == 5] != 12)).all())


def test_only_covered_places_want_patches(pictures):
    content, style, _ = pictures
    patches = built(content, Guide((Region(style, half()),)))["relu2_1"]
    assert bool((patches.wanted.at[:, 4] % 24 < 12).all())
    assert float(patches.importance.sum()) == pytest.approx(1, abs=1e-5)
    weaker = built(content, Guide((Region(style, half(), strength=0.5),)))["relu2_1"]
    torch.testing.assert_close(weaker.importance, patches.importance / 8)


def test_a_style_in_two_regions_is_encoded_once(pictures):
    content, style, _ = pictures
    guide = Guide((Region(style, half(), half()), Region(style, 1 - half(), 1 - half())))
    patches = built(content, guide)["relu2_1"]
    assert len(patches.pool) == 16 * 24
    assert patches.offered.meaning.shape == (16 * 24, 2)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 200), (5, 7)])
@pytest.mark.parametrize("style_size", [(1, 1), (40, 1), (33, 31)])
def test_pictures_thinner_than_a_patch(size, style_size):
    content, style = torch.rand(3, *size), torch.rand(3, *style_size)
    for tap, patches in built(content, Guide.everywhere(style)).items():
        value = loss(patches, tap, torch.rand(3, *size))
        assert 0 <= value < 100


def test_a_part_of_the_style_that_the_sizes_lose_is_still_found(pictures):
    content, _, style = pictures
    corner = torch.zeros(48, 40)
    corner[0, 0] = 1  # under no patch's center
    guide = Guide((Region(style, half(), corner), Region(style, 1 - half(), 1 - corner)))
    for tap, patches in built(content, guide).items():
        assert loss(patches, tap, content) >= 0
