"""A box answers as the whole picture would, boxes count every position once, and halos are as wide as is needed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg import VGG
from intarsia.moments import moments
from intarsia.pyramid import pool_to_grid, size_of
from intarsia.tiles import Box, boxes, features_in, moments_of, reach, side_that_fits

TAPS = ["relu1_1", "relu3_1", "relu5_1"]


@pytest.fixture(scope="module")
def random_vgg():
    """Every layer keeps the size of what it is given, so that what is far away is heard as well."""
    torch.manual_seed(0)
    network = VGG((4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8))
    for parameter in network.parameters():
        torch.nn.init.kaiming_normal_(parameter) if parameter.ndim > 1 else torch.nn.init.zeros_(parameter)
    return Encoder("random", network.frozen())


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 400), st.sampled_from([1, 2, 8, 16]))
def test_boxes_tile_the_picture(h, w, side, stride):
    covered = torch.zeros(h, w)
    for box in boxes((h, w), side, stride):
        box.of(covered).add_(1)
        assert box.top % stride == box.left % stride == 0
        assert max(box.bottom - box.top, box.right - box.left) <= max(side, stride)
    assert bool((covered == 1).all())


def test_boxes_are_of_about_equal_sides():
    assert [box.bottom for box in boxes((1030, 100), 512, 16)] == [352, 704, 1030]
    assert boxes((512, 400), 512) == [Box.whole((512, 400))]


def test_a_box_grows_as_far_as_the_picture_and_counts_from_another():
    box = Box(16, 32, 48, 50)
    assert box.grown(20, (60, 55)) == Box(0, 12, 60, 55)
    assert box.within(Box(0, 12, 60, 55)) == Box(16, 20, 48, 38)
    assert box.cells(16) == Box(1, 2, 3, 4)


class TestFeatures:
    @pytest.mark.parametrize("size", [(100, 117), (96, 128), (33, 70), (17, 5)])
    @pytest.mark.parametrize("side", [16, 48])
    def test_of_boxes_are_those_of_the_whole(self, random_vgg, random_image, size, side):
        """Also at the bottom and at the right, where sizes that the stride does not divide are padded."""
        image = random_image(*size)
        whole = random_vgg(image, TAPS)
        for box in boxes(size, side, 16):
            for tap, found in features_in(random_vgg, image, box, TAPS).items():
                there = box.cells(random_vgg.strides[tap]).of(whole[tap])
                torch.testing.assert_close(found, there, rtol=1e-4, atol=1e-5)

    def test_of_the_toy_encoder_too(self, random_image):
        toy, image = load("toy", device="cpu"), random_image(33, 47)
        whole = toy(image, ["relu4_1"])["relu4_1"]
        for box in boxes((33, 47), 8, 8):
            found = features_in(toy, image, box, ["relu4_1"])["relu4_1"]
            torch.testing.assert_close(found, box.cells(8).of(whole))

    @pytest.mark.parametrize("tap", TAPS)
    def test_a_halo_narrower_than_the_reach_is_not_enough(self, random_vgg, tap):
        image, stride = torch.rand(3, 256, 256), random_vgg.strides[tap]
        box, halo = Box(96, 96, 160, 160), reach(random_vgg, [tap])
        enough, less = (features_in(random_vgg, image, box, [tap], halo=n)[tap] for n in (halo, halo - stride))
        torch.testing.assert_close(enough, box.cells(stride).of(random_vgg(image, [tap])[tap]), rtol=1e-4, atol=1e-5)
        assert float((less - enough).abs().max()) > 1e-4 * float(enough.abs().max())

    def test_reach_of_the_deepest_tap(self, random_vgg):
        assert reach(random_vgg, ["relu1_1"]) == 1
        assert reach(random_vgg, ["relu2_1"]) == 4
        assert reach(random_vgg, TAPS) == 80  # 70, up to a multiple of 16


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


def test_a_picture_that_fits_is_one_tile_and_others_take_what_fits():
    assert side_that_fits((1000, 600), 100, 100, 1e9) == 1000
    side = side_that_fits((10_000, 4000), 100, 1000, 1e9)
    assert 1000 * (side + 200) ** 2 <= 1e9 < 1000 * (side + 202) ** 2
    assert side_that_fits((10_000, 4000), 100, 1000, 1e6) == 256
