"""Lines are where the grid looks at lines, and dots where the points have come to."""

import torch
from PIL import ImageColor

from intarsia.geometry import pixel_centers, warp_grid
from intarsia.geometry.splines import border_points
from intarsia.survey import warp_shown
from intarsia.survey.pairs import COLORS, GAP, HEAD, SIDE
from intarsia.survey.warps import LINES


def blue(shown):
    return shown[2] - shown[0] > 0.4


def test_without_a_warp_both_sides_have_the_same_straight_lines():
    gray = torch.full((3, 60, 60), 0.5)
    shown = warp_shown(gray, gray, pixel_centers((60, 60)).float(), torch.empty(0, 2, dtype=torch.float64))
    left, right = shown[:, HEAD:, :SIDE], shown[:, HEAD:, SIDE + GAP :]
    inner = slice(12, -12)
    torch.testing.assert_close(left[:, inner, inner], right[:, inner, inner], atol=0.05, rtol=0)
    counted = blue(left)[SIDE // LINES // 2].int().diff().eq(1).sum()  # a row between two lines
    assert LINES - 1 <= int(counted) <= LINES + 1


def test_dots_go_with_the_warp():
    gray = torch.full((3, 64, 64), 0.5)
    points = torch.tensor([[0.3, 0.4], [0.7, 0.5], [0.5, 0.8]], dtype=torch.float64)
    targets = points + torch.tensor([0.1, -0.06])
    held = border_points()
    grid = warp_grid(torch.cat([held, points]), torch.cat([held, targets]), (64, 64))
    shown = warp_shown(gray, gray, grid, points)
    for i, (here, there) in enumerate(zip(points.tolist(), targets.tolist(), strict=True)):
        wanted = torch.tensor(ImageColor.getrgb(COLORS[i])) / 255
        for left, (x, y) in ((0, here), (SIDE + GAP, there)):
            at = shown[:, HEAD + round(y * SIDE), left + round(x * SIDE)]
            torch.testing.assert_close(at, wanted, atol=0.01, rtol=0)
