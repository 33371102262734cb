import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import UsageError
from intarsia.sizes import coarse_to_fine, enlarged, extent, fit, pad_to_multiple, pool_to_grid, resize, split_steps


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 4000))
def test_fit_keeps_the_aspect(h, w, long_side):
    new_h, new_w = fit(h, w, long_side)
    assert max(new_h, new_w) == long_side
    assert min(new_h, new_w) >= 1
    assert abs(new_h - long_side * h / max(h, w)) <= 1
    assert abs(new_w - long_side * w / max(h, w)) <= 1


def test_fit_examples():
    assert fit(600, 800, 512) == (384, 512)
    assert fit(3, 5000, 512) == (1, 512)
    with pytest.raises(UsageError, match="long side of 0"):
        fit(600, 800, 0)


def test_resize_to_its_own_size_changes_nothing():
    image = torch.rand(3, 5, 7) * 3 - 1
    assert torch.equal(resize(image, (5, 7)), image)


@settings(max_examples=40)
@given(*[st.integers(1, 30)] * 4, st.floats(0, 1, width=32))
def test_resize_keeps_flat_colors_and_the_range(h, w, new_h, new_w, value):
    flat = resize(torch.full((2, h, w), value), (new_h, new_w))
    assert flat.shape == (2, new_h, new_w)
    assert (flat - value).abs().max() < 1e-5
    rough = resize(torch.rand(h, w).round(), (new_h, new_w))
    assert rough.shape == (new_h, new_w)
    assert 0 <= rough.min() <= rough.max() <= 1


def test_resize_lets_every_pixel_have_its_say():
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    small = resize(board.float().expand(3, 64, 64), (9, 9))
    assert (small - 0.5).abs().max() < 0.05  # without antialiasing it would be black or white in places


def test_resize_keeps_pixel_centers_in_place():
    ramp = ((torch.arange(40) + 0.5) / 40).expand(1, 8, 40)
    small = resize(ramp, (8, 10))[0, 0]
    assert (small - (torch.arange(10) + 0.5) / 10)[2:-2].abs().max() < 1e-3


def test_sizes_end_at_the_picture_and_begin_near_the_coarsest():
    assert coarse_to_fine((384, 512)) == [(96, 128), (192, 256), (384, 512)]
    assert coarse_to_fine((512, 512), factor=2**0.5)[0] == (128, 128)
    assert len(coarse_to_fine((512, 512), factor=2**0.5)) == 5


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 5000), (60, 127), (128, 128), (700, 333)])
def test_any_size_has_a_way_up(size):
    sizes = coarse_to_fine(size)
    assert sizes[-1] == size
    assert all(min(s) >= 1 for s in sizes)
    assert extent(sizes[0]) <= max(128 * 2**0.5 + 1, 1)


@pytest.mark.parametrize("size", [(40, 50), (97, 130), (640, 700)])
def test_an_image_is_enlarged_in_parts_as_in_one_and_keeps_its_place(size):
    """A ramp is one at any size, from border to border but for half a pixel; and so is one below 0 and above 1."""
    image = torch.linspace(-3, 5, 50).expand(2, 40, 50) + torch.linspace(0, 2, 40)[:, None]
    whole = enlarged(image, size, slice(0, size[0]))
    parts = torch.cat([enlarged(image, size, slice(top, min(top + 7, size[0]))) for top in range(0, size[0], 7)], 1)
    assert torch.equal(parts, whole)
    y, x = ((torch.arange(n) + 0.5) / n for n in size)
    expected = -3 + (x * 50 - 0.5) * 8 / 49 + ((y * 40 - 0.5) * 2 / 39)[:, None]
    inside = (slice(None), (y > 0.06) & (y < 0.94))
    columns = (x > 0.05) & (x < 0.95)
    torch.testing.assert_close(
        whole[inside][..., columns], expected.expand(2, *size)[inside][..., columns], atol=0.02, rtol=0
    )
    if size == (40, 50):
        torch.testing.assert_close(whole, image, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("steps", "levels"), [(300, 3), (1, 1), (3, 3), (4, 4), (7, 4), (1000, 2)])
def test_steps_add_up_and_fall(steps, levels):
    parts = split_steps(steps, levels)
    assert sum(parts) == steps
    assert len(parts) == levels
    assert parts[0] >= parts[-1] >= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 3), (16, 16), (17, 31), (5, 100)])
def test_padding_keeps_the_picture_and_reaches_a_multiple(size):
    image = torch.rand(3, *size)
    padded = pad_to_multiple(image, 16)
    assert all(n % 16 == 0 and n - m < 16 for n, m in zip(padded.shape[-2:], size, strict=True))
    assert torch.equal(padded[:, : size[0], : size[1]], image)
    assert float(padded.min()) >= float(image.min())


def test_pooled_maps_keep_their_area_and_padding_has_no_say():
    maps = torch.rand(2, 19, 37)
    pooled = pool_to_grid(maps, (8, 12), 4)
    torch.testing.assert_close(pooled.sum((1, 2)) * 16, maps.sum((1, 2)))
    assert float(pooled[:, 5:].abs().max()) == 0


@pytest.mark.parametrize("size", [(160, 1280), (1280, 160), (64, 4000), (100, 900), (3, 5000)])
def test_a_panorama_begins_as_a_piece_of_it_does(size):
    short = min(size)
    first, piece = coarse_to_fine(size)[0], coarse_to_fine((short, 2 * short))[0]
    assert min(first) == min(piece)
    assert coarse_to_fine((480, 640))[0] == (120, 160)  # what is no panorama goes by its long side
