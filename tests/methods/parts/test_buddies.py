"""Best buddies of a picture and its warp agree with the warp; they keep to their maps; there may be none."""

import pytest
import torch

from intarsia.encoders import load
from intarsia.errors import UsageError
from intarsia.geometry import border_points, pixel_centers, sample, seen_at, warp_grid
from intarsia.methods.parts.buddies import best_buddies, best_pairs
from intarsia.sizes import resize, size_of
from intarsia.swatches import paint

SIZE = (192, 256)


@pytest.fixture(scope="module")
def encoder():
    return load("compact", precision="fp32", device="cpu")


@pytest.fixture(scope="module")
def picture():
    """Blobs of many colors and sizes."""
    random = torch.Generator().manual_seed(3)
    coarse, fine = (torch.rand(3, *size, generator=random) for size in ((6, 8), (24, 32)))
    return (resize(coarse, SIZE) * 0.6 + resize(fine, SIZE) * 0.4).clamp(0, 1)


@pytest.fixture(scope="module")
def warp():
    held = torch.tensor([[0.3, 0.3], [0.7, 0.35], [0.5, 0.6], [0.35, 0.75]]).double()
    moved = held + torch.tensor([[0.05, 0.03], [-0.04, 0.05], [0.05, -0.04], [-0.03, -0.05]])
    return warp_grid(torch.cat([border_points(), held]), torch.cat([border_points(), moved]), SIZE)


def off(pairs, warp) -> torch.Tensor:
    return (seen_at(pairs.content, warp) - pairs.style).norm(dim=1)


@pytest.mark.parametrize(("finest", "most"), [("relu3_1", 0.01), ("relu2_1", 0.006)])
def test_pairs_agree_with_a_known_warp(encoder, picture, warp, finest, most):
    """To about half a position of the last layer."""
    pairs = best_pairs(encoder, picture, sample(picture, warp), finest=finest)
    assert 20 < len(pairs) <= 80
    assert float(off(pairs, warp).median()) < most
    moved = (pairs.content - pairs.style).norm(dim=1)
    assert float(moved.median()) > 1.5 * float(off(pairs, warp).median())
    assert bool((pairs.activation >= 0.2).all())
    assert bool((pairs.activation <= 1).all())


def test_the_warp_back_has_the_pairs_turned_around(encoder, picture, warp):
    there = best_buddies(encoder, picture, sample(picture, warp))
    back = best_buddies(encoder, sample(picture, warp), picture)

    def held(first, second):
        return {tuple(row) for row in torch.cat([first, second], 1).tolist()}

    same = held(there.content, there.style) & held(back.style, back.content)
    assert len(same) > 0.8 * min(len(there), len(back))


def test_another_manner_keeps_the_places(encoder, picture, warp):
    """The warped picture in gray and paler, on red paper, is still matched."""
    gray = 0.3 + 0.4 * sample(picture, warp).mean(0, keepdim=True) * torch.tensor([1.5, 0.9, 0.8])[:, None, None]
    pairs = best_pairs(encoder, picture, gray)
    assert len(pairs) > 10
    assert float(off(pairs, warp).median()) < 0.02


def test_sizes_and_aspects_may_differ(encoder, picture):
    wide = resize(picture, (40, 160))
    pairs = best_pairs(encoder, picture, wide)
    assert len(pairs) >= 3
    assert float((pairs.content - pairs.style).abs().max()) < 0.25
    for size in ((1, 1), (3, 200), (8, 8)):
        left = best_pairs(encoder, picture, resize(picture, size))
        assert bool(((left.style >= 0) & (left.style <= 1)).all())


def test_points_keep_to_their_maps(encoder, picture, warp):
    x, y = pixel_centers(SIZE).float().unbind(-1)
    left, upper = (x < 0.5).float(), (y < 0.6).float()
    pairs = best_pairs(encoder, picture, sample(picture, warp), left, upper, reach=1.0)
    assert len(pairs) > 3
    assert float(pairs.content[:, 0].max()) < 0.52
    assert float(pairs.style[:, 1].max()) < 0.62
    assert len(best_pairs(encoder, picture, picture, torch.zeros(SIZE), left)) == 0


def test_reach_goes_by_the_boxes_of_the_maps(encoder, picture):
    """An object at the left and the same at the right are far apart, and in their boxes at the same place."""
    object = picture[:, 32:160, 32:128]
    one, other, mine, theirs = torch.full((3, *SIZE), 0.5), torch.full((3, *SIZE), 0.5), *torch.zeros(2, *SIZE)
    one[:, 32:160, 16:112], other[:, 32:160, 144:240] = object, object
    mine[32:160, 16:112], theirs[32:160, 144:240] = 1, 1
    pairs = best_pairs(encoder, one, other, mine, theirs, reach=0.1)
    assert len(pairs) > 10
    away = pairs.style - pairs.content
    assert float((away - torch.tensor([0.5, 0.0])).abs().median()) < 0.01
    near, far = (best_buddies(encoder, one, other, reach=reach) for reach in (0.1, 1.0))
    assert not len(near) or float((near.content - near.style).abs().max()) < 0.35
    assert float((far.content - far.style).abs().max()) > 0.4


def test_a_blank_picture_has_none(encoder, picture):
    assert len(best_buddies(encoder, picture, torch.full((3, *SIZE), 0.5))) == 0
    assert len(best_pairs(encoder, torch.zeros(3, 9, 9), torch.ones(3, 9, 9))) == 0


def test_clusters_and_limits(encoder, picture, warp):
    warped = sample(picture, warp)
    assert len(best_pairs(encoder, picture, warped, most=7)) <= 7
    assert len(best_pairs(encoder, picture, warped, clusters=5)) <= 5


def test_layers_that_cannot_be_are_told(encoder, picture):
    for name in ("relu9_9", "relu3_2"):
        with pytest.raises(UsageError, match=name):
            best_buddies(encoder, picture, picture, finest=name)


def test_paintings_of_code_are_matched_somehow(encoder):
    image, style = paint("starry", (64, 64)), paint("mosaic", (64, 64))
    assert size_of(image) == (64, 64)
    pairs = best_pairs(encoder, image, style)
    assert len(pairs) == 0 or bool(pairs.content.isfinite().all())
