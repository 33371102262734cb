"""What cannot be written is told before the painting."""

import os
from pathlib import Path

import pytest

from handmade import SMOOTH, noise
from intarsia import picture
from intarsia.errors import OutputError, UsageError


def test_a_good_target_passes_and_nothing_is_left(tmp_path):
    source = tmp_path / "in.png"
    source.write_bytes(b"x")
    picture.check_target(tmp_path / "out.jpg", [source, str(source), "-", noise(), "swatch:waves:3", "no/such"])
    picture.check_target("-", [source])
    picture.check_target(source, [source], in_place=True)
    assert os.listdir(tmp_path) == ["in.png"]


@pytest.mark.parametrize(
    ("name", "fact"), [("a.pgn", "did you mean 'png'"), ("a.gif", "There are:"), ("a", "no suffix")]
)
def test_unknown_formats(name, fact, tmp_path):
    for act in (lambda path: picture.check_target(path, []), lambda path: picture.write(path, SMOOTH)):
        with pytest.raises(UsageError, match=fact):
            act(tmp_path / name)


def test_the_input_is_not_painted_over(tmp_path, monkeypatch):
    source = tmp_path / "in.png"
    source.write_bytes(b"x")
    (tmp_path / "link.png").symlink_to(source)
    (tmp_path / "hard.png").hardlink_to(source)
    monkeypatch.chdir(tmp_path)
    for target in (source, "in.png", "./in.png", "link.png", "hard.png"):
        with pytest.raises(UsageError, match="--in-place"):
            picture.check_target(target, [noise(), source])


def test_bad_places_are_told_before(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    bad = [tmp_path / "missing" / "a.png", tmp_path / "file" / "a.png", tmp_path / "folder.png", Path("/proc/a.png")]
    for target in bad:
        with pytest.raises(OutputError) as caught:
            picture.check_target(target, [])
        assert str(target) in str(caught.value)


@pytest.mark.parametrize(("name", "most"), [("a.webp", 16_383), ("a.jpg", 65_500), ("a.avif", 65_536)])
def test_a_format_that_cannot_hold_the_size_is_told_before(name, most):
    picture.check_size(name, (most, 1))
    with pytest.raises(UsageError, match=f"holds up to {most} pixels a side"):
        picture.check_size(name, (1, most + 1))
    picture.check_size("a.png", (1, most + 1))
