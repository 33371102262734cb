"""Sizes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia import picture
from intarsia.errors import UsageError


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 4000))
def test_fit_keeps_the_aspect(h, w, long_side):
    new_h, new_w = picture.fit(h, w, long_side)
    assert max(new_h, new_w) == long_side
    assert min(new_h, new_w) >= 1
    assert abs(new_h - long_side * h / max(h, w)) <= 1
    assert abs(new_w - long_side * w / max(h, w)) <= 1


def test_fit_examples():
    assert picture.fit(600, 800, 512) == (384, 512)
    assert picture.fit(3, 5000, 512) == (1, 512)
    with pytest.raises(UsageError, match="long side of 0"):
        picture.fit(600, 800, 0)


def test_resize_to_its_own_size_changes_nothing():
    image = torch.rand(3, 5, 7) * 3 - 1
    assert torch.equal(picture.resize(image, (5, 7)), image)


@settings(max_examples=40)
@given(*[st.integers(1, 30)] * 4, st.floats(0, 1, width=32))
def test_resize_keeps_flat_colors_and_the_range(h, w, new_h, new_w, value):
    flat = picture.resize(torch.full((2, h, w), value), (new_h, new_w))
    assert flat.shape == (2, new_h, new_w)
    assert (flat - value).abs().max() < 1e-5
    rough = picture.resize(torch.rand(h, w).round(), (new_h, new_w))
    assert rough.shape == (new_h, new_w)
    assert 0 <= rough.min() <= rough.max() <= 1


def test_resize_lets_every_pixel_have_its_say():
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    small = picture.resize(board.float().expand(3, 64, 64), (9, 9))
    assert (small - 0.5).abs().max() < 0.05  # without antialiasing it would be black or white in places


def test_resize_keeps_pixel_centers_in_place():
    ramp = ((torch.arange(40) + 0.5) / 40).expand(1, 8, 40)
    small = picture.resize(ramp, (8, 10))[0, 0]
    assert (small - (torch.arange(10) + 0.5) / 10)[2:-2].abs().max() < 1e-3
