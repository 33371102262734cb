"""Colors are carried where they should go, no further than they must, and come back."""

import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.exposure import match_histograms

from intarsia.color import (
    FORMS,
    AffineMap,
    after,
    before,
    blend_maps,
    chroma_spread,
    color_moments,
    gray_like,
    identity,
    is_gray,
    luminance,
    match_colors,
    match_histogram,
    smooth_chroma,
    unblend_maps,
    with_luminance,
)
from intarsia.errors import GuideError, UsageError

forms = pytest.mark.parametrize("form", FORMS)
seeds = given(st.integers(0, 999))
some = settings(max_examples=12, deadline=None)


def colors(seed, h=11, w=13):
    """Correlated colors that fit well inside 0..1 and are nowhere near flat."""
    generator = torch.Generator().manual_seed(seed)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator))
    mix = turn * torch.tensor([1.0, 0.5, 0.25])
    drawn = torch.einsum("ij,jhw->ihw", mix, torch.rand(3, h, w, generator=generator) - 0.5)
    center = 0.35 + 0.3 * torch.rand(3, 1, 1, generator=generator)
    return center + 0.3 * drawn / drawn.abs().max()


def soft(seed, *size):
    drawn = torch.rand(*size, generator=torch.Generator().manual_seed(seed))
    return (1.5 * drawn - 0.3).clamp(0, 1)


def statistics(image, one_map=None):
    rows = image.flatten(1).double()
    weights = torch.ones(rows.shape[1]) if one_map is None else one_map.flatten()
    mean = (rows * weights).sum(1) / weights.double().sum()
    return mean, torch.cov(rows, correction=0, aweights=weights.double())


def assert_alike(image, target, image_map=None, target_map=None):
    got, wanted = statistics(image, image_map), statistics(target, target_map)
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)


def worst_gain(one):
    values = torch.linalg.svdvals(one.matrix)
    return float(torch.maximum(values, 1 / values).max())


# affine maps


@forms
@seeds
@some
def test_mean_and_covariance_arrive_under_soft_maps(form, seed):
    a, b = colors(seed), colors(seed + 1, 9, 8)
    a_map, b_map = soft(seed, 11, 13), soft(seed + 1, 9, 8)
    one = match_colors(color_moments(a, a_map), color_moments(b, b_map), form, gain=1000)
    assert_alike(one(a), b, a_map, b_map)
    whole = match_colors(color_moments(a), color_moments(b), form, gain=1000)
    assert_alike(whole(a), b)


@forms
@seeds
@some
def test_own_colors_change_nothing(form, seed):
    own = color_moments(colors(seed), soft(seed, 11, 13))
    one = match_colors(own, own, form)
    torch.testing.assert_close(one.matrix, torch.eye(3).double(), atol=1e-9, rtol=0)
    torch.testing.assert_close(one.offset, torch.zeros(3).double(), atol=1e-9, rtol=0)


@forms
@pytest.mark.parametrize("gain", [1.5, 1000])
def test_the_way_back_is_the_inverse(form, gain):
    a, b = color_moments(colors(1)), color_moments(colors(2))
    there, back = match_colors(a, b, form, gain=gain), match_colors(b, a, form, gain=gain)
    torch.testing.assert_close(there.inverse().matrix, back.matrix)
    torch.testing.assert_close(there.inverse().offset, back.offset)
    image = colors(3)
    torch.testing.assert_close(there.inverse()(there(image)), image, atol=1e-5, rtol=0)


@seeds
@some
def test_monge_kantorovich_is_symmetric_positive_and_moves_colors_least(seed):
    a, b = colors(seed), colors(seed + 1)
    one, pca, cholesky = (
        match_colors(color_moments(a), color_moments(b), form, gain=1000) for form in ("mk", "pca", "cholesky")
    )
    torch.testing.assert_close(one.matrix, one.matrix.T)
    assert float(torch.linalg.eigvalsh(one.matrix).min()) > 0
    moved = [float((other(a) - a).square().mean()) for other in (one, pca, cholesky)]
    assert moved[0] <= min(moved) + 1e-6


