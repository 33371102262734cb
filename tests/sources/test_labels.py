"""Label maps: the colors are found whatever was done to the edges, and what does not pair is told with both sides."""

import io
import itertools
import re
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from intarsia.errors import GuideError, Notice
from intarsia.picture import read, resize
from intarsia.sources import label_indices, label_maps, labels, labels_by_color, map_of_color, maps_of_colors

COLORS = {"white": "ffffff", "blue": "0000ff", "red": "ff331f", "dark": "c00000", "green": "00ff00", "gray": "808080"}
RGB = {name: torch.tensor(list(bytes.fromhex(code))) / 255 for name, code in COLORS.items()}


@pytest.fixture(autouse=True)
def _no_notice_unheard():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        yield


def scene(h: int, w: int, *names: str, fine: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Slanted bands of the colors with a disk of the last one: RGB and the index of each pixel's color.

    fine > 1: drawn so many times larger and reduced, so that edges are anti-aliased; the index is the middle's."""
    y, x = torch.meshgrid((torch.arange(h * fine) + 0.5) / fine, (torch.arange(w * fine) + 0.5) / fine, indexing="ij")
    index = ((x + 0.37 * y) / (w + 0.37 * h) * len(names)).long().clamp(0, len(names) - 1)
    index[torch.hypot(x - 0.3 * w, y - 0.6 * h) < 0.2 * h] = len(names) - 1
    drawn = torch.stack([RGB[name] for name in names])[index].permute(2, 0, 1)
    return torch.nn.functional.avg_pool2d(drawn, fine), index[fine // 2 :: fine, fine // 2 :: fine]


def jpeg(image: torch.Tensor, quality: int) -> torch.Tensor:
    file = io.BytesIO()
    levels = (image.permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(levels).save(file, "JPEG", quality=quality)
    return read(file.getvalue()).image


def hexes(*names: str) -> set[str]:
    return {f"#{COLORS[name]}" for name in names}


def agreement(found, colors, index, names) -> float:
    """Part of the pixels with the right color."""
    wanted = torch.tensor([nearest(colors, RGB[name]) for name in names])[index]
    return float((found == wanted).float().mean())


def nearest(colors: list[str], color: torch.Tensor) -> int:
    known = torch.stack([torch.tensor(list(bytes.fromhex(one[1:]))) / 255 for one in colors])
    return int((known - color).norm(dim=1).argmin())


def border(index: torch.Tensor, reach: int) -> torch.Tensor:
    """Within `reach` of another label."""
    pooled = torch.nn.functional.max_pool2d
    values, side = index.float()[None], 2 * reach + 1
    return (pooled(values, side, 1, reach) != -pooled(-values, side, 1, reach))[0]


@given(st.lists(st.sampled_from(sorted(COLORS)), min_size=1, max_size=6, unique=True))
@settings(max_examples=15, deadline=None)
def test_maps_of_flat_colors_come_back_exactly_and_tile_the_picture(names):
    content, index = scene(48, 60, *names)
    style, style_index = scene(40, 72, *names)
    colors, found, on_style = label_indices(content, style)
    assert set(colors) == hexes(*names)
    assert agreement(found, colors, index, names) == agreement(on_style, colors, style_index, names) == 1
    pairs = label_maps(content, style)
    torch.testing.assert_close(sum(pair.content_map for pair in pairs), torch.ones(48, 60))
    torch.testing.assert_close(sum(pair.style_map for pair in pairs), torch.ones(40, 72))
    areas = [float(pair.content_map.sum()) for pair in pairs]
    assert areas == sorted(areas, reverse=True)


def test_blended_edges_make_no_labels_of_their_own():
    """The middle of white and black-red, of blue and red, is near to gray and to dark red: labels of other places."""
    names = ("blue", "red", "white", "dark", "gray")
    content, index = scene(96, 120, *names, fine=4)
    assert len(content.flatten(1).unique(dim=1).T) > 40
    colors, found, _ = label_indices(content, scene(80, 80, *names, fine=4)[0])
    assert set(colors) == hexes(*names)
    assert agreement(found, colors, index, names) > 0.985
    assert bool((found == torch.tensor([nearest(colors, RGB[n]) for n in names])[index])[~border(index, 1)].all())


def test_a_blended_pixel_is_one_of_the_labels_beside_it():
    """Half of blue and red is nearer to dark red than to either; dark red is elsewhere."""
    content = RGB["blue"][:, None, None].expand(3, 40, 80).clone()
    content[:, :, 21:] = RGB["red"][:, None, None]
    content[:, :, 20] = ((RGB["blue"] + RGB["red"]) / 2)[:, None]
    content[:, :, 50:] = RGB["dark"][:, None, None]
    colors, found, _ = label_indices(content, content)
    near = {colors[i] for i in found[:, :46].unique().tolist()}
    assert near == hexes("blue", "red")
    assert set(colors) == hexes("blue", "red", "dark")


@pytest.mark.parametrize("quality", [95, 60, 30])
def test_jpeg_noise_makes_no_labels_of_its_own(quality):
    names = ("blue", "red", "white", "dark", "green")
    (clean, index), (other, _) = scene(128, 160, *names, fine=4), scene(120, 120, *names, fine=4)
    colors, found, _ = label_indices(jpeg(clean, quality), jpeg(other, quality))
    assert len(colors) == 5
    right = found == torch.tensor([nearest(colors, RGB[name]) for name in names])[index]
    assert float(right.float().mean()) > 0.96
    assert bool(right[~border(index, 5)].all())


def test_one_clean_map_goes_with_one_that_was_a_jpeg():
    names = ("blue", "red", "white")
    content, _ = scene(96, 96, *names)
    colors, found, _ = label_indices(content, jpeg(scene(80, 100, *names)[0], 60))
    assert set(colors) == hexes(*names)
    assert len(found.unique()) == 3


def test_close_colors_are_two_labels_in_maps_without_noise():
    first, second = torch.tensor([0, 60, 100]) / 255, torch.tensor([0, 80, 100]) / 255  # bus and train, 20 apart
    content = first[:, None, None].expand(3, 20, 20).clone()
    content[:, :, 10:] = second[:, None, None]
    assert sorted(label_indices(content, content)[0]) == ["#003c64", "#005064"]


def test_colors_that_differ_a_little_between_the_maps_are_one():
    content, _ = scene(40, 40, "blue", "red")
    style = content.clone()
    style[:, style[0] > 0.5] = torch.tensor([1.0, 0, 0])[:, None]  # red without the orange: 59 apart
    (a, b) = label_maps(content, style)
    assert {a.color, b.color} == hexes("blue", "red")
    for pair in (a, b):
        assert torch.equal(pair.content_map, pair.style_map)
    with pytest.raises(GuideError, match="lacks"):
        label_maps(content, style, tolerance=40)


def test_32_labels_pass_and_33_are_told():
    levels = torch.tensor(list(itertools.product((0.0, 0.33, 0.66, 1.0), repeat=3)))
    for count in (32, 33):
        strip = levels[:count].T[:, None].expand(3, 8, count).repeat_interleave(8, 2)
        if count == 32:
            assert len(label_maps(strip, strip)) == 32
        else:
            with pytest.raises(GuideError, match=r"more than 32 colors. Fill each region with one flat color"):
                label_maps(strip, strip)


def test_a_photograph_is_no_label_map(random_image):
    with pytest.raises(GuideError, match=r"more than 32 colors|no flat color|shaded, as photographs are"):
        label_maps(random_image(64, 64, 1), random_image(64, 64, 2))


def test_colors_without_a_partner_are_listed_on_both_sides():
    content, _ = scene(60, 60, "blue", "red", "white")
    style, _ = scene(60, 60, "blue", "green", "white")
    with pytest.raises(GuideError) as refused:
        label_maps(content, style)
    told = str(refused.value)
    lacking, alone = told.split("The style map alone has")
    assert re.search(r"the style map lacks colors of the content map: #ff331f \(\d+ %\)", lacking)
    assert re.search(r"#00ff00 \(\d+ %\)", alone)
    assert "ffffff" not in told


def test_a_color_of_the_style_alone_is_left_unused_with_a_notice():
    content, _ = scene(60, 60, "blue", "white")
    style, index = scene(60, 60, "blue", "green", "white")
    with pytest.warns(Notice, match=r"the content map lacks colors of the style map: #00ff00 \(\d+ %\)"):
        colors, _, on_style = label_indices(content, style)
    assert set(colors) == hexes("blue", "white")
    assert torch.equal(on_style == 2, index == 1)


def test_labels_are_regions_named_by_their_colors(random_image):
    content, index = scene(48, 60, "blue", "red")
    style_map, style_index = scene(40, 50, "blue", "red")
    style = random_image(40, 50)
    guide = labels(content, style, style_map)
    assert {region.name for region in guide.regions} == hexes("blue", "red")
    for region in guide.regions:
        i = 0 if region.name == "#0000ff" else 1
        assert region.style is style
        assert torch.equal(region.content_map, (index == i).float())
        assert torch.equal(region.style_map, (style_index == i).float())
    torch.testing.assert_close(guide.shares((48, 60)).sum(0), torch.ones(48, 60))
    with pytest.raises(GuideError, match="its style mask is 50 x 40, the style picture 80 x 30"):
        labels(content, random_image(30, 80), style_map)


def test_each_color_may_have_a_style_of_its_own(random_image):
    content, index = scene(48, 60, "blue", "red", "white")
    first, second = random_image(10, 10, 1), random_image(12, 20, 2)
    guide = labels_by_color(content, {"#0000ff": first, "FF301F": second, "#ffffff": None})
    regions = {region.name: region for region in guide.regions}
    assert regions.keys() == {"#0000ff", "FF301F"}
    assert regions["#0000ff"].style is first
    assert regions["FF301F"].style is second
    assert regions["FF301F"].style_map is None
    assert torch.equal(guide.shares((48, 60)).sum(0), (index < 2).float())  # white stays as it is


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["#0000ff"], r"no style is given for #ff331f \(\d+ %\)"),
        (["#0000ff", "#ff331f", "#00ff00"], "the content map has nothing of #00ff00"),
        (["#0000ff", "#00ff00"], r"no style is given for #ff331f .*; the content map has nothing of #00ff00"),
        (["#0000ff", "red"], "'red' is no color. Write it as #rrggbb"),
        ([], "no style is given for"),
    ],
)
def test_colors_and_styles_that_do_not_pair_are_told(names, says):
    with pytest.raises(GuideError, match=says):
        labels_by_color(scene(40, 40, "blue", "red")[0], {name: torch.rand(3, 4, 4) for name in names})


