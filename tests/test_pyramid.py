import pytest
import torch

from intarsia.pyramid import coarse_to_fine, pad_to_multiple, pool_to_grid, split_steps


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