def test_forms_agree_with_scipy():
    a, b = colors(5), colors(6)
    s, t = (statistics(one)[1].numpy() for one in (a, b))
    root, back = scipy.linalg.sqrtm(s), scipy.linalg.inv(scipy.linalg.sqrtm(s))
    wanted = {
        "mk": back @ scipy.linalg.sqrtm(root @ t @ root) @ back,
        "pca": scipy.linalg.sqrtm(t) @ back,
        "cholesky": scipy.linalg.cholesky(t, lower=True) @ scipy.linalg.inv(scipy.linalg.cholesky(s, lower=True)),
    }
    assert wanted.keys() == FORMS.keys()
    for form, matrix in wanted.items():
        got = match_colors(color_moments(a), color_moments(b), form, gain=1000).matrix
        torch.testing.assert_close(got, torch.from_numpy(matrix), atol=1e-3, rtol=1e-3)


FLAT, GRAY = (
    torch.full((3, 11, 13), 0.4),
    torch.rand(1, 11, 13, generator=torch.Generator().manual_seed(7)).expand(3, -1, -1),
)
RANK_TWO = torch.cat([colors(8)[:2], colors(8)[:1]])
POOR = {"flat": FLAT, "gray": GRAY, "rank two": RANK_TWO, "one pixel": FLAT[:, :1, :1], "black": 0 * FLAT}


@forms
@pytest.mark.parametrize("poor", POOR)
@pytest.mark.parametrize("other", ["rich", *POOR])
def test_poor_pictures_give_maps_of_limited_gain(form, poor, other):
    rich = {"rich": colors(9)} | POOR
    one = match_colors(color_moments(rich[poor]), color_moments(rich[other]), form)
    assert worst_gain(one) <= 10.001
    assert worst_gain(match_colors(color_moments(rich[poor]), color_moments(rich[other]), form, gain=3)) <= 3.001
    there = one(rich[poor])
    torch.testing.assert_close(there.mean((1, 2)), rich[other].mean((1, 2)), atol=1e-5, rtol=0)
    torch.testing.assert_close(one.inverse()(there), rich[poor], atol=1e-4, rtol=0)


def test_a_gray_picture_stays_without_color_of_its_own():
    """The noise that a gray picture has in color is not what a colorful target's colors are made of."""
    noisy = GRAY + 1e-3 * torch.randn(3, 11, 13, generator=torch.Generator().manual_seed(1))
    moved = match_colors(color_moments(noisy), color_moments(colors(9)))(noisy)
    clean = match_colors(color_moments(GRAY), color_moments(colors(9)))(GRAY)
    assert float((moved - clean).abs().max()) < 0.05


def test_an_empty_map_knows_nothing():
    image = colors(1)
    empty = color_moments(image, torch.zeros(11, 13))
    for pair in ((empty, color_moments(image)), (color_moments(image), empty)):
        assert torch.equal(match_colors(*pair)(image), image)


def test_large_pictures_are_summed_finely_enough():
    """Sums in fp32 are off by 1e-3 here, a hundred times what counts as flat."""
    image = torch.tensor([0.88, 0.92]).repeat(2048, 1024).expand(3, -1, -1)
    torch.testing.assert_close(
        color_moments(image).covariance()[0].float(), torch.full((3, 3), 4e-4), atol=2e-6, rtol=0
    )


def test_bad_settings_are_told():
    some = color_moments(colors(1))
    with pytest.raises(UsageError, match="did you mean 'cholesky'"):
        match_colors(some, some, "cholesk")
    for wrong in ({"eps": 0.0}, {"gain": 0.5}):
        with pytest.raises(UsageError, match=r"eps must be above 0, gain 1 or more"):
            match_colors(some, some, **wrong)


# blends


def some_maps(seed, n=3, form="mk"):
    target = color_moments(colors(seed))
    return [match_colors(color_moments(colors(seed + i)), target, form) for i in range(1, n + 1)]


def test_pure_shares_take_one_map_and_the_remainder_stays():
    image, maps, shares = colors(1), some_maps(2, 2), torch.zeros(2, 11, 13)
    shares[0, :, :4], shares[1, :, 4:8] = 1, 1
    blended = blend_maps(maps, shares, image)
    torch.testing.assert_close(blended[:, :, :4], maps[0](image)[:, :, :4])
    torch.testing.assert_close(blended[:, :, 4:8], maps[1](image)[:, :, 4:8])
    assert torch.equal(blended[:, :, 8:], image[:, :, 8:])


def test_shares_mix_maps_and_are_scaled_down_where_they_sum_to_more_than_one():
    image, maps = colors(1), some_maps(2, 2)
    mean = (maps[0](image) + maps[1](image)) / 2
    for share in (0.5, 0.8):
        torch.testing.assert_close(blend_maps(maps, torch.full((2, 11, 13), share), image), mean)
    quarter = blend_maps(maps[:1], torch.full((1, 11, 13), 0.25), image)
    torch.testing.assert_close(quarter, 0.25 * maps[0](image) + 0.75 * image)


