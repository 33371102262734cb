"""Moments add, do not depend on area, and their gradient is the true one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.moments import Moments, moments, supports


def features(c=5, h=7, w=6, seed=0):
    return torch.randn(c, h, w, generator=torch.Generator().manual_seed(seed))


def maps(r=3, h=7, w=6, seed=1):
    drawn = torch.rand(r, h, w, generator=torch.Generator().manual_seed(seed))
    return torch.where(drawn > 0.3, drawn, 0)


def by_definition(f, w):
    rows, flat = f.flatten(1), w.flatten(1)
    second = torch.stack([(rows * one) @ rows.T for one in flat])
    return flat.sum(1), flat @ rows.T, second


@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_are_the_sums_that_they_are_called(r, c, h, w, seed):
    f, m = features(c, h, w, seed), maps(r, h, w, seed + 1)
    found = moments(f, m)
    for got, wanted in zip((found.mass, found.first, found.second), by_definition(f, m), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_add_over_tiles():
    f, m = features(), maps()
    left, right = moments(f[..., :2], m[..., :2]), moments(f[..., 2:], m[..., 2:])
    torch.testing.assert_close((left + right).second, moments(f, m).second)
    torch.testing.assert_close((left + right).mean(), moments(f, m).mean())


def test_same_texture_on_a_larger_area_has_the_same_gram():
    tile = features(4, 5, 5)
    small, large = moments(tile), moments(tile.repeat(1, 3, 4))
    torch.testing.assert_close(small.gram(), large.gram())
    torch.testing.assert_close(small.covariance(), large.covariance())


def test_half_weights_change_mass_but_not_gram():
    f, m = features(), maps()
    torch.testing.assert_close(moments(f, m / 2).gram(), moments(f, m).gram())


def test_covariance_is_the_usual_one():
    rows = features().flatten(1)
    wanted = torch.cov(rows, correction=0)
    torch.testing.assert_close(moments(features()).covariance()[0], wanted, rtol=1e-4, atol=1e-5)


def test_moments_of_a_mixture_are_those_of_both_textures_painted_side_by_side():
    a, b = features(seed=1), features(seed=2)
    one, other = moments(a), moments(b)
    both = Moments(*(torch.cat([getattr(one, n), getattr(other, n)]) for n in ("mass", "first", "second")))
    painted = moments(torch.cat([a, b, b, b], 2))
    mixed = both.mixed(torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(mixed.gram(), painted.gram())
    torch.testing.assert_close(mixed.mean(), painted.mean())


@pytest.mark.parametrize("given_maps", [None, "soft", "hard", "mixed"])
def test_gradient(given_maps):
    m = {
        None: None,
        "soft": maps() + 0.1,
        "hard": (maps() > 0).float(),
        "mixed": torch.cat([maps(), torch.ones(2, 7, 6)]),
    }
    m = m[given_maps]
    f = features().requires_grad_()
    known = by_definition(f, torch.ones(1, 7, 6) if m is None else m)
    (known[1].cos().sum() + known[2].sin().sum()).backward()
    wanted, f.grad = f.grad, None
    found = moments(f, m if m is None else supports(m))
    (found.first.cos().sum() + found.second.sin().sum()).backward()
    torch.testing.assert_close(f.grad, wanted, rtol=1e-3, atol=1e-4)


def test_low_precision_features_are_summed_in_fp32():
    f = torch.full((1, 64, 64), 0.1).bfloat16()
    assert moments(f).first.dtype == torch.float32
    assert float(moments(f).first) == pytest.approx(float(f[0, 0, 0]) * 4096, rel=1e-5)


def test_an_empty_map_gives_finite_numbers():
    found = moments(features(), torch.zeros(1, 7, 6))
    assert bool(found.gram().isfinite().all())
    assert bool(found.covariance().isfinite().all())


@pytest.mark.parametrize("size", [(31, 33), (32, 32), (512, 512), (700, 333)])
def test_a_large_and_nearly_flat_picture_keeps_its_covariance(size):
    flat = torch.full((3, *size), 0.9)
    flat[:, ::2] += 0.02
    flat[:, 1::2] -= 0.02
    wanted = torch.cov(flat.flatten(1).double(), correction=0)
    torch.testing.assert_close(moments(flat).covariance()[0].double(), wanted, rtol=0.01, atol=0)


def test_a_change_of_basis_may_come_before_or_after():
    basis = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    before = moments(torch.einsum("dc,chw->dhw", basis, features()), maps())
    after = moments(features(), maps()).through(basis)
    for name in ("mass", "first", "second"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), rtol=1e-4, atol=1e-4)
