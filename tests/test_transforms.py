"""Maps of features: what they match, how they compose, and that nothing is too flat or too small for them."""

import pytest
import torch

from intarsia.moments import Moments, moments
from intarsia.transforms import Affine, Basis, adain, wct

C = 6


def texture(seed=0, h=20, w=24, rank=C) -> torch.Tensor:
    """Correlated, skewed features (c, h, w), far from centered, as a network's are."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(C, rank, generator=generator)
    sources = torch.rand(rank, h * w, generator=generator) ** 2
    return (mix @ sources + 3 * torch.rand(C, 1, generator=generator)).reshape(C, h, w)


def textures(count: int) -> list[torch.Tensor]:
    return [texture(seed) for seed in range(10, 10 + count)]


def halves(h=20, w=24):
    left = torch.zeros(h, w)
    left[:, : w // 3] = 1
    return torch.stack([left, 1 - left])


def assert_matches(found: Moments, wanted: Moments):
    scale = wanted.covariance().abs().amax((1, 2), keepdim=True).clamp_min(1e-6)
    assert float(((found.covariance() - wanted.covariance()) / scale).abs().max()) < 1e-3
    torch.testing.assert_close(found.mean(), wanted.mean(), rtol=1e-3, atol=1e-3)


class TestWhiteningAndColoring:
    def test_statistics_become_the_styles(self):
        content, style = textures(2)
        wanted = moments(style)
        assert_matches(moments(wct(moments(content), wanted)(content)), wanted)

    def test_each_region_gets_its_own_style(self):
        content, first, second = textures(3)
        maps = halves()
        wanted = Moments.stacked([moments(first), moments(second)])
        assert_matches(moments(wct(moments(content, maps), wanted)(content, maps), maps), wanted)

    @pytest.mark.parametrize("rank", [1, 3, 5])
    def test_a_style_of_low_rank_is_matched_by_a_content_of_at_least_its_rank(self, rank):
        """With the paper's U = E_sᵀ E_c the second of these is missed."""
        wanted = moments(texture(rank=rank, seed=1))
        for content in (texture(seed=2), texture(rank=rank, seed=2)):
            assert_matches(moments(wct(moments(content), wanted)(content)), wanted)

    def test_own_style_changes_nothing(self):
        content = texture()
        torch.testing.assert_close(wct(moments(content), moments(content))(content), content, rtol=0, atol=2e-3)

    def test_without_cuts_it_is_the_papers_formula(self):
        content, style = (moments(f) for f in textures(2))

        def root(covariance, power):
            values, vectors = torch.linalg.eigh(covariance.double())
            return vectors @ torch.diag(values**power) @ vectors.T

        paper = root(style.covariance()[0], 0.5) @ root(content.covariance()[0], -0.5)
        torch.testing.assert_close(wct(content, style).matrix[0], paper, rtol=1e-3, atol=1e-3)

    def test_moments_summed_over_tiles_give_the_same_map(self):
        content, style = textures(2)
        whole = wct(moments(content), moments(style))
        tiles = wct(moments(content[:, :7]) + moments(content[:, 7:]), moments(style))
        torch.testing.assert_close(whole.matrix, tiles.matrix, rtol=1e-3, atol=1e-4)

    def test_a_basis_chooses_the_map_but_not_the_statistics(self):
        content, style = textures(2)
        basis = torch.randn(C, C, generator=torch.Generator().manual_seed(5))
        found = wct(moments(content), moments(style), Basis.completed(basis, part=0))
        assert_matches(moments(found(content)), moments(style))
        seen, wanted = (torch.einsum("dc,chw->dhw", basis, f) for f in (content, style))
        there = wct(moments(seen), moments(wanted))(seen)  # the same, in the basis
        here = torch.einsum("dc,chw->dhw", basis, found(content))
        torch.testing.assert_close(here, there, rtol=1e-2, atol=1e-2)
        assert not torch.allclose(found.matrix, wct(moments(content), moments(style)).matrix, atol=1e-2)


def test_adain_matches_mean_and_deviation_of_every_channel():
    content, first, second = textures(3)
    maps = halves()
    wanted = Moments.stacked([moments(first), moments(second)])
    map_ = adain(moments(content, maps), wanted)
    found = moments(map_(content, maps), maps)
    torch.testing.assert_close(found.mean(), wanted.mean(), rtol=1e-3, atol=1e-3)
    for here, there in zip(found.covariance(), wanted.covariance(), strict=True):
        torch.testing.assert_close(here.diagonal(), there.diagonal(), rtol=2e-3, atol=1e-3)
    assert bool((map_.matrix - torch.diag_embed(map_.matrix.diagonal(dim1=1, dim2=2)) == 0).all())


def test_adain_with_the_own_style_changes_nothing():
    content = texture()
    torch.testing.assert_close(adain(moments(content), moments(content))(content), content, rtol=0, atol=1e-4)


