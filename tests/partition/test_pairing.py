import pytest
import torch

from intarsia.encoders import load
from intarsia.errors import GuideError, UsageError
from intarsia.guide import Guide
from intarsia.partition import Partition, auto_regions, pair


@pytest.fixture(scope="module")
def toy():
    return load("toy", device="cpu")


def parted(labels: torch.Tensor, k: int) -> Partition:
    return Partition(labels, torch.nn.functional.one_hot(labels, k).permute(2, 0, 1).float())


@pytest.fixture
def two(random_image):
    """Smooth blue above a rough orange ground, and the labels of both, (48, 64): sky 1, ground 0."""

    def make(seed: int, upside_down: bool = False, sky: int = 16):
        rough = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(seed))
        image = torch.tensor([0.9, 0.5, 0.2])[:, None, None] * (0.4 + 0.6 * rough)
        image[:, :sky] = torch.tensor([0.3, 0.5, 0.9])[:, None, None] + 0.02 * rough[:, :sky]
        labels = torch.zeros(48, 64, dtype=torch.long)
        labels[:sky] = 1
        return (image.flip(1), labels.flip(0)) if upside_down else (image, labels)

    return make


def test_regions_that_look_alike_are_paired_wherever_they_are(two, toy):
    (content, labels), (style, style_labels) = two(1), two(2, upside_down=True)
    swapped = 1 - style_labels  # here 0 is the sky
    looks = {"content": content, "style": style, "encoder": toy}
    found = pair(parted(labels, 2), parted(swapped, 2), **looks)
    assert found.pairs == {0: 1, 1: 0}
    assert float(found.scores[0, 1]) > float(found.scores[0, 0]) + 0.1
    by_place = pair(parted(labels, 2), parted(swapped, 2), "position")
    assert by_place.pairs == {0: 0, 1: 1}  # what is above with what is above


@pytest.mark.parametrize("by", ["appearance", "position", "overlap"])
def test_every_region_is_most_like_itself(two, toy, by):
    content, labels = two(1)
    same = parted(labels, 2)
    found = pair(same, same, by, content=content, style=content, encoder=toy)
    assert found.pairs == {0: 0, 1: 1}
    torch.testing.assert_close(found.scores.diagonal(), torch.ones(2), atol=1e-4, rtol=0)
    assert 0 <= float(found.scores.min()) <= float(found.scores.max()) <= 1 + 1e-4


@pytest.mark.parametrize("by", ["appearance", "position", "overlap"])
def test_pairs_do_not_depend_on_which_picture_comes_first(two, toy, by):
    (content, labels), (style, style_labels) = two(1), two(2, sky=30)
    a, b = parted(labels, 2), parted(style_labels, 2)
    there = pair(a, b, by, content=content, style=style, encoder=toy).scores
    back = pair(b, a, by, content=style, style=content, encoder=toy).scores
    torch.testing.assert_close(there, back.T, atol=1e-4, rtol=1e-4)


def columns(*widths: int) -> Partition:
    labels = torch.cat([torch.full((12, width), i) for i, width in enumerate(widths)], 1)
    return parted(labels, len(widths))


def test_overlap_is_intersection_over_union():
    scores = pair(columns(32, 32), columns(16, 48), "overlap").scores
    assert scores.flatten().tolist() == pytest.approx([16 / 32, 16 / 64, 0, 32 / 48], abs=0.02)


def test_one_to_one_takes_nothing_twice_and_many_the_best():
    content, style = columns(28, 8, 28), columns(40, 12, 12)
    alone = pair(content, style, "overlap").pairs
    assert sorted(alone.values()) == [0, 1, 2]
    many = pair(content, style, "overlap", one_to_one=False)
    assert many.pairs == {row: int(scores.argmax()) for row, scores in enumerate(many.scores)}
    assert many.pairs[1] == 0


def test_fixed_pairs_are_kept_and_the_rest_goes_around_them():
    found = pair(columns(20, 20, 24), columns(20, 20, 24), "overlap", fixed={0: 2}).pairs
    assert found[0] == 2
    assert found == {0: 2, 1: 1, 2: 0}


@pytest.mark.parametrize("fixed", [{3: 0}, {0: 3}, {-1: 0}])
def test_fixed_pairs_of_regions_that_are_not_there_are_told(fixed):
    with pytest.raises(GuideError, match="3 content regions"):
        pair(columns(20, 20, 24), columns(20, 20, 24), "overlap", fixed=fixed)


def test_what_cannot_be_paired_is_told():
    with pytest.raises(GuideError, match="3 content regions cannot have one of 2 style regions each"):
        pair(columns(20, 20, 24), columns(32, 32), "overlap")
    with pytest.raises(UsageError, match="needs both pictures"):
        pair(columns(32, 32), columns(32, 32))
    with pytest.raises(UsageError, match="did you mean 'overlap'"):
        pair(columns(32, 32), columns(32, 32), "overlaps")


def test_automatic_regions_are_a_guide(two, toy):
    (content, labels), (style, style_labels) = two(1), two(2, upside_down=True)
    guide = auto_regions(content, [style], 2, encoder=toy)
    assert isinstance(guide, Guide)
    assert [region.name for region in guide.regions] == ["auto 1", "auto 2"]
    torch.testing.assert_close(guide.shares((48, 64)).sum(0), torch.ones(48, 64), atol=1e-4, rtol=0)
    for region, label in zip(guide.regions, (0, 1), strict=True):  # the ground is the larger
        assert region.style is style
        assert float(((region.content_map > 0.5) == (labels == label)).float().mean()) > 0.9
        assert float(((region.style_map > 0.5) == (style_labels == label)).float().mean()) > 0.9


def test_automatic_pairs_can_be_overruled(two, toy):
    content, style = two(1)[0], two(2)[0]
    usual, other = (auto_regions(content, [style], 2, encoder=toy, fixed=fixed) for fixed in (None, {0: 1}))
    assert torch.equal(other.regions[0].style_map, usual.regions[1].style_map)
    assert torch.equal(other.regions[1].style_map, usual.regions[0].style_map)


def test_every_style_gets_the_region_that_it_fits_best(two, toy):
    """One style is nearly all sky, the other nearly all ground."""
    content = two(1)[0]
    skies, grounds = two(2, sky=40)[0], two(3, sky=8)[0]
    for styles in ([skies, grounds], [grounds, skies]):
        guide = auto_regions(content, styles, 2, encoder=toy)
        assert {id(region.style) for region in guide.regions} == {id(skies), id(grounds)}
    chosen = auto_regions(content, [skies, grounds], 2, encoder=toy, fixed={0: (0, 0)})
    assert chosen.regions[0].style is skies
    assert chosen.regions[1].style is grounds


@pytest.mark.parametrize("count", [0, 3])
def test_more_styles_than_regions_are_told(two, toy, count):
    with pytest.raises(UsageError, match=f"{count} styles for 2 regions"):
        auto_regions(two(1)[0], [two(2)[0]] * count, 2, encoder=toy)
