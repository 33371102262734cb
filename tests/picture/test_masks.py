"""Masks as programs write them: found where plain, told where guessed, refused where not plain."""

import warnings

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from handmade import encoded, tiff_of
from intarsia import picture
from intarsia.errors import Notice, PictureError

H, W = 60, 80
BIG = cv2.circle(np.zeros((8 * H, 8 * W), np.uint8), (4 * W, 4 * H), 160, 255, -1)
SOFT = cv2.resize(BIG, (W, H), interpolation=cv2.INTER_AREA)  # a disc with smooth edges
DISC = SOFT > 127
PHOTO = np.random.default_rng(0).integers(20, 200, (H, W, 3), np.uint8)


def png(array, mode=None, palette=None, **options):
    image = Image.fromarray(np.asarray(array), mode)
    if palette is not None:
        image.putpalette(palette)
    return encoded(image, "PNG", **options)


def jpeg(array, quality=75):
    return encoded(Image.fromarray(array), "JPEG", quality=quality)


def gray(inside, outside=0, dtype=np.uint8):
    return np.where(DISC, inside, outside).astype(dtype)


def colored(inside, outside=(0, 0, 0)):
    return np.where(DISC[:, :, None], np.uint8(inside), np.uint8(outside))


def with_alpha(color, alpha):
    return np.dstack([color, np.broadcast_to(alpha, (H, W))]).astype(np.uint8)


