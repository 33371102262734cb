"""A guide as a file: what is written is read back, and what a stranger's guide may not do."""

import dataclasses
import json
import os
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia import Gatys, Guide, Job, Recipe, picture, sources
from intarsia.errors import GuideError, Notice
from intarsia.guide import Region
from intarsia.methods import settings_of
from intarsia.networks import Networks
from intarsia.recipe import maps_of_guide, read_guide, write_guide
from intarsia.recipe.guidefile import MOST_BYTES, files_of_guide

QUICK = Gatys(steps=6, coarsest=16, networks=Networks(encoder="toy", device="cpu", precision="fp32"))
SETTINGS = ("name", "strength", "style_scale", "content_weight", "color", "color_form")


def recipe(**more) -> Recipe:
    told = {"content": "content.png", "styles": ["style.png", "other.png"], "size": 32, "settings": settings_of(QUICK)}
    return Recipe(**told | more)


def opened(**more) -> Job:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        warnings.filterwarnings("ignore", "style 1 is not used|region 1: its content mask is 16 x 12", Notice)
        return Job.open(recipe(**more))


def painted(job: Job) -> torch.Tensor:
    *_, last = job.frames()
    return job.result(last).image


def soft(h: int, w: int, seed: int) -> torch.Tensor:
    return torch.rand(h, w, generator=torch.Generator().manual_seed(seed))


# ---- written and read ---------------------------------------------------------------------------------------------

DISK = sources.ellipse((24, 32), (0.4, 0.5), (0.3, 0.3)).round()
GUIDES = {
    "hard": lambda a, b: (Region(a, DISK, name="disk"), Region(b, 1 - DISK, (soft(20, 20, 1) > 0.5).float())),
    "soft": lambda a, b: (Region(a, soft(24, 32, 2), soft(20, 20, 3)), Region(b, 0.5 * soft(24, 32, 4))),
    "small maps": lambda a, b: (Region(b, DISK[::2, ::2]), Region(a, 1 - DISK)),
    "everywhere": lambda a, b: (Region(b),),
    "mixed": lambda a, b: Guide.everywhere(a, b, weights=[1, 3]).regions,
    "one map twice": lambda a, b: (Region(a, DISK * 0.5), Region(b, DISK * 0.5)),
    "settings": lambda a, b: (
        Region(a, DISK, strength=0.75, style_scale=2, content_weight=0.1, color="match", color_form="pca", name="d'or"),
        Region(b, 1 - DISK, strength=0, color="luminance", name='"ciel"'),
    ),
}


@pytest.mark.parametrize("kind", GUIDES)
def test_a_guide_comes_back(folder, kind):
    """Its shares to 1/65,535, its settings exactly; the guide of hard maps paints the same picture to the bit."""
    job = opened()
    guide = Guide(GUIDES[kind](*job.styles))
    write_guide("g.json", guide, job.styles)
    again = opened(guide="g.json")
    assert len(again.guide.regions) == len(guide.regions)
    for size in ((24, 32), (12, 16)):
        torch.testing.assert_close(again.guide.shares(size), guide.shares(size), atol=1 / 65_535, rtol=0)
    for one, two in zip(again.guide.regions, guide.regions, strict=True):
        assert [one.style is style for style in again.styles] == [two.style is style for style in job.styles]
        if two.style_map is None:
            assert one.style_map is None
        else:
            torch.testing.assert_close(one.style_map, two.style_map, atol=1 / 65_535, rtol=0)
        named = dataclasses.replace(two, name=two.name or one.name)
        assert [getattr(one, name) for name in SETTINGS] == [getattr(named, name) for name in SETTINGS]
    before, after = painted(dataclasses.replace(job, guide=guide)), painted(again)
    if kind in ("hard", "small maps", "everywhere", "settings"):
        assert torch.equal(after, before)
    else:
        torch.testing.assert_close(after, before, atol=0.02, rtol=0)


def test_what_is_written_overrules_the_flags_beside_it(folder):
    """A guide is the same whatever else is said; only a region says more of it."""
    job = opened()
    write_guide("g.json", Guide(GUIDES["hard"](*job.styles)), job.styles)
    flags = {"style_scale": 3, "color": "match", "strength": [0.5], "region": ["disk: scale=2"]}
    with pytest.warns(Notice) as told:
        (disk, other) = Job.open(recipe(guide="g.json", **flags)).guide.regions
    assert [str(one.message).split(",")[0] for one in told] == [
        "`style_scale` changes nothing",
        "`color` changes nothing",
    ]
    assert (disk.style_scale, disk.color, disk.strength) == (2, "none", 1)
    assert (other.style_scale, other.color, other.strength) == (1, "none", 1)


@pytest.mark.filterwarnings("ignore:style 1 is not used")
def test_regions_told_by_hand_take_what_is_not_said_from_the_flags(folder):
    Path("g.json").write_text('{"regions": [{"name": "a", "content": "everywhere", "style": 2, "scale": 2}]}')
    (one,) = Job.open(recipe(guide="g.json", style_scale=3, color="match")).guide.regions
    assert (one.style_scale, one.color) == (2, "match")


