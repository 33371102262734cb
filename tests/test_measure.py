import dataclasses

import pytest
import torch

from intarsia import picture
from intarsia.color import luminance
from intarsia.encoders import load
from intarsia.guide import Guide, Region
from intarsia.measure import (
    Measures,
    band_distances,
    border_score,
    content_distance,
    grain,
    is_gradient,
    measured,
    region_distances,
    speckle,
    ssim,
    style_distances,
)
from intarsia.recolor import Recolored

TOY = load("toy", device="cpu")


def test_a_picture_is_at_no_distance_from_itself(random_image):
    image = random_image(32, 48)
    assert max(style_distances(TOY, image, image).values()) == pytest.approx(0, abs=1e-6)
    assert content_distance(TOY, image, image) == 0


def test_another_texture_is_far_in_style_and_a_moved_one_is_not(random_image):
    image, other = random_image(32, 48, 1), random_image(32, 48, 2)
    moved = image.roll(16, 2)
    assert style_distances(TOY, moved, image)["relu3_1"] < 0.01 * style_distances(TOY, 1 - other, image)["relu3_1"]
    assert content_distance(TOY, moved, image) > 0.01


def test_a_share_chooses_the_part_that_counts(random_image):
    one, other = random_image(32, 32, 1), random_image(32, 32, 2)
    both = torch.cat([one, other], 2)
    left = torch.zeros(32, 64)
    left[:, :32] = 1
    near = style_distances(TOY, both, torch.cat([one, one], 2), share=left)
    assert max(near.values()) == pytest.approx(0, abs=1e-5)
    assert min(style_distances(TOY, both, torch.cat([one, one], 2)).values()) > 1e-4


# ---- regions -----------------------------------------------------------------------------------------------------


def halves(h=64, w=96):
    left = torch.zeros(h, w)
    left[:, : w // 2] = 1
    return left, 1 - left


def test_each_region_is_near_the_texture_that_it_holds_and_far_from_the_other(random_image):
    one, other = random_image(64, 96, 1), 1 - random_image(64, 96, 2) ** 3
    left, right = halves()
    image = torch.where(left > 0, one, other)
    guide = Guide((Region(one, left, left), Region(other, right, right)))
    found = region_distances(TOY, image, guide)
    assert found.diagonal().max() < 1e-6
    assert min(found[0, 1], found[1, 0]) > 100 * found.diagonal().max() + 1e-3
    swapped = region_distances(TOY, image, Guide(guide.regions[::-1]))
    torch.testing.assert_close(swapped, found.flip(0, 1))


def test_rows_are_places_and_columns_are_styles(random_image):
    """One texture everywhere: both places are near to its style, and far from the other."""
    one, other = random_image(64, 96, 1), 1 - random_image(64, 96, 2) ** 3
    left, right = halves()
    image = torch.cat([one[:, :, :48], one[:, :, :48]], 2)
    found = region_distances(TOY, image, Guide((Region(one, left, left), Region(other, right, right))))
    assert found[:, 0].max() < 1e-6
    assert found[:, 1].min() > 1e-3


def test_a_region_alone_is_what_style_distances_says(random_image):
    image, style = random_image(32, 48, 1), random_image(32, 48, 2)
    alone = region_distances(TOY, image, Guide.everywhere(style))
    assert float(alone) == pytest.approx(sum(style_distances(TOY, image, style).values()) / 3, rel=1e-5)


def test_measured_takes_content_and_maps_at_any_size(random_image):
    content, style = random_image(64, 96, 1), random_image(40, 40, 2)
    left, right = halves()
    guide = Guide((Region(style, left, name="sky"), Region(1 - style, right, name="sea", strength=0)))
    half = picture.resize(content, (32, 48))
    found = measured(TOY, half, content, guide)
    assert found.regions == ("sky",)  # of no strength is no region
    assert found.areas == pytest.approx((0.5,))
    assert found.ssim == pytest.approx(1)
    assert found.content == pytest.approx(0, abs=1e-9)
    assert [border.between for border in found.borders] == [("sky", "the content")]
    assert found.borders[0].score == 0
    assert found.gap is None


def test_textures_are_compared_in_the_colors_that_were_painted_in(random_image):
    """The style itself, given the content's colors, is at no distance from the style under that rule."""
    content, style = 0.3 + 0.2 * random_image(64, 96, 1), 0.4 + 0.4 * random_image(64, 96, 2)
    ruled = Guide((Region(style, color="match"),))
    painted = Recolored.of(content, ruled).back(style)
    found = [measured(TOY, painted, content, guide).style[0][0] for guide in (ruled, Guide.everywhere(style))]
    assert found[0] < 1e-3 * found[1]


# ---- structure ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(11, 11), (40, 57), (90, 64)])
def test_structural_similarity_is_the_published_one(random_image, size):
    structural_similarity = pytest.importorskip("skimage.metrics").structural_similarity
    one, other = random_image(*size, 1), random_image(*size, 2)
    mixed = 0.7 * one + 0.3 * other
    gray, mixed_gray = (luminance(image).double().numpy() for image in (one, mixed))
    known = structural_similarity(
        gray, mixed_gray, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
    )
    assert ssim(one, mixed) == pytest.approx(known, abs=1e-5)


def test_structural_similarity_is_one_with_itself_and_falls_with_noise(random_image):
    image = random_image(32, 48)
    noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(1)) - 0.5
    found = [ssim(image, (image + part * noise).clamp(0, 1)) for part in (0, 0.1, 0.3, 0.9)]
    assert found[0] == pytest.approx(1)
    assert found == sorted(found, reverse=True)
    assert ssim(image[:, :5, :7], image[:, :5, :7]) == pytest.approx(1)  # smaller than its window


