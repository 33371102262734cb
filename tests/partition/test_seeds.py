import pytest
import torch

from intarsia.errors import GuideError
from intarsia.partition.seeds import Seeds, pixel_of

SIZE = (40, 60)


def test_text_is_read():
    seeds = Seeds.parse(["0.2,0.7=1"], ["0,0=1,1"], ["0.1,0.2=0.3,0.4"])
    assert seeds.points == ((0.2, 0.7, 0),)  # written labels count from 1
    assert seeds.must_link == (((0, 0), (1, 1)),)
    assert seeds.cannot_link == (((0.1, 0.2), (0.3, 0.4)),)
    assert seeds
    assert not Seeds()


@pytest.mark.parametrize(
    "text", ["", "0.5=1", "0.5,0.5", "0.5,0.5=x", "0.5,0.5=-1", "a,b=1", "0.1,0.2,0.3=1", "nan,0=1"]
)
def test_text_that_is_no_point_is_told(text):
    with pytest.raises(GuideError, match="point"):
        Seeds.parse([text])


def test_pixels_at_the_frame_are_in_the_picture():
    assert pixel_of((0, 0), SIZE) == (0, 0)
    assert pixel_of((1, 1), SIZE) == (39, 59)
    assert pixel_of((0.5, 0.25), SIZE) == (10, 30)


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (Seeds(points=((0.5, 1.2, 0),)), "outside the picture"),
        (Seeds(must_link=(((0.5, 0.5), (-0.1, 0.5)),)), "outside the picture"),
        (Seeds(points=((0.5, 0.5, 2),)), "labelled 0 to 1"),
        (Seeds.parse(["0.5,0.5=3"]), "label 3, and 2 regions are labelled 1 to 2"),
        (Seeds(points=((0.5, 0.5, 0), (0.5, 0.5, 1))), "contradict"),
        (Seeds(points=((0.5, 0.5, 0), (0.501, 0.501, 1))), "contradict"),  # one pixel
        (Seeds(points=((0.1, 0.5, 0), (0.9, 0.5, 1)), must_link=(((0.1, 0.5), (0.9, 0.5)),)), "contradict"),
        (Seeds(points=((0.1, 0.5, 0), (0.9, 0.5, 0)), cannot_link=(((0.1, 0.5), (0.9, 0.5)),)), "one label"),
        (Seeds(must_link=(((0.1, 0.5), (0.9, 0.5)),), cannot_link=(((0.9, 0.5), (0.1, 0.5)),)), "must-link joins"),
        (Seeds(cannot_link=(((0.1, 0.5), (0.1, 0.5)),)), "one place"),
    ],
)
def test_what_cannot_be_is_told(seeds, words):
    with pytest.raises(GuideError, match=words):
        seeds.check(2, SIZE)


def test_must_links_reach_on():
    a, b, c = (0.1, 0.1), (0.5, 0.5), (0.9, 0.9)
    with pytest.raises(GuideError, match="contradict"):
        Seeds(points=((*a, 0), (*c, 1)), must_link=((a, b), (b, c))).check(2, SIZE)


def halves(left: float = 0.9) -> torch.Tensor:
    """Cluster 0 on the left, 1 on the right, (2, 40, 60)."""
    soft = torch.full((2, *SIZE), 1 - left)
    soft[0, :, :30] = soft[1, :, 30:] = left
    return soft


def test_clusters_are_called_by_the_labels_at_their_seeds():
    labels, order = Seeds(points=((0.1, 0.5, 1), (0.9, 0.5, 0))).resolved(halves(), SIZE)
    assert labels.tolist() == [1, 0]
    assert order.tolist() == [1, 0]


def test_places_without_label_take_that_of_their_cluster_as_far_as_links_allow():
    a, b, c = (0.1, 0.5), (0.2, 0.5), (0.9, 0.5)
    assert Seeds(must_link=((a, b),)).resolved(halves(), SIZE)[0].tolist() == [0, 0]
    labels, _ = Seeds(points=((*a, 0),), cannot_link=((a, b), (b, c))).resolved(halves(), SIZE)
    assert labels.tolist() == [0, 1, 0]  # against the clusters


def test_too_few_regions_for_the_links_are_told():
    a, b, c = (0.1, 0.5), (0.2, 0.5), (0.9, 0.5)
    triangle = Seeds(cannot_link=((a, b), (b, c), (a, c)))
    with pytest.raises(GuideError, match="2 regions are too few"):
        triangle.resolved(halves(), SIZE)
    three = torch.cat([halves(), torch.full((1, *SIZE), 0.05)])
    assert sorted(triangle.resolved(three, SIZE)[0].tolist()) == [0, 1, 2]
