"""What a photograph tells of itself goes over into its painting, less the place and what was of the old file."""

import io

import pytest
import tifffile
from PIL import Image, PngImagePlugin

from handmade import PICTURE, RECIPE, SMOOTH, encoded, noise, tiff_of
from intarsia import picture
from intarsia.picture.metadata import EXIF_IFD, GPS_IFD

HOLDING = ["jpg", "png", "tif", "webp", "avif"]
GPS = {1: "N", 2: (48.0, 12.0, 0.5), 3: "E", 4: (11.0, 34.0, 0.0)}
ARTIST, COPYRIGHT, DATE, MAKE = 315, 33432, 306, 271


def photograph():
    """EXIF as a camera and its owner write it."""
    exif = Image.Exif()
    exif[ARTIST], exif[COPYRIGHT], exif[DATE] = "Jörg Müller".encode(), "© 2020 Jörg".encode(), "2020:01:02 03:04:05"
    exif[MAKE], exif[272], exif[274], exif[305] = "Maker", "Model", 6, "Firmware 1"
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2
    exif[EXIF_IFD] = {36867: "2020:01:02 03:04:04", 36881: "+01:00", 37500: b"notes" * 500, 40962: 4000, 33434: 0.004}
    exif[GPS_IFD] = GPS
    return exif


def photographed(format, folder):
    """In a file of this format; Pillow's own TIFF and AVIF would have no letters beyond ASCII."""
    if format not in ("TIFF", "AVIF"):
        return encoded(PICTURE, format, exif=photograph())
    opened = picture.read(encoded(PICTURE, "JPEG", exif=photograph()))
    picture.write(folder / "photograph", opened.image, metadata=opened.metadata, format=format)
    return (folder / "photograph").read_bytes()


def text(value):
    return value.decode() if isinstance(value, bytes) else value.encode("latin-1").decode()


def carried(data, suffix, policy, folder, recipe=RECIPE):
    """The EXIF of what was painted from such a file."""
    target = folder / f"painted.{suffix}"
    opened = picture.read(data)
    picture.write(target, SMOOTH, recipe=recipe, metadata=opened.metadata.kept(policy))
    assert picture.read_recipe(target) == recipe
    with Image.open(target) as image:
        image.load()
        return image.getexif(), image.info, target.read_bytes()


@pytest.mark.parametrize("suffix", HOLDING)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_author_copyright_date_and_resolution_without_the_place(format, suffix, tmp_path):
    exif, info, data = carried(photographed(format, tmp_path), suffix, "safe", tmp_path)
    assert (text(exif[ARTIST]), text(exif[COPYRIGHT])) == ("Jörg Müller", "© 2020 Jörg")
    assert exif[DATE] == "2020:01:02 03:04:05"
    assert (exif[282], exif[283], exif[296]) == (300, 300, 2)
    taken = exif.get_ifd(EXIF_IFD)
    assert (taken[36867], taken[36881]) == ("2020:01:02 03:04:04", "+01:00")
    assert not {33434, 37500, 40962} & set(taken)
    assert not {MAKE, 272, 274, 305, GPS_IFD} & set(exif)
    assert b"Maker" not in data
    if suffix in ("jpg", "png", "tif"):
        assert info["dpi"] == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("suffix", HOLDING)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_keep_keeps_all_but_what_was_of_the_old_file(format, suffix, tmp_path):
    exif, _, data = carried(photographed(format, tmp_path), suffix, "keep", tmp_path)
    assert (exif[MAKE], exif[272], exif[305]) == ("Maker", "Model", "Firmware 1")
    place = exif.get_ifd(GPS_IFD)
    assert (place[1], tuple(place[2])) == ("N", GPS[2])
    assert exif.get_ifd(EXIF_IFD)[33434] == pytest.approx(0.004)
    assert 274 not in exif
    assert not {37500, 40962} & set(exif.get_ifd(EXIF_IFD))
    assert b"notesnotes" not in data


@pytest.mark.parametrize("suffix", HOLDING)
def test_none_keeps_nothing(suffix, tmp_path):
    exif, info, data = carried(encoded(PICTURE, "JPEG", exif=photograph()), suffix, "none", tmp_path)
    assert not {ARTIST, COPYRIGHT, DATE, 282, GPS_IFD} & set(exif)
    assert "Jörg".encode() not in data
    assert info.get("dpi") in (None, (72, 72), (1, 1))  # which Pillow says where there is none


def test_the_painting_is_upright_once(tmp_path):
    """It was turned when it was read, so nothing may tell to turn it again."""
    data = encoded(PICTURE, "JPEG", exif=photograph(), quality=95)
    for suffix in HOLDING:
        opened = picture.read(data)
        picture.write(tmp_path / f"a.{suffix}", opened.image, metadata=opened.metadata)
        again = picture.read(tmp_path / f"a.{suffix}").image
        assert again.shape == opened.image.shape == (3, 60, 40)
        assert (again - opened.image).abs().mean() < 0.1


