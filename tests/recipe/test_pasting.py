"""What is pasted comes where it should, at every size, and a recipe does it again."""

import warnings

import pytest
import torch
from PIL import Image

from intarsia import Gatys, Job, Recipe, picture
from intarsia.errors import GuideError, IntarsiaError, Notice, RecipeError, UsageError
from intarsia.methods import settings_of
from intarsia.networks import Networks
from intarsia.recipe import Paste, load_state, pasted, read_recipe, save_state, stylize

QUICK = Gatys(steps=4, coarsest=16, networks=Networks(encoder="toy", device="cpu", precision="fp32"))


def recipe_of(paste: dict, **more) -> Recipe:
    data = {"content": "content.png", "styles": ["content.png"], "size": 32, "settings": settings_of(QUICK)}
    return Recipe.model_validate(data | {"paste": {"object": "cut.png"} | paste} | more)


def test_the_object_comes_where_it_is_told_and_as_large(cutout):
    """Its longer side, 12 pixels, becomes half of the shorter side of 32 x 24."""
    job = Job.open(recipe_of({"at": (0.5, 0.25), "scale": 0.5}, content_mask=["pasted"]))
    expected = torch.zeros(24, 32)
    expected[2:10, 10:22] = 1
    torch.testing.assert_close(job.guide.regions[0].content_map, expected, atol=1e-4, rtol=0)
    green = torch.tensor([0.1, 0.8, 0.2])[:, None, None]
    assert float((job.content - green)[:, expected > 0].abs().max()) < 0.01
    content = picture.read("content.png").image
    assert torch.equal(job.content[:, expected == 0], content[:, expected == 0])


