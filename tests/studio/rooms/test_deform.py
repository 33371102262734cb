"""A photograph bent toward a painting: the pairs of the sketch are those of the recipe, and the look is where the
painting begins."""

import numpy as np
import pytest
import torch

from intarsia.errors import GuideError
from intarsia.geometry import Pairs, aligned
from intarsia.methods import Deform
from intarsia.recipe import Job
from intarsia.sizes import size_of
from intarsia.studio.rooms import ROOMS
from intarsia.studio.rooms.deform import bent
from intarsia.studio.rooms.names import Names
from intarsia.studio.sketch import MOST_PAIRS, Deformed, Sketch, Style

CONTENT, STYLE = "c" * 64, "5" * 64
NAMES = Names({CONTENT: "content.jpg", STYLE: "style-1.png"}.__getitem__, {}.__getitem__)
OWN, IDLE = Style(id="s1", name="own", picture=STYLE), Style(id="s2", name="idle", swatch="ink")
PAIRS = [(0.25, 0.25, 0.25, 0.35), (0.75, 0.25, 0.75, 0.25), (0.5, 0.75, 0.5, 0.75), (0.2, 0.8, 0.2, 0.8)]


def recipe(style="s1", pairs=PAIRS, **said):
    deform = Deformed(style=style, pairs=pairs, **said)
    return ROOMS["deform"].recipe(Sketch(room="deform", content=CONTENT, styles=[IDLE, OWN], deform=deform), NAMES)


def test_the_recipe_is_that_of_the_command_with_the_pairs():
    made = recipe(warp=0.5, steps=50)
    assert (made.method, made.content, made.styles) == ("deform", "content.jpg", ["style-1.png"])
    assert made.build_method() == Deform(points=tuple(PAIRS), warp=0.5, steps=50)


def test_pairs_that_are_not_told_are_found_when_it_is_painted():
    assert recipe(pairs=None).build_method() == Deform()
    with pytest.raises(GuideError, match="to look at"):
        ROOMS["deform"].quick(recipe(pairs=None))


@pytest.mark.parametrize(("said", "told"), [({"style": "s9"}, "no painting"), ({"pairs": PAIRS[:2]}, "2 pairs")])
def test_what_is_missing_is_told(said, told):
    with pytest.raises(GuideError, match=told):
        recipe(**said)


@pytest.mark.parametrize("pairs", [[(0, 0, 0, 1.5)], [(float("nan"), 0, 0, 0)], [(0, 0, 0)], PAIRS * MOST_PAIRS])
def test_pairs_are_bounded_in_place_and_number(pairs):
    with pytest.raises(ValueError, match="pairs"):
        Deformed(style="s1", pairs=pairs)


def looked(pairs, warp=1.0):
    """A white dot at the first pair's place, on black."""
    levels = np.zeros((80, 80, 3), np.uint8)
    levels[18:22, 18:22] = 255
    style = np.full((80, 80, 3), 128, np.uint8)
    job = Job.open(recipe(pairs=pairs, warp=warp), given={"content.jpg": levels, "style-1.png": style})
    return bent(job)


def middle(image):
    """Center of what is white, x and y."""
    mass = image.mean(0)
    h, w = size_of(image)
    x, y = (torch.arange(w) + 0.5) / w, (torch.arange(h) + 0.5) / h
    return float((mass * x).sum() / mass.sum()), float((mass * y[:, None]).sum() / mass.sum())


@pytest.mark.parametrize("warp", [0.0, 0.5, 1.0])
def test_a_place_comes_to_where_its_partner_is_as_far_as_is_asked(warp):
    rows = torch.tensor(PAIRS)
    target = aligned(Pairs.of(rows[:, :2], rows[:, 2:]), (80, 80), (80, 80))[0]
    assert float(target[1]) > 0.3
    came = middle(looked(PAIRS, warp).image)
    assert came == pytest.approx(torch.lerp(torch.tensor([0.25, 0.25]).double(), target, warp).tolist(), abs=0.01)


def test_two_pairs_at_one_place_are_told():
    with pytest.raises(GuideError, match="same point"):
        looked([*PAIRS, PAIRS[0]])
