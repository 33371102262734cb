"""Pictures: what is read is what the file shows, what is written is whole, and bad files end in one clear sentence.

Every bad file is made here.
"""

import io
import os
import struct
import subprocess
import sys
import textwrap
import time
import warnings
import zlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, ImageFile, ImageOps
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from intarsia import picture
from intarsia.errors import InputError, IntarsiaError, OutputError, PictureError, UsageError
from intarsia.large import disk
from intarsia.picture import icc

torch.set_num_threads(1)
RECIPE = '{"method": "gatys", "note": "Öl, 油絵, 🎨", "steps": 300}'


def noise(h=7, w=5, channels=3, dtype=np.uint8, seed=0):
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (h, w, channels), dtype, endpoint=True)


def tensor(array):
    """(h, w, c) levels as a picture."""
    return torch.from_numpy((array / np.iinfo(array.dtype).max).astype(np.float32)).permute(2, 0, 1)


def levels(image, dtype=np.uint8):
    """A picture, or a map, as (h, w, c) or (h, w) levels."""
    values = image if image.ndim == 2 else image.permute(1, 2, 0)
    return (values.double() * np.iinfo(dtype).max).round().numpy().astype(dtype)


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size, depth, kind, rows=b"", before=(), after=()):
    """A PNG by hand; `rows` without their filter bytes, `before` and `after` are chunks around the pixels."""
    w, h = size
    step = len(rows) // h if rows else 0
    lines = b"".join(b"\0" + rows[y * step : (y + 1) * step] for y in range(h)) if rows else b""
    body = [chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, 0)), *(chunk(*c) for c in before)]
    body += [chunk(b"IDAT", zlib.compress(lines)), *(chunk(*c) for c in after), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff(tags, data=b"", types=()):
    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
    directory.tagtype.update(types)
    stream = io.BytesIO()
    directory.save(stream)
    return stream.getvalue() + data


def refusal(source, **options):
    with pytest.raises(InputError) as caught:
        picture.read(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


PICTURE = Image.fromarray(noise(40, 60))
FORMATS = {
    "png": ("PNG", {}),
    "jpg": ("JPEG", {}),
    "jpg, progressive": ("JPEG", {"progressive": True}),
    "webp": ("WEBP", {}),
    "webp, lossless": ("WEBP", {"lossless": True}),
    "tif": ("TIFF", {}),
    "tif, lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tif, deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "avif": ("AVIF", {}),
    "bmp": ("BMP", {}),
    "ppm": ("PPM", {}),
}
each_format = pytest.mark.parametrize(("format", "options"), FORMATS.values(), ids=FORMATS)


# ----------------------------------------------------------------------------------------- reading: what comes out


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


def test_content_counts_and_not_the_suffix(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(PICTURE, "PNG"))
    assert np.array_equal(levels(picture.read(path).image), np.array(PICTURE))


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


# ------------------------------------------------------------------------------------------------ reading: 16 bits


@settings(max_examples=25)
@given(
    pixels=st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda kind: hnp.arrays(kind, st.tuples(st.integers(1, 70), st.integers(1, 5), st.sampled_from([3, 4])))
    ),
    format=st.sampled_from(["png", "tiff"]),
)
def test_levels_survive_writing_and_reading(pixels, format, tmp_path_factory):
    path = tmp_path_factory.mktemp("levels") / f"a.{format}"
    alpha = tensor(pixels)[3] if pixels.shape[2] == 4 else None
    picture.write(path, tensor(pixels)[:3], alpha=alpha, depth=8 * pixels.itemsize)
    opened = picture.read(path)
    assert opened.depth == 8 * pixels.itemsize
    assert np.array_equal(levels(opened.image, pixels.dtype), pixels[:, :, :3])
    if alpha is None or (pixels[:, :, 3] == np.iinfo(pixels.dtype).max).all():
        assert opened.alpha is None
    else:
        assert np.array_equal(levels(opened.alpha, pixels.dtype), pixels[:, :, 3])


DEEP_TIFFS = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib"},
    "big-endian, deflate, predictor": {"byteorder": ">", "compression": "zlib", "predictor": 2},
    "tiles": {"tile": (16, 16)},
    "strips": {"rowsperstrip": 7},
    "BigTIFF": {"bigtiff": True},
}