# ---- gradients ---------------------------------------------------------------------------------------------------


def ramp(h=64, w=96):
    return ((torch.arange(w) + 0.5) / w).expand(h, w)


@pytest.fixture
def two_noises():
    """A dark and a light texture, and a generator."""
    generator = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.rand(2, 3, 64, 96, generator=generator)
    return noise[0], 0.6 + noise[1], generator


def test_bands_of_the_right_mixture_are_near_and_no_mixture_is_far(two_noises):
    dark, light, generator = two_noises
    guide = Guide((Region(dark, 1 - ramp()), Region(light, ramp())))
    take = torch.rand(32, 48, generator=generator).repeat_interleave(2, 0).repeat_interleave(2, 1) < ramp()
    patches = torch.where(take, light, dark)  # each place is patches of both, in about the right parts
    vivid = torch.where(ramp() < 0.5, dark, light)  # no mixture: one style, then the other
    good, bad = (band_distances(TOY, image, guide, ("relu1_1", "relu2_1")) for image in (patches, vivid))
    assert len(good) == 5
    assert max(good) < 0.5 * max(bad)


def test_gray_mud_has_a_larger_gap_than_patches_of_both(two_noises):
    dark, light, generator = two_noises
    guide = Guide((Region(dark, 1 - ramp()), Region(light, ramp())))
    take = torch.rand(64, 96, generator=generator) < ramp()
    mud = (1 - ramp()) * dark.mean() + ramp() * light.mean()
    judged = [
        measured(TOY, image, dark, guide, ("relu1_1", "relu2_1"))
        for image in (torch.where(take, light, dark), mud.expand(3, -1, -1))
    ]
    patches, gray = (max(one.bands) for one in judged)
    assert patches < 0.6 * gray


def test_bands_of_three_styles_are_cells_of_the_triangle_whatever_their_order(two_noises):
    dark, light, _ = two_noises
    across, down = ramp(), ramp(96, 64).T
    maps = [(1 - across) * (1 - down), across * (1 - down), down]
    regions = [Region(style, one) for style, one in zip((dark, light, dark.flip(0)), maps, strict=True)]
    image = 0.5 * dark + 0.5 * light
    found = band_distances(TOY, image, Guide(tuple(regions)), ("relu1_1",))
    turned = band_distances(TOY, image, Guide(tuple(regions[1:] + regions[:1])), ("relu1_1",))
    assert 15 <= len(found) <= 25
    assert sorted(turned) == pytest.approx(sorted(found), rel=1e-3)