@pytest.mark.parametrize("size", [16, 32, 64, 96])
def test_it_is_in_the_same_place_at_every_size(cutout, size):
    paste = {"at": (0.4, 0.6), "scale": 0.6, "rotate": 30}
    cover = Job.open(recipe_of(paste, size=size, content_mask=["pasted"])).guide.regions[0].content_map
    h, w = cover.shape
    assert (h, w) == (size * 3 // 4, size)
    mass = cover.sum()
    x = (cover.sum(0) * (torch.arange(w) + 0.5)).sum() / mass / w
    y = (cover.sum(1) * (torch.arange(h) + 0.5)).sum() / mass / h
    assert (float(x), float(y)) == pytest.approx((0.4, 0.6), abs=0.005)
    assert float(mass) / h**2 == pytest.approx(0.6 * 0.4, rel=0.03)  # 12 x 8 is 0.6 by 0.4 of the height


def test_a_quarter_turn_is_clockwise(cutout):
    """What was on the left comes to the top."""
    half = torch.zeros(3, 20, 20)
    half[0, :, :10] = 1
    picture.write("half.png", half)
    job = Job.open(recipe_of({"object": "half.png", "mask": "everywhere", "rotate": 90, "scale": 0.5}))
    assert job.content[0, 8, 16] > 0.9 > 0.1 > job.content[0, 16, 16]


def test_a_mask_in_words_cuts_out_what_alpha_would(cutout):
    """With the colors of the object alone, whatever is around it."""
    by_alpha = Job.open(recipe_of({"scale": 0.4}, content_mask=["pasted"]))
    by_words = Job.open(recipe_of({"object": "flat.png", "mask": "fill 0,0 | invert", "scale": 0.4}))
    torch.testing.assert_close(by_words.content, by_alpha.content, atol=1e-4, rtol=0)


def test_a_large_object_has_no_more_detail_than_the_picture_can_show(cutout):
    """Stripes of one pixel become their mean, also where 100 of them come on one."""
    stripes = (torch.arange(1600) % 2).float().expand(3, 1600, 1600)
    picture.write("stripes.png", stripes)
    job = Job.open(recipe_of({"object": "stripes.png", "mask": "everywhere", "scale": 0.7, "rotate": 20}))
    assert float((job.content[:, 10:14, 14:18] - 0.5).abs().max()) < 0.02


def test_words_edit_what_was_pasted_and_regions_take_it(cutout):
    paste = {"at": (0.5, 0.5), "scale": 0.4}
    one, grown = (
        Job.open(recipe_of(paste, content_mask=[words])).guide.regions[0].content_map
        for words in ("pasted", "pasted | grow 2 | feather 3")
    )
    assert float(grown.sum()) > float(one.sum())
    regions = ["object: content=pasted style=1 strength=0.5", "around: content=rest style=1"]
    guide = Job.open(recipe_of(paste, region=regions)).guide
    assert torch.equal(guide.regions[0].content_map, one)
    torch.testing.assert_close(guide.regions[1].content_map, 1 - one)


def test_masks_of_the_contents_own_size_still_fit(cutout):
    """It is painted at half of it, without a word of resizing."""
    content = picture.read("content.png").image
    picture.write("large.png", picture.resize(content, (48, 64)))
    picture.write("mask.png", torch.ones(3, 48, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        job = Job.open(
            recipe_of({}, content="large.png", styles=["style.png"], content_mask=["mask.png | invert | invert"])
        )
    assert job.content.shape == (3, 24, 32)


def test_a_transparent_content_is_seen_where_something_is_on_it(cutout):
    clear = torch.zeros(24, 32)
    clear[:, :16] = 1
    picture.write("clear.png", picture.read("content.png").image, alpha=clear)
    job = Job.open(recipe_of({"at": (0.75, 0.5), "scale": 0.3}, content="clear.png", styles=["style.png"]))
    assert job.alpha is not None
    assert job.alpha[12, 24] == 1
    assert job.alpha[2, 30] == 0
    assert job.guide.regions[0].content_map[12, 24] == 1
    *_, last = job.frames()
    assert job.result(last).alpha is not None


# ---- kept in recipes -------------------------------------------------------------------------------------------------


def test_a_recipe_with_a_paste_survives_json_and_names_its_files(cutout):
    recipe = recipe_of({"mask": "mask.png | grow 2", "at": (0.1, 0.2), "rotate": -3})
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert sorted(recipe.files()) == ["content.png", "content.png", "cut.png", "mask.png"]
    moved = recipe.renamed(lambda name: f"there/{name}")
    assert moved.paste is not None
    assert (moved.paste.object, str(moved.paste.mask)) == ("there/cut.png", "there/mask.png | grow 2")


def test_a_painting_remembers_what_was_pasted(cutout):
    paste = {"object": "cut.png", "at": (0.3, 0.5), "scale": 0.4}
    result = stylize("content.png", "style.png", method=QUICK, size=32, content_masks=["pasted"], paste=paste)
    result.save("out.png")
    again = Job.open(read_recipe("out.png"))
    *_, last = again.frames()
    assert torch.equal(again.result(last).image, result.image)
    assert {"content.png", "style.png", "cut.png"} == again.recipe.inputs.keys()
    picture.write("cut.png", torch.zeros(3, 30, 40), alpha=torch.ones(30, 40) * 0.5)
    with pytest.warns(Notice, match=r"cut.png has changed since"):
        Job.open(read_recipe("out.png"))


def test_a_state_goes_on_with_the_same_paste_alone(cutout):
    job = Job.open(recipe_of({"scale": 0.3}))
    frames = job.frames()
    save_state(cutout / "state", next(frames), job.recipe)
    *_, last = frames
    *_, resumed = job.frames(load_state(cutout / "state", job.recipe))
    assert torch.equal(resumed.image, last.image)
    with pytest.raises(RecipeError, match="paste was"):
        load_state(cutout / "state", Job.open(recipe_of({"scale": 0.4})).recipe)


def test_objects_come_in_any_kind(cutout):
    opened = Image.open("cut.png")
    kinds = [{"object": "cut.png"}, {"object": cutout / "cut.png"}, {"object": opened}, Paste(object="cut.png")]
    kinds.append({"object": picture.read("cut.png").image, "mask": picture.read("cut.png").alpha})
    images = [stylize("content.png", "style.png", method=QUICK, size=32, paste=one).image for one in kinds]
    for image in images[1:]:
        torch.testing.assert_close(image, images[0], atol=1e-5, rtol=0)


# ---- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paste", "error", "words"),
    [
        ({"object": "flat.png"}, GuideError, 'Give an `object_mask`: a file, or words, "fill 0.02,0.02 | invert"'),
        ({"scale": 2}, GuideError, "the object is larger than the picture"),
        ({"at": (3, 0.5)}, GuideError, "the object is outside the picture"),
        ({"mask": "everywhere | subtract everywhere"}, GuideError, "cut.png: the mask of the object is empty"),
        (
            {"mask": "style.png"},
            GuideError,
            "mask style.png: its object mask is 20 x 20, the object picture 40 x 30. They",
        ),
        ({"mask": "style.png | invert"}, GuideError, "its object mask is 20 x 20, the object picture 40 x 30"),
        ({"mask": "pasted"}, GuideError, "nothing is pasted on the object"),
        ({"object": "gone.png"}, IntarsiaError, "gone.png"),
        ({"scale": 0}, UsageError, "paste.scale = 0"),
        ({"rotate": float("nan")}, UsageError, "rotate"),
        ({"blend": "poison"}, UsageError, "did you mean 'poisson'?"),
        ({"sclae": 1}, UsageError, "sclae"),
        ({"mask": "fil 0,0"}, UsageError, "did you mean 'fill'?"),
        ({}, UsageError, "paste.object is missing"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_painted(cutout, paste, error, words):
    given = ({"object": "cut.png"} if paste else {}) | paste
    with pytest.raises(error) as refused:
        stylize("content.png", "style.png", method=QUICK, size=32, paste=given)
    assert words in str(refused.value)


def test_nothing_is_pasted_where_there_is_no_paste(cutout):
    with pytest.raises(
        GuideError, match="'pasted' is what a pasted object covers, and nothing is pasted on the content"
    ):
        stylize("content.png", "style.png", method=QUICK, size=32, content_masks=["pasted"])
    paste = {"object": "cut.png"}
    with pytest.raises(GuideError, match="nothing is pasted on the style"):
        stylize("content.png", "style.png", size=32, content_masks=["pasted"], style_masks=["pasted"], paste=paste)


def test_the_blend_is_the_one_that_is_asked_for(cutout):
    content = picture.read("content.png")
    over, soft = (
        pasted(Paste(object="cut.png", blend=name), content, picture.read, picture.read_map, picture.read_labels)
        for name in ("over", "feather")
    )
    assert torch.equal(over.cover, soft.cover)
    assert not torch.equal(over.image, soft.image)