@pytest.mark.parametrize("options", DEEP_TIFFS.values(), ids=DEEP_TIFFS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_tiff_keeps_every_level(options, channels):
    pixels = noise(40, 33, channels, np.uint16)
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    stream = io.BytesIO()
    kind = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(stream, pixels if channels > 1 else pixels[:, :, 0], photometric=kind, **extra, **options)
    opened = picture.read(stream.getvalue())
    assert opened.depth == 16
    assert np.array_equal(levels(opened.image, np.uint16), np.broadcast_to(pixels[:, :, :3], (40, 33, 3)))
    if channels == 4:
        assert np.array_equal(levels(opened.alpha, np.uint16), pixels[:, :, 3])


def test_premultiplied_16_bit_tiff_is_divided_at_full_depth():
    alpha = np.full((3, 4, 1), 30_000, np.uint16)
    color = noise(3, 4, 3, np.uint16)
    product = np.round(color * (alpha / 65535)).astype(np.uint16)
    stream = io.BytesIO()
    both = np.concatenate([product, alpha], axis=2)
    tifffile.imwrite(stream, both, photometric="rgb", extrasamples=["assocalpha"])
    opened = picture.read(stream.getvalue())
    assert opened.depth == 16
    assert np.abs(levels(opened.image, np.uint16).astype(int) - color).max() <= 2


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_keeps_every_level(kind, channels):
    pixels = noise(6, 5, channels, np.uint16)
    opened = picture.read(png((5, 6), 16, kind, pixels.astype(">u2").tobytes()))
    color = pixels[:, :, :3] if channels > 2 else pixels[:, :, :1]
    assert opened.depth == 16
    assert np.array_equal(levels(opened.image, np.uint16), np.broadcast_to(color, (6, 5, 3)))
    if channels in (2, 4):
        assert np.array_equal(levels(opened.alpha, np.uint16), pixels[:, :, -1])


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)])
def test_a_16_bit_png_key_is_compared_in_16_bits(kind, channels):
    pixels = np.full((2, 2, channels), 0x1234, np.uint16)
    pixels[0, 0] = 0x1235  # same high byte
    data = png((2, 2), 16, kind, pixels.astype(">u2").tobytes(), before=[(b"tRNS", b"\x12\x34" * channels)])
    assert picture.read(data).alpha.tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("most", [65535, 1023])
def test_16_bit_ppm_keeps_every_level(most):
    pixels = np.minimum(noise(4, 6, 3, np.uint16), most)
    data = b"P6\n# a comment\n6 4\n%d\n" % most + pixels.astype(">u2").tobytes()
    opened = picture.read(data)
    assert opened.depth == 16
    assert np.array_equal(np.round(levels(opened.image, np.uint16) * (most / 65535)), pixels)
    refusal(data[:-1])


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_float_tiffs_are_stretched_only_when_they_must(byteorder):
    def saved(values):
        stream = io.BytesIO()
        tifffile.imwrite(stream, np.array(values, np.float32), byteorder=byteorder)
        return stream.getvalue()

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


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_16_bits_in_separate_planes_are_refused_rather_than_garbled(options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, noise(3, 9, 9, np.uint16), photometric="rgb", planarconfig="separate", **options)
    assert "separate planes" in refusal(stream.getvalue())


def test_8_bits_in_separate_planes_are_read():
    pixels = noise(9, 8)
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate")
    assert np.array_equal(levels(picture.read(stream.getvalue()).image), pixels)


# ------------------------------------------------------------------------------------------- reading: what is refused


