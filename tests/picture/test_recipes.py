"""Recipes inside pictures."""

import pytest
from PIL import Image

from handmade import PICTURE, RECIPE, SMOOTH, encoded, noise
from intarsia import picture


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "avif", "png"])
@pytest.mark.parametrize("recipe", ["", "ascii", RECIPE, "line\nline\r\n", "\ufeffmarked"])
def test_recipes_come_back_as_they_were(suffix, recipe, tmp_path):
    path = tmp_path / f"a.{suffix}"
    picture.write(path, SMOOTH, recipe=recipe)
    assert picture.read_recipe(path) == recipe
    with Image.open(path) as image:
        assert picture.read_recipe(image) == recipe


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp", "avif"])
@pytest.mark.parametrize("letters", [64_950, 64_990, 65_001, 130_000, 2_000_000])
def test_a_long_recipe_fits_everywhere(suffix, letters, tmp_path):
    """Also around 64 KB, where EXIF of a JPEG ends, and in letters that are cut in two there."""
    for long in ("a" * letters, "ö" * letters):
        picture.write(tmp_path / f"a.{suffix}", SMOOTH, recipe=long)
        assert picture.read_recipe(tmp_path / f"a.{suffix}") == long
        assert (picture.read(tmp_path / f"a.{suffix}").image - SMOOTH).abs().max() < 0.02


def test_a_recipe_that_lost_a_part_is_none(tmp_path):
    picture.write(tmp_path / "a.jpg", SMOOTH, recipe="ab" * 100_000)
    data = (tmp_path / "a.jpg").read_bytes()
    assert data.count(b"\xff\xfe\xfd") == 3
    assert picture.read_recipe(data.replace(b"intarsia 2/4", b"elsewhere 2/4"[:12])) is None


def test_pictures_that_others_made_hold_no_recipe():
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"ASCII\0\0\0A day at the lake"}
    for data in (encoded(PICTURE, "JPEG", exif=exif), encoded(PICTURE, "PNG"), encoded(PICTURE, "BMP")):
        assert picture.read_recipe(data) is None
    assert picture.read_recipe(noise()) is None
