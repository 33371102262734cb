"""A sketch as a recipe: its regions in order, the styles that are used, and nothing that a page must not name."""

import pytest

from intarsia.errors import GuideError, IntarsiaError
from intarsia.studio.rooms import ROOMS
from intarsia.studio.rooms.names import Names
from intarsia.studio.sketch import Drawn, Onward, Painted, Pasted, Region, Sketch, Style

CONTENT, STYLE, MAP, OTHER = "c" * 64, "5" * 64, "a" * 64, "b" * 64
STEPS: dict[str, str] = {}  # of map-1.png
NAMES = Names(
    {CONTENT: "content.jpg", STYLE: "style-1.png"}.__getitem__,
    {MAP: "map-1.png", OTHER: "map-2.png"}.__getitem__,
    lambda name: STEPS.get(name, ""),
)
INK, OWN, IDLE = (
    Style(id="s1", name="ink", swatch="ink"),
    Style(id="s2", name="own", picture=STYLE),
    Style(id="s3", name="idle", swatch="starry"),
)


def recipe(**said):
    sketch = Sketch(content=CONTENT, styles=[INK, IDLE, OWN], **said)
    return ROOMS[sketch.room].recipe(sketch, NAMES)


def region(name="sky", style="s2", **more):
    return Region(id="r1", name=name, color="#aabbcc", style=style, **more)


def test_regions_come_in_order_and_what_is_left_last():
    drawn = Drawn(pixels=MAP, words="grow 1% | feather 2")
    made = recipe(regions=[region(map=drawn, manner={"strength": 0.5, "color": "match"})], rest=Painted(style="s1"))
    assert made.styles == ["swatch:ink", "style-1.png"]  # those that are used, in their order
    assert [str(one) for one in made.region] == [
        'sky: content="map-1.png | grow 1% | feather 2" style=2 strength=0.5 color=match',
        "all else: content=rest style=1",
    ]
    assert made.files() == ["content.jpg", "style-1.png", "map-1.png"]


def test_a_painted_map_is_the_words_that_made_it(monkeypatch):
    monkeypatch.setitem(STEPS, "map-1.png", f"brush 5% 0.1,0.2 0.3,0.4 | unite {OTHER} | without brush 2% 0.5,0.5")
    drawn = Drawn(pixels=MAP, words="grow 1%", named=[OTHER])
    made = recipe(regions=[region(map=drawn)])
    words = "brush 5% 0.1,0.2 0.3,0.4 | unite map-2.png | without brush 2% 0.5,0.5 | grow 1%"
    assert str(made.region[0].content) == words
    assert made.files() == ["content.jpg", "style-1.png", "map-2.png"]


@pytest.mark.parametrize("steps", ["brush 5% 0.1,0.2 | unite /etc/passwd", f"{MAP} | invert", "nonsense 1,2"])
def test_steps_name_no_files_but_those_of_the_sketch(monkeypatch, steps):
    monkeypatch.setitem(STEPS, "map-1.png", steps)
    with pytest.raises(IntarsiaError):
        recipe(regions=[region(map=Drawn(pixels=MAP, named=[OTHER]))])


def test_without_regions_the_style_is_everywhere():
    assert [str(one) for one in recipe(rest=Painted(style="s1")).region] == ["all else: content=everywhere style=1"]


def test_a_region_without_a_style_stays_as_it_is():
    made = recipe(regions=[region(style=None, map=Drawn(words="ellipse 0.5,0.5 0.2,0.2"))], rest=Painted(style="s1"))
    assert made.region[0].strength == 0


def test_a_region_that_nobody_has_painted_is_left_out():
    assert len(recipe(regions=[region()], rest=Painted(style="s1")).region) == 1
    with pytest.raises(GuideError, match="nothing to paint"):
        recipe(regions=[region()])


@pytest.mark.parametrize("words", ["/etc/passwd", "'x.png'", "label x.png #ffffff", "everywhere | add /etc/passwd"])
def test_words_name_no_files(words):
    with pytest.raises(IntarsiaError):
        recipe(regions=[region(map=Drawn(words=words))])
    with pytest.raises(IntarsiaError):
        recipe(regions=[region(map=Drawn(pixels=MAP, words=f"grow 1 | subtract {words}"))])


@pytest.mark.parametrize("manner", [{"strength": 2}, {"nothing": 1}, {"color": "pink"}])
def test_settings_that_cannot_be_are_told(manner):
    with pytest.raises(IntarsiaError):
        recipe(regions=[region(map=Drawn(pixels=MAP), manner=manner)])


def test_the_preview_of_a_slow_method_is_quick_and_has_the_same_regions():
    made = recipe(regions=[region(map=Drawn(pixels=MAP))], method="gatys", settings={"steps": 50})
    looked = ROOMS["paint"].quick(made)
    assert (looked.method, looked.settings) == ("wct", {})
    assert looked.region == made.region


def test_an_object_is_harmonized_as_on_the_command_line():
    made = recipe(room="paste", paste=Pasted(object=STYLE, name="cup", mask="fill 0,0 | invert", at=(0.2, 0.3)))
    assert made.method == "harmonize"
    assert made.paste is not None
    assert (made.paste.object, made.paste.at) == ("style-1.png", (0.2, 0.3))
    assert [str(one) for one in made.content_mask] == ["pasted | feather 0.3%"]
    assert [str(one) for one in made.style_mask] == ["pasted | grow 1% | invert"]
    assert ROOMS["paste"].quick(made).settings == {"quick": True}
    with pytest.raises(GuideError, match="no object"):
        recipe(room="paste")


def test_the_room_says_the_same_words_as_the_command():
    from intarsia.cli import harmonize
    from intarsia.studio.rooms import paste

    assert (paste.WHERE, paste.FROM) == (harmonize.WHERE, harmonize.FROM)


def test_a_painting_goes_on_at_its_full_size_alone():
    began = "d" * 64
    sketch = Sketch(
        content=CONTENT,
        styles=[INK],
        rest=Painted(style="s1"),
        settings={"steps": 200, "tv": 0.1},
        onward=Onward(picture=began, steps=50),
    )
    names = Names({CONTENT: "content.jpg", began: "start.png"}.__getitem__, NAMES.map)
    made = ROOMS["paint"].recipe(sketch, names)
    assert (made.start, made.settings["steps"], made.settings["tv"]) == ("start.png", 50, 0.1)
    assert made.build_method().rounds((3000, 4000))[0].size == (3000, 4000)
