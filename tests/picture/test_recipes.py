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


def test_a_long_recipe_goes_into_png_and_not_into_jpeg(tmp_path):
    long = "ö" * 2_000_000
    for suffix, expected in (("png", long), ("tif", long), ("jpg", None)):
        picture.write(tmp_path / f"a.{suffix}", SMOOTH, recipe=long)
        assert picture.read_recipe(tmp_path / f"a.{suffix}") == expected
    assert picture.read(tmp_path / "a.png").depth == 8


def test_pictures_that_others_made_hold_no_recipe():
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"ASCII\0\0\0A day at the lake"}
    for data in (encoded(PICTURE, "JPEG", exif=exif), encoded(PICTURE, "PNG"), encoded(PICTURE, "BMP")):
        assert picture.read_recipe(data) is None
    assert picture.read_recipe(noise()) is None
