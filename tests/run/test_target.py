"""What a target refuses before anything is read or written."""

from pathlib import Path

import pydantic
import pytest

from intarsia.errors import UsageError
from intarsia.run import Form, Target


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
