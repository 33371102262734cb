"""Shapes cover the area that geometry says; a fill stays within its tolerance; GrabCut finds the object."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import GuideError, Notice, UsageError
from intarsia.sources import ellipse, flood_fill, grab_cut, linear, polygon, rectangle

SIZE = (60, 100)
coordinate = st.floats(0, 1)


@pytest.fixture(autouse=True)
def _no_notice_unheard():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        yield


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=3))
@settings(max_examples=40, deadline=None)
def test_the_area_of_a_triangle(corners):
    (ax, ay), (bx, by), (cx, cy) = corners
    exact = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2 * 6000
    if exact < 10:
        return  # thinner than the scan lines are apart
    covered = polygon(SIZE, torch.tensor(corners))
    assert 0 <= float(covered.min()) <= float(covered.max()) <= 1
    width = 100 * (max(ax, bx, cx) - min(ax, bx, cx))
    assert float(covered.sum()) == pytest.approx(exact, abs=width / 16)  # a sixteenth of a row along a level edge


def test_edges_are_the_part_of_the_pixel_that_is_covered():
    covered = rectangle((4, 8), (0.3125, 0.25), (0.8125, 0.875))  # x 2.5 to 6.5, y 1 to 3.5
    expected = torch.tensor([0, 1, 1, 0.5])[:, None] * torch.tensor([0, 0, 0.5, 1, 1, 1, 0.5, 0])
    torch.testing.assert_close(covered, expected)
    diagonal = polygon((8, 8), torch.tensor([[0.0, 0], [1, 0], [0, 1]]))
    torch.testing.assert_close(diagonal.flip(1).diagonal(), torch.full((8,), 0.5))


def test_neighbors_along_an_edge_leave_no_seam():
    a, b, c, d = (torch.tensor(point) for point in ([0.1, 0.2], [0.93, 0.11], [0.71, 0.97], [0.2, 0.83]))
    whole = polygon(SIZE, torch.stack([a, b, c, d]))
    halves = polygon(SIZE, torch.stack([a, b, c])) + polygon(SIZE, torch.stack([a, c, d]))
    torch.testing.assert_close(halves, whole, atol=1e-5, rtol=0)


def test_direction_and_start_of_the_outline_do_not_matter():
    points = torch.tensor([[0.1, 0.1], [0.9, 0.3], [0.6, 0.9], [0.4, 0.4]])
    for same in (points.flip(0), points.roll(1, 0)):
        torch.testing.assert_close(polygon(SIZE, same), polygon(SIZE, points))


def test_the_area_of_an_ellipse():
    covered = ellipse(SIZE, (0.5, 0.5), (0.3, 0.4))
    assert float(covered.sum()) == pytest.approx(math.pi * 30 * 24, rel=1e-3)
    torch.testing.assert_close(covered, covered.flip(0), atol=1e-4, rtol=0)
    turned = ellipse(SIZE, (0.5, 0.5), (0.2, 0.1), angle_degrees=90)
    assert float(turned.sum()) == pytest.approx(math.pi * 20 * 6, rel=1e-3)
    assert int((turned.sum(1) > 0).sum()) > 3 * int((turned.sum(0) > 0).sum())  # it stands
    clockwise = ellipse((60, 60), (0.5, 0.5), (0.4, 0.1), angle_degrees=45)
    assert float(clockwise[45, 45]) == 1
    assert float(clockwise[45, 15]) == 0


def test_a_feathered_shape_keeps_its_area_and_its_heart():
    soft = rectangle(SIZE, (0.3, 0.3), (0.7, 0.7), feather=6)
    assert float(soft.sum()) == pytest.approx(40 * 24, rel=1e-3)
    assert float(soft[30, 50]) == pytest.approx(1)
    assert 0.4 < float(soft[30, 30]) < 0.6


def test_what_crosses_itself_is_outside_where_it_lies_twice():
    star = torch.tensor([[0.5, 0.05], [0.78, 0.95], [0.02, 0.4], [0.98, 0.4], [0.22, 0.95]])
    covered = polygon((80, 80), star)
    assert float(covered[40, 40]) == 0
    assert float(covered[15, 40]) == 1


def test_what_is_outside_is_cut_off_with_a_notice():
    with pytest.warns(Notice, match="the rectangle reaches beyond the picture"):
        covered = rectangle(SIZE, (-0.5, 0.5), (0.5, 7))
    torch.testing.assert_close(covered, rectangle(SIZE, (0, 0.5), (0.5, 1)))
    with pytest.warns(Notice, match="the ellipse reaches beyond"):
        assert float(ellipse(SIZE, (0, 0), (0.5, 0.5)).sum()) == pytest.approx(math.pi * 50 * 30 / 4, rel=1e-3)
    with pytest.warns(Notice, match="the polygon reaches beyond"):
        around = polygon(SIZE, torch.tensor([[-1.0, -1], [2, -1], [2, 2], [-1, 2]]))
    torch.testing.assert_close(around, torch.ones(SIZE))


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (
            lambda: rectangle(SIZE, (1.1, 0), (1.5, 1)),
            GuideError,
            "covers nothing of the picture: it spans x 1.1 to 1.5",
        ),
        (lambda: ellipse(SIZE, (0.5, -1), (0.2, 0.2)), GuideError, "the ellipse covers nothing"),
        (lambda: polygon(SIZE, torch.tensor([[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]])), GuideError, "enclose an area"),
        (lambda: polygon(SIZE, torch.tensor([[0.1, 0.1], [0.5, 0.5]])), GuideError, "three finite points"),
        (lambda: polygon(SIZE, torch.full((3, 2), float("nan"))), GuideError, "three finite points"),
        (lambda: rectangle((0, 5), (0, 0), (1, 1)), UsageError, "5 x 0 pixels cannot be"),
        (lambda: flood_fill(torch.rand(3, 5, 5), torch.tensor([[1.5, 0.5]])), GuideError, "none of the 1 points"),
        (lambda: flood_fill(torch.rand(3, 5, 5), torch.zeros(0, 2)), GuideError, "none of the 0 points"),
        (lambda: flood_fill(torch.rand(3, 5, 5), torch.zeros(1, 2), -1), UsageError, "tolerance of -1"),
        (lambda: grab_cut(torch.rand(3, 5, 5), torch.zeros(5, 5)), GuideError, "something inside the map"),
        (lambda: grab_cut(torch.rand(3, 5, 5), torch.ones(5, 5)), GuideError, "something outside"),
    ],
)
def test_what_cannot_be_is_told(build, error, says):
    with pytest.raises(error, match=says):
        build()


# ---- flood fill --------------------------------------------------------------------------------------------------


def point(*xy: float) -> torch.Tensor:
    return torch.tensor(xy).view(-1, 2)


def test_a_fill_takes_what_hangs_together():
    image = torch.zeros(3, 20, 20)
    image[:, :, 9:11] = 1  # a white wall
    filled = flood_fill(image, point(0.1, 0.1))
    assert bool((filled[:, :9] == 1).all())
    assert float(filled[:, 9:].sum()) == 0
    assert float(flood_fill(image, point(0.1, 0.1, 0.9, 0.9)).sum()) == 360  # the union
    assert float(flood_fill(image, point(0.1, 0.1, 0.5, 0.5)).sum()) == 220


def test_a_fill_does_not_slip_through_corners():
    checkers = ((torch.arange(6)[:, None] + torch.arange(6)) % 2).float().expand(3, 6, 6)
    assert float(flood_fill(checkers, point(0.0, 0.0)).sum()) == 1


@given(st.floats(0, 40), st.floats(0, 40), st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_a_fill_grows_with_its_tolerance(first, second, seed):
    image = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(seed)) * 0.3
    small, large = (flood_fill(image, point(0.5, 0.5), t) for t in sorted((first, second)))
    assert bool((small <= large).all())
    assert float(small[6, 6]) == 1


def test_a_fill_ends_where_the_color_is_beyond_the_tolerance_of_the_point():
    ramp = linear((4, 200)).expand(3, 4, 200)  # its neighbors hardly differ
    filled = flood_fill(ramp, point(0.0, 0.5), tolerance=30)
    end = int(filled[0].sum())
    gray = float(ramp[0, 0, end])
    lightness = 116 * (((gray + 0.055) / 1.055) ** 2.4) ** (1 / 3) - 16
    assert lightness == pytest.approx(30, abs=1)
    assert bool((filled[:, :end] == 1).all())


def test_the_ends_of_the_picture_are_in_it_and_points_beyond_are_left_out():
    image = torch.zeros(3, 5, 5)
    assert float(flood_fill(image, point(1.0, 1.0)).sum()) == 25
    with pytest.warns(Notice, match="1 of its 2 points are outside"):
        assert float(flood_fill(image, point(0.5, 0.5, -0.1, 0.5)).sum()) == 25


# ---- GrabCut -----------------------------------------------------------------------------------------------------


def test_a_rough_map_is_cut_along_the_object():
    generator = torch.Generator().manual_seed(0)
    true = ellipse((64, 80), (0.5, 0.5), (0.25, 0.3))
    colors = torch.tensor([0.8, 0.3, 0.2])[:, None, None] * true + torch.tensor([0.2, 0.4, 0.7])[:, None, None] * (
        1 - true
    )
    image = (colors + 0.05 * torch.randn(3, 64, 80, generator=generator)).clamp(0, 1)
    rough = rectangle((64, 80), (0.3, 0.25), (0.8, 0.8))
    cut = grab_cut(image, rough, band=12)
    object_ = true > 0.5
    found, drawn = cut > 0.5, rough > 0.5

    def overlap(one):
        return float((one & object_).sum() / (one | object_).sum())

    assert overlap(drawn) < 0.75
    assert overlap(found) > 0.97
    assert set(cut.unique().tolist()) == {0, 1}
    assert torch.equal(cut, grab_cut(image, rough, band=12))


def test_beyond_the_band_the_map_is_taken_at_its_word(random_image):
    rough = rectangle((40, 40), (0.25, 0.25), (0.75, 0.75))
    cut = grab_cut(random_image(40, 40), rough, band=3)
    assert bool((cut[14:26, 14:26] == 1).all())
    outside = rectangle((40, 40), (0.15, 0.15), (0.85, 0.85)) == 0
    assert not bool(cut[outside].any())
