"""Jobs as data: what a recipe may say, what it may not, and the one call of the Python interface."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia
from intarsia import Gatys, Job, Recipe, picture
from intarsia.errors import GuideError, IntarsiaError, Notice, PictureError, RecipeError, UsageError
from intarsia.recipe import load_state, read_recipe, save_state, settings_of, stored_recipe, stylize

QUICK = Gatys(steps=6, encoder="toy", coarsest=16, device="cpu", precision="fp32")


@pytest.fixture
def pictures(random_image):
    return random_image(24, 32, 1), random_image(20, 20, 2), random_image(20, 20, 3)


@pytest.fixture
def folder(tmp_path, monkeypatch, pictures):
    monkeypatch.chdir(tmp_path)
    for name, image in zip(("content.png", "style.png", "other.png"), pictures, strict=True):
        picture.write(name, image)
    return tmp_path


def eight_bit(image: torch.Tensor) -> np.ndarray:
    return np.array(picture.to_pil(image))


def left(h: int = 24, w: int = 32) -> torch.Tensor:
    mask = torch.zeros(h, w)
    mask[:, : w // 2] = 1
    return mask


# ---- recipes ------------------------------------------------------------------------------------------------------


def test_a_recipe_survives_json():
    recipe = Recipe(
        content="gemälde.png",
        styles=["a.png", "swatch:ink:3"],
        weight=[1, 2.5],
        size=300,
        threads=2,
        settings={"steps": 20, "style_taps": ["relu1_1"], "weights": "w.safetensors"},
        inputs={"a.png": "00"},
    )
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert "gemälde.png" in recipe.to_json()


def test_settings_are_those_that_differ():
    assert settings_of(Gatys()) == {}
    assert settings_of(Gatys(steps=20, weights=Path("w"))) == {"steps": 20, "weights": "w"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "is not JSON"),
        ('{"size": ' + "9" * 10_000 + "}", "is not JSON"),
        ("[1]", "is a JSON list"),
        ("null", "is a JSON NoneType"),
        ('{"styles": ["s"]}', "content is missing"),
        ('{"content": "c"}', "styles is missing"),
        ('{"content": "c", "styles": []}', "styles = []"),
        ('{"content": "c", "styles": "s"}', "styles = 's': Input should be a valid list"),
        ('{"content": 3, "styles": ["s"]}', "content = 3: Input should be a valid string"),
        ('{"content": "c", "styles": ["s", null]}', "styles.2 = None"),
        ('{"content": "c", "styles": ["s"], "style_mask": ["m"], "stile_mask": []}', "did you mean 'style_mask'?"),
        ('{"content": "c", "styles": ["s"], "size": 0}', "size = 0"),
        ('{"content": "c", "styles": ["s"], "size": 1e9}', "size = 1000000000.0"),
        ('{"content": "c", "styles": ["s"], "strength": [NaN]}', "strength.1 = nan"),
        ('{"content": "c", "styles": ["s"], "weight": [-1]}', "weight.1 = -1"),
        ('{"content": "c", "styles": ["s"], "threads": 99999}', "threads = 99999"),
        ('{"content": "c", "styles": ["s"], "method": "gatsy"}', "no method 'gatsy': did you mean 'gatys'?"),
        ('{"content": "c", "styles": ["s"], "settings": [1]}', "settings = [1]"),
        ('{"content": "c", "styles": ["s"], "settings": {"step": 3}}', "no setting 'step': did you mean 'steps'?"),
        ('{"content": "c", "styles": ["s"], "settings": {"steps": "many"}}', "steps = 'many'"),
        ('{"content": "c", "styles": ["s"], "settings": {"steps": [[[[[1]]]]]}}', "steps = "),
        ('{"content": "c", "styles": ["s"], "settings": {"style_taps": "relu1_1"}}', "style_taps = 'relu1_1'"),
        ('{"content": "c", "styles": ["s"], "settings": {"tap_weights": [1, "x"]}}', "tap_weights.2 = 'x'"),
        ('{"content": "c", "styles": ["s"], "settings": {"encoder": "tiy"}}', "did you mean 'toy'?"),
        ('{"content": "c", "styles": ["s"], "settings": {"weights": 3}}', "weights = 3"),
        ('{"content": "c", "styles": ["s"], "settings": {"__class__": 3}}', "no setting '__class__'"),
        ('{"content": "c", "styles": ["s"], "settings": {"self": 3, "__dataclass_self__": 3}}', "no setting 'self'"),
        ('{"content": "c", "styles": ["s"], "inputs": {"c": 3}}', "inputs.c = 3"),
    ],
)
def test_what_is_no_recipe_is_refused_with_the_reason(text, words):
    with pytest.raises(RecipeError) as refused:
        Recipe.from_json(text, "r.json")
    told = str(refused.value)
    assert words in told
    assert len(told) < 1000
    assert "pydantic" not in told


def test_long_nonsense_is_told_in_short():
    data = {"content": "c", "styles": ["s"], "x" * 10_000: 1, "size": "y" * 10_000}
    with pytest.raises(RecipeError) as refused:
        Recipe.from_json(json.dumps(data))
    assert len(str(refused.value)) < 1000


def test_a_recipe_is_found_in_json_with_and_without_a_mark_and_in_pictures(folder):
    text = '{"content": "content.png", "styles": ["style.png"]}'
    Path("marked.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    Path("plain").write_text("\n  " + text)
    picture.write("inside.png", torch.zeros(3, 4, 4), recipe=text)
    for name in ("marked.json", "plain", "inside.png"):
        assert read_recipe(name).styles == ["style.png"]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("gone.json", RecipeError, "gone.json: cannot be read"),
        (".", RecipeError, "cannot be read"),
        ("style.png", RecipeError, "style.png holds no recipe"),
        ("list.json", RecipeError, "list.json is a JSON list"),
        ("noise.json", RecipeError, "noise.json is not JSON"),
        ("text.txt", PictureError, "text.txt"),
    ],
)
def test_a_file_without_a_recipe_is_refused_by_name(folder, name, error, words):
    Path("list.json").write_text("[]")
    Path("noise.json").write_bytes(bytes(range(256)))
    Path("text.txt").write_text("hello")
    with pytest.raises(error, match=words):
        read_recipe(name)


def test_a_recipe_in_a_picture_that_strangers_wrote_is_checked_too(folder):
    picture.write("bad.png", torch.zeros(3, 4, 4), recipe='{"content": "c", "styles": ["s"], "run": "rm"}')
    with pytest.raises(RecipeError, match="no setting 'run'"):
        read_recipe("bad.png")


def test_paths_follow_the_recipe(folder):
    Path("recipes").mkdir()
    recipe = Recipe(
        content="../content.png",
        styles=["swatch:ink", "/far/style.png"],
        content_mask=["left.png"],
        style_mask=["-"],
        start="../start.png",
        settings={"weights": "w.safetensors"},
        inputs={"../content.png": "00"},
    )
    Path("recipes/r.json").write_text(recipe.to_json())
    seen = read_recipe("recipes/r.json")
    assert os.path.samefile(seen.content, "content.png")
    assert seen.styles == ["swatch:ink", "/far/style.png"]
    assert seen.content_mask == ["recipes/left.png"]
    assert seen.start == "recipes/../start.png"
    assert seen.style_mask == ["-"]
    assert seen.settings == {"weights": "recipes/w.safetensors"}
    assert list(seen.inputs) == [seen.content]
    assert read_recipe("recipes/r.json", Path("other")).content_mask == ["other/left.png"]
    assert stored_recipe("recipes/r.json") == (recipe.to_json(), Path("recipes"))
    assert seen.files() == [seen.content, "/far/style.png", "recipes/left.png", seen.start, "recipes/w.safetensors"]


def test_a_job_opens_from_another_folder(folder, monkeypatch):
    recipe = Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))
    monkeypatch.chdir("/")
    job = Job.open(recipe, folder)
    assert job.content.shape == (3, 24, 32)
    assert job.recipe.inputs.keys() == {str(folder / "content.png"), str(folder / "style.png")}


def test_a_changed_file_is_noticed(folder):
    recipe = Job.open(Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))).recipe
    os.replace("other.png", "style.png")
    with pytest.warns(Notice, match="style.png has changed") as caught:
        Job.open(recipe)
    assert len(caught) == 1


def test_a_recipe_tells_the_version_that_painted(folder):
    old = Recipe(version="0.0.1", content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK))
    assert Job.open(old).recipe.version == intarsia.__version__


# ---- states -------------------------------------------------------------------------------------------------------


def frames(job: Job, state=None) -> list[torch.Tensor]:
    return [job.result(frame).image for frame in job.frames(state)]


@pytest.mark.parametrize("step", [1, 2, 3, 4, 6])
def test_a_state_goes_on_to_the_bit(folder, step):  # three steps at each of two sizes
    job = Job.open(Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK)))
    whole = frames(job)
    for frame in job.frames():
        if frame.step == step:
            save_state(Path("run.state"), frame, job.recipe)
    rest = frames(job, load_state(Path("run.state"), job.recipe))
    assert torch.equal(rest[-1], whole[-1])


def test_a_state_of_another_run_is_refused_by_what_differs(folder):
    job = Job.open(Recipe(content="content.png", styles=["style.png"], size=32, settings=settings_of(QUICK)))
    save_state(Path("run.state"), next(iter(job.frames())), job.recipe)
    other = job.recipe.model_copy(update={"size": 64, "settings": job.recipe.settings | {"steps": 7}})
    with pytest.raises(RecipeError, match=r"run.state belongs to another run: size was 32, is 64; steps was 6, is 7\."):
        load_state(Path("run.state"), other)


# ---- the one call -------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "words"),
    [
        ((), {}, UsageError, "no style was given"),
        (("style.png",), {"size": 0}, UsageError, "size = 0"),
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


# ---- transparency -------------------------------------------------------------------------------------------------


def test_alpha_is_carried_unchanged_and_the_invisible_stays_unpainted(folder, pictures):
    picture.write("clear.png", pictures[0], alpha=left() * 0.5)
    read = picture.read("clear.png")
    result = stylize("clear.png", "style.png", method=QUICK, size=32)
    assert torch.equal(result.alpha, read.alpha)
    assert torch.equal(result.image[:, :, 16:], read.image[:, :, 16:])
    assert not torch.equal(result.image[:, :, :16], read.image[:, :, :16])
    result.save("out.png")
    assert torch.equal(picture.read("out.png").alpha, read.alpha)


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
