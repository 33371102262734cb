"""What a target refuses before anything is read or written."""

import os
from pathlib import Path

import pydantic
import pytest

from intarsia import picture
from intarsia.errors import RecipeError, UsageError
from intarsia.recipe import read_recipe
from intarsia.run import Form, Noticed, Run, Step, Target


@pytest.mark.parametrize(
    "settings", [{"depth": 12}, {"quality": 0}, {"quality": 101}, {"every": 0}, {"keep_every": -1}]
)
def test_settings_have_ranges(settings):
    with pytest.raises(pydantic.ValidationError):
        Target(**settings)


def test_sixteen_bits_go_into_what_can_hold_them():
    Form(depth=16).check(["a.png", "a.TIF", "-"])
    Form().check(["a.jpg"])
    with pytest.raises(UsageError, match=r"`depth` 16 needs png or tif, and a\.jpg is neither"):
        Form(depth=16).check(["a.png", "a.jpg"])


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"output": "style.png"}, "also the input style.png"),
        ({"preview": "style.png", "in_place": True}, "also the input style.png"),
        ({"preview": "-"}, "`preview` needs a file"),
        ({"save_recipe": "./content.png"}, "`save_recipe` ./content.png would replace an input or another output"),
        ({"save_guide": "g.json", "save_recipe": "g.json"}, "`save_guide` g.json would replace an input or another"),
        ({"output": "-", "resume": True}, "`resume` needs an output file"),
        ({"output": None, "resume": True}, "`resume` needs an output file"),
    ],
)
def test_no_file_is_replaced_that_should_stay(recipe, target, words):
    with pytest.raises(UsageError) as error:
        Target(**{"output": "out.png"} | target).check_paths(recipe())
    assert words in str(error.value)


def test_states_stand_beside_files_only():
    assert Target(output="a/b.png").state == Path("a/b.png.state")
    assert Target(output="-").state is None
    assert Target().state is None


@pytest.mark.parametrize("stem", ["a" * 246, "a" * 251, "ü" * 125, "画" * 83, "a" * 120 + "ü" * 65])
def test_the_state_of_a_long_name_has_a_name_that_fits(stem, tmp_path):
    """It is the same the next time, and another name's is another."""
    state = Target(output=str(tmp_path / f"{stem}.png")).state
    assert len(os.fsencode(state.name)) <= 255
    assert state.parent == tmp_path
    assert state == Target(output=str(tmp_path / f"{stem}.png")).state
    assert state != Target(output=str(tmp_path / f"{stem[:-1]}b.png")).state
    state.write_bytes(b"it fits")


@pytest.mark.parametrize("settings", [{"preview": "content.tif"}, {"save_recipe": "content.tif"}])
def test_a_file_of_which_a_frame_is_read_stays(recipe, settings):
    Path("content.png").rename("content.tif")
    job = recipe().model_copy(update={"content": "content.tif#2"})
    with pytest.raises(UsageError, match="input"):
        Target(**{"output": "out.png"} | settings).check_paths(job)


def test_what_its_format_cannot_hold_is_told_before_the_painting(recipe, random_image):
    picture.write("content.png", random_image(48, 64), alpha=random_image(48, 64)[0])
    events = list(Run(recipe(), Target(output="out.ppm"))())
    told = [event.text for event in events if isinstance(event, Noticed)]
    assert [text.partition(", ")[0] for text in told] == [
        "out.ppm: PPM holds no transparency",
        "out.ppm: PPM holds no recipe and no metadata",
    ]
    assert events.index(Noticed(told[-1])) < next(i for i, event in enumerate(events) if isinstance(event, Step))


def test_a_picture_without_its_recipe(recipe):
    list(Run(recipe(), Target(output="out.png", without_recipe=True))())
    assert picture.read_recipe("out.png") is None
    assert b"style.png" not in Path("out.png").read_bytes()
    with pytest.raises(RecipeError, match="or without one"):
        read_recipe("out.png")
