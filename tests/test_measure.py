import pytest
import torch

from intarsia.encoders import load
from intarsia.measure import content_distance, style_distances

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
