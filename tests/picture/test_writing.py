"""What is written is what other programs and we read again."""

import io
import os
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from handmade import RECIPE, SMOOTH, levels, noise, tensor
from intarsia import picture
from intarsia.errors import OutputError, UsageError
from intarsia.picture import icc

SUFFIXES = ["png", "jpg", "jpeg", "webp", "tif", "tiff", "avif", "bmp", "ppm"]


@pytest.mark.filterwarnings("ignore::intarsia.errors.Notice")
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


@pytest.mark.filterwarnings("ignore::intarsia.errors.Notice")
@pytest.mark.parametrize("suffix", ["jpg", "bmp", "ppm"])
def test_formats_without_alpha_lie_on_white(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    picture.write(path, torch.zeros(3, 16, 16), alpha=torch.full((16, 16), 0.25))
    assert picture.read(path).image.mean() == pytest.approx(0.75, abs=0.01)


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
