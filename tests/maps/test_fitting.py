import warnings

import pytest
import torch

from intarsia.errors import GuideError, Notice
from intarsia.maps import at_size, check_aspect, fitted, settled

HALF = torch.zeros(12, 18)
HALF[:, :7] = 1


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (24, 36), (12, 18), (1, 1)])
def test_nothing_stays_nothing_and_all_stays_all(size):
    assert torch.equal(fitted(torch.zeros(12, 18), size), torch.zeros(size))
    assert torch.equal(fitted(torch.ones(12, 18), size), torch.ones(size))


def test_a_smaller_map_holds_the_covered_part_of_each_pixel():
    torch.testing.assert_close(at_size(HALF, (4, 6))[0], torch.tensor([1, 1, 1 / 3, 0, 0, 0]))
    assert float(at_size(HALF, (3, 2)).mean()) == pytest.approx(float(HALF.mean()))


def test_a_larger_map_keeps_its_range_and_its_order():
    larger = fitted(HALF, (12, 90))[0]
    assert 0 == float(larger.min()) <= float(larger.max()) == 1
    assert bool((larger.diff() <= 0).all())


def test_its_own_size_changes_nothing():
    assert at_size(HALF, (12, 18)) is HALF


def test_what_rounding_left_is_settled():
    assert settled(torch.tensor([[1e-6, 0.5, 1 - 1e-6]])).tolist() == [[0, 0.5, 1]]


def test_another_size_is_told_and_another_aspect_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_aspect("region 1", "content", HALF, (12, 18))
    with pytest.warns(Notice, match="18 x 12.*36 x 24; it was resized"):
        check_aspect("region 1", "content", HALF, (24, 36))
    with pytest.raises(GuideError, match="same aspect"):
        check_aspect("region 1", "content", HALF, (18, 18))
