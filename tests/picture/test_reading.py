"""What is read is what the file shows, whole and upright, and a bad file ends in one clear sentence."""

import io
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from handmade import FORMATS, PICTURE, RECIPE, each_format, encoded, levels, noise, png, tensor, turned
from intarsia import picture
from intarsia.errors import IntarsiaError, PictureError, UsageError


@each_format
def test_every_format_shows_what_pillow_shows(format, options):
    data = encoded(PICTURE, format, **options)
    opened = picture.read(data)
    expected = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(levels(opened.image), expected)
    assert opened.image.dtype == torch.float32
    assert opened.image.is_contiguous()
    assert (opened.alpha, opened.depth, opened.notices) == (None, 8, ())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (5000, 3)], ids=str)
def test_thin_pictures_load(format, size):
    opened = picture.read(encoded(Image.new("RGB", size, (255, 255, 255)), format))
    assert opened.image.shape == (3, size[1], size[0])
    assert opened.image.min() > 0.98


def test_every_way_in_gives_the_same_picture(tmp_path, monkeypatch):
    array = noise()
    path = tmp_path / "a.png"
    Image.fromarray(array).save(path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    with open(path, "rb") as stream, Image.open(path) as lazy:
        ways = [str(path), path, "-", path.read_bytes(), bytearray(path.read_bytes()), stream, lazy]
        ways += [Image.fromarray(array), array, tensor(array), torch.from_numpy(array).permute(2, 0, 1)]
        for way in ways:
            assert np.array_equal(levels(picture.read(way).image), array), type(way)


def test_every_cut_is_an_error():
    """A file that lost its end is refused wherever the cut is; only PNG's last checksum may go, behind all pixels."""
    for format, options in FORMATS.values():
        data = encoded(PICTURE, format, **options)
        for length in [*range(1, len(data) - 4, len(data) // 12), len(data) - 5]:
            with pytest.raises(PictureError):
                picture.read(data[:length])


def test_a_flipped_bit_in_a_png_is_seen():
    data = encoded(PICTURE, "PNG")
    for place in range(8, len(data), len(data) // 25):
        broken = bytearray(data)
        broken[place] ^= 4
        with pytest.raises(PictureError):
            picture.read(bytes(broken))


@settings(max_examples=60)
@given(st.sampled_from(sorted(FORMATS)), st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_damaged_files_never_end_in_another_error(name, place, damage):
    format, options = FORMATS[name]
    data = bytearray(encoded(PICTURE.resize((9, 8)), format, **options))
    start = place % len(data)
    data[start : start + len(damage)] = damage
    try:
        opened = picture.read(bytes(data), max_pixels=1_000_000)
    except IntarsiaError:
        return
    assert torch.isfinite(opened.image).all()
    assert 0 <= opened.image.min() <= opened.image.max() <= 1


def test_a_process_that_loads_half_pictures_is_told(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(UsageError, match="LOAD_TRUNCATED_IMAGES"):
        picture.read(encoded(PICTURE, "PNG"))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(format, orientation):
    data = encoded(PICTURE, format, exif=turned(orientation))
    with Image.open(io.BytesIO(data)) as image:
        upright = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    for source in (data, Image.open(io.BytesIO(data))):
        assert np.array_equal(levels(picture.read(source).image), upright)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_16_bits_and_alpha(orientation):
    pixels = noise(4, 6, 4, np.uint16)
    note = (b"eXIf", turned(orientation).tobytes()[6:])
    opened = picture.read(png((6, 4), 16, 6, pixels.astype(">u2").tobytes(), before=[note]))
    for shown, plane in zip([*opened.image, opened.alpha], pixels.transpose(2, 0, 1), strict=True):
        flagged = Image.fromarray((plane >> 8).astype(np.uint8))
        flagged.getexif()[0x0112] = orientation
        assert np.array_equal(levels(shown, np.uint16) >> 8, np.array(ImageOps.exif_transpose(flagged)))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_orientation_gps_and_other_notes_stay_behind(suffix, tmp_path):
    exif = turned(6)
    exif[0x010F], exif[0x8825] = "Maker", {1: "N", 2: (48.0, 12.0, 0.0)}
    opened = picture.read(encoded(PICTURE, "JPEG", exif=exif))
    picture.write(tmp_path / f"a.{suffix}", opened.image, recipe=RECIPE)
    with Image.open(tmp_path / f"a.{suffix}") as written:
        assert not {0x0112, 0x010F, 0x8825} & set(written.getexif())
    assert b"Maker" not in (tmp_path / f"a.{suffix}").read_bytes()


def test_broken_exif_is_no_reason_to_refuse():
    data = encoded(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert picture.read(data).image.shape == (3, 40, 60)
