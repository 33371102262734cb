"""Color profiles: our conversion is that of littleCMS, and a broken profile harms nothing."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from handmade import PICTURE, encoded, fixed, gamma, levels, noise, png, profile, tiff
from intarsia import picture
from intarsia.large import disk
from intarsia.picture import icc

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
P3 = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]


def sampled(exponent, count=1024):
    values = np.round(np.linspace(0, 1, count) ** exponent * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", count) + values.tobytes()


def parametric(kind, *numbers):
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed(*numbers)


def rgb_profile(columns, curve):
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    colorants = {name: b"XYZ " + bytes(4) + fixed(*column) for name, column in zip(names, columns, strict=True)}
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


@pytest.mark.parametrize("columns", [ADOBE, P3], ids=["Adobe RGB", "Display P3"])
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_our_profile_conversion_agrees_with_littlecms(columns, curve):
    made = rgb_profile(columns, curve)
    ways = [ImageCms.getOpenProfile(io.BytesIO(made)), ImageCms.createProfile("sRGB")]
    expected = ImageCms.profileToProfile(PICTURE, *ways, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB")
    shown = levels(picture.read(encoded(PICTURE, "PNG", icc_profile=made)).image).astype(int)
    assert np.abs(shown - np.array(expected)).max() <= 2
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
    gray, deep = Image.fromarray(values), Image.fromarray(values.astype(np.uint16) * 257)
    image = {"L": gray, "LA": Image.merge("LA", [gray, gray]), "I;16": deep}[mode]
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
    ramp, identity = bytes(range(256)), fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
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


def test_large_pictures_lie_on_the_disk_and_are_the_same(tmp_path, monkeypatch):
    """Any picture counts as large here."""
    tall = noise(600, 20, 4)
    for made in (None, rgb_profile(SRGB, gamma(1.8))):
        data = encoded(Image.fromarray(tall), "PNG", icc_profile=made)
        small = picture.read(data)
        with monkeypatch.context() as patch:
            patch.setattr(disk, "LARGE", 1)
            large = picture.read(data)
            picture.write(tmp_path / "a.png", large.image, alpha=large.alpha)
        assert large.image.untyped_storage().filename is not None
        assert torch.equal(large.image, small.image)
        assert np.array_equal(levels(picture.read(tmp_path / "a.png").image), levels(small.image))
