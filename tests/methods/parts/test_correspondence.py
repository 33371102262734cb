import torch

from intarsia.encoders import load
from intarsia.methods.parts.correspondence import coherent, field_of_matches, side_of, taken_from

TOY = load("toy", device="cpu")
TAP = "relu3_1"


def whole(image):
    return torch.ones_like(image[0])


def sides(ours, theirs, offered=None, wanted=None):
    one = side_of(TOY, ours, whole(ours) if wanted is None else wanted, TAP)
    return one, side_of(TOY, theirs, whole(theirs) if offered is None else offered, TAP)


def test_a_picture_finds_itself_where_it_was_moved_to(random_image):
    stride = TOY.strides[TAP]
    picture = random_image(16 * stride, 20 * stride, 1)
    cut = picture[:, 3 * stride : 13 * stride, 5 * stride : 17 * stride]
    ours, theirs = sides(cut, picture)
    at, found = field_of_matches(ours, theirs)
    (_, w), (_, wide) = ours.size, theirs.size
    inner = (at // w > 0) & (at % w > 0)
    assert torch.equal((found // wide)[inner], (at // w + 3)[inner])
    assert torch.equal((found % wide)[inner], (at % w + 5)[inner])


def test_what_is_not_offered_is_never_taken(random_image):
    picture = random_image(64, 96, 2)
    offered = torch.zeros(64, 96)
    offered[:, 48:] = 1
    ours, theirs = sides(picture, picture, offered)
    _, found = field_of_matches(ours, theirs, color_weight=3.0)
    assert bool((theirs.part.flatten()[found] >= 0.25).all())
    assert bool((found % theirs.size[1] >= theirs.size[1] // 2 - 1).all())


def test_only_what_is_wanted_is_matched(random_image):
    picture, wanted = random_image(64, 64, 3), torch.zeros(64, 64)
    wanted[16:48, 16:48] = 1
    ours, theirs = sides(picture, picture, wanted=wanted)
    at, _ = field_of_matches(ours, theirs)
    assert 0 < len(at) < ours.part.numel() / 2
    assert bool((ours.part.flatten()[at] >= 0.25).all())


def test_colors_decide_between_equal_shapes():
    """Two flat halves, gray and red, resemble nothing flat by their shapes alone."""
    theirs = torch.zeros(3, 64, 96)
    theirs[:, :, :48] = 0.5
    theirs[0, :, 48:] = 0.9
    ours = torch.full((3, 64, 64), 0.45)
    one, other = sides(ours, theirs)
    _, found = field_of_matches(one, other, color_weight=100.0)
    assert bool((found % other.size[1] < other.size[1] // 2 + 1).all())


def test_a_stray_match_gives_way_to_what_its_neighbors_have(random_image):
    picture = random_image(96, 96, 4)
    ours, theirs = sides(picture, picture)
    at, found = field_of_matches(ours, theirs)
    assert torch.equal(at, found)
    strayed, place = found.clone(), len(found) // 2
    strayed[place] = found[0]
    mended = coherent(at, strayed, ours.size, theirs)
    assert int(mended[place]) == int(found[place])


def test_places_are_counted():
    counted = taken_from(torch.tensor([0, 0, 5, 2, 0]), (2, 3))
    torch.testing.assert_close(counted, torch.tensor([[1, 0, 1 / 3], [0, 0, 1 / 3]]))