def test_maps_are_in_words_too(folder):
    picture.write_map("left.png", DISK)
    regions = [
        {"name": "a", "content": "left.png | invert", "style": 1, "style_map": "linear 90"},
        {"name": "b", "content": "rest", "style": 2},
    ]
    Path("g.json").write_text(json.dumps({"regions": regions}))
    a, b = opened(guide="g.json").guide.regions
    assert torch.equal(a.content_map, 1 - DISK)
    assert torch.equal(b.content_map, DISK)
    assert torch.equal(a.style_map, sources.linear((20, 20), 90))


def test_a_guide_is_found_from_anywhere(folder, monkeypatch):
    """Its maps are beside it, whatever the current folder is."""
    Path("guides").mkdir()
    job = opened()
    write_guide("guides/g.json", Guide(GUIDES["hard"](*job.styles)), job.styles)
    told = {"g.json", "g-1.png", "g-2.png", "g-2-style.png"}
    assert {path.name for path in Path("guides").iterdir()} == told
    assert set(map(str, maps_of_guide("guides/g.json", 2))) == {
        "guides/g-1.png",
        "guides/g-1-style.png",
        "guides/g-2.png",
        "guides/g-2-style.png",
    }
    here = painted(opened(guide="guides/g.json"))
    assert set(recipe(guide="guides/g.json").files()) >= {f"guides/{name}" for name in told}
    assert files_of_guide("guides/g.json") == [
        f"guides/{name}" for name in ("g.json", "g-1.png", "g-2.png", "g-2-style.png")
    ]
    monkeypatch.chdir("guides")
    there = Job.open(recipe(content="../content.png", styles=["../style.png", "../other.png"], guide="g.json"))
    assert torch.equal(painted(there), here)


@pytest.mark.filterwarnings("ignore:style [12] is not used")
def test_a_guide_that_has_changed_is_noticed(folder):
    Path("g.json").write_text('{"regions": [{"content": "everywhere", "style": 1}]}')
    known = Job.open(recipe(guide="g.json")).recipe
    assert "g.json" in known.inputs
    Path("g.json").write_text('{"regions": [{"content": "everywhere", "style": 2}]}')
    with pytest.warns(Notice, match="g.json has changed since the recipe was written"):
        Job.open(known)


def test_a_map_that_several_regions_share_is_written_once(folder, random_image):
    style = random_image(8, 8)
    write_guide("g.json", Guide((Region(style, DISK), Region(style, DISK, DISK))), [style])
    assert sorted(path.name for path in Path().glob("g-*")) == ["g-1.png"]


def test_a_style_that_was_not_given_is_told(folder, random_image):
    with pytest.raises(GuideError, match="region 'sky': its style is none of the 1 styles"):
        write_guide("g.json", Guide((Region(random_image(8, 8), name="sky"),)), [random_image(8, 8)])
    assert not list(Path().glob("g*"))


@given(st.text(max_size=250) | st.just("\udcff"))
@settings(max_examples=30, deadline=None)
def test_a_region_may_have_any_name(tmp_path_factory, name):
    style, path = torch.zeros(3, 8, 8), str(tmp_path_factory.mktemp("guide") / "g.json")
    write_guide(path, Guide((Region(style, name=name),)), [style])
    assert read_guide(path)[0].name == name[:200].replace("\udcff", "?")


# ---- what a guide may not -----------------------------------------------------------------------------------------


def region(**keys) -> str:
    return json.dumps({"regions": [{"name": "sky", "content": "left.png", "style": 1} | keys]})


