"""The files of a recipe: what has changed is told, and what is invisible has no say."""

import os

import pytest
import torch

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
