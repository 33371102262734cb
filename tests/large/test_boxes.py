"""Boxes count every position once, and a tensor made in parts is the one made at once."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intarsia.large import Box, bands, boxes, copied, in_parts, side_that_fits
from intarsia.large.boxes import BAND


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


def test_the_smallest_box_around_what_is_true():
    there = torch.zeros(9, 12, dtype=torch.bool)
    there[2, 5] = there[6, 3] = True
    assert Box.around(there) == Box(2, 3, 7, 6)


def test_a_picture_that_fits_is_one_tile_and_others_take_what_fits():
    assert side_that_fits((1000, 600), 100, 100, 1e9) == 1000
    side = side_that_fits((10_000, 4000), 100, 1000, 1e9)
    assert 1000 * (side + 200) ** 2 <= 1e9 < 1000 * (side + 202) ** 2
    assert side_that_fits((10_000, 4000), 100, 1000, 1e6) == 256


def test_bands_tile_the_rows():
    for size in ((600, 5000), (3, 2**20), (7, 1), (1, 10**9)):
        rows = [row for band in bands(size) for row in range(size[0])[band.rows]]
        assert rows == list(range(size[0]))
        assert all(band.left == 0 and band.right == size[1] for band in bands(size))
        assert all(math.prod(band.size) <= max(BAND, size[1]) for band in bands(size))
    assert bands((0, 5)) == []


@pytest.mark.parametrize("side", [1, 7, 64])
def test_in_parts_it_is_the_same(side):
    whole = torch.rand(3, 40, 53)
    seen = []

    def piece(box: Box) -> torch.Tensor:
        seen.append(box)
        return box.of(whole) ** 2

    made = in_parts(piece, whole.shape, whole, parts=boxes((40, 53), side))
    assert torch.equal(made, whole**2)
    assert seen == boxes((40, 53), side)


def test_a_copy_is_apart_and_of_its_precision():
    whole = torch.rand(40, 53).to(torch.bfloat16)
    copy = copied(whole)
    assert copy.dtype == torch.bfloat16
    copy += 1
    assert float((copy - whole).float().min()) > 0
