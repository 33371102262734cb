"""Ramps run where they say they run; styles along a ramp share every place, and the sum of their parts is 1."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import GuideError, UsageError
from intarsia.sources import between, from_picture, linear, radial

SIZE = (12, 20)


@given(st.floats(-720, 720), st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_a_ramp_stays_in_range_and_the_opposite_one_is_the_rest(angle, h, w):
    ramp = linear((h, w), angle)
    assert ramp.shape == (h, w)
    assert 0 <= float(ramp.min()) <= float(ramp.max()) <= 1
    torch.testing.assert_close(ramp + linear((h, w), angle + 180), torch.ones(h, w))
    torch.testing.assert_close(ramp.flip(0, 1), 1 - ramp)


def test_0_runs_from_left_to_right_and_90_from_top_to_bottom():
    across = (torch.arange(20) + 0.5) / 20
    down = (torch.arange(12) + 0.5) / 12
    torch.testing.assert_close(linear(SIZE), across.expand(12, 20))
    torch.testing.assert_close(linear(SIZE, 90), down[:, None].expand(12, 20))
    torch.testing.assert_close(linear(SIZE, 180), 1 - across.expand(12, 20))


def test_a_slanted_ramp_goes_from_corner_to_corner_and_is_true_in_pixels():
    ramp = linear((100, 300), 45)
    assert float(ramp[0, 0]) < 0.01
    assert float(ramp[-1, -1]) > 0.99
    torch.testing.assert_close(ramp[10:, :-10], ramp[:-10, 10:])  # lines of one value rise at 45 degrees
    assert float(linear((100, 300), -45)[-1, 0]) < 0.01


def test_two_points_give_a_ramp_between_them():
    ramp = linear((8, 40), start=(0.25, 0.5), end=(0.75, 0.5))
    assert not bool(ramp[:, :10].any())
    assert bool((ramp[:, 30:] == 1).all())
    torch.testing.assert_close(ramp[3, 10:30], (torch.arange(20) + 0.5) / 20)
    torch.testing.assert_close(linear(SIZE, start=(0, 0), end=(0, 1)), linear(SIZE, 90))
    torch.testing.assert_close(linear(SIZE, start=(1, 0.3), end=(0, 0.3)), linear(SIZE, 180))


def test_a_radial_ramp_is_round_in_pixels():
    ramp = radial((40, 80), inner=0.1, outer=0.4)  # radii 4 and 16 pixels around x = 40, y = 20
    x, y = torch.arange(80) + 0.5 - 40, torch.arange(40) + 0.5 - 20
    radius = torch.hypot(x[None], y[:, None])
    assert not bool(ramp[radius <= 4].any())
    assert bool((ramp[radius >= 16] == 1).all())
    torch.testing.assert_close(ramp, ((radius - 4) / 12).clamp(0, 1))
    off = radial((40, 80), center=(0.25, 0.75), outer=0.3)
    assert divmod(int(off.argmin()), 80) in {(29, 19), (29, 20), (30, 19), (30, 20)}


def test_a_picture_is_a_ramp_by_its_luminance():
    gray = torch.rand(6, 7)
    assert torch.equal(from_picture(gray), gray)
    torch.testing.assert_close(from_picture(gray.expand(3, 6, 7)), gray)
    red, green, blue = (from_picture(torch.eye(3)[i][:, None, None])[0, 0] for i in range(3))
    assert float(green) > float(red) > float(blue) > 0


def test_levels_gamma_and_inversion_come_in_this_order():
    gray = torch.tensor([[0.1, 0.2, 0.4, 0.6, 0.9]])
    expected = torch.tensor([[0, 0, 0.5, 1, 1]])
    torch.testing.assert_close(from_picture(gray, black=0.2, white=0.6), expected)
    torch.testing.assert_close(from_picture(gray, black=0.2, white=0.6, gamma=2), expected.sqrt())
    torch.testing.assert_close(from_picture(gray, black=0.2, white=0.6, gamma=2, invert=True), 1 - expected.sqrt())


@given(st.integers(2, 6), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_styles_along_a_ramp_are_a_partition_of_unity(count, seed):
    ramp = torch.rand(9, 11, generator=torch.Generator().manual_seed(seed))
    guide = between([torch.rand(3, 4, 4) for _ in range(count)], ramp)
    shares = guide.shares((9, 11))
    torch.testing.assert_close(shares.sum(0), torch.ones(9, 11))
    torch.testing.assert_close((shares * torch.arange(count)[:, None, None]).sum(0), ramp * (count - 1))
    assert int((shares > 1e-5).sum(0).max()) <= 2  # neighbors alone mix


def test_each_style_has_all_of_its_own_place():
    styles = [torch.rand(3, 4, 4) for _ in range(3)]
    guide = between(styles, torch.tensor([[0, 0.25, 0.5, 1]]))
    assert all(region.style is style for region, style in zip(guide.regions, styles, strict=True))
    expected = torch.tensor([[1, 0.5, 0, 0], [0, 0.5, 1, 0], [0, 0, 0, 1]])
    torch.testing.assert_close(guide.shares((1, 4))[:, 0], expected)


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: linear(SIZE, start=(0, 0)), UsageError, "no direction"),
        (lambda: linear(SIZE, start=(0.5, 0.5), end=(0.5, 0.5)), UsageError, "two different points"),
        (lambda: linear((0, 4)), UsageError, "4 x 0 pixels cannot be"),
        (lambda: radial(SIZE, inner=0.5, outer=0.5), UsageError, "larger outer one; got 0.5 and 0.5"),
        (lambda: radial(SIZE, inner=-1), UsageError, "larger outer one"),
        (lambda: from_picture(torch.rand(3, 3), black=0.5, white=0.5), UsageError, "black < white"),
        (lambda: from_picture(torch.rand(3, 3), gamma=0.0), UsageError, "gamma > 0"),
        (lambda: from_picture(torch.rand(2, 3, 3)), GuideError, "this one has 2 channels"),
        (lambda: between([torch.rand(3, 2, 2)], torch.zeros(2, 2)), GuideError, "two or more styles; 1 came"),
        (lambda: between([torch.rand(3, 2, 2)] * 2, torch.full((2, 2), 1.5)), GuideError, "leaves 0..1"),
        (lambda: between([torch.rand(3, 2, 2)] * 2, torch.full((2, 2), float("nan"))), GuideError, "leaves 0..1"),
    ],
)
def test_what_cannot_be_is_told(build, error, says):
    with pytest.raises(error, match=says):
        build()