def test_every_cut_is_an_error():
    """A file that lost its end is refused wherever the cut is; only PNG's last checksum may go, behind all pixels."""
    for format, options in FORMATS.values():
        data = encoded(PICTURE, format, **options)
        for length in [*range(1, len(data) - 4, len(data) // 12), len(data) - 5]:
            with pytest.raises(PictureError):
                picture.read(data[:length])


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_every_cut_of_16_bits_is_an_error(format, tmp_path):
    path = tmp_path / f"a.{format}"
    picture.write(path, tensor(noise(40, 60, 3, np.uint16)), depth=16)
    data = path.read_bytes()
    for length in range(1, len(data) - 4, len(data) // 12):
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


STRANGERS = {
    "empty": (b"", "empty"),
    "text": (b"Dear diary, today I painted.", "no picture"),
    "zeros": (bytes(5000), "no picture"),
    "gif": (encoded(PICTURE, "GIF"), "GIF"),
    "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "ico": (encoded(PICTURE, "ICO"), "no picture"),
    "almost a bitmap": (b"BM is my name and I am no bitmap at all, I fear", "BMP"),
    "almost a pixmap": (b"P6 stands for nothing here", "PPM"),
}


@pytest.mark.parametrize(("data", "fact"), STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_picture_of_ours_is_named(tmp_path, data, fact):
    path = tmp_path / "upload.png"
    path.write_bytes(data)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert fact in message


def test_places_that_are_no_files(tmp_path):
    (tmp_path / "photo.png").touch()
    assert "folder" in refusal(tmp_path)
    assert "Did you mean 'photo.png'?" in refusal(tmp_path / "phto.png")
    assert "no such file" in refusal(tmp_path / "no" / "where.png")
    refusal(tmp_path / "photo.png" / "inside.png")
    refusal("null\0byte.png")
    assert "binary" in refusal(io.StringIO("text"))
    assert "int is no picture" in refusal(3)


def test_a_process_that_loads_half_pictures_is_told(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(UsageError, match="LOAD_TRUNCATED_IMAGES"):
        picture.read(encoded(PICTURE, "PNG"))


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
    assert "60000 x 60000 = 3600000000 pixels" in message
    assert "200000000" in message
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


# --------------------------------------------------------------------------------------------------- frames and pages


FRAMES = [Image.new("RGB", (6, 4), (40 * i, 0, 200)) for i in range(3)]
MANY = {"APNG": ("PNG", {}), "WebP": ("WEBP", {"lossless": True}), "TIFF": ("TIFF", {}), "AVIF": ("AVIF", {})}


@pytest.mark.parametrize(("format", "options"), MANY.values(), ids=MANY)
def test_many_frames_need_a_choice(format, options):
    data = encoded(FRAMES[0], format, save_all=True, append_images=FRAMES[1:], **options)
    message = refusal(data)
    assert "3 frames" in message
    assert "--frame N" in message
    for number, frame in enumerate(FRAMES, start=1):
        shown = picture.read(data, frame=number).image
        assert torch.allclose(shown, picture.read(frame).image, atol=0.02)
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


def test_16_bit_pages_are_read_in_full():
    pages = [noise(4, 5, 3, np.uint16, seed) for seed in range(2)]
    stream = io.BytesIO()
    for page in pages:
        stream.seek(0)
        tifffile.imwrite(stream, page, photometric="rgb", append=stream.getbuffer().nbytes > 0)
    for number, page in enumerate(pages, start=1):
        assert np.array_equal(levels(picture.read(stream.getvalue(), frame=number).image, np.uint16), page)


def test_a_jpeg_with_a_preview_is_its_main_picture():
    data = encoded(PICTURE, "MPO", save_all=True, append_images=[PICTURE.resize((6, 4))])
    assert picture.read(data).image.shape == (3, 40, 60)


# ------------------------------------------------------------------------------------------------ orientation


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PICTURE, format, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
        upright.load()
    assert np.array_equal(levels(picture.read(data).image), np.array(upright.convert("RGB")))
    assert np.array_equal(levels(picture.read(Image.open(io.BytesIO(data))).image), np.array(upright.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_16_bits_and_alpha(orientation):
    pixels = noise(4, 6, 4, np.uint16)
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = picture.read(png((6, 4), 16, 6, pixels.astype(">u2").tobytes(), before=[(b"eXIf", exif.tobytes()[6:])]))
    for shown, plane in zip([*opened.image, opened.alpha], pixels.transpose(2, 0, 1), strict=True):
        flagged = Image.fromarray((plane >> 8).astype(np.uint8))
        flagged.getexif()[0x0112] = orientation
        assert np.array_equal(levels(shown, np.uint16) >> 8, np.array(ImageOps.exif_transpose(flagged)))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_orientation_gps_and_other_notes_stay_behind(suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif[0x8825] = {1: "N", 2: (48.0, 12.0, 0.0)}
    opened = picture.read(encoded(PICTURE, "JPEG", exif=exif))
    picture.write(tmp_path / f"a.{suffix}", opened.image, recipe=RECIPE)
    with Image.open(tmp_path / f"a.{suffix}") as written:
        left = written.getexif()
        assert not {0x0112, 0x010F, 0x8825} & set(left)
        assert b"Maker" not in (tmp_path / f"a.{suffix}").read_bytes()


def test_broken_exif_is_no_reason_to_refuse():
    data = encoded(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert picture.read(data).image.shape == (3, 40, 60)


# ------------------------------------------------------------------------------------------------ color profiles


def profile(space, tags, connection=b"XYZ ", kind=b"mntr"):
    """An ICC profile (version 2.4) by hand."""
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">iii", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": white, **tags}
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, kind, space, connection, b"acsp")
    head += struct.pack(">iii", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249))) + bytes(48)
    assert len(head) == 128
    return head + struct.pack(">I", len(tags)) + table + body


def gamma(exponent):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


def sampled(exponent, count=1024):
    values = np.round(np.linspace(0, 1, count) ** exponent * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", count) + values.tobytes()


def parametric(kind, *numbers):
    return (
        b"para"
        + bytes(4)
        + struct.pack(">HH", kind, 0)
        + b"".join(struct.pack(">i", round(v * 65536)) for v in numbers)
    )


SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
P3 = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]


def rgb_profile(columns, curve):
    def xyz(column):
        return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(v * 65536) for v in column))

    colorants = {name: xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    return profile(b"RGB ", colorants | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


CURVES = {
    "gamma": gamma(2.19921875),
    "sampled": sampled(1.8),
    "parametric 0": parametric(0, 2.2),
    "parametric 1": parametric(1, 2.2, 1.1, -0.1),
    "parametric 2": parametric(2, 2.2, 0.9, 0.08, 0.02),
    "parametric 3": parametric(3, *SRGB_CURVE),
    "parametric 4": parametric(4, *SRGB_CURVE, 0.03, 0.01),
}


def relative_colorimetric(image, made):
    ways = [ImageCms.getOpenProfile(io.BytesIO(made)), ImageCms.createProfile("sRGB")]
    shown = ImageCms.profileToProfile(image, *ways, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB")
    return np.array(shown).astype(int)


@pytest.mark.parametrize("columns", [ADOBE, P3], ids=["Adobe RGB", "Display P3"])
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_our_profile_conversion_agrees_with_littlecms(columns, curve):
    made = rgb_profile(columns, curve)
    expected = relative_colorimetric(PICTURE, made)
    shown = levels(picture.read(encoded(PICTURE, "PNG", icc_profile=made)).image).astype(int)
    assert np.abs(shown - expected).max() <= 2
    assert np.abs(shown - np.array(PICTURE)).max() > 8  # and it did something


def test_a_profile_is_applied_to_16_bits_in_full():
    made = rgb_profile(ADOBE, gamma(2.2))
    ramp = np.repeat(np.arange(30_000, 30_300, dtype=np.uint16)[None, :, None], 3, axis=2)
    data = png((300, 1), 16, 2, ramp.astype(">u2").tobytes(), before=[(b"iCCP", b"x\0\0" + zlib.compress(made))])
    opened = picture.read(data)
    assert opened.notices == ()
    assert len(opened.image[1].unique()) > 290  # in 8 bits there would be two levels


@pytest.mark.parametrize("curve", [parametric(3, *SRGB_CURVE), None], ids=["by hand", "littleCMS"])
def test_srgb_by_any_name_moves_nothing(curve):
    made = icc.srgb_profile() if curve is None else rgb_profile(SRGB, curve)
    opened = picture.read(encoded(PICTURE, "PNG", icc_profile=made))
    assert np.array_equal(levels(opened.image), np.array(PICTURE))
    assert (opened.image * 255 - (opened.image * 255).round()).abs().max() < 1e-4


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_gray_profiles(mode):
    made = profile(b"GRAY", {b"kTRC": gamma(1.0)})
    values = np.linspace(0, 255, 60).astype(np.uint8)[None]
    image = Image.fromarray(values)
    if mode == "LA":
        image = Image.merge("LA", [image, image])
    if mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16) * 257)
    shown = picture.read(encoded(image, "PNG", icc_profile=made)).image
    light = values / 255
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.allclose(shown.numpy(), np.broadcast_to(expected, (3, 1, 60)), atol=1e-5)


def test_an_rgb_profile_on_a_gray_picture():
    gray = PICTURE.convert("L")
    shown = picture.read(encoded(gray, "PNG", icc_profile=rgb_profile(ADOBE, gamma(1.0)))).image
    assert shown.mean() > 0.6
    assert (shown[0] - shown[2]).abs().max() < 0.01


def cmyk_profile():
    """Four inks to Lab by a table with two points per ink: only black matters, and the rest tints."""
    corners = np.stack(np.meshgrid(*[[0, 1]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    lightness = 255 * (1 - corners[:, 3]) * (1 - corners[:, :3].mean(axis=1))
    lab = np.stack([lightness, 128 - 60 * corners[:, 0], 128 + 60 * corners[:, 2]], axis=1).round().astype(np.uint8)
    ramp = bytes(range(256))
    identity = b"".join(struct.pack(">i", v) for v in (65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + lab.tobytes() + ramp * 3
    return profile(b"CMYK", {b"A2B0": table}, connection=b"Lab ", kind=b"prtr")


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
def test_cmyk_goes_through_its_profile(format):
    inks = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    made = cmyk_profile()
    shown = levels(picture.read(encoded(inks, format, icc_profile=made)).image).astype(int)
    expected = np.array(icc.through_tables(inks, made)).astype(int)
    assert np.abs(shown - expected).max() <= 2
    assert np.abs(shown - np.array(inks.convert("RGB"))).max() > 20


BROKEN_PROFILES = {
    "garbage": b"this is no profile",
    "cut": rgb_profile(ADOBE, gamma(2.2))[:300],
    "of another space": cmyk_profile(),
    "a curve of no kind": rgb_profile(ADOBE, b"oops" + bytes(12)),
    "a curve without an end": rgb_profile(ADOBE, parametric(0, -1.0)),
    "a curve without a slope": rgb_profile(ADOBE, parametric(1, 2.2, 0, 0.1)),
    "a curve that is cut": rgb_profile(ADOBE, b"curv" + bytes(4) + struct.pack(">IH", 9, 1)),
    "many tags": rgb_profile(ADOBE, gamma(2.2))[:128] + b"\xff" * 300,
    "empty header": bytes(200),
}


@pytest.mark.parametrize("broken", BROKEN_PROFILES.values(), ids=BROKEN_PROFILES)
def test_a_broken_profile_is_a_notice(broken, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(PICTURE, "PNG", icc_profile=broken))
    opened = picture.read(path)
    assert opened.notices == (f"{path}: broken ICC profile ignored, taken as sRGB",)
    assert np.array_equal(levels(opened.image), np.array(PICTURE))


@settings(max_examples=60)
@given(st.sampled_from([*CURVES.values(), b"para", b"curv"]), st.integers(128, 500), st.binary(min_size=1, max_size=12))
def test_no_profile_can_harm(curve, place, damage):
    made = bytearray(rgb_profile(ADOBE, curve))
    made[place : place + len(damage)] = damage
    shown = picture.read(encoded(PICTURE.resize((3, 2)), "PNG", icc_profile=bytes(made))).image
    assert torch.isfinite(shown).all()
    assert 0 <= shown.min() <= shown.max() <= 1


def test_a_profile_that_is_not_even_bytes_is_a_notice():
    rgb = {256: 2, 257: 1, 258: (8, 8, 8), 259: 1, 262: 2, 277: 3, 273: (0,), 278: 1, 279: (6,)}
    assert len(picture.read(tiff({**rgb, 34675: 7}, bytes(6), types={34675: 3})).notices) == 1


def test_a_broken_profile_on_cmyk_is_a_notice():
    inks = PICTURE.convert("CMYK")
    opened = picture.read(encoded(inks, "TIFF", icc_profile=b"nonsense"))
    assert len(opened.notices) == 1
    assert np.array_equal(levels(opened.image), np.array(inks.convert("RGB")))


# ------------------------------------------------------------------------------------------------ arrays and tensors


@settings(max_examples=40)
@given(
    hnp.arrays(
        st.sampled_from([np.bool_, np.uint8, np.uint16]),
        st.one_of(
            st.tuples(st.integers(1, 4), st.integers(1, 4)),
            st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 3, 4])),
        ),
    )
)
def test_arrays_are_scaled_by_their_type(array):
    opened = picture.read(array)
    top = 1 if array.dtype == np.bool_ else np.iinfo(array.dtype).max
    color = array[:, :, None] if array.ndim == 2 else array[:, :, :3]
    expected = (np.broadcast_to(color, (*array.shape[:2], 3)) / top).astype(np.float32)
    assert np.allclose(opened.image.permute(1, 2, 0).numpy(), expected, atol=1e-7)
    assert opened.depth == (16 if array.dtype == np.uint16 else 8)


FLOATS = {
    "float32": np.random.default_rng(0).random((4, 5, 3)).astype(np.float32),
    "float64": np.random.default_rng(0).random((4, 5, 3)),
    "float32, contiguous": torch.rand(3, 4, 5),
    "bfloat16": torch.rand(3, 4, 5).bfloat16(),
    "with gradient": torch.rand(3, 4, 5, requires_grad=True),
    "gray": torch.rand(4, 5),
    "uint8": torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8),
}


@pytest.mark.parametrize("came", FLOATS.values(), ids=FLOATS)
def test_nothing_is_shared_with_what_came_in(came):
    opened = picture.read(came)
    before = came.detach().clone() if isinstance(came, torch.Tensor) else came.copy()
    opened.image.zero_()
    assert (before == came).all()
    assert opened.image.dtype == torch.float32
    assert not opened.image.requires_grad


NO_PICTURES = {
    "one axis": (np.zeros(3, np.uint8), "(3,)"),
    "two channels": (np.zeros((4, 5, 2), np.uint8), "(4, 5, 2)"),
    "channels first": (np.zeros((3, 40, 50), np.uint8), "(h, w, c)"),
    "channels last": (torch.zeros(40, 50, 3), "(c, h, w)"),
    "a batch": (torch.zeros(1, 3, 4, 5), "(1, 3, 4, 5)"),
    "nothing": (np.zeros((0, 5, 3), np.uint8), "(0, 5, 3)"),
    "int64": (np.zeros((4, 5, 3), np.int64), "int64"),
    "text": (np.full((4, 5), "x"), "Expected uint8"),
    "NaN": (np.full((4, 5, 3), np.nan), "not finite"),
    "infinity": (torch.full((3, 4, 5), torch.inf), "not finite"),
    "0..255": (torch.rand(3, 40, 50) * 254, "Divide by 255"),
    "negative": (np.full((4, 5, 3), -0.5), "from -0.5 to -0.5"),
}


@pytest.mark.parametrize(("came", "fact"), NO_PICTURES.values(), ids=NO_PICTURES)
def test_arrays_that_are_no_pictures(came, fact):
    message = refusal(came)
    assert fact in message
    assert "Expected" in message


# ------------------------------------------------------------------------------------------------------------- maps


def test_gray_maps_keep_their_levels():
    eight, sixteen = noise(4, 5, 1)[:, :, 0], noise(4, 5, 1, np.uint16)[:, :, 0]
    made = profile(b"GRAY", {b"kTRC": gamma(1.0)})  # a map is numbers: no profile touches it
    for values in (eight, sixteen):
        shown = picture.read_map(encoded(Image.fromarray(values), "PNG", icc_profile=made))
        assert np.array_equal(levels(shown, values.dtype), values)
        assert np.array_equal(levels(picture.read_map(values), values.dtype), values)
        rgb = picture.read_map(np.repeat(values[:, :, None], 3, axis=2))
        assert np.array_equal(levels(rgb, values.dtype), values)


def test_color_maps_count_by_luminance():
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert picture.read_map(colors)[0].tolist() == pytest.approx([0.2126, 0.7152, 0.0722, 1])


@pytest.mark.parametrize("color", [0, 255])
def test_a_map_that_is_all_alpha(color):
    alpha = noise(4, 5, 1)
    array = np.concatenate([np.full((4, 5, 3), color, np.uint8), alpha], axis=2)
    assert np.array_equal(levels(picture.read_map(encoded(Image.fromarray(array), "PNG"))), alpha[:, :, 0])


def test_transparent_parts_of_a_map_are_outside():
    array = np.array([[[255, 255, 255, 255], [255, 255, 255, 0], [0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)
    assert picture.read_map(array).tolist() == [[1, 0, 0, 0]]


def test_maps_from_tensors_and_booleans():
    inside = torch.rand(4, 5) > 0.5
    assert torch.equal(picture.read_map(inside), inside.float())
    soft = torch.rand(4, 5)
    assert torch.equal(picture.read_map(soft), soft)
    with pytest.raises(PictureError, match="values from"):
        picture.read_map(soft + 1)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 255, 65_535, 10**6]), st.integers(0, 99))
@settings(max_examples=50)
def test_written_maps_come_back(tmp_path_factory, h, w, most, seed):
    """To half a level of 16 bits; to the bit where their levels are those of 8 or of 16."""
    path = tmp_path_factory.mktemp("maps") / "map.png"
    one_map = torch.randint(0, most + 1, (h, w), generator=torch.Generator().manual_seed(seed)).double() / most
    picture.write_map(path, one_map.float())
    again = picture.read_map(path)
    assert again.shape == (h, w)
    torch.testing.assert_close(again, one_map.float(), atol=0.5001 / 65_535, rtol=0)
    assert most == 10**6 or torch.equal(again, one_map.float())
    with Image.open(path) as file:
        assert file.format == "PNG"
        assert file.mode == ("L" if bool((one_map * 255 == (one_map * 255).round()).all()) else "I;16")


def test_written_maps_are_clamped_and_whole(tmp_path):
    path = tmp_path / "map.png"
    picture.write_map(path, torch.tensor([[-1.0, 0.5, 2.0]]))
    assert picture.read_map(path).tolist() == [[0, pytest.approx(0.5, abs=1e-5), 1]]
    before = path.read_bytes()
    with pytest.raises(OutputError, match="not finite"):
        picture.write_map(path, torch.tensor([[float("nan")]]))
    with pytest.raises(OutputError, match="does not exist"):
        picture.write_map(tmp_path / "nowhere" / "map.png", torch.zeros(2, 2))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["map.png"]


# ---------------------------------------------------------------------------------------------------------- writing


SUFFIXES = ["png", "jpg", "jpeg", "webp", "tif", "tiff", "avif", "bmp", "ppm"]
SMOOTH = torch.linspace(0, 1, 24).expand(3, 20, 24).contiguous()


@pytest.mark.parametrize("suffix", [*SUFFIXES, "PNG"])
def test_every_format_comes_back(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    picture.write(path, SMOOTH, recipe=RECIPE)
    assert (picture.read(path).image - SMOOTH).abs().max() < 0.02
    with Image.open(path) as written:
        assert ("icc_profile" in written.info) == (suffix not in ("bmp", "ppm"))
    assert picture.read_recipe(path) == (None if suffix in ("bmp", "ppm") else RECIPE)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("alpha", [None, tensor(noise(20, 24, 1))[0]], ids=["opaque", "alpha"])
def test_other_readers_see_the_same(depth, suffix, alpha, tmp_path):
    path = tmp_path / f"a.{suffix}"
    picture.write(path, SMOOTH, alpha=alpha, depth=depth, recipe=RECIPE)
    planes = tifffile.imread(path) if suffix == "tif" else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if suffix == "png":
        planes = planes[:, :, [2, 1, 0, 3][: planes.shape[2]]]
    assert np.array_equal(planes, levels(SMOOTH if alpha is None else torch.cat([SMOOTH, alpha[None]]), f"uint{depth}"))
    assert picture.read_recipe(path) == RECIPE
    with Image.open(path) as written:
        assert written.info["icc_profile"] == icc.srgb_profile()


@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_lossy_formats_carry_alpha(suffix, tmp_path):
    alpha = SMOOTH[0]
    picture.write(tmp_path / f"a.{suffix}", SMOOTH, alpha=alpha)
    assert (picture.read(tmp_path / f"a.{suffix}").alpha - alpha).abs().max() < 0.03


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "avif"])
def test_color_lives_on_under_full_transparency(suffix, tmp_path):
    alpha = torch.zeros(20, 24)
    alpha[:, :8] = 1
    picture.write(tmp_path / f"a.{suffix}", SMOOTH, alpha=alpha)
    assert (picture.read(tmp_path / f"a.{suffix}").image - SMOOTH).abs().max() < 0.03


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "ppm"])
def test_pictures_of_many_bands_come_back(suffix, depth, tmp_path):
    if depth == 16 and suffix in ("bmp", "ppm"):
        pytest.skip("holds 8 bits")
    ramp = np.broadcast_to(np.arange(300)[:, None, None] * 0.8, (300, 20, 3)).astype(np.uint8)
    tall = tensor(np.concatenate([noise(300, 20), ramp, np.zeros((70, 20, 3), np.uint8)]))
    picture.write(tmp_path / f"a.{suffix}", tall, depth=depth)
    assert np.array_equal(levels(picture.read(tmp_path / f"a.{suffix}").image), levels(tall))


def test_a_smooth_png_is_small(tmp_path):
    """Lines are stored as differences from the best prediction, so a ramp is hardly more than nothing."""
    picture.write(tmp_path / "a.png", torch.linspace(0, 1, 500)[:, None].expand(3, 500, 700), depth=16)
    assert (tmp_path / "a.png").stat().st_size < 25_000


def test_large_pictures_lie_on_the_disk_and_are_the_same(tmp_path, monkeypatch):
    """Any picture counts as large here."""
    tall = noise(600, 20, 4)
    for profile in (None, rgb_profile(SRGB, gamma(1.8))):
        data = encoded(Image.fromarray(tall), "PNG", icc_profile=profile)
        small = picture.read(data)
        with monkeypatch.context() as patch:
            patch.setattr(disk, "LARGE", 1)
            large = picture.read(data)
            picture.write(tmp_path / "a.png", large.image, alpha=large.alpha)
        assert large.image.untyped_storage().filename is not None
        assert torch.equal(large.image, small.image)
        again = picture.read(tmp_path / "a.png")
        assert np.array_equal(levels(again.image), levels(small.image))


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "ppm"])
def test_formats_without_alpha_lie_on_white(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    picture.write(path, torch.zeros(3, 16, 16), alpha=torch.full((16, 16), 0.25))
    assert picture.read(path).image.mean() == pytest.approx(0.75, abs=0.01)


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


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        picture.write(tmp_path / name, SMOOTH, recipe=RECIPE, depth=16)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_values_outside_are_clamped_and_what_is_not_finite_is_refused(tmp_path):
    path = tmp_path / "a.png"
    picture.write(path, torch.tensor([-1.0, 0.5, 9.0]).reshape(3, 1, 1))
    assert levels(picture.read(path).image).tolist() == [[[0, 128, 255]]]
    before = path.read_bytes()
    with pytest.raises(OutputError, match="not finite"):
        picture.write(path, torch.full((3, 2, 2), torch.nan))
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif", "bmp", "ppm"])
def test_16_bits_only_where_they_fit(suffix, tmp_path):
    with pytest.raises(OutputError, match="PNG and TIFF"):
        picture.write(tmp_path / f"a.{suffix}", SMOOTH, depth=16)
    assert os.listdir(tmp_path) == []


def test_a_picture_too_wide_for_its_format_is_told(tmp_path):
    with pytest.raises(OutputError, match=r"a\.webp: WebP cannot hold this picture of 16384 x 1"):
        picture.write(tmp_path / "a.webp", torch.zeros(3, 1, 16_384))


@pytest.mark.parametrize("wish", [{"quality": 0}, {"quality": 101}, {"depth": 12}], ids=str)
def test_wishes_that_cannot_be(wish, tmp_path):
    with pytest.raises(UsageError, match="Choose"):
        picture.write(tmp_path / "a.jpg", SMOOTH, **wish)


def test_format_outweighs_the_suffix(tmp_path):
    picture.write(tmp_path / "result", SMOOTH, format="webp")
    assert (tmp_path / "result").read_bytes()[8:12] == b"WEBP"


def test_standard_output(monkeypatch):
    pipe = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=pipe))
    picture.write("-", SMOOTH)
    assert np.array_equal(levels(picture.read(pipe.getvalue()).image), levels(SMOOTH))
    pipe.seek(0)
    pipe.truncate()
    picture.write("-", SMOOTH, format="jpg")
    assert pipe.getvalue().startswith(b"\xff\xd8")


