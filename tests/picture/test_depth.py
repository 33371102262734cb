"""16 bits are kept in full."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handmade import levels, noise, png, refusal, tensor, tiff_of
from intarsia import picture
from intarsia.errors import PictureError


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
    kind = "minisblack" if channels == 1 else "rgb"
    opened = picture.read(tiff_of(pixels.squeeze(), photometric=kind, **extra, **options))
    assert opened.depth == 16
    assert np.array_equal(levels(opened.image, np.uint16), np.broadcast_to(pixels[:, :, :3], (40, 33, 3)))
    if channels == 4:
        assert np.array_equal(levels(opened.alpha, np.uint16), pixels[:, :, 3])


def test_premultiplied_16_bit_tiff_is_divided_at_full_depth():
    alpha = np.full((3, 4, 1), 30_000, np.uint16)
    color = noise(3, 4, 3, np.uint16)
    product = np.round(color * (alpha / 65535)).astype(np.uint16)
    both = np.concatenate([product, alpha], axis=2)
    opened = picture.read(tiff_of(both, photometric="rgb", extrasamples=["assocalpha"]))
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


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_every_cut_of_16_bits_is_an_error(format, tmp_path):
    path = tmp_path / f"a.{format}"
    picture.write(path, tensor(noise(40, 60, 3, np.uint16)), depth=16)
    data = path.read_bytes()
    for length in range(1, len(data) - 4, len(data) // 12):
        with pytest.raises(PictureError):
            picture.read(data[:length])


def test_16_bit_pages_are_read_in_full():
    pages = np.stack([noise(4, 5, 3, np.uint16, seed) for seed in range(2)])
    data = tiff_of(pages, photometric="rgb")
    for number, page in enumerate(pages, start=1):
        assert np.array_equal(levels(picture.read(data, frame=number).image, np.uint16), page)
