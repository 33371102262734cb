import pytest
import torch

from intarsia.partition.walks import first_seeds, leaving_times


@pytest.fixture
def disk():
    """A disk in the middle of 24 x 24 places: features, and where it is."""
    y, x = torch.meshgrid(torch.arange(24) - 11.5, torch.arange(24) - 11.5, indexing="ij")
    inside = (y**2 + x**2) < 36
    return inside.float()[None], inside


def test_what_is_enclosed_keeps_walks_for_long(disk):
    features, inside = disk
    times = leaving_times(features)
    assert float(times[inside].min()) > float(times[~inside].max())
    assert float(times.min()) >= 0
    assert float(times.max()) <= 1.2


def test_an_object_that_stands_on_the_lower_frame_is_enclosed():
    features = torch.zeros(1, 24, 24)
    features[:, 8:, 8:16] = 1
    times = leaving_times(features)
    assert float(times[10:, 8:16].mean()) > 1.5 * float(times[10:, 17:].mean())


def test_times_are_mirrored_with_the_picture(disk):
    features, _ = disk
    features = features + torch.linspace(0, 0.3, 24)
    torch.testing.assert_close(leaving_times(features.flip(2)), leaving_times(features).flip(1), atol=1e-4, rtol=1e-4)


def test_walks_meet_the_seed_of_their_own_part_first(disk):
    features, inside = disk
    places = torch.tensor([12 * 24 + 12, 0])
    met = first_seeds(features, places, torch.tensor([1, 0]), 3)
    torch.testing.assert_close(met.sum(0), torch.ones(24, 24), atol=1e-4, rtol=0)
    assert bool((met[1][inside] > 0.5).all())
    assert bool((met[0][~inside] > 0.5).all())
    assert float(met[2].max()) == 0  # nobody bears label 2
    assert met[:, 12, 12].tolist() == [0, 1, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 1), (2, 2)])
def test_small_grids_are_finite(size):
    assert leaving_times(torch.rand(2, *size)).isfinite().all()
    met = first_seeds(torch.rand(2, *size), torch.tensor([0]), torch.tensor([1]), 2)
    torch.testing.assert_close(met[1], torch.ones(size))
