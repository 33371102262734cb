"""Every mode of Pillow as color and transparency."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from handmade import PICTURE, encoded, levels, noise, refusal, tiff_of
from intarsia import picture

MODES = {
    "1": (PICTURE.convert("1"), "PNG"),
    "L": (PICTURE.convert("L"), "PNG"),
    "P": (PICTURE.quantize(16), "PNG"),
    "RGB": (PICTURE, "PNG"),
    "CMYK": (PICTURE.convert("CMYK"), "TIFF"),
    "CMYK jpeg": (PICTURE.convert("CMYK"), "JPEG"),
    "YCbCr": (PICTURE.convert("YCbCr"), "TIFF"),
    "LAB": (PICTURE.convert("RGB").resize((4, 4)), None),
}


@pytest.mark.parametrize(("image", "format"), MODES.values(), ids=MODES)
def test_modes_without_transparency_become_rgb(image, format):
    if format is None:
        lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        image, format = ImageCms.applyTransform(image, lab), "TIFF"
    data = encoded(image, format)
    opened = picture.read(data)
    assert np.array_equal(levels(opened.image), np.array(Image.open(io.BytesIO(data)).convert("RGB")))
    assert (opened.alpha, opened.depth) == (None, 8)


TRANSPARENT = {
    "LA": (Image.merge("LA", PICTURE.split()[:2]), "PNG", {}),
    "RGBA": (Image.fromarray(noise(channels=4)), "PNG", {}),
    "RGBA webp": (Image.fromarray(noise(channels=4)), "WEBP", {"lossless": True, "exact": True}),
    "RGBA tiff": (Image.fromarray(noise(channels=4)), "TIFF", {}),
    "PA": (PICTURE.quantize(16).convert("PA"), "TIFF", {}),
    "P with one clear entry": (PICTURE.quantize(16), "PNG", {"transparency": 3}),
    "P with many": (PICTURE.quantize(16), "PNG", {"transparency": bytes(range(0, 160, 10))}),
    "L with a key": (PICTURE.convert("L"), "PNG", {"transparency": PICTURE.convert("L").getpixel((0, 0))}),
    "RGB with a key": (PICTURE, "PNG", {"transparency": PICTURE.getpixel((0, 0))}),
    "1 with a key": (PICTURE.convert("1"), "PNG", {"transparency": 0}),
}


@pytest.mark.parametrize(("image", "format", "options"), TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparency_is_carried_beside_the_color(image, format, options):
    if image.mode == "PA":
        image.putalpha(PICTURE.getchannel(0))
    data = encoded(image, format, **options)
    opened = picture.read(data)
    expected = np.array(Image.open(io.BytesIO(data)).convert("RGBA"))
    assert np.array_equal(levels(opened.image), expected[:, :, :3])
    assert np.array_equal(levels(opened.alpha), expected[:, :, 3])


def test_an_opaque_alpha_is_no_alpha():
    assert picture.read(encoded(PICTURE.convert("RGBA"), "PNG")).alpha is None


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_float_tiffs_are_stretched_only_when_they_must(byteorder):
    def saved(values):
        return tiff_of(np.array(values, np.float32), byteorder=byteorder)

    inside = picture.read(saved([[0.25, 0.75]]))
    assert (inside.image[0].tolist(), inside.depth, inside.notices) == ([[0.25, 0.75]], 16, ())
    outside = picture.read(saved([[-1.0, 0.0, 3.0]]))
    assert outside.image[0].tolist() == [[0, 0.25, 1]]
    assert "from -1 to 3" in outside.notices[0]
    for bad in (np.nan, np.inf):
        assert "not finite" in refusal(saved([[0.5, bad]]))


def test_integer_modes():
    sixteen = noise(4, 4, 1, np.uint16)[:, :, 0]
    for image in (Image.fromarray(sixteen), Image.fromarray(sixteen.astype(np.int32))):
        opened = picture.read(encoded(image, "TIFF"))
        assert opened.depth == 16
        assert np.array_equal(levels(opened.image[0], np.uint16), sixteen)
    assert "70000" in refusal(encoded(Image.fromarray(np.array([[0, 70_000]], np.int32)), "TIFF"))
