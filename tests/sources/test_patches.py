"""Patches by meaning: their windows sum to 1, and each takes the style patches whose labels are most like its own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import GuideError, UsageError
from intarsia.sources import patches


def blocks(h: int, w: int, cells: int, labels: int, seed: int) -> torch.Tensor:
    drawn = torch.randint(labels, (cells, cells), generator=torch.Generator().manual_seed(seed))
    drawn[0, 0] = 0
    return drawn[torch.arange(h) * cells // h][:, torch.arange(w) * cells // w]


def halves(h: int, w: int) -> torch.Tensor:
    """0 on the left, 1 on the right."""
    return (torch.arange(w) >= w // 2).long().expand(h, w)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.floats(0, 1), st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_windows_sum_to_one_everywhere(h, w, side, overlap, seed):
    content = blocks(h, w, 4, 3, seed)
    guide = patches(content, content, torch.rand(3, h, w), content_patch=side, style_patch=5, overlap=overlap)
    maps = torch.stack([region.content_map for region in guide.regions])
    torch.testing.assert_close(maps.sum(0), torch.ones(h, w))


def test_each_patch_takes_what_means_the_same():
    content, style = halves(32, 64), halves(24, 48).flip(1)
    guide = patches(content, style, torch.rand(3, 24, 48), content_patch=16, style_patch=12, overlap=0.0)
    assert len(guide.regions) == 2  # eight patches, two kinds
    for region in guide.regions:
        (label,) = content[region.content_map > 0.5].unique().tolist()
        assert bool((style[region.style_map > 0] == label).all())
        assert float(region.style_map.sum()) == 24 * 24  # all that mean the same, not one of them


def test_mixed_patches_go_to_the_nearest_mixture():
    content = halves(8, 8)  # one patch, half of each
    style = torch.zeros(8, 40, dtype=torch.long)
    style[:, 20:] = 1
    (region,) = patches(content, style, torch.rand(3, 8, 40), content_patch=8, style_patch=8).regions
    assert bool((region.style_map[:, 16:24] == 1).all())
    assert float(region.style_map.sum()) == 64


def test_sizes_of_patches_are_those_asked_for_on_both_sides():
    content = torch.arange(64).view(8, 8).repeat_interleave(4, 0).repeat_interleave(4, 1)  # every cell its own label
    guide = patches(content, content, torch.rand(3, 32, 32), content_patch=16, style_patch=4, overlap=0.0)
    for region in guide.regions:
        assert float(region.content_map.sum()) == 256
    guide = patches(content, content, torch.rand(3, 32, 32), content_patch=4, style_patch=4, overlap=0.0)
    assert len(guide.regions) == 64
    for region in guide.regions:
        assert torch.equal(region.content_map, region.style_map)


def test_overlap_is_how_far_neighbors_reach_into_each_other():
    content = halves(8, 64)
    for overlap, mixed in ((0.0, 0), (0.5, 16), (1.0, 32)):
        first, _ = patches(
            content, content, torch.rand(3, 8, 64), content_patch=32, style_patch=8, overlap=overlap
        ).regions
        row = first.content_map[0]
        assert int(((row > 0) & (row < 1)).sum()) == mixed


def test_windows_pass_into_each_other_smoothly_and_evenly():
    content = halves(8, 64)
    guide = patches(content, content, torch.rand(3, 8, 64), content_patch=32, overlap=1.0, style_patch=8)
    left, right = sorted(guide.regions, key=lambda region: float(region.content_map[0, -1]))
    torch.testing.assert_close(left.content_map[0], right.content_map[0].flip(0))
    fall = left.content_map[0, 16:48]
    assert bool((fall.diff() < 0).all())
    assert max(float(1 - fall[0]), float(fall[-1])) < 0.01  # it starts and ends gently


def test_patches_that_are_about_as_near_are_taken_too():
    content, style = torch.zeros(20, 20, dtype=torch.long), torch.zeros(20, 40, dtype=torch.long)
    style[0, 0] = 1  # 1 of 400
    (region,) = patches(content, style, torch.rand(3, 20, 40), content_patch=20, style_patch=20).regions
    assert bool((region.style_map == 1).all())
    style[:, :5] = 1  # a quarter of the first patch: no longer alike
    (region,) = patches(content, style, torch.rand(3, 20, 40), content_patch=20, style_patch=20).regions
    assert not bool(region.style_map[:, :10].any())


def test_many_patches_of_few_kinds_stay_few_regions():
    content = blocks(128, 128, 2, 2, 3)
    guide = patches(content, content, torch.rand(3, 128, 128), content_patch=8, style_patch=8, overlap=0.0)
    assert len(guide.regions) <= 2  # of 256 patches


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (
            lambda: patches(halves(8, 8) + 5, halves(8, 8), torch.rand(3, 8, 8), content_patch=4),
            GuideError,
            r"nothing for content patches of the labels \[5, 6\]",
        ),
        (
            lambda: patches(halves(8, 8), halves(8, 8) - 1, torch.rand(3, 8, 8)),
            GuideError,
            "style labels go from -1 to 0",
        ),
        (lambda: patches(halves(8, 8) * 300, halves(8, 8), torch.rand(3, 8, 8)), GuideError, "must be 0 to 255"),
        (lambda: patches(halves(8, 8), halves(8, 8), torch.rand(3, 8, 20)), GuideError, "same aspect"),
        (lambda: patches(halves(8, 8), halves(8, 8), torch.rand(3, 8, 8), content_patch=0), UsageError, "1 pixel or"),
        (lambda: patches(halves(8, 8), halves(8, 8), torch.rand(3, 8, 8), overlap=1.5), UsageError, "overlap 1.5"),
    ],
)
def test_what_cannot_be_is_told(build, error, says):
    with pytest.raises(error, match=says):
        build()
