import pytest
import torch

from intarsia.encoders import load
from intarsia.guide import Guide, Region
from intarsia.measure import band_distances, border_score, content_distance, style_distances

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


def ramp(h=64, w=96):
    return ((torch.arange(w) + 0.5) / w).expand(h, w)


def test_bands_of_the_right_mixture_are_near_and_no_mixture_is_far():
    generator = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.rand(2, 3, 64, 96, generator=generator)
    dark, light = noise[0], 0.6 + noise[1]
    guide = Guide((Region(dark, 1 - ramp()), Region(light, ramp())))
    take = torch.rand(32, 48, generator=generator).repeat_interleave(2, 0).repeat_interleave(2, 1) < ramp()
    patches = torch.where(take, light, dark)  # each place is patches of both, in about the right parts
    vivid = torch.where(ramp() < 0.5, dark, light)  # no mixture: one style, then the other
    good, bad = (band_distances(TOY, image, guide, ("relu1_1", "relu2_1")) for image in (patches, vivid))
    assert len(good) == 5
    assert max(good) < 0.5 * max(bad)


def test_a_seam_scores_and_none_does_not(random_image):
    content = random_image(64, 96, 1)
    share = (ramp() > 0.5).float()
    assert border_score(content, content, share) == 0
    seam = content.clone()
    seam[:, :, 47:49] = 1
    assert border_score(seam, content, share) > 1
    smooth = content.clone()
    smooth[:, :, 40:56] = 0.5
    assert border_score(smooth, content, share) < -0.2