@seeds
@some
def test_a_soft_blend_is_undone_exactly(seed):
    image, maps, shares = colors(seed), some_maps(seed + 1), soft(seed, 3, 11, 13)
    torch.testing.assert_close(unblend_maps(maps, shares, blend_maps(maps, shares, image)), image, atol=1e-5, rtol=0)


def test_undoing_goes_band_by_band(monkeypatch):
    image, maps, shares = colors(1), some_maps(2), soft(3, 3, 11, 13)
    whole = unblend_maps(maps, shares, image)
    monkeypatch.setattr("intarsia.color._rows", lambda image, pixels: 4)
    torch.testing.assert_close(unblend_maps(maps, shares, image), whole)
    torch.testing.assert_close(color_moments(image).covariance()[0], statistics(image)[1], atol=1e-6, rtol=0)


def test_a_mixture_without_inverse_stays_finite():
    mirror = AffineMap(-torch.eye(3).double(), torch.ones(3).double())
    undone = unblend_maps([mirror], torch.full((1, 11, 13), 0.5), colors(1))
    assert bool(undone.isfinite().all())


# before and after


def unclipped(moved):
    return ((moved > 0) & (moved < 1)).all(0)


@forms
@seeds
@some
def test_round_trip_of_one_style(form, seed):
    content, style = colors(seed), colors(seed + 1, 9, 8)
    moved, maps = before(content, [style], form=form)
    kept = unclipped(moved)
    assert float(kept.float().mean()) > 0.5
    torch.testing.assert_close(after(moved, maps)[:, kept], content[:, kept], atol=1e-4, rtol=0)


@forms
def test_round_trip_of_soft_regions(form):
    content, styles, shares = colors(1), [colors(2), colors(3, 9, 8)], soft(4, 2, 11, 13)
    moved, maps = before(content, styles, shares, [None, soft(5, 9, 8)], form=form)
    kept = unclipped(moved)
    assert float(kept.float().mean()) > 0.5
    torch.testing.assert_close(after(moved, maps, shares)[:, kept], content[:, kept], atol=1e-4, rtol=0)


def test_before_gives_each_region_the_colors_of_its_part_of_its_style():
    content, styles = colors(1), [colors(2), colors(3, 9, 8)]
    shares, style_map = torch.zeros(2, 11, 13), soft(5, 9, 8)
    shares[0, :, :6], shares[1, :, 6:] = 1, 1
    _, maps = before(content, styles, shares, [None, style_map], gain=1000)
    moved = blend_maps(maps, shares, content)
    assert_alike(moved, styles[0], shares[0])
    assert_alike(moved, styles[1], shares[1], style_map)


def test_regions_that_tile_the_picture_alike_equal_one():
    content, style = colors(1), colors(2)
    half = torch.full((2, 11, 13), 0.5)
    whole, _ = before(content, [style])
    parts, maps = before(content, [style, style], half)
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(after(parts, maps, half), after(whole, before(content, [style])[1]), atol=1e-5, rtol=0)


def test_what_no_region_owns_keeps_its_colors_both_ways():
    content, shares = colors(1), torch.zeros(1, 11, 13)
    shares[:, :5] = 1
    moved, maps = before(content, [colors(2)], shares)
    assert torch.equal(moved[:, 5:], content[:, 5:])
    assert not torch.allclose(moved[:, :5], content[:, :5], atol=0.02)
    painted = colors(3)
    torch.testing.assert_close(after(painted, maps, shares)[:, 5:], painted[:, 5:])


def test_an_empty_region_does_no_harm():
    shares = torch.stack([torch.zeros(11, 13), torch.ones(11, 13)])
    moved, maps = before(colors(1), [colors(2), colors(3)], shares)
    torch.testing.assert_close(moved, before(colors(1), [colors(3)])[0])
    torch.testing.assert_close(after(moved, maps, shares), colors(1), atol=1e-4, rtol=0)


def test_results_are_pictures():
    content, style = (4 * (one - 0.5) + 0.5 for one in (colors(1), colors(2)))
    content, style = content.clamp(0, 1), style.clamp(0, 1)
    moved, maps = before(content, [style])
    for image in (moved, after(1 - content, maps)):
        assert 0 <= float(image.min()) <= float(image.max()) <= 1