def test_a_style_for_nothing_is_an_error():
    with pytest.raises(GuideError, match="no region"):
        labels_by_color(scene(40, 40, "blue")[0], {"#0000ff": None})


@given(st.lists(st.sampled_from(sorted(COLORS)), min_size=1, max_size=6, unique=True))
@settings(max_examples=15, deadline=None)
def test_a_map_alone_has_each_of_its_colors_once(names):
    """They tile it, the largest first; asking for one gives the same."""
    image, index = scene(48, 60, *names)
    maps = maps_of_colors(image)
    assert maps.keys() == hexes(*names)
    for i, name in enumerate(names):
        one = maps[f"#{COLORS[name]}"]
        assert torch.equal(one, (index == i).float())
        assert torch.equal(map_of_color(image, f"#{COLORS[name]}"), one)
    areas = [float(one.sum()) for one in maps.values()]
    assert areas == sorted(areas, reverse=True)


def test_a_color_is_asked_for_about():
    """Near is enough, with or without #, in both cases; noise makes no colors."""
    image, index = scene(96, 120, "blue", "red", "white", fine=4)
    noisy = jpeg(image, 60)
    assert len(maps_of_colors(noisy)) == 3
    for color in ("#ff331f", "FF331F", "#f03020"):
        assert torch.equal(map_of_color(image, color), maps_of_colors(image)["#ff331f"])
        found = map_of_color(noisy, color)
        assert float((found == (index == 1)).float().mean()) > 0.97


