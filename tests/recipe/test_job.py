"""A recipe with its pictures loaded, and the one call of the Python interface."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia
from intarsia import Gatys, Guide, Job, Recipe, Region, picture
from intarsia.errors import GuideError, IntarsiaError, PictureError, RecipeError, UsageError
from intarsia.methods import settings_of
from intarsia.networks import Networks
from intarsia.recipe import read_guide, read_recipe, stylize, write_guide
from intarsia.sources import WrittenMap

QUICK = Gatys(steps=6, coarsest=16, networks=Networks(encoder="toy", device="cpu", precision="fp32"))


def eight_bit(image: torch.Tensor) -> np.ndarray:
    return np.array(picture.to_pil(image))


def left(h: int = 24, w: int = 32) -> torch.Tensor:
    mask = torch.zeros(h, w)
    mask[:, : w // 2] = 1
    return mask


def test_settings_are_those_that_differ():
    assert settings_of(Gatys()) == {}
    assert settings_of(Gatys(steps=20, networks=Networks(encoder_weights=Path("w")))) == {
        "steps": 20,
        "encoder_weights": "w",
    }


def test_a_job_opens_from_another_folder(folder, monkeypatch):
    recipe = Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))
    monkeypatch.chdir("/")
    job = Job.open(recipe, folder)
    assert job.content.shape == (3, 24, 32)
    assert job.recipe.inputs.keys() == {str(folder / "content.png"), str(folder / "style.png")}


def test_a_recipe_tells_the_version_that_painted(folder):
    old = Recipe(version="0.0.1", content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))
    assert Job.open(old).recipe.version == intarsia.__version__


def test_a_method_of_an_earlier_job_serves_again(folder):
    recipe = Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))
    assert Job.open(recipe, method=QUICK).method is QUICK
    assert Job.open(recipe).method == QUICK


def test_every_kind_of_picture_means_the_same(folder):
    """Path, name, PIL, numpy of bytes and of floats, tensor."""
    painted = stylize("content.png", "style.png", method=QUICK, size=32).image
    content, style = (picture.read(name).image for name in ("content.png", "style.png"))
    for made in (
        (Path("content.png"), Path("style.png")),
        (Image.open("content.png"), Image.open("style.png")),
        (eight_bit(content), eight_bit(style)),
        (content.permute(1, 2, 0).numpy(), style.permute(1, 2, 0).double().numpy()),
        (content, style.double().requires_grad_()),
        (eight_bit(content), "style.png"),
    ):
        torch.testing.assert_close(stylize(*made, method=QUICK, size=32).image, painted, atol=1e-5, rtol=0)


def test_the_module_offers_it_too():
    assert intarsia.stylize is stylize


def test_the_result_can_be_kept_shown_and_painted_again(folder):
    result = stylize("content.png", "style.png", method=QUICK, size=32)
    result.save("out.png")
    result.save("deep.png", depth=16)
    assert picture.read("deep.png").depth == 16
    assert result.to_pil().size == (32, 24)
    assert result._repr_png_().startswith(b"\x89PNG")
    assert read_recipe("out.png") == result.recipe
    job = Job.open(result.recipe)
    *_, last = job.frames()
    assert torch.equal(job.result(last).image, result.image)


def test_frames_are_seen_on_the_way(folder):
    seen = []
    result = stylize("content.png", "style.png", method=QUICK, size=32, on_frame=seen.append)
    assert [frame.step for frame in seen] == [1, 2, 3, 4, 5, 6]
    assert result.frame is seen[-1]


def test_masks_come_in_any_kind_and_keep_the_rest(folder):
    mask = left()
    for made in (mask, mask.numpy(), (mask.numpy() * 255).astype(np.uint8), Image.fromarray(mask.numpy() > 0)):
        image = stylize("content.png", "style.png", method=QUICK, size=32, content_masks=[made]).image
        assert torch.equal(image[:, :, 17:], picture.read("content.png").image[:, :, 17:])


# ---- a guide that is handed over ------------------------------------------------------------------------------------


def half_painted() -> Guide:
    style = picture.read("style.png").image
    return Guide((Region(style, left(), strength=0.5, name="left"), Region(style.flip(0), 1 - left(), color="match")))


def test_a_guide_handed_over_paints_as_it_does_without_us(folder):
    guide, content = half_painted(), picture.read("content.png").image
    *_, expected = QUICK(content, guide)
    for given in ("content.png", content):
        result = stylize(given, method=QUICK, size=32, guide=guide)
        assert torch.equal(result.image, expected.image)
    assert (result.recipe.guide, result.recipe.styles) == ("<guide>", ["<style 1>", "<style 2>"])


def test_a_guide_handed_over_can_be_written_and_read(folder):
    guide = half_painted()
    given = {f"<style {i}>": one for i, one in enumerate((region.style for region in guide.regions), 1)}
    recipe = Recipe(content="content.png", styles=list(given), guide="<guide>", size=32, settings=settings_of(QUICK))
    job = Job.open(recipe, given=given, handed=guide)
    write_guide("g.json", job.guide, job.styles)
    assert [one.strength for one in read_guide("g.json")] == [0.5, 1]


def test_a_guide_handed_over_is_not_in_the_recipe(folder):
    """So a replay of the picture is refused, for that reason."""
    result = stylize("content.png", method=QUICK, size=32, guide=half_painted())
    result.save("out.png")
    assert read_recipe("out.png").files() == ["content.png"]
    with pytest.raises(RecipeError, match="<guide>: this guide was handed over in Python and is in no file"):
        Job.open(read_recipe("out.png"))


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ({"weights": [1, 2]}, "`weight` came beside a guide"),
        ({"content_masks": ["everywhere"], "strengths": [0.5]}, "`content_mask`, `strength` came beside a guide"),
        ({"regions": ["a: keep"]}, "`region` came beside"),
        ({"gradient": "linear 0: 1 -> 2"}, "`gradient` came beside"),
        ({"auto_regions": 2}, "`auto_regions` came beside"),
        ({"content_map": "content.png"}, "`content_map` came beside"),
        ({"style_scale": 2}, "`style_scale` came beside"),
        ({"color": "match"}, "`color` came beside"),
    ],
)
def test_other_guidance_beside_a_guide_is_told(folder, beside, words):
    with pytest.raises(UsageError, match=words):
        stylize("content.png", method=QUICK, guide=half_painted(), **beside)


def test_styles_beside_a_guide_are_told(folder):
    with pytest.raises(UsageError, match="1 styles came beside a guide, which has its own styles"):
        stylize("content.png", "style.png", method=QUICK, guide=half_painted())


def test_a_map_of_another_aspect_in_a_guide_is_told(folder):
    guide = Guide((Region(torch.rand(3, 8, 8), torch.ones(20, 64), name="sky"),))
    with pytest.raises(GuideError, match="sky: its content mask is 64 x 20"):
        stylize("content.png", method=QUICK, guide=guide)


def test_masks_may_be_maps_in_words_that_are_read_already(folder):
    words = "rectangle 0,0 0.5,1 | feather 2"
    by_text, by_value = (
        stylize("content.png", "style.png", method=QUICK, size=32, content_masks=[one], style_masks=[one])
        for one in (words, WrittenMap.parse(words))
    )
    assert torch.equal(by_text.image, by_value.image)
    assert by_text.recipe == by_value.recipe


# ---- what is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"colr": "match"}, "no setting 'colr': did you mean 'color'?"),
        ({"content_mask": ["a.png"]}, "did you mean 'content_masks'?"),
        ({"settings": {}}, "no setting 'settings'"),
        ({"version": "1"}, "no setting 'version'"),
        ({"color": "mach"}, "no color 'mach': did you mean 'match'?"),
        ({"style_scale": 0}, "`style_scale` = 0"),
    ],
)
def test_settings_are_keys_of_the_recipe(folder, setting, words):
    with pytest.raises(UsageError) as refused:
        stylize("content.png", "style.png", **setting)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "words"),
    [
        ((), {}, UsageError, "no style was given"),
        (("style.png",), {"size": 0}, UsageError, "`size` = 0"),
        (("style.png",), {"weights": [1, 2]}, GuideError, "1 styles came with weights"),
        (("style.png",), {"strengths": [1, 1]}, GuideError, "without content masks"),
        (("style.png",), {"style_masks": [torch.ones(20, 20)]}, GuideError, "without content masks"),
        (("gone.png",), {}, PictureError, "gone.png"),
        ((np.full((4, 4, 3), 300.0),), {}, PictureError, "the array"),
        ((torch.full((3, 4, 4), float("nan")),), {}, PictureError, "the tensor"),
    ],
)
def test_what_cannot_be_is_an_error_of_ours(folder, arguments, settings, error, words):
    with pytest.raises(error, match=words) as refused:
        stylize("content.png", *arguments, **settings)
    assert isinstance(refused.value, IntarsiaError)


def test_alpha_is_carried_unchanged_and_the_invisible_stays_unpainted(folder, pictures):
    picture.write("clear.png", pictures[0], alpha=left() * 0.5)
    read = picture.read("clear.png")
    result = stylize("clear.png", "style.png", method=QUICK, size=32)
    assert torch.equal(result.alpha, read.alpha)
    assert torch.equal(result.image[:, :, 16:], read.image[:, :, 16:])
    assert not torch.equal(result.image[:, :, :16], read.image[:, :, :16])
    result.save("out.png")
    assert torch.equal(picture.read("out.png").alpha, read.alpha)
