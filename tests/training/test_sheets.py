"""What can be seen of a training."""

import torch

from intarsia.training.sheets import GAP, curves, sheet


def test_a_sheet_shows_every_picture_in_its_row():
    red, blue = torch.zeros(3, 20, 30), torch.zeros(3, 40, 40)
    red[0], blue[2] = 1, 1
    page = sheet([[red], [blue, red]], height=20)
    assert page.shape == (3, 2 * 20 + 3 * GAP, 20 + 30 + 3 * GAP)
    assert page[:, GAP + 5, GAP + 5].tolist() == [1, 0, 0]
    assert page[:, 2 * GAP + 25, GAP + 5].tolist() == [0, 0, 1]
    assert page[:, 2 * GAP + 25, 2 * GAP + 25].tolist() == [1, 0, 0]
    assert page[:, GAP + 5, -1].tolist() == [1, 1, 1]


def test_a_curve_falls_where_its_loss_does_and_nothing_fails_at_the_edges():
    page = curves({"style": [10.0 ** (-i / 100) for i in range(300)]})
    colored = (page.amax(0) - page.amin(0) > 0.4)[70:-60]  # without the words above it
    heights = [int(column.nonzero()[0]) for column in (colored[:, 100], colored[:, 450], colored[:, 800])]
    assert heights == sorted(heights)
    assert heights[0] < heights[2] - 100
    for history in ({}, {"style": []}, {"style": [0.0]}, {"style": [0.5]}):
        assert bool(curves(history).isfinite().all())
