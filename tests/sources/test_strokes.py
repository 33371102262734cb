"""Strokes of a brush: as wide as said, as sharp at every size, never laid twice."""

import math

import pytest
import torch

from intarsia.errors import UsageError
from intarsia.sources import brush, strokes

WAY = torch.tensor([[0.2, 0.3, 1.0], [0.5, 0.6, 0.6], [0.8, 0.3, 1.0]])


def blurred(row: torch.Tensor) -> int:
    """How many pixels of a row, across an edge, are neither 0 nor 1."""
    return int(((row > 0.02) & (row < 0.98)).sum())


def test_a_dab_is_a_disk_as_wide_as_said():
    for width in (6, 21):
        dab = brush((40, 60), width, torch.tensor([[0.5, 0.5, 1.0]]), hardness=1)
        assert float(dab.sum()) == pytest.approx(
            math.pi * (width / 2 + 0.5) ** 2, rel=0.08
        )  # and half of the soft pixel
        assert torch.equal(dab, dab.flip(0))
        assert torch.equal(dab, dab.flip(1))


def test_a_stroke_covers_what_is_near_its_way():
    line = brush((40, 60), 8, torch.tensor([[0.25, 0.5, 1.0], [0.75, 0.5, 1.0]]), hardness=1)
    assert (line[16:24, 15:45] == 1).all()
    assert not line[:15].any()
    assert not line[25:].any()
    assert not line[:, :10].any()


@pytest.mark.parametrize("hardness", [0.0, 0.6])
def test_a_stroke_at_twice_the_size_is_the_same_stroke(hardness):
    once = brush((60, 80), 16, WAY, hardness)
    twice = brush((120, 160), 32, WAY, hardness)
    halved = torch.nn.functional.avg_pool2d(twice[None], 2)[0]
    assert float((halved - once).abs().mean()) < 0.002


def test_a_hard_edge_is_as_sharp_at_every_size():
    across = [brush((60 * n, 80 * n), 16 * n, WAY[:1], hardness=1)[18 * n] for n in (1, 2, 4)]
    assert [blurred(row) for row in across] == [2, 2, 2]


def test_hardness_is_what_is_full_and_opacity_how_much():
    row = brush((41, 41), 40, torch.tensor([[0.5, 0.5, 1.0]]), hardness=0.5, opacity=0.7)[20]
    assert int((row > 0.699).sum()) == 21
    falling = row[30:]
    assert (falling[1:] <= falling[:-1]).all()
    assert float(row.max()) == pytest.approx(0.7)


def test_pressure_makes_it_narrower_along_the_way():
    line = brush((80, 100), 30, torch.tensor([[0.1, 0.5, 1.0], [0.9, 0.5, 0.2]]), hardness=1)
    wide = [int((line[:, x] > 0.5).sum()) for x in (20, 50, 80)]
    assert wide[0] > wide[1] > wide[2]
    assert wide == [pytest.approx(30 * part + 1, abs=2) for part in (0.9, 0.6, 0.3)]


def test_what_crosses_itself_is_not_laid_twice():
    cross = torch.tensor([[0.1, 0.1, 1.0], [0.9, 0.9, 1.0], [0.9, 0.1, 1.0], [0.1, 0.9, 1.0]])
    assert float(brush((50, 50), 10, cross, opacity=0.5).max()) == 0.5


def test_in_parts_it_is_the_same(monkeypatch):
    way = torch.rand(30, 3, generator=torch.Generator().manual_seed(1))
    whole = brush((50, 70), 9, way)
    monkeypatch.setattr(strokes, "AT_ONCE", 500)
    assert torch.equal(brush((50, 70), 9, way), whole)


def test_what_is_beyond_the_picture_is_nothing():
    for x, y in ((-3, 0.5), (0.5, 4), (1e6, -1e6)):
        assert not brush((20, 30), 5, torch.tensor([[x, y, 1.0]])).any()
    assert brush((20, 30), 5, torch.tensor([[-1, 0.5, 1.0], [2, 0.5, 1.0]]))[10].min() == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"width": -1}, "wide cannot be"),
        ({"hardness": 1.1}, "hardness of a brush is 0 to 1"),
        ({"opacity": float("nan")}, "opacity of a brush is 0 to 1"),
        ({"way": torch.tensor([[0, 0, -0.1]])}, "pressure of a brush"),
        ({"way": torch.zeros(10_001, 3)}, "up to 10000 points"),
    ],
)
def test_what_cannot_be_is_told(said, words):
    with pytest.raises(UsageError, match=words):
        brush((10, 10), **({"width": 3, "way": WAY} | said))
