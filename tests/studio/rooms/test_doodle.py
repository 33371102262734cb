"""A doodle is the job of the command: its colors are regions, each with its part of a painting; the content is but a
canvas."""

import pytest

from intarsia.errors import GuideError
from intarsia.methods.doodle import Doodle
from intarsia.studio.rooms import ROOMS
from intarsia.studio.rooms.names import Names, as_pixels
from intarsia.studio.sketch import Drawn, Painted, Region, Sketch, Style

CANVAS, PAINTING, SKY, LAND = "c" * 64, "5" * 64, "a" * 64, "b" * 64
NAMES = Names(
    {CANVAS: "content.png", PAINTING: "style-1.png"}.__getitem__, {SKY: "1.png", LAND: "2.png"}.__getitem__, as_pixels
)
COLORS = [
    Region(id="r1", name="sky", color="#aabbcc", style="s1", map=Drawn(words="everywhere"), part=Drawn(pixels=SKY)),
    Region(id="r2", name="land", color="#223311", style="s1", map=Drawn(pixels=LAND), part=Drawn(pixels=LAND)),
]


def recipe(regions=COLORS, **said):
    style, rest = Style(id="s1", name="own", picture=PAINTING), Painted(style="s1" if regions else None)
    sketch = Sketch(room="doodle", content=CANVAS, styles=[style], regions=regions, rest=rest, **said)
    return ROOMS["doodle"].recipe(sketch, NAMES)


def test_each_color_takes_its_part_of_the_painting_by_the_method_of_the_command():
    made = recipe(method="wct", settings={"alpha": 0.5, "steps": 50})
    assert [str(one) for one in made.region] == [
        "sky: content=everywhere style=1:1.png",
        "land: content=2.png style=1:2.png",
        "all else: content=rest style=1",
    ]
    assert made.method == "gatys"
    method, doodle = made.build_method(), Doodle(steps=50)
    assert all(getattr(method, name) == getattr(doodle, name) for name in vars(doodle))


def test_the_look_is_quick_and_has_the_same_regions():
    looked = ROOMS["doodle"].quick(recipe())
    assert (looked.method, looked.settings, looked.region) == ("wct", {}, recipe().region)


def test_without_colors_there_is_nothing_to_paint():
    with pytest.raises(GuideError, match="nothing to paint"):
        recipe(regions=[])
