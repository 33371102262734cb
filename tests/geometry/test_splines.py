"""Splines are those of scipy, with slopes; pairs that none can carry are told."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from intarsia.errors import GuideError
from intarsia.geometry import (
    border_points,
    check_pairs,
    influences,
    pixel_centers,
    sample,
    splines,
    thin_plate,
    warp_grid,
)


def drawn(n: int, seed: int, shift: float = 0.05) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    points = torch.rand(n, 2, generator=random, dtype=torch.float64)
    return points, points + shift * torch.randn(n, 2, generator=random, dtype=torch.float64)


@given(st.integers(4, 60), st.integers(0, 99), st.sampled_from([0.0, 0.01, 1.0]))
def test_it_is_the_spline_of_scipy(n, seed, smoothing):
    points, targets = drawn(n, seed)
    size = (18, 30)
    unit = np.array([30, 18]) / 30
    theirs = RBFInterpolator(targets.numpy() * unit, points.numpy(), smoothing=smoothing, kernel="thin_plate_spline")
    wanted = theirs(pixel_centers(size).reshape(-1, 2).numpy() * unit).reshape(*size, 2)
    np.testing.assert_allclose(warp_grid(points, targets, size, smoothing), wanted, atol=1e-6)


def test_points_are_met_and_pixels_at_the_targets_look_at_the_points():
    points, targets = drawn(20, 0)
    spline = thin_plate(targets, points, (50, 100))
    torch.testing.assert_close(spline(targets), points, atol=1e-9, rtol=0)
    torch.testing.assert_close(spline(targets.view(4, 5, 2)), points.view(4, 5, 2), atol=1e-9, rtol=0)


def test_a_picture_is_warped_so_that_points_come_to_targets():
    x, y = pixel_centers((64, 96)).unbind(-1)
    points, targets = torch.cat([border_points(), torch.tensor([[0.4, 0.5]])]), border_points()
    targets = torch.cat([targets, torch.tensor([[0.6, 0.4]])])
    dot = torch.exp(-200 * ((x - 0.4) ** 2 + (y - 0.5) ** 2))[None].float()
    seen = sample(dot, warp_grid(points, targets, (64, 96)))[0]
    row, column = divmod(int(seen.argmax()), 96)
    assert abs(column - 0.6 * 96) <= 1
    assert abs(row - 0.4 * 64) <= 1


def test_distances_are_true_to_the_aspect():
    """A square picture stretched to twice its width has other distances, and so another warp."""
    points, targets = drawn(8, 3)
    square, wide = (warp_grid(points, targets, size)[::4, ::4] for size in ((40, 40), (40, 400)))
    assert float((square - wide[:, ::10]).abs().max()) > 1e-3


def test_scale_of_the_size_changes_nothing():
    points, targets = drawn(8, 3)
    torch.testing.assert_close(warp_grid(points, targets, (10, 15))[0, 0], thin_plate(targets, points, (20, 30))(
        torch.tensor([[0.5 / 15, 0.5 / 10]]))[0])  # fmt: skip


def test_slopes_are_those_that_differences_have(monkeypatch):
    points, targets = drawn(5, 1)
    points.requires_grad_(), targets.requires_grad_()

    def warped(points, targets):
        return warp_grid(points, targets, (4, 5), 0.1)

    assert torch.autograd.gradcheck(warped, (points, targets))
    whole = warped(points, targets)
    whole.square().sum().backward()
    slope, targets.grad = targets.grad.clone(), None
    monkeypatch.setattr(splines, "BLOCK", 15)  # in blocks of three pixels
    pieces = warped(points, targets)
    pieces.square().sum().backward()
    torch.testing.assert_close(pieces, whole)
    torch.testing.assert_close(targets.grad, slope)


def test_slopes_at_a_point_itself_are_finite():
    points = pixel_centers((4, 4)).reshape(-1, 2)
    targets = points.clone().requires_grad_()
    warp_grid(points, targets, (4, 4)).square().sum().backward()
    assert bool(targets.grad.isfinite().all())


def test_border_points_are_all_around_and_none_is_twice():
    assert border_points(0).shape == (4, 2)
    for between in (0, 1, 5):
        held = border_points(between)
        assert len(held) == 4 + 4 * between
        assert bool(((held == 0) | (held == 1)).any(1).all())
        check_pairs(held, held)


PAIRS = [[0.1, 0.1], [0.9, 0.2], [0.5, 0.8], [0.4, 0.4]]


@pytest.mark.parametrize(
    ("points", "targets", "says"),
    [
        (PAIRS[:2], PAIRS[:2], "three pairs of points or more; got 2"),
        (PAIRS, PAIRS[:3], "three pairs"),
        ([*PAIRS, PAIRS[1]], [*PAIRS, [0.3, 0.9]], "pair 2 and pair 5 have the same point among the points"),
        ([*PAIRS, [0.3, 0.9]], [*PAIRS, PAIRS[0]], "pair 1 and pair 5 have the same point among the targets"),
        ([[0.1, 0.1], [0.2, 0.2], [0.9, 0.9]], PAIRS[:3], "all 3 points lie on one line"),
        (PAIRS[:3], [[0.1, 0.5], [0.3, 0.5], [0.8, 0.5]], "all 3 targets lie on one line"),
        ([*PAIRS, [120.0, 40.0]], [*PAIRS, [0.3, 0.9]], "pair 5: 120,40 among the points is not in the picture"),
        ([*PAIRS, [float("nan"), 0.0]], [*PAIRS, [0.3, 0.9]], "pair 5: nan"),
    ],
)
def test_pairs_that_no_warp_can_serve_are_told(points, targets, says):
    with pytest.raises(GuideError, match=says):
        check_pairs(torch.tensor(points), torch.tensor(targets))


def test_a_warp_refuses_them_too_but_lets_points_leave_the_picture():
    points = torch.tensor(PAIRS)
    with pytest.raises(GuideError, match="same point"):
        warp_grid(points, points[[0, 1, 2, 0]], (5, 5))
    assert bool(warp_grid(points, points + 2, (5, 5)).isfinite().all())


def test_pairs_are_told_by_their_names():
    points = torch.tensor(PAIRS)
    with pytest.raises(GuideError, match="pair nose and pair 4"):
        check_pairs(points, points[[0, 1, 2, 0]], names=["nose", "", "", ""])


def test_influences_are_the_spline_as_it_goes_with_its_targets():
    centers, targets = drawn(20, 2)
    size = (9, 12)
    places = pixel_centers(size).flatten(0, 1)
    moved = places + influences(centers, places, size) @ (targets - centers)
    torch.testing.assert_close(moved, thin_plate(centers, targets, size)(places), atol=1e-9, rtol=0)
    with pytest.raises(GuideError, match="the same point"):
        influences(torch.cat([centers, centers[:1]]), places, size)
