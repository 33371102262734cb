"""The guide that a recipe asks for: sources as layers, what is left, what is kept, what is said of a region later."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from intarsia import Gatys, Guide, Job, Recipe, picture, sources
from intarsia.errors import GuideError, IntarsiaError, Notice, PictureError
from intarsia.guide import Region
from intarsia.maps import feather, fitted, shrink
from intarsia.methods import settings_of
from intarsia.networks import Networks
from intarsia.recipe import stylize

QUICK = Gatys(steps=6, coarsest=16, networks=Networks(encoder="toy", device="cpu", precision="fp32"))
SIZE = (24, 32)
SKY, DISK = "rectangle 0,0 1,0.25", "ellipse 0.5,0.5 0.3,0.3"


@pytest.fixture
def guide(folder, random_image):
    """`guide(region=[...])`: the guide of a recipe with these settings, and two styles unless told otherwise."""
    picture.write("third.png", random_image(20, 20, 4))

    def make(styles: int = 2, notices: str = "error", **more) -> Guide:
        data = {"content": "content.png", "styles": ["style.png", "other.png", "third.png"][:styles], "size": 32}
        with warnings.catch_warnings():
            warnings.simplefilter(notices, Notice)
            return Job.open(Recipe(**data | {"settings": settings_of(QUICK)} | more)).guide

    return make


def flat(name: str, *colors: str, size: tuple[int, int] = SIZE) -> str:
    """A label map of upright stripes of these colors."""
    levels = torch.tensor([list(bytes.fromhex(color)) for color in colors]).T / 255
    index = torch.arange(size[1]) * len(colors) // size[1]
    picture.write(name, levels[:, index][:, None].expand(3, *size))
    return name


def shares(guide: Guide) -> dict[str, torch.Tensor]:
    return dict(zip((region.name for region in guide.regions), guide.shares(SIZE), strict=True))


def named(guide: Guide) -> dict[str, Region]:
    return {region.name: region for region in guide.regions}


def same(a, b) -> None:
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


# ---- one source ---------------------------------------------------------------------------------------------------


def test_masks_alone_are_the_guide_that_masks_make(guide, random_image):
    """At their own sizes, with settings one for all or one each."""
    maps = [sources.ellipse((48, 64), (0.4, 0.5), (0.3, 0.3)), sources.linear((24, 32), 30)]
    style_map = sources.ellipse((20, 20), (0.4, 0.5), (0.3, 0.3))
    for i, one in enumerate(maps):
        picture.write_map(f"m{i}.png", one)
        picture.write_map(f"s{i}.png", style_map)
    found = guide(
        content_mask=["m0.png", "m1.png"],
        style_mask=["s0.png", "s1.png"],
        strength=[0.5, 0.7],
        style_scale=2,
        notices="ignore",
    )
    read = [picture.read_map(f"m{i}.png") for i in range(2)]
    assert [tuple(region.content_map.shape) for region in found.regions] == [(48, 64), (24, 32)]
    for region, one, strength in zip(found.regions, read, (0.5, 0.7), strict=True):
        assert torch.equal(region.content_map, one)
        assert torch.equal(region.style_map, picture.read_map("s0.png"))
        assert (region.strength, region.style_scale) == (strength, 2)
    expected = sources.masks(SIZE, [region.style for region in found.regions], read[1:] * 2)
    assert torch.equal(found.shares(SIZE)[1] > 0, expected.shares(SIZE)[1] > 0)


def test_regions_have_their_own_settings_and_take_the_rest_from_the_flags(guide):
    told = (
        f"sky: content='{SKY}' style=2:'linear 90' strength=0.8 scale=1.5 color=match color-form=pca content-weight=0.5"
    )
    found = guide(region=[told, f"disk: content='{DISK}' style=1"], strength=[0.3], style_scale=2, color="luminance")
    sky, disk = found.regions
    assert (sky.strength, sky.style_scale, sky.color, sky.color_form, sky.content_weight) == (
        0.8,
        1.5,
        "match",
        "pca",
        0.5,
    )
    assert (disk.strength, disk.style_scale, disk.color, disk.color_form, disk.content_weight) == (
        0.3,
        2,
        "luminance",
        "mk",
        1,
    )
    same(sky.content_map, sources.rectangle(SIZE, (0, 0), (1, 0.25)))
    same(sky.style_map, sources.linear((20, 20), 90))
    same(sky.style, picture.read("other.png").image)


def test_a_gradient_names_its_regions_by_style(guide):
    found = guide(3, gradient="linear 0: 3 -> 1 -> 2", region=["style 3: scale=2"])
    assert [region.name for region in found.regions] == ["style 3", "style 1", "style 2"]
    assert named(found)["style 3"].style_scale == 2
    same(named(found)["style 3"].style, picture.read("third.png").image)
    ramp = sources.linear(SIZE)
    same(shares(found)["style 3"], (1 - 2 * ramp).clamp(0, 1))
    same(found.shares(SIZE).sum(0), torch.ones(SIZE))


@pytest.mark.parametrize("ramp", ["luminance", "ramp.png", "ramp.png | invert", "radial", "luminance | levels gamma=2"])
def test_any_map_is_a_gradient(guide, ramp):
    picture.write_map("ramp.png", sources.linear((48, 64), 90))
    found = guide(gradient=f"{ramp}: 1 -> 2", notices="ignore")
    same(found.shares(SIZE).sum(0), torch.ones(SIZE))
    assert float(found.shares(SIZE)[1].std()) > 0.05


def test_label_maps_of_class_numbers_are_regions_and_labels_are_asked_for_by_number(guide):
    ids = np.repeat(np.array([[0, 1, 2, 2]], np.uint8), 16, 1).repeat(48, 0)  # 64 x 48
    for name, kind in (("ids.png", np.uint8), ("ids16.png", np.uint16)):
        Image.fromarray(ids.astype(kind)).save(name)
    Image.fromarray(ids[:40, :40]).save("style-ids.png")
    for name in ("ids.png", "ids16.png"):
        found = guide(1, content_map=name, style_map=["style-ids.png"], notices="ignore")
        assert [region.name for region in found.regions] == ["#020202", "#000000", "#010101"]
        assert [float(region.content_map.mean()) for region in found.regions] == [0.5, 0.25, 0.25]
        (asked,) = guide(1, content_mask=[f"label {name} 2"], notices="ignore").regions
        assert float(asked.content_map.mean()) == 0.5


def test_a_transparent_part_of_a_label_map_can_be_kept(guide):
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[:, 16:] = 200, 0, 0, 255
    Image.fromarray(rgba).save("hole.png")
    found = guide(1, content_map="hole.png", region=["transparent: keep"], notices="ignore")
    assert {region.name: region.strength for region in found.regions} == {"#c80000": 1, "transparent": 0}


@pytest.mark.parametrize("most", [1, 15, 128])
def test_a_mask_of_a_class_number_paints_its_region_fully(guide, most):
    Image.fromarray(np.where(np.arange(64) < 16, most, 0).astype(np.uint8)[None].repeat(48, 0)).save("ids.png")
    (found,) = guide(1, content_mask=["ids.png"], notices="ignore").regions
    same(found.content_map[:, :16], torch.ones(48, 16))
    assert float(found.content_map.sum()) == 48 * 16


def test_maps_of_one_layer_may_overlap_and_have_the_same_shares_as_before(guide):
    found = guide(region=[f"a: content='{SKY}' style=1", f"b: content='{DISK}' style=2", "c: content=rest style=1"])
    total = sum(region.content_map for region in found.regions)
    assert float(total.max()) == 2
    same(found.shares(SIZE).sum(0), torch.ones(SIZE))


def test_label_maps_pair_by_color(guide):
    flat("labels.png", "ff0000", "0000ff")
    flat("a.png", "0000ff", "ff0000", "ff0000", "ff0000", size=(20, 20))
    flat("b.png", "0000ff", "0000ff", "0000ff", "ff0000", size=(20, 20))
    found = named(guide(content_map="labels.png", style_map=["a.png", "b.png"]))
    assert found.keys() == {"#ff0000", "#0000ff"}
    same(found["#ff0000"].style, picture.read("style.png").image)  # whose map has most of it
    same(found["#0000ff"].style, picture.read("other.png").image)
    same(found["#ff0000"].style_map[0], (torch.arange(20) >= 5).float())


def test_a_label_map_alone_makes_regions_to_speak_of(guide):
    flat("labels.png", "ff0000", "00ff00", "0000ff")
    with pytest.raises(
        GuideError, match=r"does not say which of the 2 styles it takes. Say `region` \"#......: style=1\""
    ):
        guide(content_map="labels.png")
    told = ["#ff0000: style=2 strength=0.5", "#00FF00: keep", "#0808F8: style=1"]  # near is enough
    found = named(guide(content_map="labels.png", region=told))
    assert found["#ff0000"].strength == 0.5
    assert found["#00ff00"].strength == 0
    same(found["#0000ff"].style, picture.read("style.png").image)
    one = guide(1, content_map="labels.png")  # of one style, which one is no question
    assert len(one.regions) == 3


def test_patches_take_what_their_labels_allow(guide):
    flat("labels.png", "ff0000", "0000ff")
    flat("a.png", "ff0000", "0000ff", size=(20, 20))
    found = guide(1, content_map="labels.png", style_map=["a.png"], content_patch=8, style_patch=10)
    same(found.shares(SIZE).sum(0), torch.ones(SIZE))
    assert len(found.regions) >= 2
    for region in found.regions:
        left = float((region.content_map * (torch.arange(32) < 12)).sum() / region.content_map.sum())
        if left == 1:
            assert not bool(region.style_map[:, 10:].any())


# ---- layers -------------------------------------------------------------------------------------------------------

soft = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 0.6), st.integers(0, 9)).map(
    lambda t: f"ellipse {t[0]:.2f},{t[1]:.2f} {t[2]:.2f},{t[2]:.2f} | feather {t[3]}"
)


@given(st.lists(soft, min_size=1, max_size=3), st.booleans(), st.booleans())
@settings(max_examples=10)
def test_upper_layers_keep_their_shares_and_lower_ones_get_the_remainder(tmp_path_factory, masks, labels, gradient):
    """Whatever is stacked: each layer has what it has alone, times what those above it left; never more than all."""
    folder = tmp_path_factory.mktemp("layers")
    image = torch.rand(3, 12, 16, generator=torch.Generator().manual_seed(1))
    for name in ("content.png", "style.png", "other.png"):
        picture.write(folder / name, image)
    flat(folder / "labels.png", "ff0000", "0000ff", size=(12, 16))

    def opened(**more) -> torch.Tensor:
        data = {"content": "content.png", "styles": ["style.png", "other.png"], "settings": settings_of(QUICK)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)
            return Job.open(Recipe(**data | {"size": 16} | more), folder).guide.shares((12, 16))

    regions = {"region": [f"content='{mask}' style=1" for mask in masks]}
    told = [regions]
    told += [{"content_map": "labels.png"}] if labels else []
    told += [{"gradient": "linear 30: 1 -> 2"}] if gradient else []
    styles = {"region": [*regions["region"], "#ff0000: style=1", "#0000ff: style=2"]} if labels else {}
    found = opened(**{key: value for one in told for key, value in one.items()} | styles)
    at, free = 0, torch.ones(12, 16)
    for one in told:
        only = {"region": ["#ff0000: style=1", "#0000ff: style=2"]} if "content_map" in one else {}
        alone = opened(**one | only) * free
        alone = alone[(alone > 1e-5).flatten(1).any(1)]  # what gets nothing is left out
        torch.testing.assert_close(found[at : at + len(alone)], alone, atol=1e-4, rtol=0)
        at, free = at + len(alone), (free - alone.sum(0)).clamp(0, 1)
    assert at == len(found)
    assert float(found.sum(0).max()) <= 1 + 1e-5


def test_masks_come_before_labels_and_labels_before_a_gradient(guide):
    flat("labels.png", "ff0000", "0000ff")
    flat("a.png", "ff0000", "0000ff", size=(20, 20))
    found = guide(
        content_mask=["ellipse 0.5,0.5 0.3,0.3 | feather 3"],
        content_map="labels.png",
        region=["#0000ff: style=2", "#ff0000: style=1"],
        gradient="linear 90: 1 -> 2",
        notices="ignore",
    )
    assert [region.name for region in found.regions] == ["region 1", "#0000ff", "#ff0000"]  # the gradient got nothing
    parts = shares(found)
    mask = feather(sources.ellipse(SIZE, (0.5, 0.5), (0.3, 0.3)), 3)
    same(parts["region 1"], mask)
    same(parts["#ff0000"], (1 - mask) * (torch.arange(32) < 16))


def test_overlapping_masks_share_what_they_cover(guide):
    found = guide(
        region=["a: content=everywhere style=1", f"b: content='{SKY}' style=2", "c: content=rest style=1"],
        notices="ignore",
    )
    parts = shares(found)
    same(parts["a"][:6], torch.full((6, 32), 0.5))
    same(parts["b"][:6], torch.full((6, 32), 0.5))
    same(parts["a"][6:], torch.ones(18, 32))
    assert "c" not in parts  # nothing is left


@given(st.lists(soft, min_size=1, max_size=3), st.integers(9, 40), st.integers(9, 40))
@settings(max_examples=10)
def test_the_rest_is_what_is_left(tmp_path_factory, masks, h, w):
    """At every size that is painted, also with masks from files of other sizes: together everything, to rounding."""
    folder = tmp_path_factory.mktemp("rest")
    picture.write(folder / "content.png", torch.rand(3, h, w))
    picture.write_map(folder / "mask.png", torch.rand(2 * h, 2 * w).round())
    regions = [f"content='{mask}'" for mask in masks] + ["content=mask.png", "content=rest"]
    data = {"content": "content.png", "styles": ["content.png"], "region": regions, "settings": settings_of(QUICK)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        guide = Job.open(Recipe(**data, size=32), folder).guide
    fitted = picture.fit(h, w, 32)
    for size in (fitted, picture.fit(h, w, 16), (max(1, fitted[0] // 16), max(1, fitted[1] // 16))):
        torch.testing.assert_close(guide.shares(size).sum(0), torch.ones(size), atol=1e-4, rtol=0)


def test_the_rest_may_be_edited_and_takes_nothing_of_hard_regions(guide):
    found = guide(region=[f"a: content='{DISK}' style=1", "b: content='rest | intersect rectangle 0,0 0.5,1' style=2"])
    parts = shares(found)
    disk = sources.ellipse(SIZE, (0.5, 0.5), (0.3, 0.3))
    assert torch.equal(parts["a"], disk)
    assert torch.equal(parts["b"], torch.minimum(1 - disk, (torch.arange(32) < 16).float().expand(SIZE)))


def test_the_rest_alone_is_everywhere(guide):
    found = guide(1, region=["content=rest"])
    assert torch.equal(found.shares(SIZE), torch.ones(1, *SIZE))


# ---- what stays ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        {"region": [f"kept: content='{DISK}' keep", "content=rest style=1"]},
        {"region": [f"kept: content='{DISK}' keep"], "gradient": "linear 90: 1 -> 2"},
        {"region": [f"painted: content='{DISK} | invert' style=1"]},
        {"region": ["painted: content='hole.png | invert' style=1"]},
        {"region": ["painted: content='hole.png | feather 2 | invert | shrink 3' style=2"]},
        {"content_map": "disk.png", "region": ["#ffffff: keep", "#000000: style=1"]},
    ],
)
def test_what_is_kept_is_so_to_the_bit(folder, random_image, told):
    """A kept region, and wherever none reaches, inside soft edges; at the content's size and reduced to another."""
    picture.write("content.png", random_image(48, 64, 1))
    disk = sources.ellipse((48, 64), (0.5, 0.5), (0.3, 0.3)).round()
    picture.write_map("hole.png", disk)
    picture.write("disk.png", disk.expand(3, 48, 64))
    for size in (64, 48):
        data = {"content": "content.png", "styles": ["style.png", "other.png"], "size": size}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)
            job = Job.open(Recipe(**data, settings=settings_of(QUICK), **told))
        *_, last = job.frames()
        image, content = job.result(last).image, job.content
        inside = shrink(fitted(disk, (size * 3 // 4, size)), 3) == 1
        assert int(inside.sum()) > 40
        assert torch.equal(image[:, inside], content[:, inside])
        assert not torch.allclose(image[:, :, : size // 8], content[:, :, : size // 8], atol=0.02)


# ---- said later ---------------------------------------------------------------------------------------------------


def test_a_region_without_a_place_changes_the_one_of_its_name(guide):
    found = guide(content_mask=[SKY, DISK], region=["region 2: scale=2 style=1 color=match"], notices="ignore")
    one, two = found.regions
    assert (one.style_scale, two.style_scale, two.color) == (1, 2, "match")
    same(two.style, picture.read("style.png").image)


def test_another_style_comes_without_the_old_ones_map(guide):
    picture.write_map("s.png", sources.ellipse((20, 20), (0.5, 0.5), (0.3, 0.3)))
    masks = {"content_mask": [SKY, DISK], "style_mask": ["s.png", "s.png"]}
    one, two = guide(**masks, region=["region 1: style=2", "region 2: strength=0.5"], notices="ignore").regions
    assert one.style_map is None
    assert two.style_map is not None


def test_regions_without_names_are_numbered_after_the_masks(guide):
    found = guide(content_mask=[SKY], region=[f"content='{DISK}' style=2", "region 2: scale=2"])
    assert [region.name for region in found.regions] == ["region 1", "region 2"]
    assert [region.style_scale for region in found.regions] == [1, 2]


# ---- what is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"region": ["skey: strength=0.5", f"sky: content='{SKY}' style=1"]}, "no region 'skey': did you mean 'sky'?"),
        ({"region": ["sky: strength=0.5"]}, "there is no region 'sky' to change. To make a new one, say where it is"),
        ({"region": [f"sky: content='{SKY}' style=3"]}, "region 'sky' takes style 3, but 2 styles were given."),
        ({"region": [f"sky: content='{SKY}'"]}, "region 'sky' does not say which of the 2 styles it takes."),
        ({"gradient": "linear 0: 1 -> 3"}, "gradient takes style 3, but 2 styles were given."),
        ({"gradient": "linear 0: 1 -> 2", "styles": 1}, "gradient takes style 2, but one style was given."),
        ({"region": ["a: content='polygon 2,2 3,2 3,3' style=1"]}, "a: the polygon covers nothing of the picture"),
        ({"region": ["a: content='fill 7,7' style=1"]}, "a: none of the 1 points of the flood fill is in the picture"),
        ({"region": ["a: content='everywhere | cut' style=1"]}, "a: GrabCut needs something inside the map"),
        ({"region": ["a: content='label labels.png #00ff00' style=1"]}, "a: the label map has nothing of #00ff00"),
        ({"region": ["a: content=wide.png style=1"]}, "a: its content mask is 64 x 20"),
        ({"region": ["a: content='wide.png | invert' style=1"]}, "a: mask wide.png: its content mask is 64 x 20"),
        ({"region": ["a: content=everywhere style=1:wide.png"]}, "a: its style mask is 64 x 20"),
        ({"region": ["a: content=everywhere style=1:empty.png"]}, "region 'a': its style map is empty"),
        ({"region": ["a: content=black.png style=1"]}, "every content mask is empty"),
        ({"region": ["a: content=gone.png style=1"]}, "gone.png: there is no such file"),
        ({"gradient": "gone.png: 1 -> 2"}, "gone.png: there is no such file"),
        ({"content_mask": [SKY, DISK], "weight": [1, 2]}, "weights mix styles that share every place"),
        ({"gradient": "linear 0: 1 -> 2", "weight": [1, 2]}, "weights mix styles that share every place"),
        ({"content_mask": [SKY]}, "1 content mask came with 2 styles."),
        ({"strength": [1, 1], "gradient": "linear 0: 1 -> 2"}, "2 strengths came without content masks"),
        ({"style_map": ["labels.png"]}, "Give `content_map`."),
        ({"content_patch": 8}, "Give `content_map`."),
        ({"style_patch": 8}, "Give `content_map`."),
        ({"content_map": "labels.png", "style_patch": 8}, "Give `content_patch` too."),
        (
            {"content_map": "labels.png", "content_patch": 8},
            "patches take one style with one label map; 2 styles and 0",
        ),
        (
            {"content_map": "labels.png", "style_map": ["labels.png", "labels.png"], "content_patch": 8},
            "patches take one style with one label map; 2 styles and 2 label maps came.",
        ),
        ({"content_map": "labels.png", "style_map": ["square.png"]}, "2 styles came with 1 label maps."),
        ({"content_map": "wide.png"}, "label map: its content mask is 64 x 20"),
        ({"content_map": "content.png"}, "have more than 32 colors"),
        ({"pair": ["1=2"]}, "Give `auto_regions` K."),
        ({"guide": "gone.json"}, "gone.json: cannot be read"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_told(guide, told, words):
    flat("labels.png", "ff0000", "0000ff")
    flat("square.png", "ff0000", "0000ff", size=(20, 20))
    flat("wide.png", "ffffff", "ffffff", size=(20, 64))
    picture.write_map("black.png", torch.zeros(SIZE))
    picture.write_map("empty.png", torch.zeros(20, 20))
    with pytest.raises((GuideError, PictureError)) as refused:
        guide(**{"notices": "ignore"} | told)
    assert words in str(refused.value)
    assert refused.value.exit_code == 3


def test_colors_that_do_not_pair_are_listed_on_both_sides(guide):
    flat("labels.png", "ff0000", "0000ff")
    flat("a.png", "ff0000", "00ff00", size=(20, 20))
    with pytest.raises(GuideError) as refused:
        guide(1, content_map="labels.png", style_map=["a.png"])
    assert "lacks colors of the content map: #0000ff (50 %). The style map alone has #00ff00 (50 %)." in str(
        refused.value
    )


def test_a_style_that_nothing_takes_is_noticed(guide):
    with pytest.warns(Notice, match=r"style 2 is not used by any region\."):
        guide(region=[f"content='{SKY}' style=1"], notices="default")


# ---- in Python ----------------------------------------------------------------------------------------------------


def test_maps_from_python_go_along_with_words(folder, pictures):
    mask = sources.ellipse(SIZE, (0.5, 0.5), (0.3, 0.3)).round()
    picture.write_map("fill it.png", mask)
    told = {"method": QUICK, "size": 32}
    image = stylize(*pictures[:2], content_masks=[mask], **told).image
    for one in (Path("fill it.png"), "'fill it.png'", "'fill it.png' | grow 0"):
        assert torch.equal(stylize(*pictures[:2], content_masks=[one], **told).image, image)
    by_region = stylize(*pictures[:2], regions=["a: content=\"'fill it.png'\""], **told).image
    assert torch.equal(by_region, image)
    with pytest.raises(IntarsiaError, match="no shape"):
        stylize(*pictures[:2], content_masks=["elipse 0,0 1,1"], **told)


# ---- real pictures ------------------------------------------------------------------------------------------------


@pytest.fixture
def real(cases):
    def make(content: str, style: str, **more) -> Job:
        settings = settings_of(QUICK)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)
            data = {"content": str(cases / content), "styles": [str(cases / style)], "size": 96, "settings": settings}
            return Job.open(Recipe(**data | more))

    return make


PAIRS = [("regions/photo_01", 3), ("regions/photo_28", 4)]


@pytest.mark.parametrize(("folder", "count"), PAIRS)
def test_published_label_maps_pair_as_published(cases, real, folder, count):
    maps = {side: cases / folder / f"{side}_seg.png" for side in ("content", "style")}
    job = real(
        f"{folder}/content.png",
        f"{folder}/style.png",
        content_map=str(maps["content"]),
        style_map=[str(maps["style"])],
    )
    assert len(job.guide.regions) == count
    read = {side: picture.read(path).image for side, path in maps.items()}
    for region in job.guide.regions:
        color = torch.tensor(list(bytes.fromhex(region.name[1:]))) / 255
        for image, one_map in ((read["content"], region.content_map), (read["style"], region.style_map)):
            near = ((image - color[:, None, None]).norm(dim=0) < 0.3).float()
            both, either = float((near * one_map).sum()), float((near + one_map).clamp(0, 1).sum())
            assert both / either > 0.95
    same(job.guide.shares((60, 96)).sum(0), torch.ones(60, 96))
    *_, last = job.frames()
    assert bool(job.result(last).image.isfinite().all())


DOODLES = [("Coastline_sem.png", "Monet"), ("Landscape_sem.png", "Renoir")]


@pytest.mark.parametrize(("drawn", "painter"), DOODLES)
def test_doodles_pair_with_paintings(cases, real, drawn, painter):
    folder = "doodle/neural_doodle"
    doodle, its_map = f"{folder}/{drawn}", str(cases / folder / f"{painter}_sem.png")
    job = real(doodle, f"{folder}/{painter}.jpg", content_map=str(cases / doodle), style_map=[its_map])
    assert len(job.guide.regions) == (5 if painter == "Monet" else 4)
    same(job.guide.shares((40, 60)).sum(0), torch.ones(40, 60))


def test_a_published_mask_keeps_what_is_outside(cases, real):
    mask = str(cases / "regions/cysmith_face/mask.png")
    for told in ({"content_mask": [mask]}, {"region": [f"person: content='{mask}'", "content=rest keep"]}):
        job = real("content/portrait_man_street.jpg", "style/starry_night_1280.jpg", **told)
        *_, last = job.frames()
        image, share = job.result(last).image, job.guide.shares(picture.fit(800, 600, 96))[0]
        assert 0.1 < float(share.mean()) < 0.9
        assert torch.equal(image[:, share == 0], job.content[:, share == 0])
        assert not torch.allclose(image[:, share == 1], job.content[:, share == 1], atol=0.1)


def test_what_takes_the_rest_can_be_changed_by_name(guide):
    told = ["disk: content='ellipse 0.5,0.5 0.3,0.3' style=1", "ground: content=rest style=2"]
    found = named(guide(region=[*told, "ground: strength=0.25 scale=2"]))
    assert (found["ground"].strength, found["ground"].style_scale) == (0.25, 2)
    assert found["disk"].strength == 1
