"""Dots with the same color are where the points are, on both pictures."""

import torch
from PIL import ImageColor

from intarsia.geometry import Pairs
from intarsia.survey import pairs_shown
from intarsia.survey.pairs import COLORS, GAP, HEAD, SIDE


def test_dots_are_where_the_points_are():
    content, style = torch.full((3, 100, 200), 0.5), torch.full((3, 50, 25), 0.5)
    points = torch.tensor([[0.25, 0.5], [0.75, 0.25], [0.5, 0.75]])
    shown = pairs_shown(Pairs.of(points, points.flip(0)), content, style)
    assert shown.shape == (3, HEAD + SIDE, SIDE + GAP + SIDE // 2)
    for i, (here, there) in enumerate(zip(points.tolist(), points.flip(0).tolist(), strict=True)):
        left = HEAD + SIDE // 4 + here[1] * SIDE // 2, here[0] * SIDE
        right = HEAD + there[1] * SIDE, SIDE + GAP + there[0] * SIDE // 2
        wanted = torch.tensor(ImageColor.getrgb(COLORS[i])) / 255
        for y, x in (left, right):
            torch.testing.assert_close(shown[:, int(y), int(x)], wanted, atol=0.01, rtol=0)


def test_any_pictures_and_any_number_of_pairs_can_be_shown():
    generator = torch.Generator().manual_seed(0)
    for n, size, onto in ((0, (5, 5), (3, 900)), (1, (1, 1), (900, 3)), (200, (64, 48), (48, 64))):
        points = torch.rand(n, 2, generator=generator)
        shown = pairs_shown(Pairs.of(points, points, ["é" * 90] * n), torch.rand(3, *size), torch.rand(3, *onto))
        assert bool(((shown >= 0) & (shown <= 1)).all())
