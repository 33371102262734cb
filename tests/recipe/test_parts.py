"""A part comes from its place and goes back to it, and beyond its edge nothing moves."""

import json
import math

import pytest
import torch
import torch.nn.functional as F
from skimage import data

from intarsia import Gatys, Guide, Job, Recipe, picture
from intarsia.composite import BLENDS
from intarsia.errors import GuideError, UsageError
from intarsia.methods import settings_of
from intarsia.networks import Networks
from intarsia.recipe import Area, Part, load_state, read_recipe, save_state, stylize

QUICK = Gatys(steps=4, coarsest=16, networks=Networks(encoder="toy", device="cpu", precision="fp32"))
CORNERS = [(0.2, 0.15), (0.8, 0.25), (0.85, 0.8), (0.1, 0.9)]
PARTS = {
    "corners": {"corners": CORNERS},
    "polygon": {"polygon": [(0.3, 0.2), (0.8, 0.5), (0.2, 0.8)]},
    "flood": {"flood": (0.25, 0.25), "tolerance": 30},
}


def area_of(scene: torch.Tensor, **part) -> Area:
    return Area.of(Part.model_validate(part), picture.Opened(scene, None, 8, ()))


def recipe_of(part: dict, **more) -> Recipe:
    given = {"content": "content.png", "styles": ["style.png"], "settings": settings_of(QUICK), "part": part}
    return Recipe.model_validate(given | more)


def decibels(one: torch.Tensor, other: torch.Tensor, where: torch.Tensor) -> float:
    return -10 * math.log10(float((one - other)[:, where].square().mean()))


def beyond(area: Area, reach: int) -> torch.Tensor:
    return F.max_pool2d((area.cover > 0).float()[None], 2 * reach + 1, 1, reach)[0] == 0


@pytest.fixture
def blotch(folder):
    """content.png with a red patch in its upper left, which a fill finds."""
    content = picture.read("content.png").image
    content[:, 2:14, 2:18] = torch.tensor([0.8, 0.1, 0.1])[:, None, None]
    picture.write("content.png", content)
    return folder


def check_round_trip(scene: torch.Tensor, corners: list) -> None:
    area = area_of(scene, corners=corners)
    back = area.back(area.content.image)
    assert decibels(back, scene, area.cover >= 1) >= 38
    assert torch.equal(back[:, beyond(area, 3)], scene[:, beyond(area, 3)])


def test_there_and_back_without_painting_keeps_38_decibels():
    check_round_trip(torch.from_numpy(data.coffee()).permute(2, 0, 1).float() / 255, CORNERS)


def test_so_do_real_screens_and_sheets_of_paper(cases):
    for name, quads in json.loads((cases / "content" / "quads.json").read_text()).items():
        for corners in quads.values() if isinstance(quads, dict) else ():
            check_round_trip(picture.read(cases / name).image, corners)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("blend", [name for name in BLENDS if name != "pyramid"])  # which reaches farther than this
def test_beyond_its_edge_the_scene_stays_to_the_bit_and_within_it_is_painted(blotch, name, blend):
    job = Job.open(recipe_of(PARTS[name] | {"blend": blend, "feather": 2}))
    scene = picture.read("content.png").image
    *_, last = job.frames()
    image = job.result(last).image
    assert job.area is not None
    reach = 8 if blend == "statistics" else 2
    assert image.shape == scene.shape
    assert torch.equal(image[:, beyond(job.area, reach)], scene[:, beyond(job.area, reach)])
    assert float((image - scene)[:, job.area.cover >= 1].abs().mean()) > 0.01


def test_every_frame_shows_the_whole_scene(blotch):
    job = Job.open(recipe_of(PARTS["corners"]))
    frames = list(job.frames())
    assert {frame.image.shape for frame in frames} == {(3, *job.size)}
    assert torch.equal(job.result(frames[-1]).image, frames[-1].image)


