"""Masks and maps."""

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handmade import chunk, encoded, gamma, levels, noise, profile
from intarsia import picture
from intarsia.errors import InputError, Notice, OutputError, PictureError
from intarsia.sources import maps_of_colors


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
    with pytest.warns(Notice, match="its brightness is the mask"):
        mask = picture.read_map(colors)
    assert mask[0].tolist() == pytest.approx([0.2126, 0.7152, 0.0722, 1])


@pytest.mark.parametrize("color", [0, 255])
def test_a_map_that_is_all_alpha(color):
    alpha = noise(4, 5, 1)
    array = np.concatenate([np.full((4, 5, 3), color, np.uint8), alpha], axis=2)
    assert np.array_equal(levels(picture.read_map(encoded(Image.fromarray(array), "PNG"))), alpha[:, :, 0])


def test_transparent_parts_of_a_map_are_outside():
    array = np.array([[[255, 255, 255, 255], [255, 255, 255, 0], [0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)
    with pytest.warns(Notice, match="black and white on transparent"):
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


# ---- damaged and odd files ---------------------------------------------------------------------------------------


def seeds() -> list[bytes]:
    """Masks and label maps of every kind, small."""
    disc = cv2.circle(np.zeros((24, 32), np.uint8), (14, 11), 8, 255, -1) > 0
    ids, photo = disc + 2 * (np.arange(32) > 20), noise(24, 32)
    kinds = [Image.fromarray(one) for one in (disc, disc * np.uint8(255), disc * np.uint8(1), ids.astype(np.uint8))]
    kinds += [Image.fromarray((ids * most).astype(np.uint16)) for most in (1, 85, 21845)]
    kinds += [Image.fromarray(np.dstack([photo, 255 * disc]).astype(np.uint8)), Image.fromarray(photo)]
    kinds += [Image.fromarray(np.array([[0, 0, 255], [255, 0, 0], [0, 255, 0], [9, 9, 9]], np.uint8)[ids])]
    kinds += [Image.fromarray(np.dstack([photo[:, :, 0], 255 * disc]).astype(np.uint8))]
    files = [encoded(one, "PNG") for one in kinds]
    palette = Image.fromarray(ids.astype(np.uint8), "P")
    for colors in ([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0], [0] * 12):
        palette.putpalette(colors)
        files += [encoded(palette, "PNG"), encoded(palette, "PNG", transparency=0), encoded(palette, "BMP")]
    files += [encoded(kinds[i], "JPEG", quality=q) for i, q in ((1, 50), (3, 95), (9, 75))]
    files += [encoded(kinds[i], kind) for i in (1, 3, 9) for kind in ("TIFF", "PPM", "BMP")]
    return [*files, encoded(kinds[9], "WEBP", lossless=True), encoded(kinds[7], "WEBP")]


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Cut, or some bytes changed; of a PNG often within what its checksums vouch for, so that it is still read."""
    if data.startswith(b"\x89PNG") and random.random() < 0.7:
        return damaged_inside(data, random)
    cut = data[: random.integers(1, len(data))] if random.random() < 0.2 else data
    return changed(cut, random)


def changed(data: bytes, random: np.random.Generator) -> bytes:
    out = bytearray(data)
    for place in random.integers(0, max(1, len(out)), random.integers(1, 9)) if out else ():
        out[place] = random.choice([0, 1, 127, 128, 254, 255, random.integers(0, 256)])
    return bytes(out)


def damaged_inside(data: bytes, random: np.random.Generator) -> bytes:
    at, chunks = 8, []
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    hit = random.integers(0, len(chunks) - 1)
    for i in {hit, 1 + random.integers(0, len(chunks) - 2)}:
        name, body = chunks[i]
        inner = zlib.decompress(body) if name == b"IDAT" else body
        inner = changed(inner, random)
        chunks[i] = name, zlib.compress(inner) if name == b"IDAT" else inner
    return data[:8] + b"".join(chunk(*one) for one in chunks)


SEEDS = seeds()


@pytest.mark.parametrize("part", range(8))
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_maps_are_read_or_refused_and_never_guessed_in_silence(part):
    """A mask without a word is black, or reaches white; a label map tiles its picture."""
    random = np.random.default_rng(part)
    read, refusals = 0, []
    for i in range(200):
        data = damaged(SEEDS[i % len(SEEDS)], random)
        for reader in (picture.read_map, picture.read_labels):
            try:
                found, told = heard(reader, data)
                check_mask(found, told) if found.ndim == 2 else check_labels(found)
                read += 1
            except InputError as error:
                refusals.append(str(error))
    assert read > 100
    assert len(refusals) > 100
    assert all(". " in one and "\n" not in one for one in refusals), "a line with a way out"


def heard(reader, data: bytes) -> tuple[torch.Tensor, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Notice)
        found = reader(io.BytesIO(data), max_pixels=10_000)
    return found, [str(one.message) for one in caught if one.category is Notice]


def check_mask(mask: torch.Tensor, told: list[str]) -> None:
    assert bool(((mask >= 0) & (mask <= 1)).all())
    assert told or float(mask.max()) == 0 or float(mask.max()) >= 0.9


def check_labels(image: torch.Tensor) -> None:
    """Of few exact values, all that have a place of 3 x 3 are labels."""
    assert bool(((image >= 0) & (image <= 1)).all())
    maps = maps_of_colors(image)
    assert torch.equal(sum(maps.values()), torch.ones(image.shape[1:]))


@pytest.mark.parametrize("part", range(2))
def test_masks_of_any_two_values_are_found_and_label_maps_of_any_few(part):
    random = np.random.default_rng(100 + part)
    ids = np.zeros((24, 32), int)
    ids[4:20, 6:16], ids[8:22, 18:30] = 1, 2
    for _ in range(60):
        dtype = random.choice([np.uint8, np.uint16])
        values = random.choice(random.choice([3, 20, 256, 2000]), 3, replace=False).clip(0, np.iinfo(dtype).max)
        if len(set(values.tolist())) < 3:
            continue
        two = np.sort(values[:2]).astype(dtype)
        mask, told = heard(picture.read_map, encoded(Image.fromarray(two[np.minimum(ids, 1)]), "PNG"))
        assert torch.equal(mask, torch.from_numpy(ids > 0).float())
        assert told or two.tolist() == [0, np.iinfo(dtype).max]
        maps = maps_of_colors(picture.read_labels(encoded(Image.fromarray(values[ids].astype(dtype)), "PNG")))
        assert {one.numpy().tobytes() for one in maps.values()} == {
            (ids == i).astype(np.float32).tobytes() for i in range(3)
        }
