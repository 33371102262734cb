"""What a file is, its content tells; what it is not, a sentence."""

import io
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps

from handmade import PICTURE, SMOOTH, encoded, levels, refusal, tensor, turned
from intarsia import picture
from intarsia.errors import PictureError, UsageError


def test_content_counts_and_not_the_suffix(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(PICTURE, "PNG"))
    assert np.array_equal(levels(picture.read(path).image), np.array(PICTURE))


STRANGERS = {
    "empty": (b"", "empty"),
    "text": (b"This is a text, and no picture.", "no picture"),
    "zeros": (bytes(5000), "no picture"),
    "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "ico": (encoded(PICTURE, "ICO"), "no picture"),
    "almost a bitmap": (b"BM begins this text, which is no bitmap at all.", "BMP"),
    "almost a pixmap": (b"P6 begins this text, too.", "PPM"),
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


# ---- the family of HEIF ----------------------------------------------------------------------------------------------


def heic(image=PICTURE, **options):
    plugin = pytest.importorskip("pillow_heif", reason="needs pillow-heif")
    stream = io.BytesIO()
    file = plugin.from_pillow(image)
    for more in options.pop("append", ()):
        file.add_from_pillow(more)
    file.save(stream, quality=90, **options)
    return stream.getvalue()


def branded(data, major, compatible):
    """With other brands, in a box of the same length."""
    size = int.from_bytes(data[:4], "big")
    names = (major + bytes(4) + b"".join(compatible))[: size - 8]
    return data[:8] + names + b"mif1" * ((size - 8 - len(names)) // 4) + data[size:]


BRANDS = [(b"heic", b"mif1"), (b"heix", b"mif1"), (b"mif1", b"heic"), (b"msf1", b"heic"), (b"mif1", b"miaf")]


@pytest.mark.parametrize("brands", BRANDS, ids=str)
def test_heic_is_told_by_all_its_brands(brands, tmp_path):
    data = branded(heic(Image.fromarray(levels(SMOOTH))), brands[0], brands[1:])
    assert (picture.read(data).image - SMOOTH).abs().mean() < 0.03
    (tmp_path / "photo").write_bytes(data)
    assert picture.kind_of(tmp_path / "photo") == "HEIC"


@pytest.mark.parametrize("brands", [(b"avif", b"mif1"), (b"mif1", b"avif"), (b"msf1", b"avif")], ids=str)
def test_avif_is_told_by_all_its_brands(brands):
    data = branded(encoded(Image.fromarray(levels(SMOOTH)), "AVIF"), brands[0], brands[1:])
    assert (picture.read(data).image - SMOOTH).abs().mean() < 0.03


@pytest.mark.parametrize("brands", BRANDS, ids=str)
def test_without_the_package_it_says_what_is_missing(brands, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    message = refusal(b"\0\0\0\x18ftyp" + brands[0] + bytes(4) + brands[1] + b"\0\0\0\0" + bytes(200))
    assert "HEIC photo" in message
    assert "intarsia[heif]" in message
    assert "pip install pillow-heif" in message


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_upright(orientation):
    image = Image.fromarray(levels(SMOOTH))
    data = heic(image, exif=turned(orientation).tobytes())
    exif = turned(orientation)
    image.getexif()[0x0112] = exif[0x0112]
    upright = tensor(np.array(ImageOps.exif_transpose(image)))
    shown = picture.read(data).image
    assert shown.shape == upright.shape
    assert (shown - upright).abs().mean() < 0.03


def test_heic_has_transparency_a_main_picture_and_no_end_that_may_go():
    clear = Image.fromarray(levels(SMOOTH)).convert("RGBA")
    clear.putalpha(77)
    assert picture.read(heic(clear)).alpha.mean() == pytest.approx(77 / 255, abs=0.02)
    two = heic(Image.fromarray(levels(SMOOTH)), append=[Image.new("RGB", (24, 20), (255, 0, 0))])
    assert (picture.read(two).image - SMOOTH).abs().mean() < 0.03
    assert picture.read(two, frame=2).image[0].min() > 0.9
    one = heic(Image.fromarray(levels(SMOOTH)))
    for length in range(40, len(one) - 4, len(one) // 12):
        with pytest.raises(PictureError):
            picture.read(one[:length])
    assert "--max-pixels" in refusal(two, max_pixels=100)


def test_more_than_8_bits_of_heic_are_told():
    plugin = pytest.importorskip("pillow_heif", reason="needs pillow-heif")
    stream = io.BytesIO()
    plugin.from_bytes("RGB;16", (24, 20), levels(SMOOTH, np.uint16).tobytes()).save(stream, quality=90)
    opened = picture.read(stream.getvalue())
    assert (opened.image - SMOOTH).abs().mean() < 0.03
    assert "bits are read as 8" in opened.notices[0]


@pytest.mark.parametrize("brand", [b"isom", b"qt  ", b"mp42"])
def test_videos_are_named(brand):
    assert "a video" in refusal(b"\0\0\0\x18ftyp" + brand + bytes(4) + b"mp42isom")


# ---- a frame by its name ---------------------------------------------------------------------------------------------

PAGES = [Image.fromarray(np.full((4, 6, 3), 60 * number, np.uint8)) for number in (1, 2, 3)]
MANY = {"tif": "TIFF", "webp": "WEBP", "png": "PNG", "avif": "AVIF", "gif": "GIF"}


@pytest.fixture
def many(tmp_path, request):
    path = tmp_path / f"pages.{request.param}"
    options = {"lossless": True} if request.param == "webp" else {}
    path.write_bytes(encoded(PAGES[0], MANY[request.param], save_all=True, append_images=PAGES[1:], **options))
    return path


@pytest.mark.parametrize("many", MANY, indirect=True)
def test_a_number_behind_the_name_is_a_frame(many):
    for number in (1, 2, 3):
        for name in (f"{many}#{number}", many.with_name(f"{many.name}#{number}")):
            assert picture.read(name).image.mean() == pytest.approx(60 * number / 255, abs=0.02)
            assert picture.read_map(name).mean() == pytest.approx(60 * number / 255, abs=0.02)
    assert "no frame 4, for it holds 3 frames" in refusal(f"{many}#4")
    assert "no frame 0" in refusal(f"{many}#0")


@pytest.mark.parametrize("many", MANY, indirect=True)
def test_without_one_the_message_says_how(many):
    assert f"holds 3 frames or pages. Name one by its number, {many}#1 to {many}#3." in refusal(many)


@pytest.mark.parametrize("many", ["tif"], indirect=True)
def test_a_file_of_that_very_name_is_read_as_it_is(many):
    own = many.with_name("pages.tif#2")
    own.write_bytes(encoded(PICTURE, "PNG"))
    assert np.array_equal(levels(picture.read(own).image), np.array(PICTURE))
    assert np.array_equal(levels(picture.read(f"{own}#1").image), np.array(PICTURE))
    assert picture.path_of(str(own)) == str(own)
    assert picture.path_of(f"{many}#3") == str(many)


@pytest.mark.parametrize("many", ["tif"], indirect=True)
def test_a_frame_may_be_said_twice_but_not_as_two(many):
    assert picture.read(f"{many}#2", frame=2).image.mean() == pytest.approx(120 / 255, abs=0.02)
    with pytest.raises(UsageError, match="`frame` is 3, and the name says 2"):
        picture.read(f"{many}#2", frame=3)


@pytest.mark.parametrize("name", ["gone.tif#2", "#2", "a#b", "#", "a#-1", "a#1.5"])
def test_names_that_only_look_like_it(name, tmp_path):
    assert "no such file" in refusal(tmp_path / name)
    (tmp_path / name).write_bytes(encoded(PICTURE, "PNG"))
    assert picture.read(tmp_path / name).image.shape == (3, 40, 60)


@pytest.mark.parametrize("image", [PICTURE, PICTURE.convert("L"), PICTURE.quantize(16)], ids=lambda image: image.mode)
def test_a_gif_of_one_frame(image):
    data = encoded(image, "GIF")
    opened = picture.read(data)
    assert np.array_equal(levels(opened.image), np.array(Image.open(io.BytesIO(data)).convert("RGB")))
    assert opened.notices == ()
    for length in range(1, len(data) - 4, len(data) // 12):
        with pytest.raises(PictureError):
            picture.read(data[:length])


def test_a_gif_that_can_be_seen_through():
    image = PICTURE.quantize(16)
    opened = picture.read(encoded(image, "GIF", transparency=image.getpixel((0, 0))))
    assert opened.alpha[0, 0] == 0
    assert opened.alpha.max() == 1
