"""The files of a recipe: what has changed is told, and what is invisible has no say."""

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image as PilImage

from intarsia import Gatys, Job, Recipe, picture
from intarsia.errors import GuideError, Notice, PictureError
from intarsia.methods import settings_of
from intarsia.networks import Networks
from intarsia.recipe import Files, stylize

QUICK = Gatys(steps=6, coarsest=16, networks=Networks(encoder="toy", device="cpu", precision="fp32"))


def left(h: int = 24, w: int = 32) -> torch.Tensor:
    mask = torch.zeros(h, w)
    mask[:, : w // 2] = 1
    return mask


def test_a_changed_file_is_noticed(folder):
    recipe = Job.open(Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))).recipe
    os.replace("other.png", "style.png")
    with pytest.warns(Notice, match="style.png has changed") as caught:
        Job.open(recipe)
    assert len(caught) == 1


def half_hidden(image: torch.Tensor, color: float) -> torch.Tensor:
    """With its right half transparent, and this color under it."""
    seen = left(*image.shape[-2:])
    return torch.cat([torch.where(seen > 0, image, torch.tensor(color)), seen[None]])


@pytest.mark.parametrize("size", [32, 50])
def test_the_invisible_has_no_say(pictures, size):
    """Whatever color lies under it, in a style or in the content: the same picture to the bit."""
    content, style, _ = pictures
    one, two = (stylize(content, half_hidden(style, color), method=QUICK, size=size).image for color in (0.0, 1.0))
    assert torch.equal(one, two)
    one, two = (stylize(half_hidden(content, color), style, method=QUICK, size=size) for color in (0.0, 1.0))
    seen = one.alpha > 0
    assert torch.equal(one.image[:, seen], two.image[:, seen])
    assert not torch.equal(one.image, two.image)


def test_what_is_invisible_altogether_is_told(pictures):
    content, style, _ = pictures
    nothing = torch.cat([style, torch.zeros(1, 20, 20)])
    for arguments in ((content, nothing), (nothing, style)):
        with pytest.raises(PictureError, match="transparent everywhere"):
            stylize(*arguments, method=QUICK, size=32)
    with pytest.raises(GuideError, match="transparent wherever it is to be painted"):
        stylize(half_hidden(content, 0.0), style, method=QUICK, size=32, content_masks=[1 - left()])
    masks = {"content_masks": [left()], "style_masks": [1 - left(20, 20)]}
    with pytest.raises(GuideError, match="style map is empty"):
        stylize(content, half_hidden(style, 0.0), method=QUICK, size=32, **masks)


def test_for_another_content_styles_are_not_read_again_and_swatches_have_its_size(folder, monkeypatch):
    recipe = Recipe(content="content.png", styles=["style.png", "swatch:ink"], method="wct")
    first = Files(recipe, {})
    for name in ("content.png", "style.png", "swatch:ink"):
        first.read(name)
    second = first.of(recipe.model_copy(update={"content": "large.png"}))
    read, large = [], picture.Opened(torch.rand(3, 20, 300), None, 8, ())
    monkeypatch.setattr(picture, "read", lambda name, **more: read.append(name) or large)
    second.read("large.png")
    assert second.read("style.png") is first.read("style.png")
    assert read == ["large.png"]
    assert first.read("swatch:ink").image.shape == (3, 256, 256)
    assert second.read("swatch:ink").image.shape == (3, 300, 300)


# ---- frames by name --------------------------------------------------------------------------------------------------


def pages(name: str, *images: torch.Tensor) -> str:
    first, *others = (picture.to_pil(image) for image in images)
    first.save(name, save_all=True, append_images=others)
    return name


def gray(one_map: torch.Tensor) -> torch.Tensor:
    return one_map.expand(3, *one_map.shape)


WHERE = {
    "content": {"content": "pictures.tif#2"},
    "style": {"styles": ["pictures.tif#2"]},
    "start": {"start": "pictures.tif#2"},
    "content mask": {"content_mask": ["masks.tif#2"]},
    "mask that is edited": {"content_mask": ["masks.tif#2 | grow 1"]},
    "mask put together": {"content_mask": ["everywhere | intersect masks.tif#2"]},
    "style mask": {"content_mask": ["masks.tif#2"], "style_mask": ["masks.tif#2"]},
    "region": {"region": ["sky: content=masks.tif#2 style=1:masks.tif#2"]},
    "gradient": {"styles": ["style.png", "other.png"], "gradient": "masks.tif#2: 1 -> 2"},
    "label maps": {"content_map": "masks.tif#2", "style_map": ["masks.tif#2"]},
    "label": {"content_mask": ["label masks.tif#2 #ffffff"]},
}


