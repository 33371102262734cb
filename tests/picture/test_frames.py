"""Limits hold before anything is decoded, and frames are chosen."""

import struct
import time
import warnings
import zlib

import pytest
import torch
from PIL import Image

from handmade import PICTURE, each_format, encoded, png, refusal, tiff
from intarsia import picture


def lying(side):
    """Headers that promise side x side pixels, with next to nothing behind them."""
    strips = {273: (0,), 278: side, 279: (10,)}
    rgb = {256: side, 257: side, 258: (8, 8, 8), 262: 2, 277: 3, **strips}
    return {
        "png": png((side, side), 8, 2, b""),
        "png, 16 bits": png((side, side), 16, 2, b""),
        "tiff": tiff({**rgb, 259: 1}, bytes(10)),
        "tiff, deflated": tiff({**rgb, 259: 8}, zlib.compress(bytes(10))),
        "tiff, strips missing": tiff({**rgb, 259: 1, 278: 1}, bytes(side * 3)),
        "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 99, 0, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0) + b"xy",
        "ppm": b"P6 %d %d 255\n" % (side, side) + b"xyz",
        "ppm, plain": b"P3 %d %d 255\n1 2 3" % (side, side),
        "ppm, 16 bits": b"P6 %d %d 65535\n" % (side, side) + b"xyz",
    }


@pytest.mark.parametrize("name", lying(9))
def test_a_lying_header_is_refused_at_once(name):
    start = time.monotonic()
    message = refusal(lying(60_000)[name])
    assert "60000 x 60000 = 3600000000 pixels, more than the limit of 200000000" in message
    assert "--max-pixels" in message
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("name", lying(9))
def test_a_lying_header_below_the_limit_is_a_broken_file(name):
    assert "broken" in refusal(lying(2000)[name])


def test_a_webp_canvas_that_lies_is_refused_at_once():
    canvas = b"WEBPVP8X" + struct.pack("<IB", 10, 0) + bytes(3) + struct.pack("<I", 2**24 - 1)[:3] * 2
    assert "more pixels" in refusal(b"RIFF" + struct.pack("<I", len(canvas)) + canvas)


@each_format
def test_the_limit_is_ours_and_not_pillows(format, options, monkeypatch):
    data = encoded(PICTURE, format, **options)
    assert "--max-pixels" in refusal(data, max_pixels=2399)
    if format == "WEBP":  # where Pillow checks inside its own reader; see read()
        return
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert picture.read(data, max_pixels=2400).image.shape == (3, 40, 60)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_the_limit_holds_for_pillow_images():
    assert "--max-pixels" in refusal(PICTURE, max_pixels=2399)


@pytest.mark.parametrize("after", [False, True], ids=["before the pixels", "after the pixels"])
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_text_bombs_in_png(kind, after):
    packed = zlib.compress(bytes(65 << 20), 1)
    text = (kind, b"key\0\0" + packed if kind == b"zTXt" else b"key\0\1\0\0\0" + packed)
    data = png((2, 2), 8, 2, bytes(12), **{"after" if after else "before": [text]})
    assert "broken" in refusal(data)


FRAMES = [Image.new("RGB", (6, 4), (40 * i, 0, 200)) for i in range(3)]
MANY = {"APNG": ("PNG", {}), "WebP": ("WEBP", {"lossless": True}), "TIFF": ("TIFF", {}), "AVIF": ("AVIF", {})}


@pytest.mark.parametrize(("format", "options"), MANY.values(), ids=MANY)
def test_many_frames_need_a_choice(format, options):
    data = encoded(FRAMES[0], format, save_all=True, append_images=FRAMES[1:], **options)
    assert "holds 3 frames or pages. Choose one with `frame` N, from 1 to 3" in refusal(data)
    for number, frame in enumerate(FRAMES, start=1):
        assert torch.allclose(picture.read(data, frame=number).image, picture.read(frame).image, atol=0.02)
    for number in (0, -1, 4):
        assert f"no frame {number}" in refusal(data, frame=number)


def test_one_frame_is_frame_1():
    data = encoded(PICTURE, "PNG")
    assert torch.equal(picture.read(data, frame=1).image, picture.read(data).image)
    assert "no frame 2" in refusal(data, frame=2)


def test_pages_of_other_sizes_are_checked_too():
    data = encoded(FRAMES[0], "TIFF", save_all=True, append_images=[PICTURE.copy()])
    assert picture.read(data, frame=2).image.shape == (3, 40, 60)
    assert "--max-pixels" in refusal(data, frame=2, max_pixels=100)


def test_a_jpeg_with_a_preview_is_its_main_picture():
    data = encoded(PICTURE, "MPO", save_all=True, append_images=[PICTURE.resize((6, 4))])
    assert picture.read(data).image.shape == (3, 40, 60)
