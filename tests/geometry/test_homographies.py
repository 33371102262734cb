"""Points go where OpenCV sends them."""

import itertools
import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intarsia.errors import GuideError, UsageError
from intarsia.geometry import CORNERS, apply, grid_of_homography, homography, pixel_centers, sample, similarity

WHOLE = torch.tensor(CORNERS)
SCREEN = torch.tensor([[0.22, 0.31], [0.81, 0.18], [0.9, 0.77], [0.13, 0.86]])


def smooth(h: int, w: int) -> torch.Tensor:
    x, y = pixel_centers((h, w)).float().unbind(-1)
    return torch.stack([0.5 + 0.4 * torch.sin(9 * x + 4 * y), 0.5 + 0.4 * torch.cos(7 * y - 3 * x), x * y])


def in_pixels(matrix: torch.Tensor, size: tuple[int, int], onto: tuple[int, int]) -> np.ndarray:
    """The homography as OpenCV has it: in pixels, whose centers have whole numbers."""

    def frame(h: int, w: int) -> np.ndarray:
        return np.array([[1 / w, 0, 0.5 / w], [0, 1 / h, 0.5 / h], [0, 0, 1]])

    return np.linalg.inv(frame(*onto)) @ matrix.numpy() @ frame(*size)


@given(st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=8))
def test_four_pairs_are_met_exactly_as_by_opencv(shifts):
    target = WHOLE + torch.tensor(shifts).view(4, 2)
    found = homography(SCREEN, target)
    torch.testing.assert_close(apply(found, SCREEN.double()), target.double(), atol=1e-9, rtol=0)
    theirs = torch.from_numpy(cv2.getPerspectiveTransform(SCREEN.numpy(), target.numpy()))
    # up to scale, and not by the last entry, which is near 0 where the horizon passes through the corner
    torch.testing.assert_close(found / found.norm() * found[2, 2].sign(), theirs / theirs.norm(), atol=1e-5, rtol=1e-5)
    back = homography(target, SCREEN) @ found
    torch.testing.assert_close(back / back[2, 2], torch.eye(3).double(), atol=1e-8, rtol=0)


def test_more_pairs_are_met_by_least_squares():
    generator = torch.Generator().manual_seed(3)
    points = torch.rand(200, 2, generator=generator)
    true = homography(WHOLE, SCREEN)
    noisy = apply(true, points) + 0.01 * torch.randn(200, 2, generator=generator)
    found = homography(points, noisy)
    assert float((apply(found, WHOLE) - SCREEN).abs().max()) < 0.01  # less than the noise of one
    theirs, _ = cv2.findHomography(points.numpy(), noisy.numpy())
    torch.testing.assert_close(apply(found, WHOLE), apply(torch.from_numpy(theirs), WHOLE), atol=2e-3, rtol=0)


def test_a_picture_is_warped_as_by_opencv():
    size, onto = (60, 90), (75, 80)
    image = smooth(*size)
    matrix = homography(WHOLE, SCREEN)
    seen = sample(image, grid_of_homography(torch.linalg.inv(matrix), onto))
    theirs = cv2.warpPerspective(
        image.permute(1, 2, 0).numpy(), in_pixels(matrix, size, onto), onto[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    # only where nothing shrinks do both look once; OpenCV rounds places to 1/32 of a pixel
    torch.testing.assert_close(seen, torch.from_numpy(theirs).permute(2, 0, 1), atol=0.012, rtol=0)


def test_corners_to_a_rectangle_and_back_are_the_picture():
    image, size, rectangle = smooth(240, 320), (240, 320), (200, 260)
    matrix = homography(SCREEN, WHOLE)
    flat = sample(image, grid_of_homography(torch.linalg.inv(matrix), rectangle), "bicubic")
    grid = grid_of_homography(matrix, size)
    back = sample(flat, grid, "bicubic")
    inside = ((grid > 0.02) & (grid < 0.98)).all(-1)
    assert int(inside.sum()) > 20_000
    error = float((back - image)[:, inside].square().mean())
    assert -10 * math.log10(error) >= 38


def test_what_lies_behind_the_horizon_is_not_seen():
    steep = torch.tensor([[0.4, 0.45], [0.6, 0.45], [1.0, 1.0], [0.0, 1.0]])  # its horizon is at y = 0.3125
    matrix = homography(steep, WHOLE)
    above = apply(matrix, torch.tensor([[0.5, 0.0], [0.5, 0.2], [0.3, 0.3125]]).double())
    assert bool((above.abs().amax(1) > 2).all())
    assert bool(grid_of_homography(matrix, (40, 40)).isfinite().all())


def test_a_similarity_is_true_in_pixels():
    size, onto = (40, 100), (300, 200)
    matrix = similarity(size, onto, scale=1.5, angle_degrees=90, center=(0, 0), to=(0.5, 0.1))
    placed = apply(matrix, WHOLE.double()) * torch.tensor([200, 300])
    torch.testing.assert_close(placed, torch.tensor([[100, 30], [100, 180], [40, 180], [40, 30]]).double())
    straight = apply(similarity(size, onto), torch.tensor([[0.5, 0.5], [0.6, 0.5]]).double())
    torch.testing.assert_close(straight, torch.tensor([[0.5, 0.5], [0.55, 0.5]]).double())
    matrix = similarity(size, onto, 0.7, -33, (0.2, 0.9), (0.4, 0.3))
    torch.testing.assert_close(homography(WHOLE, apply(matrix, WHOLE.double())), matrix)


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        (SCREEN[:3], "four pairs of finite points or more; got 0.22,0.31 0.81,0.18 0.9,0.77 and"),
        (SCREEN[:0], "got none and 0,0"),
        (torch.full((4, 2), math.nan), "four pairs of finite"),
        (SCREEN[[0, 1, 1, 3]], "two of them are the same point. Move them apart"),
        (SCREEN[[0, 0, 0, 0]], "two of them are the same point"),
        (torch.tensor([[0.1, 0.1], [0.5, 0.5], [0.9, 0.9], [0.1, 0.8]]), "three of four lie on one line"),
        (torch.tensor([[0.1, 0.3], [0.3, 0.3], [0.6, 0.3], [0.9, 0.3]]), "three of four lie on one line"),
        (SCREEN[[0, 2, 1, 3]], "crosses itself or is dented. Give the corners in their order around"),
        (torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.4, 0.4], [0.1, 0.9]]), "crosses itself or is dented"),
    ],
)
def test_corners_that_span_no_rectangle_are_told(corners, says):
    for pair in ((corners, WHOLE), (WHOLE, corners)):
        if len(corners) == 4 or pair[0] is corners:
            with pytest.raises(GuideError, match=says):
                homography(*pair)


def test_many_points_on_one_line_are_told():
    line = torch.stack([torch.linspace(0, 1, 9), torch.linspace(0.2, 0.4, 9)], 1)
    with pytest.raises(GuideError, match="three of four lie on one line"):
        homography(line, line)


def test_any_turn_and_mirror_image_of_corners_will_do_but_no_other_order():
    fine = 0
    for order in itertools.permutations(range(4)):
        try:
            homography(SCREEN[list(order)], WHOLE)
            fine += 1
        except GuideError as error:
            assert "crosses itself" in str(error)  # noqa: PT017
    assert fine == 8


def test_a_scale_that_cannot_be_is_told():
    for scale in (0, -1, math.nan, math.inf):
        with pytest.raises(UsageError, match="above 0"):
            similarity((4, 4), (4, 4), scale)
