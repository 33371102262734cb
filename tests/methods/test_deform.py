"""Laws of `deform` beside those that every method keeps (test_promises.py)."""

import itertools
import warnings

import pytest
import torch

from intarsia.encoders import load
from intarsia.errors import Notice
from intarsia.geometry import folds, pixel_centers, sample, seen_at
from intarsia.guide import Guide, Region
from intarsia.methods import method_of
from intarsia.sizes import size_of

TOY = load("toy", device="cpu")
PAIRS = (  # the middle of the content is to come up and to the left, and what is around it stays
    (0.2, 0.2, 0.2, 0.2),
    (0.8, 0.2, 0.8, 0.2),
    (0.8, 0.8, 0.8, 0.8),
    (0.2, 0.8, 0.2, 0.8),
    (0.55, 0.55, 0.45, 0.42),
)
PAINTERS = ("gatys", "strotss")


def method(**settings):
    return method_of(
        "deform", {"steps": 20, "coarsest": 16, "points": PAIRS, "painter": "gatys", "encoder": "toy"} | settings
    )


def last(frames):
    *_, frame = frames
    return frame


def away(frame, targets=None):
    """How far the key points of a picture have been left from where they are to come."""
    points = frame.ways.points
    return (seen_at(points, frame.grid) - (frame.ways.targets if targets is None else targets)).norm(dim=1)


@pytest.fixture
def pictures(random_image):
    return random_image(48, 64, 1), random_image(40, 40, 2)


@pytest.mark.parametrize("painter", PAINTERS)
def test_the_warp_brings_points_to_their_places_and_does_not_fold(pictures, painter):
    content, style = pictures
    frame = last(method(painter=painter)(content, Guide.everywhere(style), encoder=TOY))
    before = (frame.ways.points - frame.ways.targets).norm(dim=1)
    assert float(before.max()) > 0.08
    assert float(away(frame).mean()) < 0.5 * float(before.mean())
    assert folds(frame.grid) == 0
    seen = sample(frame.unwarped, frame.grid)
    inner = slice(6, -6)  # beyond, the margin is seen that was painted around the picture
    torch.testing.assert_close(frame.image[:, inner, inner], seen[:, inner, inner], atol=0.02, rtol=0)


@pytest.mark.parametrize("painter", PAINTERS)
def test_without_geometry_it_is_the_painter_alone(pictures, painter):
    content, style = pictures
    guide = Guide.everywhere(style)
    frame = last(method(painter=painter, warp=0)(content, guide, encoder=TOY))
    alone = last(method_of(painter, {"steps": 20, "coarsest": 16, "encoder": "toy"})(content, guide, encoder=TOY))
    assert torch.equal(frame.image, alone.image)
    assert torch.equal(frame.unwarped, frame.image)
    assert torch.equal(frame.grid, pixel_centers((48, 64)))


def test_half_of_the_geometry_lies_between(pictures):
    content, style = pictures
    whole, half = (last(method(warp=part)(content, Guide.everywhere(style), encoder=TOY)) for part in (1.0, 0.5))
    targets = whole.ways.targets
    start = (whole.ways.points - targets).norm(dim=1)[4]
    assert float(away(whole, targets)[4]) < float(away(half, targets)[4]) - 0.02 < float(start) - 0.04


def test_a_warp_that_counts_for_nothing_gives_way_to_evenness(pictures):
    content, style = pictures
    loose = last(method(warp_weight=0, steps=60)(content, Guide.everywhere(style), encoder=TOY))
    firm = last(method(smooth_weight=0, steps=60)(content, Guide.everywhere(style), encoder=TOY))
    assert float((loose.grid - pixel_centers((48, 64)).to(loose.grid)).abs().mean()) < 0.3 * float(
        (firm.grid - pixel_centers((48, 64)).to(firm.grid)).abs().mean()
    )
    assert float(away(firm).max()) < 0.02


def test_what_the_guide_does_not_reach_is_not_bent(pictures):
    content, style = pictures
    left = torch.zeros(48, 64)
    left[:, :32] = 1
    points = tuple((0.5 * a, b, 0.5 * c, d) for a, b, c, d in PAIRS)
    frame = last(method(points=points)(content, Guide((Region(style, left),)), encoder=TOY))
    straight = pixel_centers((48, 64)).to(frame.grid)
    assert torch.equal(frame.image[:, :, 32:], content[:, :, 32:])
    torch.testing.assert_close(frame.grid[:, 32:], straight[:, 32:], atol=1e-6, rtol=0)
    assert float((frame.grid - straight)[:, :32].abs().max()) > 0.03


