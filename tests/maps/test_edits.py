"""Maps made of maps: laws of growing, feathering and set arithmetic; the guided filter against a plain one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import GuideError, UsageError
from intarsia.maps import add, feather, grow, intersect, invert, refine, shrink, subtract, unite, without


def soft(seed: int, h: int = 17, w: int = 23) -> torch.Tensor:
    return torch.rand(h, w, generator=torch.Generator().manual_seed(seed))


def square(h: int = 41, w: int = 51) -> torch.Tensor:
    one_map = torch.zeros(h, w)
    one_map[15:26, 20:31] = 1
    return one_map


@given(st.integers(0, 99), st.floats(0, 4), st.floats(0, 4))
@settings(max_examples=20, deadline=None)
def test_growing_is_monotone_and_shrinking_does_the_same_to_the_rest(seed, first, second):
    one_map, near, far = soft(seed), min(first, second), max(first, second)
    assert bool((one_map <= grow(one_map, near)).all())
    assert bool((grow(one_map, near) <= grow(one_map, far)).all())
    assert bool((grow(one_map / 2, near) <= grow(one_map, near)).all())
    torch.testing.assert_close(shrink(one_map, near), invert(grow(invert(one_map), near)))


def test_growing_reaches_as_far_as_said():
    point = torch.zeros(21, 21)
    point[10, 10] = 1
    y, x = torch.meshgrid(torch.arange(21) - 10, torch.arange(21) - 10, indexing="ij")
    for pixels in (0, 1, 2.5, 7):
        assert torch.equal(grow(point, pixels), (x**2 + y**2 <= pixels**2).float())


def test_the_border_of_the_picture_is_no_edge():
    whole = torch.ones(9, 9)
    assert torch.equal(shrink(whole, 3), whole)
    torch.testing.assert_close(feather(whole, 3), whole)
    assert not bool(grow(torch.zeros(9, 9), 3).any())


@given(st.integers(0, 99), st.floats(0, 8))
@settings(max_examples=20, deadline=None)
def test_feathering_is_monotone_and_turns_with_the_map(seed, pixels):
    one_map = soft(seed)
    assert bool((feather(one_map / 2, pixels) <= feather(one_map, pixels) + 1e-6).all())
    torch.testing.assert_close(feather(invert(one_map), pixels), invert(feather(one_map, pixels)))
    torch.testing.assert_close(feather(one_map.T, pixels), feather(one_map, pixels).T)


def test_feathering_keeps_what_is_far_from_the_edge():
    edge = torch.zeros(5, 60)
    edge[:, 30:] = 1
    soft_edge = feather(edge, 10)[2]
    torch.testing.assert_close(soft_edge[:20], torch.zeros(20))
    torch.testing.assert_close(soft_edge[40:], torch.ones(20))
    assert bool((soft_edge[21:40].diff() > 0).all())
    assert float(soft_edge[29:31].mean()) == pytest.approx(0.5)
    assert torch.equal(feather(edge, 0), edge)


def test_inverting_twice_changes_nothing():
    one_map = square()
    assert torch.equal(invert(invert(one_map)), one_map)
    torch.testing.assert_close(invert(invert(soft(1))), soft(1))


@given(st.integers(0, 99), st.integers(100, 199))
@settings(max_examples=20, deadline=None)
def test_set_arithmetic_stays_in_range_and_agrees(first, second):
    a, b = soft(first), soft(second)
    for made in (add(a, b), subtract(a, b), intersect(a, b), unite(a, b), without(a, b)):
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert torch.equal(intersect(a, a), a)
    assert not bool(subtract(a, a).any())
    torch.testing.assert_close(subtract(a, b), invert(add(invert(a), b)))
    torch.testing.assert_close(add(subtract(a, b), intersect(a, b)), a)
    torch.testing.assert_close(unite(a, b), invert(intersect(invert(a), invert(b))))
    torch.testing.assert_close(without(a, b), intersect(a, invert(b)))
    assert float((without(a, b) + b).max()) <= 1 + 1e-6
    assert torch.equal(unite(a, a), a)


def test_set_arithmetic_of_hard_maps_is_that_of_sets():
    a, b = square(), grow(square(), 3).roll(6, 1)
    assert torch.equal(add(a, b).bool(), a.bool() | b.bool())
    assert torch.equal(subtract(a, b).bool(), a.bool() & ~b.bool())
    assert torch.equal(intersect(a, b).bool(), a.bool() & b.bool())
    assert torch.equal(unite(a, b).bool(), a.bool() | b.bool())
    assert torch.equal(without(a, b).bool(), a.bool() & ~b.bool())


# ---- refine ------------------------------------------------------------------------------------------------------


def plain_guided_filter(target: np.ndarray, guide: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """He et al. 2010, window by window; guide (h, w, c)."""
    h, w, c = guide.shape
    out, count = np.zeros((h, w)), np.zeros((h, w))
    for y in range(h):
        for x in range(w):
            here = np.s_[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
            colors, values = guide[here].reshape(-1, c), target[here].ravel()
            centered = colors - colors.mean(0)
            covariance = centered.T @ centered / len(colors) + eps * np.eye(c)
            slope = np.linalg.solve(covariance, centered.T @ (values - values.mean()) / len(colors))
            offset = values.mean() - slope @ colors.mean(0)
            # the answer of this window, given to the positions whose own windows hold its center
            out[here] += guide[here] @ slope + offset
            count[here] += 1
    return (out / count).clip(0, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("radius", "eps"), [(1, 1e-2), (3, 1e-4), (40, 1e-3)])
def test_the_guided_filter_is_that_of_the_paper(random_image, channels, radius, eps):
    image, one_map = random_image(19, 24)[:channels], soft(5, 19, 24)
    wanted = plain_guided_filter(one_map.double().numpy(), image.permute(1, 2, 0).double().numpy(), radius, eps)
    np.testing.assert_allclose(refine(one_map, image, radius, eps).numpy(), wanted, atol=1e-5)


def test_refining_moves_an_edge_to_that_of_the_picture():
    image = torch.full((3, 40, 60), 0.2)
    image[:, :, 30:] = torch.tensor([0.9, 0.6, 0.1])[:, None, None]
    drawn = torch.zeros(40, 60)
    drawn[:, 33:] = 1  # three pixels off
    true = (image[0] > 0.5).float()
    refined = refine(drawn, image, radius=16, eps=1e-4)
    assert torch.equal((refined > 0.5).float(), true)
    assert float(refined[20, 30] - refined[20, 29]) > 0.5  # the step is where the picture's is


def test_refining_keeps_a_constant_map(random_image):
    constant = torch.full((20, 20), 0.25)
    torch.testing.assert_close(refine(constant, random_image(20, 20), 4, 1e-4), constant)


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: grow(square(), -1), UsageError, "distance of -1 pixels"),
        (lambda: feather(square(), float("nan")), UsageError, "distance of nan"),
        (lambda: add(square(), soft(0)), GuideError, "the maps are 51 x 41 and 23 x 17"),
        (lambda: subtract(square(), soft(0)), GuideError, "the maps are"),
        (lambda: intersect(square(), soft(0)), GuideError, "the maps are"),
        (lambda: refine(square(), torch.rand(3, 5, 5)), GuideError, "the map is 51 x 41, the picture .* 5 x 5"),
        (lambda: refine(soft(0, 5, 5), torch.rand(3, 5, 5), 0), UsageError, "radius of 1 or more"),
        (lambda: refine(soft(0, 5, 5), torch.rand(3, 5, 5), 1, 0.0), UsageError, "eps above 0"),
    ],
)
def test_what_cannot_be_is_told(build, error, says):
    with pytest.raises(error, match=says):
        build()


@pytest.mark.parametrize("pixels", [0, 1, 1.5, 5, 7.3])
def test_hard_maps_grow_by_distance_as_soft_ones_do_by_a_disk(pixels):
    one_map = (torch.rand(40, 50, generator=torch.Generator().manual_seed(1)) > 0.98).float()
    almost = one_map * 0.5  # no longer hard, so by the disk
    assert torch.equal(grow(one_map, pixels), 2 * grow(almost, pixels))
    assert torch.equal(shrink(1 - one_map, pixels), 1 - grow(one_map, pixels))
    for flat in (torch.zeros(6, 6), torch.ones(6, 6)):
        assert torch.equal(grow(flat, pixels), flat)
        assert torch.equal(shrink(flat, pixels), flat)
