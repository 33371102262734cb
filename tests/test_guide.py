"""Shares are a partition of unity; regions that paint alike are one; blends lose no one's part."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import GuideError
from intarsia.guide import Guide, Manner, Region, _lattice_corners, blends

STYLE, OTHER = torch.rand(3, 8, 8), torch.rand(3, 9, 9)


def halves(w=8):
    left = torch.zeros(6, w)
    left[:, : w // 2] = 1
    return left, 1 - left


def test_no_map_is_everywhere():
    assert torch.equal(Guide.everywhere(STYLE).shares((5, 7)), torch.ones(1, 5, 7))


def test_mixed_styles_share_every_place_by_weight():
    shares = Guide.everywhere(STYLE, OTHER, weights=[1, 3]).shares((4, 4))
    torch.testing.assert_close(shares[:, 0, 0], torch.tensor([0.25, 0.75]))


@given(st.integers(1, 4), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_shares_never_exceed_one_at_any_size(count, seed):
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.rand(6, 8, generator=generator) for _ in range(count)]
    guide = Guide(tuple(Region(STYLE, one) for one in maps))
    for size in ((6, 8), (3, 4), (13, 17), (1, 1)):
        assert float(guide.shares(size).sum(0).max()) <= 1 + 1e-5


def test_overlap_is_shared_and_gaps_stay_content():
    left, _ = halves()
    shares = Guide((Region(STYLE, left), Region(OTHER, left))).shares((6, 8))
    torch.testing.assert_close(shares[0], left / 2)
    assert float(shares[:, :, 5:].sum()) == 0


def test_regions_that_paint_alike_become_one():
    left, right = halves()
    merged = Guide((Region(STYLE, left), Region(STYLE.clone(), right))).merged()
    assert len(merged.regions) == 1
    assert merged.regions[0].content_map is None


def test_regions_that_differ_stay_apart():
    left, right = halves()
    for other in (
        Region(OTHER, right),
        Region(STYLE, right, strength=0.5),
        Region(STYLE, right, style_map=right[:, :6]),
    ):
        assert len(Guide((Region(STYLE, left), other)).merged().regions) == 2


def test_regions_of_no_strength_stay_content():
    left, right = halves()
    merged = Guide((Region(STYLE, left), Region(OTHER, right, strength=0))).merged()
    assert [region.style is STYLE for region in merged.regions] == [True]
    assert float(merged.shares((6, 8))[0, :, 4:].max()) == 0


def test_merging_keeps_who_owns_what_where_maps_overlap():
    maps = [torch.rand(6, 8) for _ in range(3)]
    guide = Guide((Region(STYLE, maps[0]), Region(OTHER, maps[1]), Region(STYLE, maps[2])))
    before, after = guide.shares((6, 8)), guide.merged().shares((6, 8))
    torch.testing.assert_close(after, torch.stack([before[0] + before[2], before[1]]))


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Guide(()), "no region"),
        (lambda: Region(STYLE, torch.full((3, 3), 1.5), name="sky"), "region 'sky'.*content map leaves 0..1"),
        (lambda: Region(STYLE, torch.full((3, 3), float("nan"))), "leaves 0..1"),
        (lambda: Region(STYLE, None, torch.zeros(3, 3), name="sea"), "region 'sea'.*style map is empty.*Paint it"),
        (lambda: Region(STYLE, strength=-1), "`strength` is -1; it must be 0 to 1"),
        (lambda: Region(STYLE, style_scale=0), "`style_scale` is 0; it must be 0.05 to 20"),
        (lambda: Guide.everywhere(STYLE, OTHER, weights=[1]), "2 styles came with weights"),
        (lambda: Guide.everywhere(STYLE, weights=[0]), "not all 0"),
    ],
)
def test_bad_guides_say_what_is_wrong(build, says):
    with pytest.raises(GuideError, match=says):
        build()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"strength": -1}, "`strength` is -1; it must be 0 to 1."),
        ({"content_weight": float("inf")}, "`content_weight` is inf; it must be 0 or more."),
        ({"style_scale": 30}, "`style_scale` is 30; it must be 0.05 to 20."),
        ({"style_scale": "wide"}, "`style_scale` is wide; it must be 0.05 to 20."),
        ({"color": "macth"}, "no `color` 'macth': did you mean 'match'?"),
        ({"color_form": "lu"}, "no `color_form` 'lu'. There are: cholesky, mk, pca."),
    ],
)
def test_a_setting_that_cannot_be_is_told_with_what_can(told, says):
    """As outside of these tests, where no type checker comes first."""
    region = Region(STYLE, name="sky")
    region.__dict__.update(told)
    with pytest.raises(GuideError) as refused:
        region.__post_init__()
    assert str(refused.value).startswith(f"region 'sky': {says}")


def test_settings_are_keywords_and_become_numbers():
    region = Region(STYLE, halves()[0], strength=0.5, style_scale=2)
    assert (region.strength, region.style_scale) == (0.5, 2)
    assert type(region.style_scale) is float
    assert region.manner.color == Manner.color == "none"
    with pytest.raises(TypeError):
        Region(STYLE, None, None, "sky", 0.5)


# ---- blends ------------------------------------------------------------------------------------------------------


def ramp(w=64, h=4):
    across = ((torch.arange(w) + 0.5) / w).expand(h, w)
    return torch.stack([1 - across, across])


def test_hard_maps_give_just_the_regions():
    left, right = halves()
    codes = blends(torch.stack([left, right]))
    assert len(codes) == 2
    assert {tuple(code.flatten().tolist()) for code in codes} == {tuple(m.flatten().tolist()) for m in (left, right)}


def test_a_ramp_gives_five_hats():
    codes = blends(ramp())
    assert len(codes) == 5
    means = (codes * ramp()[1]).sum((1, 2)) / codes.sum((1, 2))
    torch.testing.assert_close(means.sort().values, torch.tensor([1 / 12, 0.25, 0.5, 0.75, 11 / 12]), atol=2e-3, rtol=0)


@given(st.integers(2, 5), st.integers(0, 50), st.floats(0.3, 6))
@settings(max_examples=25, deadline=None)
def test_codes_sum_to_what_the_regions_own(regions, seed, sharpness):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(regions + 1, 12, 10, generator=generator) * sharpness
    shares = drawn.softmax(0)[:regions]  # one part stays content
    codes = blends(shares)
    assert float(codes.min()) >= 0
    assert len(codes) <= max(8, regions)
    torch.testing.assert_close(codes.sum(0), shares.sum(0), atol=1e-4, rtol=1e-4)


def test_one_region_is_its_own_code():
    share = torch.rand(1, 5, 5)
    assert torch.equal(blends(share), share)


def test_a_constant_mixture_is_one_code_per_lattice_corner_at_most():
    codes = blends(torch.tensor([0.25, 0.75])[:, None, None].expand(2, 6, 6))
    assert len(codes) == 1


@given(st.integers(2, 12), st.integers(0, 50), st.floats(0.3, 6))
@settings(max_examples=25, deadline=None)
def test_the_corners_of_a_mixture_average_to_it(regions, seed, sharpness):
    """Barycentric weights: no mixture of up to 8 regions is bent on its way into the lattice."""
    drawn = torch.randn(50, regions, generator=torch.Generator().manual_seed(seed)) * sharpness
    drawn[:, 8:] = -1e9
    mixture = drawn[:, torch.randperm(regions, generator=torch.Generator().manual_seed(seed))].softmax(1)
    corners, weights = _lattice_corners(mixture, min(8, mixture.shape[1]), 4)
    points = F.one_hot(corners[..., None] // regions ** torch.arange(4) % regions, regions).sum(2)  # (n, m, r)
    torch.testing.assert_close((weights[..., None] * points).sum(1) / 4, mixture, atol=1e-4, rtol=0)
    assert float(weights.min()) >= 0


def test_a_hard_region_keeps_its_code_however_small():
    shares = torch.zeros(3, 40, 60)
    shares[0, :, :30], shares[1, :, 30:] = 1, 1
    shares[:2, 5:8, 5:8], shares[2, 5:8, 5:8] = 0, 1  # 9 of 2400 positions
    codes = blends(shares)
    assert len(codes) == 3
    assert any(torch.equal(code, shares[2]) for code in codes)


def test_many_regions_with_soft_windows_stay_apart():
    """8 x 8 windows that overlap by half: a code each, most of which is the region's own."""
    across = ((torch.arange(80) + 0.5) / 10 - 0.5).clamp(0, 7)
    windows = (1.5 - 2 * (across - torch.arange(8)[:, None]).abs()).clamp(0, 1)
    windows = windows / windows.sum(0)
    shares = torch.einsum("ah,bw->abhw", windows, windows).flatten(0, 1)
    codes = blends(shares)
    assert len(codes) == 64
    held = codes.flatten(1) @ shares.flatten(1).T
    own = held.amax(1) / held.sum(1)
    assert float(own.min()) > 0.6
    assert sorted(held.argmax(1).tolist()) == list(range(64))


def test_blends_of_a_large_picture_whose_regions_meet_in_one_place_only():
    """Positions are worked on in blocks; the number of regions that meet is that of the whole picture."""
    maps = torch.zeros(3, 300, 300)
    maps[0, :, :150], maps[1, :150, 150:], maps[2, 150:, 150:] = 1, 1, 1
    maps[:, 10, 10] = 1 / 3
    codes = blends(maps)
    torch.testing.assert_close(codes.sum(0), torch.ones(300, 300))
    torch.testing.assert_close(codes[:, 200, 20], torch.eye(len(codes))[int(codes[:, 200, 20].argmax())])


def test_a_strength_is_at_most_1(random_image):
    with pytest.raises(GuideError, match=r"`strength` is 50; it must be 0 to 1\. Did you mean 0\.5\?"):
        Region(random_image(8, 8), strength=50)