def test_a_broken_pipe_passes_through(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as pipe:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=pipe))
        with pytest.raises(BrokenPipeError):
            picture.write("-", SMOOTH)


def test_pillow_images():
    assert np.array_equal(np.array(picture.to_pil(tensor(noise()))), noise())
    both = picture.to_pil(SMOOTH, SMOOTH[0])
    assert both.mode == "RGBA"
    assert np.array_equal(np.array(both)[:, :, 3], levels(SMOOTH[0]))


# ------------------------------------------------------------------------------------------------ writing: whole or not


def test_atomic_write_is_like_open_with_nothing_in_between(tmp_path):
    path = tmp_path / "state.json"
    picture.atomic_write(path, b"one")
    picture.atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["state.json"]
    with open(tmp_path / "plain", "wb"):
        pass
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_and_no_litter(fault, place, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_):
        raise fault

    monkeypatch.setattr(os, place, fail)
    with pytest.raises(OutputError if isinstance(fault, OSError) else KeyboardInterrupt) as caught:
        picture.write(path, SMOOTH)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]
    if isinstance(fault, OSError):
        assert str(caught.value).startswith(f"{path}: no room on the disk")


def test_a_disk_that_fills_up(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    program = """
        import resource, signal, sys, torch
        from pathlib import Path
        from intarsia import picture
        from intarsia.errors import OutputError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        torch.set_num_threads(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        noise = torch.rand(3, 600, 50, generator=torch.Generator().manual_seed(0))
        for name in ("a.png", "b.png"):
            try:
                picture.atomic_write(Path(sys.argv[1]) / name, bytes(5000))
            except OutputError as fault:
                print(fault)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))  # in the middle of the bands
        for name in ("a.png", "b.tif", "b.jpg", "b.bmp"):
            try:
                picture.write(Path(sys.argv[1]) / name, noise)
            except OutputError as fault:
                print(fault)
    """
    code = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    told = subprocess.run(code, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.count("no room on the disk. What was there is untouched") == 6, told.stdout + told.stderr
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_what_a_killed_process_left_is_swept_away_and_nothing_else(tmp_path):
    """A file that is being written stays."""
    (tmp_path / ".intarsia-0123456789ab.part").write_bytes(b"half")
    (tmp_path / ".intarsia-notes.txt").touch()
    seen = []

    def write(stream):
        stream.write(b"data")
        picture.sweep([tmp_path])
        seen.extend(os.listdir(tmp_path))

    picture.atomic_write(tmp_path / "a.png", write)
    assert len(seen) == 2
    assert ".intarsia-0123456789ab.part" not in seen
    assert sorted(os.listdir(tmp_path)) == [".intarsia-notes.txt", "a.png"]
    (tmp_path / ".intarsia-0123456789ab.part").write_bytes(b"half")
    picture.check_target(tmp_path / "b.png", [])
    assert sorted(os.listdir(tmp_path)) == [".intarsia-notes.txt", "a.png"]


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")  # and never /dev/null: were the check broken, root would replace the machine's own
    cases = {
        tmp_path / "missing" / "a.png": "does not exist",
        tmp_path / "file" / "a.png": "is a file, not a folder",
        tmp_path / "file" / "deep" / "a.png": "does not exist",
        Path("/proc/a.png"): "/proc",
        tmp_path / "pipe": "a device or a pipe",
        tmp_path: "folder",
    }
    for path, fact in cases.items():
        with pytest.raises(OutputError, match=fact) as caught:
            picture.atomic_write(path, b"data")
        assert str(caught.value).startswith(f"{path}: ")
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written to"):
        picture.write(tmp_path / "a.png", SMOOTH)


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    link.symlink_to(real)
    picture.write(link, SMOOTH)
    assert link.is_symlink()
    assert picture.read(real).image.shape == SMOOTH.shape
    assert sorted(os.listdir(tmp_path / "there")) == ["real.png"]


# ------------------------------------------------------------------------------------------------ before the painting


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


# ------------------------------------------------------------------------------------------------------------ sizes


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 4000))
def test_fit_keeps_the_aspect(h, w, long_side):
    new_h, new_w = picture.fit(h, w, long_side)
    assert max(new_h, new_w) == long_side
    assert min(new_h, new_w) >= 1
    assert abs(new_h - long_side * h / max(h, w)) <= 1
    assert abs(new_w - long_side * w / max(h, w)) <= 1


