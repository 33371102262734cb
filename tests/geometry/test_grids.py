"""Grids show what they should, and shrink without aliasing; points go with the picture; folds are found."""

import math

import pytest
import torch
import torch.nn.functional as F

from intarsia.errors import Notice
from intarsia.geometry import (
    field_energy,
    field_variation,
    folds,
    pixel_centers,
    resized,
    sample,
    seen_at,
    tell_of_folds,
    warp_grid,
)

POINTS = torch.tensor([[0.2, 0.3], [0.8, 0.25], [0.7, 0.75], [0.3, 0.8], [0.5, 0.5]]).double()
BENT = POINTS + torch.tensor([[0.04, 0.02], [-0.03, 0.05], [0.02, -0.04], [-0.05, 0.01], [0.03, 0.03]])


def test_pixels_have_their_centers_in_the_middle():
    grid = pixel_centers((2, 4))
    torch.testing.assert_close(grid[0, :, 0], torch.tensor([1, 3, 5, 7]).double() / 8)
    torch.testing.assert_close(grid[:, 3, 1], torch.tensor([0.25, 0.75]).double())


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_every_pixel_that_looks_at_itself_sees_itself(random_image, mode):
    image = random_image(37, 53)
    torch.testing.assert_close(sample(image, pixel_centers((37, 53)), mode), image, atol=2e-5, rtol=0)
    turned = sample(image, pixel_centers((53, 37)).flip(-1), mode)
    torch.testing.assert_close(turned, image.transpose(1, 2), atol=2e-5, rtol=0)


def test_beyond_the_border_there_is_the_border():
    image = torch.arange(6.0).view(1, 2, 3)
    far = sample(image, torch.tensor([[[-9.0, -9.0], [0.5, 1e9], [math.inf, 0.25]]]))
    assert far.flatten().tolist() == [0, 4, 2]


@pytest.mark.parametrize("size", [(64, 64), (32, 64), (16, 21), (5, 7)])
def test_what_shrinks_is_seen_as_means(size):
    """Nearer to the exact area means than one look is; a checkerboard turns gray instead of into another pattern."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 64, 64, generator=generator)
    wanted = F.interpolate(noise[None], size, mode="area")[0]
    seen = sample(noise, pixel_centers(size))
    once = F.grid_sample(noise[None], 2 * pixel_centers(size)[None].float() - 1, align_corners=False)[0]
    assert float((seen - wanted).square().mean()) < 0.3 * float((once - wanted).square().mean()) + 1e-9
    board = ((torch.arange(96)[:, None] + torch.arange(96)) % 2).float()[None]
    gray = sample(board, pixel_centers((31, 31)))[:, 1:-1, 1:-1]
    torch.testing.assert_close(gray, torch.full_like(gray, 0.5), atol=0.06, rtol=0)


def test_sampling_has_the_gradients_that_differences_have():
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 9, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    for factor in (0.3, 0.9):  # grows; shrinks, so that boxes depend on the grid too
        bend = 0.01 * torch.rand(4, 5, 2, generator=generator, dtype=torch.float64)
        grid = (0.5 + factor * (pixel_centers((4, 5)) - 0.5) + bend).requires_grad_()
        assert torch.autograd.gradcheck(sample, (image, grid))
    still = pixel_centers((8, 8)).requires_grad_()  # steps of one pixel exactly, where boxes begin to grow
    sample(image.detach()[:, :8], still).sum().backward()
    assert bool(still.grad.isfinite().all())


def test_points_go_with_the_picture():
    """A mark in a picture is seen where `seen_at` says, and turning around and looking again is no change."""
    size = (60, 80)
    grid = warp_grid(POINTS, BENT, size)
    torch.testing.assert_close(seen_at(POINTS, grid), BENT, atol=2e-4, rtol=0)  # of a side; a pixel is 0.0125 of it
    x, y = pixel_centers(size).unbind(-1)
    for point in POINTS:
        mark = torch.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) * 400)[None].float()
        seen = sample(mark, grid)[0]
        brightest = pixel_centers(size).flatten(0, 1)[seen.argmax()]
        assert float((brightest - seen_at(point[None], grid)[0]).abs().max()) < 0.02


def test_points_go_with_pictures_of_other_sizes_too():
    grid = warp_grid(POINTS, BENT, (1, 40))
    assert seen_at(POINTS, grid).shape == (5, 2)
    still = pixel_centers((7, 9))
    corners = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.31, 0.77]])
    torch.testing.assert_close(seen_at(corners, still), corners.double(), atol=1e-9, rtol=0)


def test_folds_are_found_and_told():
    still = pixel_centers((40, 40))
    assert folds(still) == 0
    assert folds(still.flip(1)) == 1
    assert folds(warp_grid(POINTS, BENT, (40, 40))) == 0
    exchanged = torch.cat([POINTS[:4], torch.tensor([[0.45, 0.5], [0.55, 0.5]])])
    grid = warp_grid(exchanged, torch.cat([POINTS[:4], exchanged[4:].flip(0)]), (40, 40))
    assert 0.005 < folds(grid) < 0.5
    with pytest.warns(Notice, match="folds over itself"):
        tell_of_folds(grid)


def test_variation_of_a_field_is_that_of_the_formula_at_all_sizes():
    for size in ((30, 40), (90, 120)):
        still = pixel_centers(size)
        assert float(field_variation(still)) == 0
        assert float(field_variation(still + 0.1)) == pytest.approx(0, abs=1e-9)
        wider = still * torch.tensor([1.1, 1.0])  # each pixel looks 0.1 pixels further right than the one before
        whole = (size[1] - 1) / size[1]
        assert float(field_variation(wider)) == pytest.approx(0.1 * whole)
    grid = warp_grid(POINTS, BENT, (6, 7)).requires_grad_()
    assert torch.autograd.gradcheck(field_variation, (grid,))


def test_energy_of_a_field_is_the_mean_of_its_squared_slopes_at_all_sizes():
    for size in ((30, 40), (90, 120)):
        still = pixel_centers(size)
        assert float(field_energy(still + 0.1)) == pytest.approx(0, abs=1e-9)
        wider = still * torch.tensor([1.1, 1.0])
        assert float(field_energy(wider)) == pytest.approx(0.01 * (size[1] - 1) / size[1])
    grid = warp_grid(POINTS, BENT, (6, 7)).requires_grad_()
    assert torch.autograd.gradcheck(field_energy, (grid,))


def test_a_grid_of_another_size_is_the_same_warp():
    small, large = (warp_grid(POINTS, BENT, size) for size in ((40, 60), (80, 120)))
    inner = slice(2, -2)
    torch.testing.assert_close(resized(small, (80, 120))[inner, inner], large[inner, inner], atol=2e-3, rtol=0)
    assert torch.equal(resized(small, (40, 60)), small)