def test_styles_and_regions_must_go_together():
    for args in (([colors(1)], torch.ones(2, 11, 13)), ([colors(1), colors(2)],), ([colors(1)], None, [None, None])):
        with pytest.raises(GuideError, match="Give each region one of each"):
            before(colors(3), *args)


# luminance


def test_luminance_is_rec_709_on_the_values_as_they_are():
    primaries = torch.eye(3)[:, :, None]
    torch.testing.assert_close(luminance(primaries)[:, 0], torch.tensor([0.2126, 0.7152, 0.0722]))
    torch.testing.assert_close(luminance(GRAY), GRAY[0])


@seeds
@some
def test_with_luminance_has_it_and_stays_a_picture(seed):
    content, wanted = torch.rand(3, 11, 13, generator=torch.Generator().manual_seed(seed)), soft(seed, 11, 13)
    image = with_luminance(content, wanted)
    torch.testing.assert_close(luminance(image), wanted, atol=1e-5, rtol=0)
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    color, had = image - luminance(image), content - luminance(content)
    assert float(torch.linalg.cross(color, had, dim=0).abs().max()) < 1e-5  # same hue
    assert bool((color.norm(dim=0) <= had.norm(dim=0) + 1e-5).all())


def test_where_there_is_room_saturation_stays_too():
    content = 0.5 + 0.3 * (colors(1) - 0.5)
    wanted = 0.5 + 0.3 * (soft(1, 11, 13) - 0.5)
    image = with_luminance(content, wanted)
    torch.testing.assert_close(image - wanted, content - luminance(content), atol=1e-6, rtol=0)
    torch.testing.assert_close(with_luminance(content, luminance(content)), content, atol=1e-6, rtol=0)


def test_gray_like_has_the_mean_and_deviation_of_the_contents_luminance_under_maps():
    style, content = 0.5 + 0.4 * (colors(1) - 0.5), colors(2, 9, 8)
    style_map, content_map = soft(1, 11, 13), soft(2, 9, 8)
    gray = gray_like(style, content, style_map, content_map)
    assert torch.equal(gray, gray[:1].expand(3, -1, -1)) or torch.allclose(gray, gray[:1].expand(3, -1, -1), atol=1e-6)
    (mean_s, cov_s), (mean_c, cov_c) = (
        statistics(luminance(image)[None], one) for image, one in ((style, style_map), (content, content_map))
    )
    wanted = (luminance(style) - mean_s) * (cov_c / cov_s).sqrt() + mean_c
    torch.testing.assert_close(gray[0].double(), wanted, atol=1e-4, rtol=0)


def test_gray_like_of_a_flat_style_is_flat():
    torch.testing.assert_close(gray_like(FLAT, GRAY), GRAY.mean().expand(3, 11, 13), atol=1e-5, rtol=0)


# histograms


def test_histograms_agree_with_scikit_image():
    """At one size and without ties both say: the k-th darkest becomes the k-th darkest."""
    a, b = colors(1), colors(2)
    oracle = torch.from_numpy(match_histograms(a.numpy(), b.numpy(), channel_axis=0))
    torch.testing.assert_close(match_histogram(a, b), oracle.float(), atol=1e-6, rtol=0)


def test_histograms_agree_with_scikit_image_roughly_with_ties_and_other_sizes():
    a, b = (torch.rand(3, *size).mul(255).round() / 255 for size in ((64, 64), (80, 50)))
    oracle = torch.from_numpy(match_histograms(a.numpy(), b.square().numpy(), channel_axis=0)).float()
    assert float((match_histogram(a, b.square()) - oracle).abs().max()) < 0.03


def test_own_histogram_changes_nothing():
    image, one = (colors(1) * 20).round() / 20, soft(1, 11, 13)
    torch.testing.assert_close(match_histogram(image, image), image, atol=1e-6, rtol=0)
    torch.testing.assert_close(match_histogram(image, image, one, one), image, atol=1e-6, rtol=0)


@seeds
@some
def test_histograms_meet_the_targets_mean_and_keep_order_and_ties(seed):
    image, target = (colors(seed) * 20).round() / 20, colors(seed + 1, 9, 8)
    target_map = soft(seed, 9, 8)
    moved = match_histogram(image, target, None, target_map)
    torch.testing.assert_close(statistics(moved)[0], statistics(target, target_map)[0], atol=1e-6, rtol=0)
    for channel, was in zip(moved.flatten(1), image.flatten(1), strict=True):
        was, order = was.sort(stable=True)
        step = channel[order].diff()
        assert float(step.min()) >= -1e-7
        assert float(step[was.diff() == 0].abs().max()) == 0