@pytest.mark.parametrize(
    ("color", "says"),
    [
        ("#00ff00", r"the label map has nothing of #00ff00. It has #0000ff \(\d+ %\), #ff331f \(\d+ %\)\."),
        ("green", "'green' is no color. Write it as #rrggbb"),
        ("#12345", "'#12345' is no color"),
        ("", "'' is no color"),
    ],
)
def test_a_color_that_is_not_there_is_told(color, says):
    with pytest.raises(GuideError, match=says):
        map_of_color(scene(40, 40, "red", "blue")[0], color)


@pytest.mark.parametrize("find", [maps_of_colors, lambda image: map_of_color(image, "#ff0000")])
def test_a_photograph_has_no_labels(random_image, find):
    with pytest.raises(GuideError, match=r"more than 32 colors|no flat color|shaded, as photographs are"):
        find(random_image(64, 64, 1))


def test_a_color_takes_the_style_whose_map_has_most_of_it(random_image):
    content, _ = scene(48, 60, "blue", "red", "white")
    first, second = random_image(40, 50, 1), random_image(30, 30, 2)
    first_map, second_map = scene(40, 50, "blue", "red", "red")[0], scene(30, 30, "white", "white", "blue")[0]
    guide = labels(content, [first, second], [first_map, second_map])
    taken = {region.name: (region.style, region.style_map) for region in guide.regions}
    assert taken.keys() == hexes("blue", "red", "white")
    found = [maps_of_colors(one) for one in (first_map, second_map)]
    for color, (style, its_map) in taken.items():
        parts = [float(maps[color].mean()) if color in maps else 0.0 for maps in found]
        most = parts.index(max(parts))
        assert style is (first, second)[most]
        assert torch.equal(its_map, found[most][color])
    assert {id(style) for style, _ in taken.values()} == {id(first), id(second)}