@pytest.fixture
def wary(folder):
    """A folder with a guide's map, and things around it that a guide has no business with."""
    (folder / "guides" / "deeper").mkdir(parents=True)
    picture.write_map("guides/left.png", DISK)
    picture.write_map("guides/deeper/map.png", DISK)
    picture.write_map("secret.png", DISK)
    os.symlink("../secret.png", "guides/link.png")
    os.symlink("..", "guides/up")
    os.symlink("deeper/map.png", "guides/within.png")
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "g.json is not JSON"),
        ("{", "g.json is not JSON"),
        ("\x00\xff\xfe", "g.json is not JSON"),
        ("[" * 100_000, "g.json is not JSON"),
        ('{"regions": ' * 100_000, "g.json is not JSON"),
        ('{"regions": [{"style": ' + "9" * 10_000 + "}]}", "g.json is not JSON"),
        ("[1]", "the guide is a JSON list, not an object."),
        ("null", "the guide is a JSON NoneType, not an object."),
        ('{"regions": 3}', "regions: Input should be a valid list."),
        ('{"regions": []}', "regions: "),
        ('{"regions": [3]}', "regions.1 is a JSON int, not an object."),
        ("{}", "regions: Field required."),
        ('{"regins": [{"content": "left.png"}]}', "did you mean 'regions'?"),
        (region(contnt_weight=1), "regions.1.contnt_weight: no key 'contnt_weight': did you mean 'content_weight'?"),
        (region(**{"x" * 10_000: 1}), "no key 'xxx"),
        (region(strength=-1), "regions.1.strength: Input should be greater than or equal to 0."),
        (region(strength=float("nan")), "regions.1.strength: "),
        (region(strength="1e999"), "regions.1.strength: "),
        (region(style="first"), "regions.1.style: "),
        (region(style=0), "regions.1.style: "),
        (region(style=65), "regions.1.style: "),
        (region(scale=0), "regions.1.scale: "),
        (region(color="mach"), "regions.1.color: "),
        (region(name="n" * 300), "regions.1.name: "),
        (region(content=3), "regions.1.content: Input should be a valid string."),
        (region(content=["left.png"]), "regions.1.content: "),
        (region(content=""), "regions.1.content: a map is missing"),
        (region(content="elipse 0.5,0.5 0.1,0.1"), "regions.1.content: 'elipse 0.5,0.5 0.1,0.1': no shape 'elipse'"),
        (region(content="fill 0.5,0.5 tolerance=-1"), "a tolerance of -1.0 cannot be"),
        (region(content="left.png | grow " + "9" * 400), "is no number that can be"),
        (region(style_map="rest"), "regions.1.style_map: 'rest' is what the other regions leave"),
        (region(content="gone.png"), "its map gone.png is not there. Put it beside the guide, or drop the region."),
        (region(content="deeper"), "its map deeper is not there"),
        (region(content="-"), "its map - is not there"),
        (region(content="swatch:ink"), "its map swatch:ink is not there"),
        (region(content="a\u0000b.png"), "is not there"),
        (region(content="\ud800.png"), "is not there"),
        (region(content="x" * 10_000), "is not there"),
        (region(content="/etc/passwd"), "its map /etc/passwd is outside the guide's folder. Put it beside the guide."),
        (region(content="../secret.png"), "its map ../secret.png is outside the guide's folder"),
        (region(content="deeper/../../secret.png"), "is outside the guide's folder"),
        (region(content="link.png"), "its map link.png is outside the guide's folder"),
        (region(content="up/secret.png"), "its map up/secret.png is outside the guide's folder"),
        (region(style_map="../secret.png"), "is outside the guide's folder"),
        (region(content="everywhere | subtract ../secret.png"), "is outside the guide's folder"),
        (region(content="label ../secret.png #ffffff"), "is outside the guide's folder"),
    ],
    ids=lambda text: text[:60],
)
def test_what_is_no_guide_is_told_with_its_name(wary, text, words):
    Path("guides/g.json").write_text(text, "utf-8", "surrogatepass")
    with pytest.raises(GuideError) as refused:
        read_guide("guides/g.json")
    told = str(refused.value)
    assert words in told
    assert told.startswith("guides/g.json")
    assert len(told) < 600
    for internal in ("WrittenRegion", "GuideFile", "pydantic"):
        assert internal not in told
    assert files_of_guide("guides/g.json") == ["guides/g.json"]


@pytest.mark.parametrize("map_name", ["left.png", "./left.png", "deeper/map.png", "deeper/../left.png", "within.png"])
def test_what_is_in_its_folder_is_reached(wary, map_name):
    Path("guides/g.json").write_text(region(content=map_name))
    (one,) = read_guide("guides/g.json")
    assert one.files() == [f"guides/{map_name}"]
    assert Job.open(recipe(guide="guides/g.json", styles=["style.png"])).guide.regions[0].name == "sky"


@pytest.mark.parametrize("map_name", ["masks.tif#2", "./masks.tif#1", "deeper/../masks.tif#2"])
def test_a_map_may_be_a_frame(wary, map_name):
    page = picture.to_pil(DISK.expand(3, *DISK.shape))
    page.save("guides/masks.tif", save_all=True, append_images=[page])
    Path("guides/g.json").write_text(region(content=map_name))
    assert Job.open(recipe(guide="guides/g.json", styles=["style.png"])).guide.regions[0].name == "sky"


@pytest.mark.parametrize(
    ("map_name", "words"),
    [
        ("link.png#1", "outside the guide's folder"),
        ("../secret.png#1", "outside the guide's folder"),
        ("up/secret.png#2", "outside the guide's folder"),
        ("gone.png#1", "is not there"),
    ],
)
def test_a_number_behind_a_name_opens_no_way_out(wary, map_name, words):
    Path("guides/g.json").write_text(region(content=map_name))
    with pytest.raises(GuideError, match=words):
        read_guide("guides/g.json")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.json", "gone.json: cannot be read (No such file or directory). Write one with `save_guide`."),
        ("guides", "guides: this is no file"),
        ("style.png", "style.png is not JSON"),
        ("pipe", "pipe: this is no file"),
        ("huge.json", "huge.json: a guide file of more than 4 MB is none of ours"),
        ("a\0b", "cannot be read"),
        ("\ud800", "cannot be read"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_what_is_no_guide_file_is_told(wary, name, words):
    os.mkfifo("pipe")
    with open("huge.json", "wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(GuideError) as refused:
        read_guide(name)
    assert words in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_style_beyond_those_given_is_told(folder):
    Path("g.json").write_text('{"regions": [{"name": "sky", "content": "everywhere", "style": 3}]}')
    with pytest.raises(GuideError, match="region 'sky' takes style 3, but 2 styles were given"):
        Job.open(recipe(guide="g.json"))