RESOLUTIONS = {
    "jfif": encoded(PICTURE, "JPEG", dpi=(240, 240)),
    "png": encoded(PICTURE, "PNG", dpi=(240, 240)),
    "bmp": encoded(PICTURE, "BMP", dpi=(240, 240)),
    "tiff": encoded(PICTURE, "TIFF", dpi=(240, 240)),
    "tiff in centimeters": tiff_of(noise(), photometric="rgb", resolution=(94.488189, 94.488189), resolutionunit=3),
    "16-bit tiff": tiff_of(noise(dtype="uint16"), photometric="rgb", resolution=(240, 240), resolutionunit=2),
}


@pytest.mark.parametrize("name", RESOLUTIONS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "bmp"])
@pytest.mark.filterwarnings("ignore::intarsia.errors.Notice")
def test_resolutions_of_every_format(name, suffix, tmp_path):
    opened = picture.read(RESOLUTIONS[name])
    picture.write(tmp_path / f"a.{suffix}", SMOOTH, metadata=opened.metadata.kept("safe"))
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert image.info["dpi"] == pytest.approx((240, 240), abs=0.6)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (1e9, 1e9)], ids=str)
def test_no_resolution_is_made_up(size, tmp_path):
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = *size, 2
    for data in (encoded(PICTURE, "JPEG"), encoded(PICTURE, "JPEG", exif=exif), encoded(PICTURE, "PNG")):
        assert picture.read(data).metadata.dots_per_inch is None


@pytest.mark.parametrize("date", ["Thu, 02 Jan 2020 03:04:05 +0000", "2020-01-02T03:04:05", "2020-01-02 03:04:05"])
def test_texts_of_png(date, tmp_path):
    texts = PngImagePlugin.PngInfo()
    for key, value in {"Author": "Jörg", "Creation Time": date, "Comment": "not this"}.items():
        texts.add_itxt(key, value)
    texts.add_text("Copyright", "mine")
    exif, _, data = carried(encoded(PICTURE, "PNG", pnginfo=texts), "jpg", "safe", tmp_path)
    assert (text(exif[ARTIST]), exif[COPYRIGHT], exif[DATE]) == ("Jörg", "mine", "2020:01:02 03:04:05")
    assert b"not this" not in data


BROKEN = {
    "garbage": {"exif": b"Exif\0\0II*\0\xff\xff\xff\xffgarbage"},
    "cut off": {"exif": photograph().tobytes()[:90]},
    "a name of 20 KB": {"exif": (lambda exif: exif.update({ARTIST: "a" * 20_000}) or exif)(Image.Exif())},
    "a date that is a number": {"exif": (lambda exif: exif.update({DATE: 7}) or exif)(Image.Exif())},
    "a resolution that is text": {"exif": (lambda exif: exif.update({270: "x"}) or exif)(Image.Exif())},
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("suffix", HOLDING)
@pytest.mark.filterwarnings("ignore:.*EXIF.*:UserWarning")
def test_broken_metadata_is_no_reason_to_fail(name, suffix, tmp_path):
    carried(encoded(PICTURE, "JPEG", **BROKEN[name]), suffix, "keep", tmp_path)


def test_thumbnails_stay_behind(tmp_path):
    """They would show the photograph."""
    preview = encoded(PICTURE.resize((16, 10)), "JPEG")
    exif = photograph()
    with_preview = exif.tobytes()
    directory = exif.get_ifd(1)
    directory[513], directory[514] = len(with_preview), len(preview)
    data = encoded(PICTURE, "JPEG", exif=with_preview + preview)
    for suffix in HOLDING:
        _, _, written = carried(data, suffix, "keep", tmp_path)
        assert preview not in written


def test_an_earlier_recipe_is_not_kept(tmp_path):
    """Nor is it put in front of the new one; but what others say there is kept, where there is no recipe."""
    picture.write(tmp_path / "a.jpg", SMOOTH, recipe="the earlier one")
    _, _, data = carried((tmp_path / "a.jpg").read_bytes(), "png", "keep", tmp_path, recipe=None)
    assert b"earlier" not in data
    exif = Image.Exif()
    exif[EXIF_IFD] = {0x9286: b"ASCII\0\0\0A day at the lake"}
    for recipe, kept in ((None, True), (RECIPE, False)):
        _, _, data = carried(encoded(PICTURE, "JPEG", exif=exif), "jpg", "keep", tmp_path, recipe)
        assert (b"A day at the lake" in data) == kept


def test_metadata_beside_a_recipe_too_long_for_exif(tmp_path):
    exif, _, _ = carried(encoded(PICTURE, "JPEG", exif=photograph()), "jpg", "keep", tmp_path, "r" * 200_000)
    assert text(exif[ARTIST]) == "Jörg Müller"


def test_other_readers_see_it_in_a_tiff(tmp_path):
    carried(encoded(PICTURE, "JPEG", exif=photograph()), "tif", "keep", tmp_path)
    with tifffile.TiffFile(tmp_path / "painted.tif") as file:
        tags = file.pages[0].tags
        assert tags["Artist"].value == "Jörg Müller"
        assert tags["ExifTag"].value["DateTimeOriginal"] == "2020:01:02 03:04:04"
        assert tags["GPSTag"].value["GPSLatitudeRef"] == "N"
        assert file.pages[0].asarray().shape == (20, 24, 3)


def test_it_is_the_same_from_pillow_images():
    with Image.open(io.BytesIO(encoded(PICTURE, "JPEG", exif=photograph()))) as image:
        assert picture.read(image).metadata.main[DATE].startswith("2020")