def test_fit_examples():
    assert picture.fit(600, 800, 512) == (384, 512)
    assert picture.fit(3, 5000, 512) == (1, 512)
    with pytest.raises(UsageError, match="long side of 0"):
        picture.fit(600, 800, 0)


def test_resize_to_its_own_size_changes_nothing():
    image = torch.rand(3, 5, 7) * 3 - 1
    assert torch.equal(picture.resize(image, (5, 7)), image)


@settings(max_examples=40)
@given(*[st.integers(1, 30)] * 4, st.floats(0, 1, width=32))
def test_resize_keeps_flat_colors_and_the_range(h, w, new_h, new_w, value):
    flat = picture.resize(torch.full((2, h, w), value), (new_h, new_w))
    assert flat.shape == (2, new_h, new_w)
    assert (flat - value).abs().max() < 1e-5
    rough = picture.resize(torch.rand(h, w).round(), (new_h, new_w))
    assert rough.shape == (new_h, new_w)
    assert 0 <= rough.min() <= rough.max() <= 1


def test_resize_lets_every_pixel_have_its_say():
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    small = picture.resize(board.float().expand(3, 64, 64), (9, 9))
    assert (small - 0.5).abs().max() < 0.05  # without antialiasing it would be black or white in places


def test_resize_keeps_pixel_centers_in_place():
    ramp = ((torch.arange(40) + 0.5) / 40).expand(1, 8, 40)
    small = picture.resize(ramp, (8, 10))[0, 0]
    assert (small - (torch.arange(10) + 0.5) / 10)[2:-2].abs().max() < 1e-3


@pytest.mark.parametrize(("name", "most"), [("a.webp", 16_383), ("a.jpg", 65_500), ("a.avif", 65_536)])
def test_a_format_that_cannot_hold_the_size_is_told_before(name, most):
    picture.check_size(name, (most, 1))
    with pytest.raises(UsageError, match=f"holds up to {most} pixels a side"):
        picture.check_size(name, (1, most + 1))
    picture.check_size("a.png", (1, most + 1))
