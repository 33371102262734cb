"""A guide seen before it is painted."""

import pytest
import torch

from intarsia.guide import Guide, Region
from intarsia.survey import color_of, overlay, survey

SIZE = (60, 80)
STYLE = torch.rand(3, 8, 8)


def part(left: float, right: float, value: float = 1.0) -> torch.Tensor:
    one = torch.zeros(SIZE)
    one[:, round(left * 80) : round(right * 80)] = value
    return one


def guide(*maps: torch.Tensor | None, names: tuple[str, ...] = ()) -> Guide:
    named = zip(maps, [*names, *[""] * len(maps)], strict=False)
    return Guide(tuple(Region(STYLE, one, name=name) for one, name in named))


def test_numbers_of_regions_that_overlap_and_leave_something():
    found = survey(guide(part(0, 0.5), part(0.25, 0.75, 0.5), names=("sky",)), SIZE)
    first, second = found.regions
    assert (first.name, second.name) == ("sky", "region 2")
    assert first.share == pytest.approx(0.25 + 0.25 * 2 / 3)
    assert second.share == pytest.approx(0.25 / 3 + 0.25 / 2)
    assert (first.largest, second.largest) == (1, 0.5)
    assert first.overlapped == second.overlapped == found.overlap == 0.25
    assert found.uncovered == pytest.approx(0.25 + 0.25 / 2)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_shares_and_what_nothing_covers_make_the_picture(count):
    maps = [torch.rand(SIZE, generator=torch.Generator().manual_seed(i)) / 2 for i in range(count)]
    found = survey(guide(*maps), SIZE)
    assert sum(one.share for one in found.regions) + found.uncovered == pytest.approx(1, abs=1e-4)


def test_a_region_without_a_map_is_everywhere():
    found = survey(guide(None), SIZE)
    assert (found.regions[0].share, found.uncovered, found.overlap) == (1, 0, 0)


def test_the_overlay_has_each_color_where_its_region_is_and_the_picture_elsewhere():
    image = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0))
    shown = overlay(guide(part(0, 0.4), part(0.4, 0.8)), image)
    assert shown.shape == image.shape
    torch.testing.assert_close(shown[:, :5, 64:], image[:, :5, 64:], atol=1 / 255, rtol=0)
    for i, columns in enumerate((slice(0, 32), slice(32, 64))):
        color = torch.tensor(list(bytes.fromhex(color_of(i)[1:]))) / 255
        corner = shown[:, :5, columns]
        gray = (corner - 0.55 * color[:, None, None]) / 0.45
        torch.testing.assert_close(gray[0], gray[2], atol=0.02, rtol=0)


def test_where_maps_overlap_there_are_stripes_of_both():
    shown = overlay(guide(part(0, 1), part(0, 1)), torch.full((3, *SIZE), 0.5))
    colors = {tuple((one * 255).round().int().tolist()) for one in shown[:, :8].flatten(1).T}
    assert len(colors) == 2


@pytest.mark.parametrize("name", ["sky", "a name that is far too long for the picture it is in", "空", "\x1b[31m", ""])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (60, 80)])
def test_any_name_is_shown_on_any_picture(name, size):
    shown = overlay(guide(torch.ones(size), names=(name,)), torch.zeros(3, *size))
    assert shown.shape == (3, *size)
    assert bool(shown.isfinite().all())


def test_names_are_written():
    image, place = torch.full((3, *SIZE), 0.5), part(0, 1)
    assert not torch.equal(overlay(guide(place, names=("sky",)), image), overlay(guide(place, names=("sea",)), image))