@pytest.fixture
def paged(folder, pictures):
    """Of two pages each, the second of which is also in a file of its own."""
    pages("pictures.tif", pictures[2], pictures[0])
    pages("masks.tif", gray(1 - left(24, 24)), gray(left(24, 24)))
    picture.write("pictures-2.png", pictures[0])
    picture.write("masks-2.png", gray(left(24, 24)))


def job_of(data: dict) -> Job:
    picture.write("square.png", picture.read("content.png").image[:, :, :24])
    usual = {"content": "square.png", "styles": ["style.png"], "size": 24, "settings": settings_of(QUICK)}
    return Job.open(Recipe.model_validate(usual | data))


@pytest.mark.parametrize("where", WHERE)
def test_every_file_may_be_a_frame_of_one(paged, where):
    """The same as from a file that holds that page alone."""
    job = job_of(WHERE[where])
    alone = job_of(json.loads(json.dumps(WHERE[where]).replace(".tif#2", "-2.png")))
    for frame, same in zip(job.frames(), alone.frames(), strict=True):
        assert torch.equal(frame.image, same.image)
    named = {name for name in job.recipe.inputs if "#" in name}
    assert named <= {"pictures.tif#2", "masks.tif#2"}
    assert named


@pytest.mark.parametrize("where", WHERE)
def test_and_without_the_number_it_is_told_how(paged, where):
    with pytest.raises(PictureError, match=r"\.tif: holds 2 frames or pages. Name one by its number, \w+\.tif#1 to"):
        job_of(json.loads(json.dumps(WHERE[where]).replace("#2", "")))


@pytest.mark.parametrize("where", WHERE)
def test_a_recipe_with_frames_comes_back_and_moves(paged, where, monkeypatch, tmp_path):
    recipe = job_of(WHERE[where]).recipe
    assert Recipe.from_json(recipe.to_json()) == recipe
    moved = recipe.renamed(lambda name: f"{tmp_path}/{name}")
    monkeypatch.chdir("/")
    assert Job.open(moved).content.shape == (3, 24, 24) if where != "content" else Job.open(moved)


def test_a_frame_beside_the_name_is_of_the_content_alone(paged):
    with pytest.raises(PictureError, match="holds 2 frames"):
        job_of({"content": "pictures.tif", "frame": 2, "styles": ["pictures.tif"]})
    job = job_of({"content": "pictures.tif", "frame": 2, "styles": ["pictures.tif#1"]})
    assert torch.equal(job.content, job_of({"content": "pictures.tif#2"}).content)
    assert not torch.equal(job.styles[0], job_of({"styles": ["pictures.tif#2"]}).styles[0])


def test_a_doodle_on_a_page_reads_its_map_there(paged):
    maps = {"content": "masks.tif", "frame": 2, "content_map": "masks.tif", "style_map": ["masks.tif#2"]}
    assert len(job_of(maps).guide.regions) == 2


def test_python_takes_frames_by_name(paged):
    result = stylize("pictures.tif#2", Path("pictures.tif#1"), method=QUICK, size=32)
    assert result.recipe.content == "pictures.tif#2"
    with pytest.raises(PictureError, match=r"pictures\.tif#1 to pictures\.tif#2"):
        stylize("content.png", "pictures.tif", method=QUICK, size=32)


# ---- metadata --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "kept"), [("safe", {315, 33432}), ("keep", {270, 315, 33432}), ("none", set())])
def test_a_result_is_saved_with_what_the_photograph_told(folder, pictures, policy, kept):
    exif = PilImage.Exif()
    exif[315], exif[33432], exif[270], exif[274] = "Somebody", "(c) Somebody", "At home", 1
    picture.to_pil(pictures[0]).save("photo.jpg", exif=exif)
    result = stylize("photo.jpg", "style.png", method=QUICK, size=32)
    result.save("painted.jpg", metadata=policy)
    with PilImage.open("painted.jpg") as image:
        assert set(image.getexif()) - {0x8769} == kept
    assert picture.read_recipe("painted.jpg") == result.recipe.to_json()
    result.save("painted.jpg", metadata=policy, with_recipe=False)
    assert picture.read_recipe("painted.jpg") is None
    assert b"photo.jpg" not in Path("painted.jpg").read_bytes()
