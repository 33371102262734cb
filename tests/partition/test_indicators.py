import pytest
import torch

from intarsia.encoders import load
from intarsia.partition.indicators import TAPS, at, color_indicators, lab, tap_indicators


@pytest.fixture(scope="module")
def compact():
    return load("compact", device="cpu", precision="fp32")


@pytest.fixture
def halves(random_image):
    """Left smooth and blue, right rough and orange, 64 x 80."""
    image = torch.tensor([0.2, 0.3, 0.8])[:, None, None].expand(3, 64, 80).clone()
    image[:, :, 40:] = torch.tensor([0.9, 0.5, 0.1])[:, None, None] * random_image(64, 40, 3)
    return image


def test_lab_tells_colors_apart_as_eyes_do():
    white, gray, red = lab(torch.tensor([[1.0, 0.5, 1.0], [1.0, 0.5, 0.0], [1.0, 0.5, 0.0]])[:, None]).squeeze(1).T
    assert white.tolist() == pytest.approx([1, 0, 0], abs=2e-3)
    assert gray[1:].tolist() == pytest.approx([0, 0], abs=2e-3)
    assert float(red[1]) > 0.5


def test_resizing_keeps_means_and_constants():
    maps = torch.rand(2, 12, 20)
    torch.testing.assert_close(at(maps, (6, 10)).mean((1, 2)), maps.mean((1, 2)))
    torch.testing.assert_close(at(torch.full((1, 5, 7), 0.3), (11, 9)), torch.full((1, 11, 9), 0.3))


@pytest.mark.parametrize("carry", ["upsample", "gradient"])
def test_each_tap_tells_the_halves_apart(compact, halves, carry):
    grid = (16, 20)
    maps = tap_indicators(compact, halves, grid, torch.ones(grid), 2, carry)
    assert len(maps) == len(TAPS)
    for one in maps[:3]:
        torch.testing.assert_close(one.sum(0), torch.ones(grid), atol=1e-4, rtol=0)
        left, right = one[:, :, :7].mean((1, 2)), one[:, :, 13:].mean((1, 2))
        assert float((left - right).abs().max()) > 0.3, "no cluster prefers one half"


def test_colors_tell_the_halves_apart(halves):
    maps = color_indicators(halves, (16, 20), torch.ones(16, 20), 2)
    assert float((maps[:, :, :8].mean((1, 2)) - maps[:, :, 12:].mean((1, 2))).abs().min()) > 0.5


def test_what_pads_the_picture_for_the_network_shifts_nothing(compact):
    """33 pixels are padded to 48: without regard for that, the map of a tap would be laid over a third too small."""
    image = torch.zeros(3, 33, 33)
    image[:, :, 16:] = 1
    for one in tap_indicators(compact, image, (33, 33), torch.ones(33, 33), 2)[:2]:
        border = (one[0, 16] - one[0, 16, 0]).abs().gt(0.5).nonzero()
        assert abs(int(border[0]) - 16) <= 4
