"""Label maps of class numbers, of palettes, with transparency: exact where they are, and never melted in silence."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from handmade import encoded
from intarsia.errors import GuideError, InputError, IntarsiaError, Notice
from intarsia.picture import read, read_labels
from intarsia.sources import label_indices, label_maps, map_of_color, maps_of_colors

H, W = 60, 80
Y, X = np.mgrid[0:H, 0:W]


def scene(flip=False):
    """Sky, ground and a disc before both: 0, 2 and 1."""
    x = W - 1 - X if flip else X
    ids = np.where(Y > 40, 2, 0)
    ids[(x - 24) ** 2 + (Y - 30) ** 2 < 15**2] = 1
    return ids


def png(array, mode=None, palette=None, **options):
    image = Image.fromarray(array, mode)
    if palette is not None:
        image.putpalette(palette)
    return encoded(image, "PNG", **options)


def numbered(*values, dtype=np.uint8):
    """Both maps, as these numbers."""
    return tuple(np.array(values)[scene(flip)].astype(dtype) for flip in (False, True))


def colored(*colors):
    return tuple(np.array(colors, np.uint8)[scene(flip)] for flip in (False, True))


def blended(array):
    """At half the size, so that edges are mixtures."""
    return np.array(Image.fromarray(array).resize((W // 2, H // 2), Image.Resampling.BILINEAR))


RGB = ((0, 0, 255), (0, 255, 0), (255, 0, 0))
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * 759
EXACT = {
    "0, 1, 2": [png(one) for one in numbered(0, 1, 2)],
    "0, 1, 2 in 16 bits": [png(one) for one in numbered(0, 1, 2, dtype=np.uint16)],
    "one in 8 bits, one in 16": [png(numbered(0, 1, 200)[0]), png(numbered(0, 1, 200, dtype=np.uint16)[1])],
    "up to 1000 in 16 bits": [png(one) for one in numbered(0, 255, 1000, dtype=np.uint16)],
    "instances": [png(one) for one in numbered(7, 26000, 26001, dtype=np.uint16)],
    "7, 8, 26": [png(one) for one in numbered(7, 8, 26)],
    "254, 255, 0": [png(one) for one in numbered(254, 255, 0)],
    "numbers as RGB": [png(np.repeat(one[:, :, None], 3, 2)) for one in numbered(0, 1, 2)],
    "numbers and opaque": [png(np.dstack([one, one, one, one * 0 + 255])) for one in numbered(0, 1, 2)],
    "palette": [png(one, "P", VOC) for one in numbered(0, 1, 2)],
    "palette in another order": [
        png(numbered(0, 1, 2)[0], "P", VOC),
        png(numbered(2, 0, 1)[1], "P", [128, 0, 0, 0, 128, 0, 0, 0, 0]),
    ],
    "palette in gray": [png(one, "P", [i for level in range(256) for i in [level] * 3]) for one in numbered(3, 4, 5)],
    "colors": [png(one) for one in colored(*RGB)],
    "colors that are near": [png(one) for one in colored((10, 0, 0), (11, 0, 0), (10, 1, 0))],
    "bitmap": [encoded(Image.fromarray(one), "BMP") for one in numbered(0, 1, 2)],
    "tif": [encoded(Image.fromarray(one), "TIFF", compression="tiff_lzw") for one in numbered(0, 1, 2)],
    "webp": [encoded(Image.fromarray(one), "WEBP", lossless=True) for one in colored((0, 0, 0), (1, 1, 1), (2, 2, 2))],
    "arrays": list(numbered(0, 1, 2)),
}


def quietly(read, *sources):
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        return [read(one) for one in sources]


@pytest.mark.parametrize("maps", EXACT.values(), ids=EXACT)
def test_few_exact_values_are_labels_however_near(maps):
    content, style = quietly(read_labels, *maps)
    colors, found, on_style = label_indices(content, style)
    assert len(colors) == 3
    for index, flip in ((found, False), (on_style, True)):
        for i in range(3):
            (label,) = index[torch.from_numpy(scene(flip) == i)].unique().tolist()
            assert label == found[torch.from_numpy(scene() == i)][0]
    assert len(maps_of_colors(content)) == 3


def test_16_bits_come_through_read_as_well():
    content, style = (read(png(one)).image for one in numbered(0, 1, 2, dtype=np.uint16))
    assert label_indices(content, style)[0] == ["#000000", "#020202", "#010101"]


def test_a_palette_that_has_one_color_for_several_numbers_counts_by_numbers():
    for palette in ([0] * 768, [0, 0, 0, 128, 0, 0] + [0] * 762):
        content, style = (png(one, "P", palette) for one in numbered(0, 1, 2))
        with pytest.warns(Notice, match="so its numbers are the labels"):
            colors, *_ = label_indices(read_labels(content), read_labels(style))
        assert colors == ["#000000", "#020202", "#010101"]


def with_hole(color, hidden, garbage=0):
    rgba = np.dstack([color, np.where(hidden, 0, 255).astype(np.uint8)])
    rgba[hidden, :3] = np.random.default_rng(0).integers(0, 255, (int(hidden.sum()), 3)) if garbage else 0
    return png(rgba)


@pytest.mark.parametrize("garbage", [0, 1])
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("colors", [RGB, ((0, 0, 0), (1, 1, 1), (2, 2, 2))], ids=["colors", "numbers"])
def test_what_is_transparent_is_a_label_of_its_own(garbage, label, colors):
    maps = [with_hole(one, scene(flip) == label, garbage) for one, flip in zip(colored(*colors), (0, 1), strict=True)]
    with pytest.warns(Notice, match="transparent, which is a label of its own, 'transparent'"):
        content, style = (read_labels(one) for one in maps)
    found = {one.color: one for one in label_maps(content, style)}
    assert len(found) == 3
    assert torch.equal(found["transparent"].content_map, torch.from_numpy(scene() == label).float())
    assert torch.equal(map_of_color(style, "transparent"), torch.from_numpy(scene(True) == label).float())


def test_a_palette_with_a_transparent_number_has_that_label():
    maps = [png(one, "P", VOC, transparency=0) for one in numbered(0, 1, 2)]
    with pytest.warns(Notice, match="'transparent'"):
        found = label_maps(*(read_labels(one) for one in maps))
    assert {one.color for one in found} == {"transparent", "#800000", "#008000"}


def test_a_map_that_is_transparent_everywhere_is_told():
    with pytest.raises(IntarsiaError, match="transparent everywhere"):
        read_labels(with_hole(colored(*RGB)[0], np.ones((H, W), bool)))


def test_blended_edges_of_class_numbers_are_no_classes():
    content, style = (read_labels(png(blended(one))) for one in numbered(0, 20, 9))
    assert len(np.unique(blended(numbered(0, 20, 9)[0]))) > 3
    colors, found, _ = label_indices(content, style)
    assert set(colors) == {"#000000", "#141414", "#090909"}
    inner = torch.from_numpy(scene()[::2, ::2] == 1)
    assert float((found == colors.index("#141414"))[inner].float().mean()) > 0.9


@pytest.mark.parametrize("values", [(0, 1, 3), (0, 1, 15), (0, 1, 100)])
def test_classes_are_not_paired_with_their_neighbors(values):
    content = read_labels(png(numbered(0, 1, values[2] - 1)[0]))
    style = read_labels(png(numbered(*values)[1]))
    with pytest.raises(GuideError, match=r"lacks colors of the content map: .* The style map alone has"):
        label_indices(content, style)


def test_colors_of_exact_maps_are_paired_only_where_no_other_is_about_as_near():
    first = ((0, 0, 0), (128, 0, 0), (0, 128, 0))
    content, style = colored(*first)[0], colored((0, 0, 0), (192, 0, 0), (0, 128, 0))[1]
    with pytest.raises(GuideError, match=r"#800000 .* alone has #c00000"):
        label_indices(read_labels(png(content)), read_labels(png(style)))
    near = colored((0, 0, 0), (140, 9, 0), (0, 128, 0))[1]
    assert len(label_indices(read_labels(png(content)), read_labels(png(near)))[0]) == 3


def test_a_class_is_kept_however_small_and_dropped_only_with_a_word():
    content, style = numbered(0, 1, 2)
    content[:2, :2] = 7
    assert "#070707" in maps_of_colors(read_labels(png(content)))
    style[:9, :9] = 7
    assert "#070707" in label_indices(read_labels(png(content)), read_labels(png(style)))[0]
    with pytest.warns(Notice, match=r"lacks #070707 \(0.083 %\)"):
        colors, found, _ = label_indices(read_labels(png(content)), read_labels(png(numbered(0, 1, 2)[1])))
    assert "#070707" not in colors
    assert int(found[0, 0]) == int(found[0, 5])


JPEG = {
    "0, 1, 2": (0, 1, 2),
    "0, 4, 8": (0, 4, 8),
    "0, 7, 15": (0, 7, 15),
    "0, 15, 255": (0, 15, 255),
    "200, 215, 0": (200, 215, 0),
}


@pytest.mark.parametrize("quality", [95, 75, 40])
@pytest.mark.parametrize("values", JPEG.values(), ids=JPEG)
def test_class_numbers_that_went_through_jpeg_are_refused(values, quality):
    maps = [encoded(Image.fromarray(one), "JPEG", quality=quality) for one in numbered(*values)]
    with pytest.raises(InputError, match=r"[Ss]ave (it|all label maps|as PNG)|and save as PNG"):
        label_indices(*(read_labels(one) for one in maps))


def test_exact_numbers_beside_a_jpeg_are_refused():
    content = read_labels(png(numbered(0, 1, 2)[0]))
    style = read_labels(encoded(Image.fromarray(colored((0, 0, 0), (1, 1, 1), (255, 0, 0))[1]), "JPEG"))
    with pytest.raises(GuideError, match="too near to each other for maps with noise"):
        label_indices(content, style)
    with pytest.raises(InputError, match=r"differ by [0-9] of 255 levels, and JPEG"):
        read_labels(encoded(Image.fromarray(numbered(0, 1, 2)[1]), "JPEG"))


def test_the_colors_decide_nothing_where_two_are_as_near():
    """A row half between two labels goes to the larger one, whatever their colors are."""
    drawn = np.zeros((40, 30, 3), np.uint8)
    drawn[:15], drawn[15:17], drawn[17:] = (20, 60, 200), (60, 100, 120), (100, 140, 40)
    first, second = (maps_of_colors(read_labels(png(one))) for one in (drawn, 255 - drawn))
    for one, other in zip(first.values(), second.values(), strict=True):
        assert torch.equal(one, other)


def test_a_class_is_asked_for_by_its_number():
    for values, dtype in (((0, 14, 15), np.uint8), ((0, 300, 301), np.uint16)):
        content = read_labels(png(numbered(*values, dtype=dtype)[0]))
        for i, value in enumerate(values):
            assert torch.equal(map_of_color(content, str(value)), torch.from_numpy(scene() == i).float())
        with pytest.raises(GuideError, match=r"has nothing of 13\. It has #000000"):
            map_of_color(content, "13")


def test_more_than_32_classes_are_told():
    strip = np.repeat(np.arange(40, dtype=np.uint8), 4)[None].repeat(12, 0)
    with pytest.raises(GuideError, match="more than 32 colors"):
        maps_of_colors(read_labels(png(strip)))