def classes(*values, dtype=np.uint8):
    """The disc is the last; beside it upright bands of the others."""
    bands = np.array(values[:-1])[np.arange(W) * (len(values) - 1) // W]
    return np.where(DISC, values[-1], np.broadcast_to(bands, (H, W))).astype(dtype)


def read(source):
    """The mask, and what was told."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", Notice)
        mask = picture.read_map(source)
    return mask.numpy(), [str(one.message) for one in heard if one.category is Notice]


VOC = [0, 0, 0, 128, 0, 0] + [0] * 762
RAINBOW = [0, 0, 0, *(level for i in range(255) for level in (255 - i, i, 128))]
SILENT = {
    "white": png(gray(255)),
    "one bit": png(DISC),
    "16 bits": png(gray(65535, dtype=np.uint16)),
    "gray and opaque": png(with_alpha(colored((255,) * 3), 255)),
    "gray and evenly transparent": png(with_alpha(colored((255,) * 3), 90)),
    "gray and all but opaque": png(with_alpha(colored((255,) * 3), np.where(PHOTO[:, :, 0] > 100, 255, 254))),
    "opaque but for a pixel": png(
        with_alpha(colored((255,) * 3), np.where((np.arange(W) > 0) | (np.arange(H) > 0)[:, None], 255, 96))
    ),
    "strokes on transparent": png(with_alpha(np.full((H, W, 3), 255), gray(255))),
    "garbage below strokes": png(with_alpha(np.where(DISC[:, :, None], 0, PHOTO), gray(255))),
    "palette, white second": png(gray(1), "P", [0, 0, 0, 255, 255, 255]),
    "palette, white first": png(gray(0, 1), "P", [255, 255, 255, 0, 0, 0]),
    "float": tiff_of(gray(1, dtype=np.float32)),
    "truth": DISC,
    "numbers": gray(255),
}
TOLD = {
    "0 and 1": (png(gray(1)), "two values, 0 and 1,"),
    "0 and 1, 16 bits": (png(gray(1, dtype=np.uint16)), "two values, 0 and 1,"),
    "1 and 2": (png(gray(2, 1)), "two values, 1 and 2,"),
    "254 and 255": (png(gray(255, 254)), "two values, 254 and 255,"),
    "a class": (png(gray(15)), "two values, 0 and 15,"),
    "a class, 16 bits": (png(gray(1000, dtype=np.uint16)), "two values, 0 and 1000,"),
    "a class as RGB": (png(colored((15, 15, 15))), "two values, 0 and 15,"),
    "a class, opaque": (png(with_alpha(colored((15, 15, 15)), 255)), "two values, 0 and 15,"),
    "a class as float": (tiff_of(gray(0.06, dtype=np.float32)), "two values, 0 and 0.06,"),
    "half": (png(gray(128)), "two values, 0 and 128,"),
    "numbers": (gray(1), "two values, 0 and 1,"),
    "minus one and one": (tiff_of(gray(1, -1, np.float32)), "scaled to 0..1"),
    "float, 255": (tiff_of(gray(255, dtype=np.float32)), "scaled to 0..1"),
    "palette of VOC": (png(gray(1), "P", VOC), "one color on black"),
    "palette that is all black": (png(gray(7), "P", [0] * 768), "several numbers"),
    "red on black": (png(colored((255, 0, 0))), "one color on black"),
    "blue on black": (png(colored((0, 0, 255))), "one color on black"),
    "yellow on black": (png(colored((200, 200, 0))), "one color on black"),
    "one, red on black": (png(colored((1, 0, 0))), "one color on black"),
    "red, JPEG": (jpeg(colored((255, 0, 0)), 95), "one color on black"),
    "cut-out": (png(with_alpha(PHOTO, gray(255))), "not transparent is the mask"),
    "cut-out, alpha 0 and 1": (png(with_alpha(PHOTO, gray(1))), "not transparent is the mask"),
    "gray cut-out": (png(np.dstack([PHOTO[:, :, 0], gray(255)]), "LA"), "not transparent is the mask"),
    "palette with a transparent one": (
        png(gray(1) + DISC * np.uint8(PHOTO[:, :, 0]), "P", RAINBOW, transparency=0),
        "",
    ),
    "gray with a transparent one": (png(gray(9) + DISC * np.uint8(PHOTO[:, :, 0]), transparency=0), "not transparent"),
    "black and white on transparent": (
        png(with_alpha(colored((255,) * 3), np.where(np.arange(W) < 2, 0, 255))),
        "black and white on transparent",
    ),
}


@pytest.mark.parametrize("source", SILENT.values(), ids=SILENT)
def test_what_is_plain_is_taken_without_a_word(source):
    mask, told = read(source)
    assert not told
    assert np.array_equal(mask, DISC)


@pytest.mark.parametrize(("source", "words"), TOLD.values(), ids=TOLD)
def test_what_is_guessed_is_told(source, words):
    mask, told = read(source)
    assert len(told) >= 1
    assert words in " ".join(told)
    off = np.abs(mask - DISC)[:, 2:]
    assert off.mean() < 0.02
    assert off[~border()[:, 2:]].max() < 0.12


def border():
    window = np.ones((9, 9), np.uint8)
    return cv2.dilate(SOFT, window) != cv2.erode(SOFT, window)


@pytest.mark.parametrize("most", [15, 60, 128, 200])
@pytest.mark.parametrize("kind", ["8 bits", "16 bits", "float", "red", "alpha"])
def test_smooth_edges_of_a_mask_of_two_values_stay_smooth(most, kind):
    levels = np.round(SOFT / 255 * most).astype(np.uint8)
    source = {
        "8 bits": lambda: png(levels),
        "16 bits": lambda: png(levels.astype(np.uint16)),
        "float": lambda: tiff_of(levels.astype(np.float32) / 255),
        "red": lambda: png(np.dstack([levels, 0 * levels, 0 * levels])),
        "alpha": lambda: png(with_alpha(PHOTO, levels)),
    }[kind]()
    mask, told = read(source)
    assert f"two values, 0 and {most / 255 if kind == 'float' else most:g}," in told[0]
    assert np.abs(mask - SOFT / 255).max() < 0.2
    assert np.array_equal(mask[~border()], DISC[~border()])
    assert len(np.unique(mask)) > 5


@pytest.mark.parametrize("quality", [95, 75, 50])
def test_a_class_that_was_a_jpeg_is_found_through_its_noise(quality):
    mask, told = read(jpeg(gray(40), quality))
    assert "two values" in told[0]
    assert np.abs(mask - DISC)[~border()].max() < 0.15


@pytest.mark.parametrize("quality", [95, 75, 30])
def test_a_mask_that_was_a_jpeg_is_taken_as_it_is(quality):
    mask, told = read(jpeg(SOFT, quality))
    assert not told
    assert np.abs(mask - SOFT / 255)[~border()].max() < 0.25


@pytest.mark.parametrize("most", [255, 1023, 4095])
def test_8_bits_in_a_file_of_16_reach_white(most):
    ramp = np.linspace(0, most, H * W).reshape(H, W).round().astype(np.uint16)
    mask, told = read(png(ramp))
    assert f"its largest value is {most} of 65535" in told[0]
    assert np.allclose(mask, ramp / most, atol=1e-6)


@pytest.mark.parametrize("kind", ["white", "black", "inverted", "blurred", "ramp", "three grays"])
def test_soft_and_even_masks_stay_as_they_are(kind):
    levels = {
        "white": np.full((H, W), 255, np.uint8),
        "black": np.zeros((H, W), np.uint8),
        "inverted": 255 - SOFT,
        "blurred": cv2.GaussianBlur(SOFT, (0, 0), 3),
        "ramp": np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1)),
        "three grays": classes(0, 128, 255),
    }[kind]
    mask, told = read(png(levels))
    assert not told
    assert np.allclose(mask, levels / 255, atol=1e-6)


@pytest.mark.parametrize("most", [40, 100, 200])
def test_a_soft_mask_that_is_nowhere_white_is_told(most):
    ramp = np.tile(np.linspace(0, most, W).astype(np.uint8), (H, 1))
    mask, told = read(png(ramp))
    assert f"nowhere white, so at most {100 * most / 255:.3g} % is painted" in told[0]
    assert np.allclose(mask, ramp / 255, atol=1e-6)


FAINT = cv2.GaussianBlur(SOFT, (0, 0), 12) // 13
REFUSED = {
    "a faint soft mask": (png(FAINT), "would paint next to nothing"),
    "a faint soft mask, 16 bits": (png(FAINT.astype(np.uint16) * 11), "would paint next to nothing"),
    "1 everywhere": (png(np.ones((H, W), np.uint8)), "it is all 1 where white is 255"),
    "a class everywhere": (png(np.full((H, W), 15, np.uint8)), "it is all 15 where white is 255"),
    "0 and 1, JPEG": (jpeg(gray(1), 95), "JPEG does not keep such small numbers"),
    "0 and 1, JPEG in a TIFF": (
        encoded(Image.fromarray(gray(1)), "TIFF", compression="jpeg", quality=95),
        "JPEG does not keep such small numbers",
    ),
    "classes": (png(classes(0, 1, 2)), "has the values 0, 1, 2, as numbers of classes are"),
    "classes, 16 bits": (png(classes(0, 7, 15, dtype=np.uint16)), "has the values 0, 7, 15"),
    "classes and void": (png(classes(0, 15, 255)), "has the values 0, 15, 255"),
    "1, 2 and 255": (png(classes(1, 2, 255)), "has the values 1, 2, 255"),
    "classes in a palette": (png(classes(0, 1, 2), "P", [0, 0, 0, 128, 0, 0, 0, 128, 0]), "#000000, #800000, #008000"),
    "classes in a black palette": (png(classes(0, 1, 2), "P", [0] * 768), "has the values 0, 1, 2"),
    "a label map": (png(colored((255, 0, 0), (0, 0, 255))), "none of them is plainly the region"),
    "a label map, JPEG": (jpeg(colored((255, 0, 0), (0, 0, 255)), 75), "none of them is plainly the region"),
    "classes in colors, JPEG": (
        jpeg(np.array([[0, 0, 0], [200, 0, 0], [0, 200, 90]], np.uint8)[classes(0, 1, 2)], 90),
        "none of them is plainly the region",
    ),
    "red on white": (png(colored((255, 0, 0), (255, 255, 255))), "none of them is plainly the region"),
    "transparent everywhere": (png(with_alpha(PHOTO, 0)), "transparent everywhere"),
    "below zero": (tiff_of(gray(1, -1, np.int32)), "-1"),
}


@pytest.mark.parametrize(("source", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_plain_is_refused(source, words):
    with pytest.raises(PictureError) as caught:
        read(source)
    told = str(caught.value)
    assert words in told
    assert told.count(". ") >= 1, "a way out"
    assert "\n" not in told


def test_the_way_out_names_a_label_that_can_be_read(tmp_path):
    """What a refused mask is told to be asked for gives the region."""
    from intarsia.sources import Canvas, WrittenMap

    blank = torch.zeros(3, H, W)
    canvas = Canvas(blank, (H, W), "content", picture.read_map, picture.read_labels)
    for i, array in enumerate(
        [classes(0, 1, 2), classes(0, 7, 15, dtype=np.uint16), classes(0, 15, 255), colored((255, 0, 0), (0, 0, 255))]
    ):
        path = tmp_path / f"mask {i}.png"
        path.write_bytes(png(array))
        with pytest.raises(PictureError) as caught:
            picture.read_map(path)
        words = str(caught.value).split('Say which one: "')[1].split('"')[0]
        assert np.array_equal(WrittenMap.parse(words).draw(canvas).numpy(), DISC)


@pytest.mark.parametrize("most", [0.001, 0.02, 0.3, 0.999])
def test_maps_that_we_wrote_are_shares_however_faint(tmp_path, most):
    one_map = most * torch.rand(9, 12)
    picture.write_map(tmp_path / "map.png", one_map)
    mask, told = read(tmp_path / "map.png")
    torch.testing.assert_close(torch.from_numpy(mask), one_map, atol=1e-5, rtol=0)
    assert bool(told) == (most < 0.05)
    flat = torch.full((4, 4), most)
    picture.write_map(tmp_path / "map.png", flat)
    torch.testing.assert_close(torch.from_numpy(read(tmp_path / "map.png")[0]), flat, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.from_numpy(read(one_map)[0]), one_map)


def test_an_image_in_memory_means_what_its_file_does(tmp_path):
    """Two numbers of a palette that have one color, which only the numbers tell apart."""
    drawn = np.zeros((24, 32), np.uint8)
    drawn[6:18, 8:24] = 1
    image = Image.fromarray(drawn, "P")
    image.putpalette([90, 90, 90] * 2)
    image.save(tmp_path / "mask.png")
    with pytest.warns(Notice, match="numbers"):
        in_memory, of_file = picture.read_map(image), picture.read_map(tmp_path / "mask.png")
    assert np.array_equal(in_memory.numpy(), drawn)
    assert np.array_equal(of_file.numpy(), drawn)