def test_a_weight_counts_as_so_many_pixels():
    image, target = colors(1), colors(2, 9, 8)
    times = torch.randint(0, 3, (9, 8), generator=torch.Generator().manual_seed(1))
    repeated = target.flatten(1).repeat_interleave(times.flatten(), 1)[:, None]
    weighted = match_histogram(image, target, None, times / 2)
    torch.testing.assert_close(weighted, match_histogram(image, repeated), atol=1e-6, rtol=0)
    times = torch.randint(1, 4, (11, 13), generator=torch.Generator().manual_seed(2))
    repeated = image.flatten(1).repeat_interleave(times.flatten(), 1)[:, None]
    share = times / 4
    change = match_histogram(image, target, share) - image
    places = match_histogram(repeated, target)[:, 0, times.flatten().cumsum(0) - 1].reshape_as(image)
    torch.testing.assert_close(change, share * (places - image), atol=1e-5, rtol=0)


def test_outside_its_map_an_image_stays_and_has_no_say():
    image, target, left = colors(1), colors(2), torch.zeros(11, 13)
    left[:, :6] = 1
    moved = match_histogram(image, target, left)
    assert torch.equal(moved[:, :, 6:], image[:, :, 6:])
    torch.testing.assert_close(moved[:, :, :6], match_histogram(image[:, :, :6], target))


def test_flat_images_get_the_targets_mean_and_flat_targets_are_taken():
    target = colors(2)
    torch.testing.assert_close(match_histogram(FLAT, target), target.mean((1, 2), keepdim=True).expand(3, 11, 13))
    torch.testing.assert_close(match_histogram(target, FLAT), FLAT)


def test_a_target_of_two_values_gives_no_third():
    target = torch.tensor([0.0, 1.0]).repeat(3, 4, 4)
    moved = match_histogram(colors(1, 10, 10), target)
    assert set(moved.flatten().tolist()) == {0.0, 1.0}


def test_empty_maps_leave_the_image():
    image, empty = colors(1), torch.zeros(11, 13)
    assert torch.equal(match_histogram(image, colors(2), empty), image)
    assert torch.equal(match_histogram(image, colors(2), None, empty), image)


def test_the_identity_is_one():
    assert torch.equal(identity()(FLAT), FLAT)


# smooth colors


def test_smoothing_colors_keeps_luminance_and_what_has_one_color():
    image = colors(1)
    smooth = smooth_chroma(image, 2)
    torch.testing.assert_close(luminance(smooth), luminance(image), atol=1e-6, rtol=0)
    torch.testing.assert_close(smooth_chroma(FLAT, 3), FLAT)
    assert torch.equal(smooth_chroma(image, 0), image)
    before, after = (one - luminance(one) for one in (image, smooth))
    assert float(after.var()) < 0.5 * float(before.var())
    row = torch.tensor([0.0, 0.0, 4.0, 0.0, 0.0])
    colored = torch.stack([row, row * 0, row * 0])[:, None].double()
    (red, _, _) = smooth_chroma(colored, 1) - luminance(smooth_chroma(colored, 1))
    torch.testing.assert_close(red[0] / (1 - 0.2126), torch.tensor([0.0, 1.0, 2.0, 1.0, 0.0]).double())


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("size", [(6, 5), (1, 7), (2, 1)])
def test_the_gradient_of_smooth_colors(times, size):
    image = torch.rand(3, *size, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: smooth_chroma(one, times), image)


def test_chroma_spread_is_what_luminance_does_not_tell():
    generator = torch.Generator().manual_seed(0)
    gray = torch.rand(1, 40, 50, generator=generator).expand(3, -1, -1)
    tint = torch.tensor([1.0, 0.96, 0.86])[:, None, None]
    noise = torch.randn(3, 40, 50, generator=generator)
    assert chroma_spread(color_moments(gray)) < 1e-6
    assert chroma_spread(color_moments(gray * tint)) < 1e-6
    faint = chroma_spread(color_moments(gray + 0.01 * noise))
    assert 0.01 < faint < 0.02
    assert chroma_spread(color_moments(torch.rand(3, 40, 50, generator=generator))) > 0.3


def test_gray_is_told_under_the_map_alone():
    image = torch.full((3, 8, 8), 0.5)
    image[0, 2, 2] += 3 / 255
    away = torch.ones(8, 8)
    away[2, 2] = 0
    assert not is_gray(image)
    assert is_gray(image, away)
    image[0, 2, 2] -= 2 / 255  # what JPEG may leave
    assert is_gray(image)
