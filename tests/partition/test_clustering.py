import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.partition.clustering import Anchors, Grid, kmeans, maximum_entropy


@pytest.fixture
def blobs():
    """Three clouds of 60, 40 and 20 points in the plane, (2, 120), and which is whose."""
    generator = torch.Generator().manual_seed(0)
    centers = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    whose = torch.tensor([0] * 60 + [1] * 40 + [2] * 20)
    return centers[whose].T + 0.5 * torch.randn(2, 120, generator=generator), whose


def same_groups(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool(((a[:, None] == a) == (b[:, None] == b)).all())


@pytest.mark.parametrize("seed", range(5))
def test_clouds_that_stand_apart_are_found(blobs, seed):
    features, whose = blobs
    assert same_groups(kmeans(features, 3, seed=seed), whose)
    found = maximum_entropy(features, 3, seed=seed)
    assert same_groups(found.soft.argmax(0), whose)
    assert float(found.soft.amax(0).mean()) > 0.95  # everyone clearly belongs somewhere


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 30), st.integers(1, 4), st.integers(0, 3))
def test_parts_are_finite_and_sum_to_one(k, n, c, kinds):
    """Also of one position, of equal positions, and of fewer kinds than clusters."""
    generator = torch.Generator().manual_seed(n)
    features = torch.randn(c, kinds + 1, generator=generator)[:, torch.arange(n) % (kinds + 1)]
    found = maximum_entropy(features, k)
    assert found.soft.isfinite().all()
    torch.testing.assert_close(found.soft.sum(0), torch.ones(n))
    assert int(kmeans(features, k).max()) < k


def test_equal_features_have_equal_parts():
    soft = maximum_entropy(torch.full((3, 50), 0.3), 3).soft
    assert bool((soft == soft[:, :1]).all())


def test_neither_shift_nor_scale_nor_order_of_positions_matters(blobs):
    features, _ = blobs
    labels = maximum_entropy(features, 3).soft.argmax(0)
    order = torch.randperm(120, generator=torch.Generator().manual_seed(1))
    assert same_groups(maximum_entropy(1000 * features + 500, 3).soft.argmax(0), labels)
    assert same_groups(maximum_entropy(features[:, order], 3).soft.argmax(0), labels[order])


def test_the_same_seed_gives_the_same_clusters(blobs):
    first, again = (maximum_entropy(blobs[0], 3, seed=4).soft for _ in range(2))
    assert torch.equal(first, again)


def test_positions_without_weight_have_no_say(blobs):
    features, whose = blobs
    weights = (whose != 2).float()
    moved = features.clone()
    moved[:, whose == 2] += 100
    a, b = (maximum_entropy(one, 2, weights=weights).soft.argmax(0)[whose != 2] for one in (features, moved))
    assert same_groups(a, b)
    assert same_groups(a, whose[whose != 2])


def test_balance_draws_sizes_together():
    line = torch.linspace(-1, 1, 200).abs().pow(3)[None]  # most positions lie close to 0
    sizes = [maximum_entropy(line, 2, balance=balance).soft.sum(1) for balance in (1.1, 8.0)]
    assert sizes[1].min() > sizes[0].min()


def test_a_large_ridge_makes_borders_soft(blobs):
    sharp, soft = (maximum_entropy(blobs[0], 3, ridge=ridge).soft.amax(0).mean() for ridge in (1e-4, 0.1))
    assert float(sharp) > float(soft) + 0.05


def test_anchors_decide_who_is_called_what(blobs):
    features, whose = blobs
    places = torch.tensor([0, 60, 100])
    for labels in (torch.tensor([0, 1, 2]), torch.tensor([2, 0, 1])):
        start = labels[whose]
        found = maximum_entropy(features, 3, start=start, anchors=Anchors(places, labels)).soft.argmax(0)
        assert found[places].tolist() == labels.tolist()


def test_smoothing_takes_out_specks(random_image):
    h = w = 24
    picture = torch.zeros(h, w)
    picture[:, w // 2 :] = 1
    noisy = picture + 0.6 * torch.randn(h, w, generator=torch.Generator().manual_seed(0))
    place = ((torch.arange(w) + 0.5) / w - 0.5).expand(h, w)
    features = torch.stack([noisy, place]).flatten(1)
    grid = Grid((h, w), torch.ones(h, w - 1), torch.ones(h - 1, w))

    def turns(smooth: float) -> int:
        labels = maximum_entropy(features, 2, smooth=smooth, grid=grid).soft.argmax(0).view(h, w)
        return int((labels[:, 1:] != labels[:, :-1]).sum() + (labels[1:] != labels[:-1]).sum())

    assert turns(3.0) < 0.5 * turns(0.0)
