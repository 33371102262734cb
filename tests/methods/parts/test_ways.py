"""Where key points are asked to come: only shape, region by region, in the picture; what cannot be is told."""

import warnings

import pytest
import torch

from intarsia.encoders import load
from intarsia.errors import GuideError, Notice
from intarsia.guide import Guide, Region
from intarsia.methods.parts import ways
from intarsia.scene import Scene

TOY = load("toy", device="cpu")
POINTS = torch.tensor([[0.2, 0.2], [0.8, 0.25], [0.7, 0.8], [0.3, 0.7], [0.5, 0.5]], dtype=torch.float64)


def scene(*regions):
    return Scene.of(torch.rand(3, 40, 60), Guide(regions))


def rows(there, here=POINTS):
    return [(*a, *b) for a, b in zip(here.tolist(), there.tolist(), strict=True)]


def test_where_the_object_is_and_how_large_says_nothing():
    style = torch.rand(3, 80, 120)
    found = ways.given(rows(0.1 + 0.5 * POINTS), scene(Region(style)))
    torch.testing.assert_close(found.targets, found.points, atol=1e-9, rtol=0)
    bent = POINTS.clone()
    bent[4, 0] += 0.1
    found = ways.given(rows(0.1 + 0.5 * bent), scene(Region(style)))
    assert float(found.targets[4, 0] - found.points[4, 0]) > 0.05


def test_half_of_the_geometry_is_half_of_the_way():
    whole = ways.Ways(POINTS, POINTS + 0.1)
    torch.testing.assert_close(whole.as_far_as(0.5).targets, POINTS + 0.05)
    assert torch.equal(whole.as_far_as(0).targets, POINTS)


def test_each_region_is_aligned_by_its_own_pairs():
    left = torch.zeros(40, 60)
    left[:, :30] = 1
    half = POINTS * torch.tensor([0.4, 1.0])
    here = torch.cat([0.05 + half, torch.tensor([0.55, 0.0]) + half])
    there = torch.cat([0.5 * half, 0.3 + 0.7 * half])  # each is a similarity, both together are none
    both = scene(Region(torch.rand(3, 40, 60), left), Region(torch.rand(3, 40, 60), 1 - left))
    found = ways.given(rows(there, here), both)
    torch.testing.assert_close(found.targets, found.points, atol=1e-9, rtol=0)


def test_what_is_off_is_told():
    one = scene(Region(torch.rand(3, 40, 60), name="face"))
    with pytest.raises(GuideError, match="three pairs of points or more; got 2"):
        ways.given(rows(POINTS[:2], POINTS[:2]), one)
    twice = POINTS.clone()
    twice[1] = twice[0]
    with pytest.raises(GuideError, match="pair 1 and pair 2 have the same point among the targets"):
        ways.given(rows(twice), one)
    with pytest.raises(GuideError, match="lie on one line"):
        ways.given(rows(torch.linspace(0.1, 0.9, 5)[:, None].expand(-1, 2)), one)
    crossed = POINTS.clone()
    crossed[[0, 3]] = crossed[[3, 0]]
    with pytest.warns(Notice, match="the ways of pairs 1 and"):
        ways.given(rows(crossed), one)
    far = POINTS.clone()
    far[1] = torch.tensor([1.0, 0.0])
    near = torch.cat([POINTS[:1], torch.tensor([[0.97, 0.03]]), POINTS[2:]])
    with pytest.warns(Notice, match="left out: 2"):
        found = ways.given(rows(torch.cat([0.3 + 0.4 * POINTS[:1], far[1:2], 0.3 + 0.4 * POINTS[2:]]), near), one)
    assert len(found.points) == 4


def test_too_few_pairs_of_a_region_do_not_bend_it():
    left = torch.zeros(40, 60)
    left[:, :27] = 1
    both = scene(Region(torch.rand(3, 40, 60), left, name="sky"), Region(torch.rand(3, 40, 60), 1 - left))
    moved = POINTS + 0.02 * torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with pytest.warns(Notice, match="region 'sky' has 2 pairs of points, and takes 3 or more"):
        found = ways.given(rows(moved), both)
    assert torch.equal(found.targets[[0, 3]], found.points[[0, 3]])
    assert not torch.equal(found.targets[[1, 2, 4]], found.points[[1, 2, 4]])


def test_pairs_are_found_within_each_region(cases):
    from intarsia import picture
    from intarsia.sizes import fit, resize, size_of

    content, style = (picture.read(cases / f"deform/dst_rabbit/{one}.jpg").image for one in ("content", "style"))
    content = resize(content, fit(*size_of(content), 256))
    whole = ways.found(Scene.of(content, Guide((Region(style),))), load("compact", device="cpu"))
    assert len(whole.points) > 10
    assert float((whole.targets - whole.points).norm(dim=1).mean()) > 0.02
    lower = torch.zeros(64, 64)
    lower[32:] = 1
    part = ways.found(Scene.of(content, Guide((Region(style, lower),))), load("compact", device="cpu"))
    assert len(part.points) >= 3
    assert float(part.points[:, 1].min()) > 0.45


def test_where_there_are_none_it_says_so():
    blank = Scene.of(torch.full((3, 40, 60), 0.5), Guide((Region(torch.full((3, 40, 40), 0.2)),)))
    with pytest.warns(Notice, match="no pairs of points were found"):
        assert len(ways.found(blank, TOY).points) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(ways.none().points) == 0
