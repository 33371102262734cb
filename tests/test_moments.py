"""Moments add, do not depend on area, and their gradient is the true one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.moments import SAMPLE, Moments, moments, supports


def features(c=5, h=7, w=6, seed=0):
    return torch.randn(c, h, w, generator=torch.Generator().manual_seed(seed))


def maps(r=3, h=7, w=6, seed=1):
    drawn = torch.rand(r, h, w, generator=torch.Generator().manual_seed(seed))
    return torch.where(drawn > 0.3, drawn, 0)


def by_definition(f, w):
    rows, flat = f.flatten(1), w.flatten(1)
    second = torch.stack([(rows * one) @ rows.T for one in flat])
    return tuple(sums.double() for sums in (flat.sum(1), flat @ rows.T, second))


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
    torch.testing.assert_close((left + right).second, moments(f, m).second, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close((left + right).mean(), moments(f, m).mean(), rtol=1e-5, atol=1e-5)


def test_same_texture_on_a_larger_area_has_the_same_gram():
    tile = features(4, 5, 5)
    small, large = moments(tile), moments(tile.repeat(1, 3, 4))
    torch.testing.assert_close(small.gram(), large.gram(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(small.covariance(), large.covariance(), rtol=1e-5, atol=1e-5)


def test_half_weights_change_mass_but_not_gram():
    f, m = features(), maps()
    torch.testing.assert_close(moments(f, m / 2).gram(), moments(f, m).gram(), rtol=1e-5, atol=1e-5)


def test_covariance_is_the_usual_one():
    rows = features().flatten(1)
    wanted = torch.cov(rows.double(), correction=0)
    torch.testing.assert_close(moments(features()).covariance()[0], wanted, rtol=1e-4, atol=1e-5)


def test_moments_of_a_mixture_are_those_of_both_textures_painted_side_by_side():
    a, b = features(seed=1), features(seed=2)
    one, other = moments(a), moments(b)
    both = Moments(*(torch.cat([getattr(one, n), getattr(other, n)]) for n in ("mass", "first", "second")))
    painted = moments(torch.cat([a, b, b, b], 2))
    mixed = both.mixed(torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(mixed.gram(), painted.gram(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mixed.mean(), painted.mean(), rtol=1e-5, atol=1e-5)


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


def test_low_precision_features_are_summed_in_high_precision():
    f = torch.full((1, 64, 64), 0.1).bfloat16()
    assert moments(f).first.dtype == torch.float64
    assert float(moments(f).first) == pytest.approx(float(f[0, 0, 0]) * 4096, rel=1e-5)


def test_an_empty_map_gives_finite_numbers():
    found = moments(features(), torch.zeros(1, 7, 6))
    assert bool(found.gram().isfinite().all())
    assert bool(found.covariance().isfinite().all())


SIZES = [(10, 10), (31, 33), (700, 333), (1000, 1000)]


class TestEveryProcessor:
    """The covariance is a difference of large numbers, so no order of summation may show in it."""

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("value", [1e-3, 0.1, 2.3, 1e3])
    @pytest.mark.parametrize("size", SIZES)
    def test_a_flat_map_has_no_covariance(self, size, value, dtype):
        for weights in (None, 0.1 + torch.arange(size[1]).expand(1, *size) / size[1]):
            assert variance(moments(torch.full((3, *size), value, dtype=dtype), weights)) < 1e-10

    def test_nor_has_one_of_ten_million_positions(self):
        assert variance(moments(torch.full((2, 2500, 4000), 0.7))) < 1e-10

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("value", [1e-3, 2.3, 1e3])
    @pytest.mark.parametrize("size", SIZES)
    def test_a_nearly_flat_map_keeps_its_covariance(self, size, value, dtype):
        f = (value * (1 + 1e-3 * features(3, *size))).to(dtype)
        assert_covariance(moments(f), f)

    @pytest.mark.parametrize("size", [(31, 33), (32, 32), (512, 512), (700, 333)])
    def test_a_map_of_two_values_keeps_its_covariance(self, size):
        f = torch.full((3, *size), 0.9)
        f[:, ::2] += 0.002
        f[:, 1::2] -= 0.002
        assert_covariance(moments(f), f)

    def test_a_flat_sky_with_a_bird_keeps_its_covariance(self):
        """Also where the bird is all that is looked at to tell what the sky lies around."""
        f = torch.full((2, 512, 512), 0.8)
        f.flatten(1)[:, :: 512 * 512 // SAMPLE] = 0.799
        assert_covariance(moments(f), f)

    @pytest.mark.parametrize("threads", [1, 2, 4])
    def test_neither_threads_nor_the_order_of_positions_show(self, threads):
        f = 2.3 * (1 + 1e-3 * features(16, 200, 210))
        order = torch.randperm(200 * 210, generator=torch.Generator().manual_seed(threads))
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            found = [moments(one.reshape(f.shape)) for one in (f, f.flatten(1).flip(1), f.flatten(1)[:, order])]
        finally:
            torch.set_num_threads(before)
        for one in found:
            assert_covariance(one, f)

    def test_exact_sums_do_not_depend_on_how_a_picture_is_cut(self):
        f, m = 5 + features(4, 200, 210), maps(2, 200, 210)
        tiles = [moments(f[:, i : i + 37], m[:, i : i + 37], exact=True) for i in range(0, 200, 37)]
        torch.testing.assert_close(
            sum(tiles[1:], tiles[0]).second, moments(f, m, exact=True).second, rtol=1e-13, atol=0
        )


def variance(found):
    """Beside the second moment."""
    return float(found.covariance().diagonal(dim1=1, dim2=2).abs().sum() / found.gram()[0].trace())


def assert_covariance(found, f):
    wanted = torch.cov(f.flatten(1).double(), correction=0)
    near = 0.01 * float(wanted.diagonal().max()) + 1e-14 * float(found.gram().max())
    torch.testing.assert_close(found.covariance()[0], wanted, rtol=0, atol=near)


def test_a_change_of_basis_may_come_before_or_after():
    basis = torch.randn(6, 5, generator=torch.Generator().manual_seed(3))
    before = moments(torch.einsum("dc,chw->dhw", basis, features()), maps())
    after = moments(features(), maps()).through(basis)
    for name in ("mass", "first", "second"):
        torch.testing.assert_close(getattr(after, name), getattr(before, name), rtol=1e-4, atol=1e-4)