def test_the_scene_keeps_its_size_unless_another_is_asked_for(blotch):
    assert Job.open(recipe_of(PARTS["corners"])).size == (24, 32)
    assert Job.open(recipe_of(PARTS["corners"], size=64)).size == (48, 64)


def test_the_rectangle_has_the_aspect_of_the_thing():
    """A sheet of 16 to 10, tilted and turned before a lens of 1,000 pixels."""
    w, h, tilt, turn = 800.0, 500.0, 0.5, 0.4
    sheet = torch.tensor([[-w, -h, 0], [w, -h, 0], [w, h, 0], [-w, h, 0]], dtype=torch.float64) / 2
    (ct, st), (cu, su) = ((math.cos(one), math.sin(one)) for one in (tilt, turn))
    tilted = torch.tensor([[1, 0, 0], [0, ct, -st], [0, st, ct]], dtype=torch.float64)
    turned = torch.tensor([[cu, 0, su], [0, 1, 0], [-su, 0, cu]], dtype=torch.float64)
    seen = sheet @ (tilted @ turned).T + torch.tensor([50.0, -30, 1200])
    corners = seen[:, :2] / seen[:, 2:] * 1000 / torch.tensor([1000, 800]) + 0.5
    area = area_of(torch.rand(3, 800, 1000), corners=corners.tolist())
    high, wide = area.content.image.shape[1:]
    assert wide / high == pytest.approx(1.6, rel=0.01)


def test_masks_and_regions_are_of_the_part(blotch):
    """Its left half takes the style."""
    job = Job.open(recipe_of(PARTS["corners"], content_mask=["rectangle 0,0 0.5,1"]))
    left = job.guide.regions[0].content_map
    assert left is not None
    assert left.shape == job.content.shape[1:]
    *_, last = job.frames()
    scene = picture.read("content.png").image
    moved = (job.result(last).image - scene).abs().sum(0)
    assert float(moved[8:16, 8:12].mean()) > 5 * float(moved[8:16, 22:24].mean())


def test_a_paste_may_be_in_the_part(blotch):
    picture.write("cut.png", torch.zeros(3, 6, 6), alpha=torch.ones(6, 6))
    paste = {"object": "cut.png", "mask": "everywhere", "scale": 0.2}
    job = Job.open(recipe_of(PARTS["corners"], paste=paste, content_mask=["pasted"]))
    found = job.guide.regions[0].content_map
    assert found is not None
    assert 0 < float(found.mean()) < 0.5
    assert float(job.content[:, found > 0.9].max()) < 0.1


# ---- in recipes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARTS)
def test_a_painting_remembers_its_part(blotch, name):
    part = PARTS[name] | {"surround": "other.png"}
    result = stylize("content.png", "style.png", method=QUICK, part=part)
    result.save("out.png")
    recipe = read_recipe("out.png")
    assert set(recipe.files()) == {"content.png", "style.png", "other.png"} == recipe.inputs.keys()
    again = Job.open(recipe)
    *_, last = again.frames()
    assert torch.equal(again.result(last).image, result.image)


def test_the_rest_takes_its_own_style_in_the_same_run(blotch):
    scene = picture.read("content.png").image
    part = PARTS["polygon"]
    job = Job.open(recipe_of(part | {"surround": "other.png"}))
    frames = list(job.frames())
    assert [frame.step for frame in frames] == list(range(1, 9))
    assert {frame.steps for frame in frames} == {8}
    assert [frame.done for frame in frames] == sorted(frame.done for frame in frames)
    *_, around = QUICK(scene, Guide.everywhere(picture.read("other.png").image))
    assert job.area is not None
    shown = job.result(frames[-1]).image
    assert torch.equal(shown[:, beyond(job.area, 3)], around.image[:, beyond(job.area, 3)])
    *_, alone = Job.open(recipe_of(part)).frames()
    within = F.max_pool2d((job.area.cover < 1).float()[None], 7, 1, 3)[0] == 0  # farther in than the edge is soft
    assert bool(within.any())
    assert torch.equal(shown[:, within], alone.image[:, within])


