import pytest
import torch

from intarsia.sizes import coarse_to_fine, enlarged, pad_to_multiple, pool_to_grid, split_steps


def test_sizes_end_at_the_picture_and_begin_near_the_coarsest():
    assert coarse_to_fine((384, 512)) == [(96, 128), (192, 256), (384, 512)]
    assert coarse_to_fine((512, 512), factor=2**0.5)[0] == (128, 128)
    assert len(coarse_to_fine((512, 512), factor=2**0.5)) == 5


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 5000), (60, 127), (128, 128), (700, 333)])
def test_any_size_has_a_way_up(size):
    sizes = coarse_to_fine(size)
    assert sizes[-1] == size
    assert all(min(s) >= 1 for s in sizes)
    assert max(sizes[0]) <= max(128 * 2**0.5 + 1, 1)


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
