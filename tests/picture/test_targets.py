"""What cannot be written is told before the painting."""

import os
from pathlib import Path

import pytest

from handmade import SMOOTH, noise
from intarsia import picture
from intarsia.errors import OutputError, UsageError, listening


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


@pytest.mark.parametrize("name", ["pages.tif#2", "./pages.tif#1", "link.tif#3"])
def test_a_file_of_which_a_frame_is_the_input_is_not_painted_over(name, tmp_path, monkeypatch):
    (tmp_path / "pages.tif").write_bytes(b"x")
    (tmp_path / "link.tif").symlink_to(tmp_path / "pages.tif")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--in-place"):
        picture.check_target("pages.tif", [name])


LOSSES = {
    ("a.jpg", True): ["JPEG holds no transparency"],
    ("a.bmp", True): ["BMP holds no transparency", "BMP holds no recipe"],
    ("a.ppm", True): ["PPM holds no transparency", "PPM holds no recipe"],
    ("a.ppm", False): ["PPM holds no recipe"],
    ("a.jpg", False): [],
    ("a.png", True): [],
    ("a.tif", True): [],
    ("a.webp", True): [],
    ("a.avif", True): [],
}


@pytest.mark.parametrize(("name", "alpha"), LOSSES)
def test_what_a_format_cannot_hold_is_told(name, alpha, tmp_path):
    told: list[str] = []
    with listening(told.append):
        picture.write(tmp_path / name, SMOOTH, alpha=SMOOTH[0] if alpha else SMOOTH[0] * 0 + 1, recipe="r")
    assert len(told) == len(LOSSES[name, alpha])
    for text, fact in zip(told, LOSSES[name, alpha], strict=True):
        assert text.startswith(f"{tmp_path / name}: {fact}")