@pytest.mark.parametrize("stopped", range(1, 8))
def test_a_run_goes_on_from_any_step(blotch, stopped):
    job = Job.open(recipe_of(PARTS["polygon"] | {"surround": "other.png"}))
    frames = job.frames()
    for frame in frames:
        if frame.step == stopped:
            save_state(blotch / "state", frame, job.recipe)
            break
    *_, last = frames
    *_, resumed = Job.open(job.recipe).frames(load_state(blotch / "state", job.recipe))
    assert torch.equal(resumed.image, last.image)


# ---- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "error", "words"),
    [
        ({"corners": [CORNERS[0], CORNERS[2], CORNERS[1], CORNERS[3]]}, GuideError, "crosses itself or is dented"),
        ({"corners": [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9), (0.1, 0.9)]}, GuideError, "three of four lie on one line"),
        ({"corners": CORNERS[:3]}, UsageError, "`corners` are four points, in their order around; 3 came"),
        ({"corners": [*CORNERS, (0.1, 0.5)]}, UsageError, "5 came"),
        ({"corners": [*CORNERS[:3], (120, 400)]}, UsageError, "the point 120,400 is outside the picture"),
        ({"polygon": [(0.1, 0.1), (0.5, 0.5)]}, UsageError, "a `polygon` takes three points or more; 2 came"),
        ({"polygon": [(1.1, 0.1), (1.5, 0.5), (1.2, 0.9)]}, UsageError, "Divide pixels by the picture's width"),
        ({"polygon": [(0.1, 0.1), (0.5, 0.1), (0.9, 0.1)]}, GuideError, "the polygon covers nothing"),
        ({"corners": [(0, 0), (1, 0), (1, 1), (0, 1)]}, GuideError, "the part is the whole picture"),
        ({"corners": [(0.5, 0.5), (0.6, 0.5), (0.6, 0.6), (0.5, 0.6)]}, GuideError, "pixels, too small to be painted"),
        ({"flood": (0.25, 0.25), "tolerance": 100}, GuideError, "% of the picture. Try a `tolerance` of"),
        ({"flood": (1.25, 0.25)}, UsageError, "the point 1.25,0.25 is outside the picture"),
        ({}, UsageError, "say which part is painted in one way"),
        ({"corners": CORNERS, "flood": (0.5, 0.5)}, UsageError, "say which part is painted in one way"),
        ({"corners": CORNERS, "blend": "poison"}, UsageError, "did you mean 'poisson'?"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_painted(blotch, part, error, words):
    with pytest.raises(error) as refused:
        stylize("content.png", "style.png", method=QUICK, part=part)
    assert words in str(refused.value)


def test_the_tolerance_that_is_suggested_does_not_spill(blotch):
    with pytest.raises(GuideError) as refused:
        Job.open(recipe_of({"flood": (0.25, 0.25), "tolerance": 100}))
    suggested = float(str(refused.value).split("Try a `tolerance` of ")[1].split(",")[0])
    job = Job.open(recipe_of({"flood": (0.25, 0.25), "tolerance": suggested}))
    assert job.area is not None
    assert 0.2 < float(job.area.cover.mean()) < 0.8


def test_where_no_tolerance_helps_that_is_told(folder):
    picture.write("flat.png", torch.full((3, 24, 32), 0.5))
    with pytest.raises(GuideError, match="no smaller `tolerance` helps"):
        Job.open(recipe_of({"flood": (0.5, 0.5)}, content="flat.png"))


def test_a_wide_edge_fades_out_without_a_step():
    scene = picture.Opened(torch.zeros(3, 40, 400), None, 8, ())
    area = Area.of(Part(polygon=[(0, 0), (0.25, 0), (0.25, 1), (0, 1)], feather=150), scene)
    row = area.back(torch.ones_like(area.content.image))[0, 20]
    assert float(row.diff().abs().max()) < 0.03
    assert bool((row[260:] == 0).all())
