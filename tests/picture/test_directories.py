"""Of the directories of a TIFF, those that are pages; and a camera's raw file is none that can be read."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, TiffImagePlugin

from handmade import levels, noise, refusal, tiff_of
from intarsia import picture

Y, X = np.mgrid[0:60, 0:80]
FULL = Image.fromarray(np.stack([X * 3, Y * 4, (X ^ Y) * 2], -1).astype(np.uint8))


def half(image=FULL, by=2):
    return image.resize((image.width // by, image.height // by), Image.Resampling.BOX)


def pages(*described):
    """A TIFF of pictures, each with tags of its own."""
    stream = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(stream, True) as file:
        for image, tags in described:
            directory = TiffImagePlugin.ImageFileDirectory_v2()
            for tag, value in tags.items():
                directory[tag] = value
                if isinstance(value, bytes):
                    directory.tagtype[tag] = 1
            image.save(file, format="TIFF", tiffinfo=directory)
            file.newFrame()
    return stream.getvalue()


def pyramid(**options):
    """With the reduced copies below the full one."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(np.array(FULL), photometric="rgb", subifds=2, **options)
        for by in (2, 4):
            file.write(np.array(half(by=by)), photometric="rgb", subfiletype=1, **options)
    return stream.getvalue()


ONE_PICTURE = {
    "pyramid": pages((FULL, {254: 0}), (half(), {254: 1}), (half(by=4), {254: 1})),
    "thumbnail in front": pages((half(by=4), {254: 1}), (FULL, {254: 0})),
    "old name of a reduced copy": pages((FULL, {255: 1}), (half(), {255: 2})),
    "with a mask": pages((FULL, {254: 0}), (FULL.convert("1"), {254: 4})),
    "mask of a reduced copy": pages((FULL, {254: 0}), (half().convert("1"), {254: 5})),
    "copies below": pyramid(),
    "copies below, in tiles": pyramid(tile=(16, 16), compression="zlib"),
    "a pyramid that does not say so": pages((FULL, {}), (half(), {}), (half(by=4), {})),
    "a thumbnail in front that does not say so": pages((half(by=5), {}), (FULL, {})),
    "one that is marked as reduced": pages((FULL, {254: 1})),
    "all marked as reduced": pages((half(), {254: 1}), (FULL, {254: 1})),
}


@pytest.mark.parametrize("name", ONE_PICTURE)
def test_the_full_one_is_the_picture(name):
    opened = picture.read(ONE_PICTURE[name])
    assert np.array_equal(levels(opened.image), np.array(FULL))
    assert ("reduced copies" in "".join(opened.notices)) == ("does not say so" in name)


@pytest.mark.parametrize("name", list(ONE_PICTURE)[:7])
def test_and_it_is_frame_1_of_1(name):
    assert np.array_equal(levels(picture.read(ONE_PICTURE[name], frame=1).image), np.array(FULL))
    assert "holds 1 frame" in refusal(ONE_PICTURE[name], frame=2)


REAL_PAGES = {
    "two of a size": pages((FULL, {}), (FULL.rotate(180), {})),
    "marked as pages": pages((FULL, {254: 2}), (FULL.rotate(180), {254: 2})),
    "of different shapes": pages((FULL, {}), (half().crop((0, 0, 20, 30)), {})),
    "smaller, and of something else": pages((FULL, {}), (half(FULL.rotate(180)), {})),
    "with a thumbnail each": pages((FULL, {}), (half(), {254: 1}), (FULL.rotate(90), {}), (half(), {254: 1})),
}