def test_colors_that_all_styles_lack_are_told_and_counts_that_differ(random_image):
    content, style = scene(40, 40, "blue", "red", "green")[0], random_image(40, 40)
    maps = [scene(40, 40, name, name)[0] for name in ("blue", "red")]
    with pytest.raises(GuideError, match=r"lacks colors of the content map: #00ff00 \(\d+ %\)\. Paint"):
        labels(content, [style, style], maps)
    with pytest.raises(GuideError, match=r"2 styles came with 1 label maps\. Give each style one\."):
        labels(content, [style, style], maps[:1])


# ---- real maps ---------------------------------------------------------------------------------------------------

DOODLE, REGIONS = "doodle/neural_doodle", "regions"
REAL = [
    (f"{DOODLE}/Coastline_sem.png", f"{DOODLE}/Monet_sem.png", 5),
    (f"{DOODLE}/Landscape_sem.png", f"{DOODLE}/Renoir_sem.png", 4),
    ("doodle/titu_monet/target_mask.png", "doodle/titu_monet/style_mask.png", 5),
    ("doodle/online_starry/style_mask.png", "doodle/online_starry/style_mask.png", 4),
    (f"{REGIONS}/photo_01/content_seg.png", f"{REGIONS}/photo_01/style_seg.png", 3),
    (f"{REGIONS}/photo_28/content_seg.png", f"{REGIONS}/photo_28/style_seg.png", 4),
]


@pytest.mark.parametrize(("content", "style", "count"), REAL, ids=[content for content, _, _ in REAL])
def test_real_maps_have_their_labels_whatever_was_done_to_them(cases, content, style, count):
    first, second = read(cases / content).image, read(cases / style).image
    clean = label_maps(first, second)
    assert len(clean) == count
    smaller = resize(first, (first.shape[1] // 2, first.shape[2] // 2))
    for changed in (jpeg(first, 60), smaller):
        again = label_maps(changed, jpeg(second, 60))
        assert len(again) == count
        for pair in again:
            twin = clean[nearest([one.color for one in clean], torch.tensor(list(bytes.fromhex(pair.color[1:]))) / 255)]
            assert float(pair.content_map.mean()) == pytest.approx(float(twin.content_map.mean()), abs=0.01)
            assert float(pair.style_map.mean()) == pytest.approx(float(twin.style_map.mean()), abs=0.01)


def test_real_maps_that_do_not_belong_together_are_told(cases):
    coastline, renoir = (read(cases / DOODLE / name).image for name in ("Coastline_sem.png", "Renoir_sem.png"))
    with pytest.raises(GuideError, match=r"the style map lacks colors of the content map: #c00000 \(6.1 %\)\. Paint"):
        label_maps(coastline, renoir)


@pytest.mark.parametrize(("content", "style", "count"), REAL, ids=[content for content, _, _ in REAL])
def test_real_maps_tile_their_pictures(cases, content, style, count):
    for name in (content, style):
        maps = maps_of_colors(read(cases / name).image)
        assert len(maps) >= count
        total = sum(maps.values())
        assert torch.equal(total, torch.ones_like(total))


PHOTOS = ["city_tubingen", "portrait_man_street", "planar_phone_on_laptops", "still_life_vase", "animal_lion_bw"]


@pytest.mark.parametrize("name", PHOTOS)
def test_real_photographs_are_no_label_maps(cases, name):
    photo = read(cases / "content" / f"{name}.jpg").image
    with pytest.raises(GuideError, match=r"more than 32 colors|shaded, as photographs are"):
        maps_of_colors(photo)
    with pytest.raises(GuideError, match=r"more than 32 colors|shaded, as photographs are"):
        label_maps(scene(60, 60, "blue", "red")[0], photo)
