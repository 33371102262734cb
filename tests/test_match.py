"""Matching is what a slow search finds, whatever the chunk; meanings and groups steer it; votes keep the sum."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from intarsia.encoders import load
from intarsia.match import centers, nearest, places, votes


def rows(features):
    return features.permute(1, 2, 0).flatten(0, 1)


def unfolded(features, window=(3, 3)):
    """(n, k, c), by torch's own means."""
    patches = F.unfold(features[None], window)[0]  # (c k, n)
    return patches.view(len(features), -1, patches.shape[1]).permute(2, 1, 0)


def similarities(here, wanted, there, offered):
    """Every patch with every patch, in fp64."""
    a, b = (F.normalize(x[at].flatten(1).double(), dim=1) for x, at in ((here, wanted), (there, offered)))
    return a @ b.T


def assert_exact(found, similarity):
    """What counts as exact: at 99 of 100 places the very match, and one as good elsewhere."""
    assert float((found == similarity.argmax(1)).double().mean()) >= 0.99
    assert float((similarity.amax(1) - similarity.gather(1, found[:, None])[:, 0]).max()) < 1e-3


@pytest.fixture(scope="module")
def photographs():
    """Features of real pictures, 48 x 48 and 48 x 32 positions, in fp32."""
    data, encoder = pytest.importorskip("skimage.data"), load("compact", device="cpu", precision="fp32")
    images = [torch.tensor(one).permute(2, 0, 1) / 255 for one in (data.astronaut(), data.coffee())]
    sized = [F.interpolate(one[None], size)[0] for one, size in zip(images, ((192, 192), (192, 128)), strict=True)]
    return [encoder(one, ["relu3_1"])["relu3_1"].detach() for one in sized]


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


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_real_features_are_matched_exactly_with_areas_left_out(photographs, precision):
    image, style = (rows(one).to(precision) for one in photographs)
    inside, usable = torch.zeros(48, 48, dtype=torch.bool), torch.ones(48, 32, dtype=torch.bool)
    inside[10:30, 8:27] = True
    usable[20:33, 5:20] = False
    wanted, offered = places((48, 48), inside=inside), places((48, 32), inside=usable)
    found = nearest(image, wanted, style, offered, chunk=300)
    assert_exact(found, similarities(image, wanted, style, offered))
    assert bool(usable.flatten()[offered[found, 4]].all())
    everywhere = places((48, 32))
    tempted = nearest(image, wanted, style, everywhere)
    assert not bool(usable.flatten()[everywhere[tempted, 4]].all())


def test_a_pool_of_several_pictures_in_any_order(photographs):
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(128, 30, 21, generator=generator)
    image, several = photographs[0], [photographs[1], noise, photographs[1].flip(2)]
    firsts = [0, *torch.tensor([one[0].numel() for one in several]).cumsum(0).tolist()]
    offered = torch.cat([places(tuple(one.shape[1:]), first=at) for one, at in zip(several, firsts, strict=False)])
    offered = offered[torch.randperm(len(offered), generator=generator)]
    pool, wanted = torch.cat([rows(one) for one in several]), places((48, 48))
    wanted = wanted[torch.randperm(len(wanted), generator=generator)]
    found = nearest(rows(image), wanted, pool, offered)
    assert_exact(found, similarities(rows(image), wanted, pool, offered))
    taken = [int(((offered[found, 0] >= a) & (offered[found, 0] < b)).sum()) for a, b in pairwise(firsts)]
    assert min(taken[0], taken[2]) > 0


def test_of_equals_the_first_is_taken_whatever_the_chunk():
    generator = torch.Generator().manual_seed(2)
    tile = torch.randint(-3, 4, (4, 5, 5), generator=generator).float()  # whole numbers: their sums are exact
    style = rows(tile.repeat(1, 3, 3))
    wanted, offered = places((15, 15))[:30], places((15, 15))
    similarity = similarities(style, wanted, style, offered)
    first = (similarity > 1 - 1e-9).int().argmax(1)
    for chunk in (1, 10, 64, 1000):
        assert torch.equal(nearest(style, wanted, style, offered, chunk=chunk), first)


def test_where_there_are_no_features_the_meaning_decides(pictures):
    style, at, offered = rows(pictures[1]), places((9, 8)), places((7, 11))
    meaning = (torch.ones(72, 1), torch.rand(77, 1))
    found = nearest(torch.zeros(72, 5), at, style, offered, meaning=meaning)
    assert torch.equal(found, meaning[1][offered].sum((1, 2)).argmax().expand(len(at)))


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
