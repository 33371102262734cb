"""Points files come back as they went, edited ones too; what is none of ours is told."""

import json

import pytest
import torch

from intarsia.errors import GuideError, Notice
from intarsia.geometry import Pairs
from intarsia.geometry.files import read_points, write_points


def pairs(n: int = 5, names: bool = True) -> Pairs:
    points = torch.rand(2, n, 2, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    told = tuple(f"eye {i}" if i else "" for i in range(n)) if names else ()
    return Pairs(points[0], points[1], torch.linspace(0, 1, n, dtype=torch.float64), told)


@pytest.mark.parametrize("n", [0, 1, 5, 1000])
@pytest.mark.parametrize("names", [True, False])
def test_pairs_come_back_as_they_went(tmp_path, n, names):
    file = str(tmp_path / "p.json")
    write_points(file, pairs(n, names))
    back = read_points(file)
    torch.testing.assert_close(back.content, pairs(n).content, atol=1e-5, rtol=0)
    torch.testing.assert_close(back.style, pairs(n).style, atol=1e-5, rtol=0)
    torch.testing.assert_close(back.activation, pairs(n).activation, atol=1e-4, rtol=0)
    assert back.names == (pairs(n).names if names and n > 1 else ())
    assert json.loads((tmp_path / "p.json").read_text())["version"]
    write_points(file, back)
    assert torch.equal(read_points(file).content, back.content)


def read(tmp_path, data) -> Pairs:
    (tmp_path / "hand.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return read_points(str(tmp_path / "hand.json"))


def test_files_made_by_hand_may_be_short(tmp_path):
    one = {"content": [0, 1], "style": [0.5, 0.25]}
    for data in ({"pairs": [one]}, [one], "\ufeff" + json.dumps({"pairs": [one]})):
        found = read(tmp_path, data)
        assert found.content.tolist() == [[0, 1]]
        assert found.style.tolist() == [[0.5, 0.25]]
        assert found.activation.tolist() == [1]
        assert found.names == ()


def test_unknown_keys_are_told_and_passed_over(tmp_path):
    with pytest.warns(Notice, match="no key 'activaton': did you mean 'activation'") as told:
        found = read(tmp_path, {"note": 1, "pairs": [{"content": [0, 1], "style": [0, 0], "activaton": 1}] * 2})
    assert len(found) == 2
    assert len(told) == 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("nothing", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ({}, "pairs is missing"),
        ({"pairs": [{"content": [0, 0]}]}, "pair 1: style is missing. Points look like this"),
        ({"pairs": [{"content": [0, 0], "style": [120, 33]}]}, "divide pixels by width and height"),
        ({"pairs": [{"content": [0, 0], "style": [0, -0.1]}]}, "divide pixels"),
        ('{"pairs": [{"content": [0, 0], "style": [0, NaN]}]}', "pair 1: style"),
        ('{"pairs": [{"content": [0, 0], "style": [0, Infinity]}]}', "pair 1: style"),
        ({"pairs": [{"content": [0, 0, 0], "style": [0, 0]}]}, "pair 1: content"),
        ({"pairs": [{"content": "eye", "style": [0, 0]}]}, "pair 1: content"),
        ({"pairs": [3]}, "pair 1"),
        ({"pairs": {"a": 1}}, "pairs"),
        ("3", "the file"),
        ({"pairs": [{"content": [0, 0], "style": [0, 0]}] * 1001}, "1000"),
        (" " * 1_000_001, "too large"),
    ],
)
def test_what_is_no_points_file_is_told(tmp_path, data, says):
    with pytest.raises(GuideError, match=says):
        read(tmp_path, data)


def test_files_that_are_not_there_are_told(tmp_path):
    with pytest.raises(GuideError, match="cannot be read"):
        read_points(str(tmp_path / "none.json"))
    with pytest.raises(GuideError, match="no file"):
        read_points(str(tmp_path))