class TestMaps:
    """Laws of `Affine` that both transforms inherit."""

    @pytest.fixture
    def two(self):
        generator = torch.Generator().manual_seed(3)
        return Affine(
            torch.randn(2, C, C, generator=generator).double(), torch.randn(2, C, generator=generator).double()
        )

    def test_one_after_the_other_is_their_composition(self, two):
        content, maps = texture(), halves()
        other = Affine(two.matrix.flip(0).mT.clone(), two.offset.flip(0))
        torch.testing.assert_close(
            two.then(other)(content, maps), other(two(content, maps), maps), rtol=1e-4, atol=1e-3
        )

    def test_strength_0_is_the_identity_and_1_the_map(self, two):
        content, maps = texture(), halves()
        assert torch.equal(two.weakened(0)(content, maps), content)
        torch.testing.assert_close(two.weakened(1)(content, maps), two(content, maps))

    def test_strength_is_per_region_and_between_them_in_a_straight_line(self, two):
        content, maps = texture(), halves()
        whole, part = two(content, maps), two.weakened(torch.tensor([0.25, 1.0]))(content, maps)
        wanted = maps[0] * (0.75 * content + 0.25 * whole) + maps[1] * whole
        torch.testing.assert_close(part, wanted, rtol=1e-4, atol=1e-4)

    def test_shares_mix_and_the_remainder_stays_content(self, two):
        content = texture()
        shares = torch.rand(2, 20, 24, generator=torch.Generator().manual_seed(4)) / 2
        shares[0, :7], shares[1, 12:] = 0, 0  # regions that overlap in part
        each = [Affine(two.matrix[r : r + 1], two.offset[r : r + 1])(content) for r in range(2)]
        wanted = shares[0] * each[0] + shares[1] * each[1] + (1 - shares.sum(0)) * content
        torch.testing.assert_close(two(content, shares), wanted, rtol=1e-4, atol=1e-3)

    def test_where_no_region_reaches_not_a_bit_changes(self, two):
        content, maps = texture(), halves()
        maps[1, 10:] = 0
        changed = two(content, maps)
        assert torch.equal(changed[:, 10:, 8:], content[:, 10:, 8:])
        assert not torch.equal(changed[:, :10, 8:], content[:, :10, 8:])

    def test_a_mixture_of_maps_is_that_of_what_they_give(self, two):
        content = texture()
        shares = torch.tensor([[0.3, 0.7]])
        each = [Affine(two.matrix[r : r + 1], two.offset[r : r + 1])(content) for r in range(2)]
        torch.testing.assert_close(two.mixed(shares)(content), 0.3 * each[0] + 0.7 * each[1], rtol=1e-4, atol=1e-3)

    def test_features_keep_their_precision_and_are_not_overwritten(self, two):
        content = texture().bfloat16()
        before = content.clone()
        assert two(content, halves()).dtype == torch.bfloat16
        assert torch.equal(content, before)


def test_a_completed_basis_can_be_inverted_and_keeps_what_it_sees():
    basis = torch.randn(C, 3) @ torch.randn(3, C)
    full, back = Basis.completed(basis)
    assert float(torch.linalg.cond(full)) < 34
    torch.testing.assert_close(back @ full, torch.eye(C, dtype=torch.float64))
    seen = torch.linalg.svd(basis.double()).Vh[:3].T
    torch.testing.assert_close(full @ seen, basis.double() @ seen, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("transform", [wct, adain])
class TestDegenerate:
    def test_a_flat_style_gives_its_mean(self, transform):
        content, style = texture(), torch.arange(C).float()[:, None, None].expand(C, 5, 5).contiguous()
        found = transform(moments(content), moments(style))(content)
        torch.testing.assert_close(found, style[:, :1, :1].expand_as(content), rtol=1e-2, atol=2e-2)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("value", [1e-3, 2.3, 1e3])
    @pytest.mark.parametrize("size", [(9, 9), (100, 131), (512, 700)])
    def test_a_flat_content_becomes_the_styles_mean(self, transform, size, value, dtype):
        content, style = torch.full((C, *size), value, dtype=dtype), texture()
        for weights in (None, 0.1 + torch.rand(1, *size, generator=torch.Generator().manual_seed(0))):
            found = transform(moments(content, weights), moments(style))
            assert not bool(found.matrix.any())  # rounding is not amplified
            torch.testing.assert_close(found.offset[0].float(), style.mean((1, 2)), rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("value", [1e-3, 2.3, 1e3])
    @pytest.mark.parametrize("size", [(9, 9), (100, 131), (512, 700)])
    def test_a_nearly_flat_content_gets_the_styles_statistics(self, transform, size, value):
        drawn = torch.randn(C, *size, generator=torch.Generator().manual_seed(0))
        content, wanted = value * (1 + 1e-2 * drawn), moments(texture())
        map_ = transform(moments(content), wanted)
        found = moments((map_.matrix[0] @ content.double().flatten(1) + map_.offset[0, :, None])[:, None])
        torch.testing.assert_close(found.mean(), wanted.mean(), rtol=1e-2, atol=1e-3)
        for here, there in zip(found.covariance(), wanted.covariance(), strict=True):
            torch.testing.assert_close(here.diagonal(), there.diagonal(), rtol=1e-2, atol=0)

    def test_regions_of_one_position_or_none_are_finite(self, transform):
        content, style = texture(), texture(seed=1)
        maps = torch.zeros(3, 20, 24)
        maps[0, 3, 3], maps[1, 5:, :] = 1, 1
        found = transform(moments(content, maps), Moments.stacked([moments(style)] * 3))
        assert bool(found(content, maps).isfinite().all())
        assert torch.equal(found.matrix[2], torch.eye(C).double())  # without mass: as it was
        assert not bool(found.offset[2].any())

    def test_a_style_of_fewer_positions_than_channels_is_matched(self, transform):
        content, style = texture(), texture(h=1, w=3, seed=1)
        found = moments(transform(moments(content), moments(style))(content))
        torch.testing.assert_close(found.mean(), moments(style).mean(), rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(
            found.covariance().diagonal(dim1=1, dim2=2),
            moments(style).covariance().diagonal(dim1=1, dim2=2),
            rtol=1e-2,
            atol=1e-2,
        )
