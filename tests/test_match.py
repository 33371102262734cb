"""Matching is what a slow search finds, whatever the chunk; meanings and groups steer it; votes keep the sum."""

import pytest
import torch
import torch.nn.functional as F

from intarsia.match import centers, nearest, places, votes


def rows(features):
    return features.permute(1, 2, 0).flatten(0, 1)


def unfolded(features, window=(3, 3)):
    """(n, k, c), by torch's own means."""
    patches = F.unfold(features[None], window)[0]  # (c k, n)
    return patches.view(len(features), -1, patches.shape[1]).permute(2, 1, 0)


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 9, 8, generator=generator), torch.randn(5, 7, 11, generator=generator)


@pytest.mark.parametrize("window", [(3, 3), (1, 3), (2, 1), (7, 8)])
def test_places_are_those_of_an_unfolding(pictures, window):
    for one in pictures:
        at = places((one.shape[1], one.shape[2]), window)
        assert torch.equal(rows(one)[at], unfolded(one, window))


def test_places_by_center_and_from_a_first_row(pictures):
    one = pictures[0]
    inside = torch.zeros(9, 8, dtype=torch.bool)
    inside[4, 3] = inside[0, 0] = True  # no patch has the corner as its center
    (at,) = places((9, 8), inside=inside, first=100)
    assert torch.equal(rows(one)[at - 100].T.view(5, 3, 3), one[:, 3:6, 2:5])
    assert torch.equal(centers(one), one[:, 1:-1, 1:-1])


def test_nearest_is_what_a_slow_search_finds(pictures):
    image, style = pictures
    a, b = (F.normalize(unfolded(x).flatten(1), dim=1) for x in pictures)
    wanted = torch.stack([torch.stack([(one * other).sum() for other in b]).argmax() for one in a])
    at, offered = places((9, 8)), places((7, 11))
    assert torch.equal(nearest(rows(image), at, rows(style), offered), wanted)
    some = torch.tensor([40, 3, 17])
    assert torch.equal(nearest(rows(image), at[some], rows(style), offered), wanted[some])


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_the_chunk_does_not_matter(pictures, chunk):
    image, style = pictures
    meaning = (torch.rand(72, 2), torch.rand(77, 2))
    allowed = (torch.rand(42, 2) > 0.5, torch.rand(45, 2) > 0.5)
    allowed[0][:, 0] |= ~allowed[0].any(1)
    at, offered = places((9, 8)), places((7, 11))
    found, whole = (
        nearest(rows(image), at, rows(style), offered, meaning=meaning, allowed=allowed, chunk=size)
        for size in (chunk, 2048)
    )
    assert torch.equal(found, whole)


def test_brightness_of_a_patch_does_not_matter(pictures):
    image, style = pictures
    at, offered = places((9, 8)), places((7, 11))
    assert torch.equal(
        nearest(rows(7 * image), at, rows(style), offered), nearest(rows(image), at, rows(0.1 * style), offered)
    )


def test_groups_are_kept_apart(pictures):
    image, style = pictures
    at, offered = places((9, 8)), places((7, 11))
    here, there = (torch.rand(len(x), 3) > 0.6 for x in (at, offered))
    here[:, 0] |= ~here.any(1)
    found = nearest(rows(image), at, rows(style), offered, allowed=(here, there))
    assert bool((here & there[found]).any(1).all())
    free = nearest(rows(image), at, rows(style), offered)
    legal = (here & there[free]).any(1)
    assert torch.equal(found[legal], free[legal])


def test_meaning_counts_beside_the_features(pictures):
    image, style = pictures
    meanings = [torch.rand(2, 9, 8), torch.rand(2, 7, 11)]
    a, b = (F.normalize(unfolded(x).flatten(1), dim=1) for x in pictures)
    p, q = (unfolded(x).flatten(1) for x in meanings)
    wanted = (a @ b.T + 0.7 * p @ q.T / 9).argmax(1)
    found = nearest(
        rows(image),
        places((9, 8)),
        rows(style),
        places((7, 11)),
        meaning=(rows(meanings[0]), rows(meanings[1])),
        weight=0.7,
    )
    assert torch.equal(found, wanted)
    assert not torch.equal(found, (a @ b.T).argmax(1))


def test_votes_are_the_mean_of_the_claims(pictures):
    style = pictures[1]
    at, offered = places((9, 8)), places((7, 11))
    matched = offered[torch.randint(len(offered), (len(at),))]
    importance = torch.rand(len(at))
    said = votes(72, at, rows(style), matched, importance)
    center = 4 * 8 + 3
    under = (at == center).nonzero()
    assert len(under) == 9
    claims = torch.stack([importance[p] * rows(style)[matched[p, o]] for p, o in under]).sum(0)
    torch.testing.assert_close(said.target[center], claims / said.weight[center])
    assert float(said.weight.sum()) == pytest.approx(9 * float(importance.sum()), rel=1e-5)
    assert float(said.weight[0]) == pytest.approx(float(importance[0]))  # a corner lies under one patch
