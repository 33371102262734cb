"""Masks and maps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handmade import encoded, gamma, levels, noise, profile
from intarsia import picture
from intarsia.errors import Notice, OutputError, PictureError


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
