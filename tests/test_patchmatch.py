"""Copied pictures consist of the source's patches, take from where they are allowed to, and may have any size."""

import pytest
import torch
import torch.nn.functional as F

from intarsia import swatches
from intarsia.patchmatch import Sheet, copied


def everywhere(picture, regions=1):
    return torch.ones(regions, *picture.shape[1:])


def fine(picture):
    """Energy of the finest detail."""
    return float((picture[..., 1:] - picture[..., :-1]).square().mean())


@pytest.fixture(scope="module")
def style():
    return swatches.paint("starry", (72, 96))


@pytest.mark.parametrize("name", ["starry", "impasto", "mosaic"])
def test_a_blurred_part_of_the_source_comes_back_sharp(name):
    style = swatches.paint(name, (96, 128))
    part = style[:, 9:60, 14:91]
    soft = F.avg_pool2d(part[None], 3, 1, 1)[0]
    made = copied(soft, everywhere(soft), [Sheet.of(style, everywhere(style))])
    assert made.shape == soft.shape
    assert (made - part).abs().mean() < 0.6 * (soft - part).abs().mean()
    assert fine(soft) < 0.25 * fine(part)
    assert fine(made) > 0.7 * fine(part)


def test_pieces_are_copied_whole(style):
    """A part of the source is found where it is, wherever it stands in the picture."""
    part = style[:, 9:60, 14:91]
    made = copied(part, everywhere(part), [Sheet.of(style, everywhere(style))])
    assert ((made - part).abs() < 0.02).float().mean() > 0.9


def test_the_same_seed_is_the_same_picture(style):
    image, source = torch.rand(3, 40, 40), [Sheet.of(style, everywhere(style))]
    first, again, other = (copied(image, everywhere(image), source, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_region_takes_from_what_is_offered_to_it():
    red, blue = (torch.tensor(color)[:, None, None] for color in ([0.9, 0.1, 0.1], [0.1, 0.1, 0.9]))
    left = torch.zeros(1, 40, 60)
    left[..., :30] = 1
    regions = torch.cat([left, 1 - left])
    image = 0.5 + 0.1 * torch.rand(3, 40, 60)
    whole = Sheet.of(left * red + (1 - left) * blue, regions)  # one picture with a map for each region
    apart = [  # and two, of other sizes
        Sheet.of(red.expand(3, 13, 70), torch.tensor([1.0, 0])[:, None, None].expand(2, 13, 70)),
        Sheet.of(blue.expand(3, 30, 9), torch.tensor([0, 1.0])[:, None, None].expand(2, 30, 9)),
    ]
    for sources in ([whole], apart):
        made = copied(image, regions, sources)
        assert torch.allclose(made[:, :, :24], red.expand(3, 40, 24), atol=0.02)
        assert torch.allclose(made[:, :, -24:], blue.expand(3, 40, 24), atol=0.02)


@pytest.mark.parametrize("height", [1, 3, 4])
def test_a_small_source_is_found_though_coarse_sizes_do_not_hold_it(height):
    red, blue = (torch.tensor(color)[:, None, None] for color in ([0.9, 0.1, 0.1], [0.1, 0.1, 0.9]))
    sources = [
        Sheet.of(red.expand(3, height, 40), torch.tensor([1.0, 0])[:, None, None].expand(2, height, 40)),
        Sheet.of(blue.expand(3, 40, 40), torch.tensor([0, 1.0])[:, None, None].expand(2, 40, 40)),
    ]
    wanted = torch.tensor([1.0, 0])[:, None, None].expand(2, 32, 32)
    made = copied(0.5 + 0.1 * torch.rand(3, 32, 32), wanted, sources)
    assert torch.allclose(made, red.expand(3, 32, 32), atol=0.02)


def test_what_another_region_may_use_too_is_open_to_all(style):
    """Only what is not offered counts against a place."""
    both = Sheet.of(style, everywhere(style, 2))
    wanted = torch.cat([everywhere(style), 0 * everywhere(style)])
    made = copied(style, wanted, [both])
    assert ((made - style).abs() < 0.02).float().mean() > 0.9


@pytest.mark.parametrize(
    ("size", "source"), [((1, 1), (1, 1)), ((3, 20), (7, 5)), ((30, 41), (2, 50)), ((2, 2), (90, 3))]
)
def test_any_size(size, source):
    image, style = torch.rand(3, *size), torch.rand(3, *source)
    made = copied(image, everywhere(image), [Sheet.of(style, everywhere(style))])
    assert made.shape == image.shape
    assert bool(made.isfinite().all())
    assert style.min() - 1e-5 <= made.min()
    assert made.max() <= style.max() + 1e-5


def test_a_source_of_one_color():
    flat = torch.full((3, 20, 30), 0.3)
    made = copied(torch.rand(3, 32, 32), torch.ones(1, 32, 32), [Sheet.of(flat, everywhere(flat))])
    assert torch.allclose(made, torch.tensor(0.3))
