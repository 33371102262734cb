"""What a file is, its content tells; what it is not, a sentence."""

import io

import numpy as np
import pytest

from handmade import PICTURE, encoded, levels, refusal
from intarsia import picture


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