def test_regions_go_with_the_warp(random_image):
    """Red above a line and blue below it; where the line is bent, so are the colors."""
    content, red, blue = random_image(64, 64, 1), torch.zeros(3, 40, 40), torch.zeros(3, 40, 40)
    red[0], blue[2] = 0.6 + 0.3 * random_image(40, 40, 2)[0], 0.6 + 0.3 * random_image(40, 40, 3)[0]
    top = torch.zeros(64, 64)
    top[:32] = 1
    held = [(x, y, x, y) for x in (0.2, 0.8) for y in (0.2, 0.4)] + [
        (x, y, x, y) for x in (0.2, 0.8) for y in (0.6, 0.8)
    ]
    pairs = (*held, (0.5, 0.44, 0.5, 0.64))
    settings = {"points": pairs, "content_weight": 0.0, "smooth_weight": 0.0, "steps": 60}
    frame = last(method(**settings)(content, Guide((Region(red, top), Region(blue, 1 - top))), encoder=TOY))
    bulge = frame.image[:, 34:38, 29:35].mean((1, 2))  # below the line, and above it where it is bent
    beside = frame.image[:, 34:38, :8].mean((1, 2))
    assert float(bulge[0] - bulge[2]) > 0.2 > -0.2 > float(beside[0] - beside[2])


@pytest.mark.parametrize("painter", PAINTERS)
def test_resuming_is_exact(pictures, painter):
    content, style = pictures
    how, guide = method(painter=painter, steps=12), Guide.everywhere(style)
    frames = list(how(content, guide, encoder=TOY))
    assert [frame.step for frame in frames] == list(range(1, 13))
    assert all(a.done < b.done for a, b in itertools.pairwise(frames))
    assert frames[-1].done == 1
    for at in (0, 4, 6, 8, 11):
        stopped = next(itertools.islice(how(content, guide, encoder=TOY), at, None))
        state = {key: value.clone() for key, value in stopped.state().items()}
        rest = list(how(content, guide, encoder=TOY, state=state))
        assert torch.equal(rest[-1].image, frames[-1].image)
        assert torch.equal(rest[-1].grid, frames[-1].grid)
        assert len(rest) == max(1, 11 - at)


def test_resuming_two_regions_is_exact(pictures, random_image):
    content, style = pictures
    left = torch.rand(48, 64, generator=torch.Generator().manual_seed(5))
    guide = Guide((Region(style, left), Region(random_image(40, 40, 3), 1 - left)))
    frames = list(method(steps=10)(content, guide, encoder=TOY))
    for at in (2, 5, 8):
        stopped = next(itertools.islice(method(steps=10)(content, guide, encoder=TOY), at, None))
        state = {key: value.clone() for key, value in stopped.state().items()}
        *_, final = method(steps=10)(content, guide, encoder=TOY, state=state)
        assert torch.equal(final.image, frames[-1].image)


def test_folds_are_told(pictures):
    content, style = pictures
    crossed = (*PAIRS[:4], (0.4, 0.5, 0.6, 0.5), (0.6, 0.52, 0.4, 0.52))
    how = method(points=crossed, smooth_weight=0, steps=20)
    with pytest.warns(Notice, match="the warp folds over itself"):
        last(how(content, Guide.everywhere(style), encoder=TOY))


def test_where_no_pairs_are_found_it_paints_without_a_warp():
    content, style = torch.full((3, 48, 64), 0.5), torch.full((3, 40, 40), 0.2)
    with pytest.warns(Notice, match="no pairs of points were found"):
        frame = last(method(points=())(content, Guide.everywhere(style), encoder=TOY))
    assert torch.equal(frame.grid, pixel_centers((48, 64)))
    assert not torch.allclose(frame.image, content, atol=0.02)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (12, 300), (300, 12)])
def test_any_aspect_can_be_bent(pictures, size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = last(method(steps=8)(torch.rand(3, *size), Guide.everywhere(pictures[1]), encoder=TOY))
    assert size_of(frame.image) == size
    assert bool(frame.image.isfinite().all())


def test_between_content_and_result_both_geometry_and_color_move(pictures):
    content, style = pictures
    frame = last(method()(content, Guide.everywhere(style), encoder=TOY))
    torch.testing.assert_close(frame.on_the_way(content, 0), content, atol=1e-4, rtol=0)
    torch.testing.assert_close(frame.on_the_way(content, 1), sample(frame.unwarped, frame.grid), atol=1e-4, rtol=0)


def test_on_hand_made_points_of_a_real_face_the_warp_does_its_work(cases):
    import json

    from intarsia import picture
    from intarsia.sizes import fit, resize

    face = json.loads((cases / "deform/keypoints.json").read_text())["face"]
    content, style = (picture.read(cases / face[one]).image for one in ("content", "style"))
    content = resize(content, fit(*size_of(content), 128))
    points = tuple((*a, *b) for a, b in face["pairs"].values())
    settings = {"points": points, "steps": 40, "coarsest": 128, "encoder": "compact"}
    frame = last(method(**settings)(content, Guide.everywhere(style), encoder=load("compact", device="cpu")))
    before = (frame.ways.points - frame.ways.targets).norm(dim=1)
    assert float(away(frame).mean()) < 0.4 * float(before.mean())
    assert folds(frame.grid) == 0