@pytest.mark.parametrize("name", REAL_PAGES)
def test_real_pages_need_a_choice(name):
    assert "holds 2 frames or pages" in refusal(REAL_PAGES[name])
    assert np.array_equal(levels(picture.read(REAL_PAGES[name], frame=1).image), np.array(FULL))
    assert not np.array_equal(levels(picture.read(REAL_PAGES[name], frame=2).image), np.array(FULL))


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": ">"}])
@pytest.mark.parametrize("kind", ["rgb", "palette"])
def test_pages_of_every_form(options, kind):
    """Palettes are read by Pillow, which begins at the first directory, and knows no big-endian BigTIFF."""
    if kind == "palette" and len(options) == 2:
        pytest.skip("Pillow does not read it")
    shown = [noise(9, 8, 1, seed=seed)[:, :, 0] if kind == "palette" else noise(9, 8, seed=seed) for seed in range(3)]
    colors = np.broadcast_to(np.arange(256, dtype=np.uint16) * 257, (3, 256))
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, **options) as file:
        for one in shown:
            file.write(one, photometric=kind, metadata=None, **({"colormap": colors} if kind == "palette" else {}))
    for number, one in enumerate(shown, 1):
        expected = np.stack([one] * 3, 2) if kind == "palette" else one
        assert np.array_equal(levels(picture.read(stream.getvalue(), frame=number).image), expected)


def test_a_chain_that_comes_back_ends_there():
    data = bytearray(pages((FULL, {})))
    first = int.from_bytes(data[4:8], "little")
    after = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[after : after + 4] = struct.pack("<I", first)
    assert np.array_equal(levels(picture.read(bytes(data)).image), np.array(FULL))


def with_marker(marker):
    """Behind the header, as Canon and Phase One have it; the directory moves on."""
    moved = bytearray(tiff_of(noise(), photometric="rgb"))
    moved[4:8] = struct.pack("<I", len(moved))
    count = int.from_bytes(moved[8:10], "little")
    moved += moved[8 : 8 + 2 + 12 * count + 4]
    moved[8 : 8 + len(marker)] = marker
    return bytes(moved)


RAW = {
    "dng": pages((half(), {254: 1, 50706: b"\1\4\0\0", 50708: "Some Camera"})),
    "dng without a preview": pages((FULL, {50706: b"\1\6\0\0"})),
    "color filter array": tiff_of(noise(8, 8, 1, np.uint16)[:, :, 0], photometric=32803),
    "linear raw": tiff_of(noise(8, 8, 3, np.uint16), photometric=34892),
    "pattern of filters": pages((half(), {254: 1, 33422: b"\0\1\1\2"})),
    "canon": with_marker(b"CR\2\0"),
    "phase one": with_marker(b"IIII"),
    "canon, newer": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "fuji": b"FUJIFILMCCD-RAW 0201FF383601",
    "olympus": b"IIRO\x08\0\0\0" + bytes(100),
    "panasonic": b"IIU\0\x18\0\0\0" + bytes(100),
    "sigma": b"FOVb" + bytes(100),
    "minolta": b"\0MRM" + bytes(100),
}


@pytest.mark.parametrize("name", RAW)
def test_a_raw_file_is_named(name):
    message = refusal(RAW[name])
    assert "camera's raw file" in message
    assert "Develop it first" in message


@pytest.mark.parametrize("suffix", ["nef", "NEF", "arw", "pef", "srw", "cr2", "dng"])
def test_a_preview_in_a_file_named_like_raw_is_not_taken(suffix, tmp_path):
    path = tmp_path / f"DSC_0001.{suffix}"
    path.write_bytes(pages((half(), {271: "NIKON CORPORATION"})))
    assert "camera's raw file" in refusal(path)


def test_a_raw_picture_below_the_preview():
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(np.array(half()), photometric="rgb", subfiletype=1, subifds=1)
        file.write(noise(8, 8, 1, np.uint16)[:, :, 0], photometric=32803)
    assert "camera's raw file" in refusal(stream.getvalue())


def test_a_full_one_below_a_preview_is_the_picture():
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(np.array(half()), photometric="rgb", subfiletype=1, subifds=1)
        file.write(np.array(FULL), photometric="rgb")
    assert np.array_equal(levels(picture.read(stream.getvalue()).image), np.array(FULL))


def test_a_tag_that_is_cut_off_is_told():
    data = tiff_of(noise(9, 9), photometric="rgb")
    at = data.index(struct.pack("<HHI", 258, 3, 3)) + 8  # three numbers of bits, which lie elsewhere
    assert "cut off" in refusal(data[:at] + struct.pack("<I", len(data) - 2) + data[at + 4 :])