def test_soft_edges_alone_are_no_gradient():
    left, right = halves()
    assert is_gradient(torch.stack([ramp(), 1 - ramp()]))
    assert not is_gradient(torch.stack([left, right]))
    assert not is_gradient(torch.stack([left, right]) * ramp())  # one region and the content are not mixed styles
    assert is_gradient(torch.full((2, 8, 8), 0.5))


# ---- borders -----------------------------------------------------------------------------------------------------


def test_a_seam_scores_and_none_does_not(random_image):
    content = random_image(64, 96, 1)
    one, other = halves()
    assert border_score(content, content, one, other) == 0
    seam = content.clone()
    seam[:, :, 47:49] = 1
    assert border_score(seam, content, one, other) > 1
    assert border_score(seam, content, other, one) == border_score(seam, content, one, other)
    smooth = content.clone()
    smooth[:, :, 40:56] = 0.5
    assert border_score(smooth, content, one, other) < -0.2


def test_the_border_is_compared_with_its_two_regions_alone(random_image):
    """What happens in a third region has no say; the line is 2 positions wide on either side."""
    content = random_image(64, 96, 1)
    one, other = halves()
    one[:, :20] = 0
    loud = content.clone()
    loud[:, :, :17] = (loud[:, :, :17] - 0.5) * 9 + 0.5
    assert border_score(loud, content, one, other) == pytest.approx(0, abs=1e-6)
    outside = content.clone()
    outside[:, :, :45] = 0.5 + 0.5 * (outside[:, :, :45] - 0.5)  # calmer only farther off than the line: more seam
    assert border_score(outside, content, one, other) > 0.1


def test_regions_that_do_not_touch_have_no_border(random_image):
    image = random_image(64, 96)
    one, other = halves()
    other[:, :60] = 0
    assert border_score(image, image, one, other) is None


def test_each_pair_that_touches_is_found_with_its_length(random_image):
    image = random_image(60, 96)
    maps = torch.zeros(3, 60, 96)
    maps[0, :, :32], maps[1, :, 32:64], maps[2, :40, 64:] = 1, 1, 1
    guide = Guide(tuple(Region(image.roll(i, 0), one, name="abc"[i]) for i, one in enumerate(maps)))
    found = {border.between: border.length for border in measured(TOY, image, image, guide).borders}
    assert found == {("a", "b"): 60, ("b", "c"): 40, ("b", "the content"): 20, ("c", "the content"): 32}


# ---- speckle -----------------------------------------------------------------------------------------------------


def checkered(color, amount):
    """A soft ramp with every other pixel of a row lighter, in gray or in one channel."""
    y, x = torch.meshgrid(torch.arange(24), torch.arange(32), indexing="ij")
    image = (x / 64 + 0.25).expand(3, 24, 32).clone()
    dots = amount * ((x % 3 == 1) & (y % 3 == 1))
    image[0 if color else slice(None)] += dots
    return image


def test_speckle_counts_specks_of_light_and_of_color_against_the_styles():
    style, calm, gray, colored = checkered(False, 0.2), checkered(False, 0), checkered(False, 0.1), checkered(True, 0.2)
    guide = Guide.everywhere(style)
    assert speckle(style, guide)[0] == pytest.approx(1, abs=1e-3)
    assert speckle(calm, guide)[0] < 0.1
    assert speckle(gray, guide)[0] == pytest.approx(0.5, abs=0.1)
    assert speckle(colored, guide)[1] > 5 * speckle(gray, guide)[1]
    assert grain(colored)[1] > grain(colored)[0] > 0


def test_numbers_are_told_in_words_together():
    whole = Measures(("sky",), (1.0,), ((0.02,),), 0.5, "relu3_1", 0.4, (0.8, 1.0), (), ())
    assert whole.together == "the texture of its style, shapes kept, no grainier than the style"
    worse = dataclasses.replace(whole, style=((0.3,),), content=1.2, speckle=(0.8, 1.3))
    assert worse.together == "far from its style, shapes mostly lost, grainier than the style"
    mixed = Measures(("a", "b"), (0.3, 0.1), ((0.1, 9.0), (9.0, 0.2)), None, "relu3_1", 0.4, (0.8, 1.0), (), ())
    assert mixed.own_style == pytest.approx(0.125)
    assert mixed.together == "near its style, no grainier than the style"
