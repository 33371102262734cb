"""Sources make guides: masks in pairs become regions, and what does not fit is told before the painting."""

import warnings

import pytest
import torch

from intarsia.errors import GuideError, Notice
from intarsia.sources import masks

SIZE = (24, 32)


@pytest.fixture
def styles(random_image):
    return [random_image(20, 30, seed) for seed in range(3)]


@pytest.fixture(autouse=True)
def _no_notice_unheard():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        yield


def left(h: int = 24, w: int = 32) -> torch.Tensor:
    mask = torch.zeros(h, w)
    mask[:, : w // 2] = 1
    return mask


def test_a_pair_of_masks_is_a_region(styles):
    maps = [left(), 1 - left()]
    style_maps = [torch.ones(20, 30), left(20, 30)]
    guide = masks(SIZE, styles[:2], maps, style_maps, strengths=[0.5, 1], style_scale=2)
    assert [region.name for region in guide.regions] == ["region 1", "region 2"]
    for region, style, content_map, style_map, strength in zip(
        guide.regions, styles, maps, style_maps, (0.5, 1), strict=False
    ):
        assert region.style is style
        assert torch.equal(region.content_map, content_map)
        assert torch.equal(region.style_map, style_map)
        assert (region.strength, region.style_scale) == (strength, 2)
    assert torch.equal(guide.shares(SIZE), torch.stack(maps))


def test_one_style_and_one_strength_serve_all_regions(styles):
    guide = masks(SIZE, styles[:1], [left(), 1 - left(), left()], strengths=[0.3])
    assert all(region.style is styles[0] for region in guide.regions)
    assert [region.strength for region in guide.regions] == [0.3] * 3
    assert all(region.style_map is None for region in guide.regions)


def test_a_region_may_take_the_whole_of_its_style(styles):
    first, second = masks(SIZE, styles[:2], [left(), 1 - left()], [None, left(20, 30)]).regions
    assert first.style_map is None
    assert second.style_map is not None


@pytest.mark.parametrize(
    ("count", "styles_given", "more", "words"),
    [
        (2, 3, {}, "2 content masks came with 3 styles. Give one for all, or one per content mask."),
        (1, 2, {}, "1 content mask came with 2 styles"),
        (2, 0, {}, "2 content masks came with 0 styles"),
        (2, 2, {"style_maps": [None]}, "2 content masks came with 1 style mask. Give none, or one per content mask."),
        (3, 1, {"strengths": [1, 1]}, "3 content masks came with 2 strengths"),
    ],
)
def test_wrong_counts_are_told(styles, count, styles_given, more, words):
    with pytest.raises(GuideError) as refused:
        masks(SIZE, styles[:styles_given], [left()] * count, **more)
    assert words in str(refused.value)


@pytest.mark.parametrize("size", [(12, 16), (240, 320), (23, 31), (121, 160)])
def test_another_size_of_the_same_aspect_is_noticed(styles, size):
    with pytest.warns(Notice, match=rf"region 1: its content mask is {size[1]} x {size[0]}, .* it was resized"):
        guide = masks(SIZE, styles[:1], [left(*size)])
    assert guide.shares(SIZE).shape == (1, *SIZE)


@pytest.mark.parametrize("size", [(24, 24), (32, 24), (24, 36), (6, 12), (300, 420)])
def test_another_aspect_is_an_error_that_names_the_region(styles, size):
    with pytest.raises(GuideError, match=r"region 2: its content mask is .* They must have the same aspect"):
        masks(SIZE, styles[:1], [left(), left(*size)])
    with pytest.raises(GuideError, match="region 1: its style mask is"):
        masks(SIZE, styles[:1], [left()], [left(30, 20)])


def test_a_mask_a_pixel_off_through_rounding_is_no_other_aspect(styles):
    with pytest.warns(Notice, match="resized"):
        masks((1000, 667), styles[:1], [torch.ones(30, 20)])


def test_an_empty_content_mask_drops_its_region_alone(styles):
    with pytest.warns(Notice, match="region 1: its content mask is empty, so it is left out"):
        guide = masks(SIZE, styles[:2], [torch.zeros(SIZE), left()], [None, left(20, 30)], strengths=[0.1, 0.9])
    (region,) = guide.regions
    assert (region.name, region.strength) == ("region 2", 0.9)
    assert region.style is styles[1]


def test_only_empty_content_masks_are_an_error(styles):
    with pytest.raises(GuideError, match="every content mask is empty"):
        masks(SIZE, styles[:1], [torch.zeros(SIZE), torch.zeros(SIZE)])


def test_an_empty_style_mask_is_an_error_that_names_the_region(styles):
    with pytest.raises(GuideError, match="region 'region 2': its style map is empty"):
        masks(SIZE, styles[:1], [left(), left()], [None, torch.zeros(20, 30)])
