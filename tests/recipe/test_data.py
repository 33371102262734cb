"""What a recipe may say, and what it may not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from intarsia import Recipe, picture
from intarsia.errors import PictureError, RecipeError, UsageError
from intarsia.guide import MANNER
from intarsia.recipe import read_recipe, stored_recipe
from intarsia.recipe.data import OF_THE_WHOLE
from intarsia.recipe.regions import WrittenGradient, WrittenPair, WrittenRegion
from intarsia.sources.written import WrittenMap


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
        ('{"content": "c", "styles": []}', "`styles` = []"),
        ('{"content": "c", "styles": "s"}', "`styles` = 's': Input should be a valid list"),
        ('{"content": 3, "styles": ["s"]}', "`content` = 3: Input should be a valid string"),
        ('{"content": "c", "styles": ["s", null]}', "styles.2 = None"),
        ('{"content": "c", "styles": ["s"], "style_mask": ["m"], "stile_mask": []}', "did you mean 'style_mask'?"),
        ('{"content": "c", "styles": ["s"], "size": 0}', "`size` = 0"),
        ('{"content": "c", "styles": ["s"], "size": 1e9}', "`size` = 1000000000.0"),
        ('{"content": "c", "styles": ["s"], "strength": [NaN]}', "strength.1 = nan"),
        ('{"content": "c", "styles": ["s"], "weight": [-1]}', "weight.1 = -1"),
        ('{"content": "c", "styles": ["s"], "threads": 99999}', "`threads` = 99999"),
        ('{"content": "c", "styles": ["s"], "method": "gatsy"}', "no method 'gatsy': did you mean 'gatys'?"),
        ('{"content": "c", "styles": ["s"], "settings": [1]}', "`settings` = [1]"),
        ('{"content": "c", "styles": ["s"], "settings": {"step": 3}}', "no setting 'step': did you mean 'steps'?"),
        ('{"content": "c", "styles": ["s"], "settings": {"steps": "many"}}', "`steps` = 'many'"),
        ('{"content": "c", "styles": ["s"], "settings": {"steps": [[[[[1]]]]]}}', "`steps` = "),
        ('{"content": "c", "styles": ["s"], "settings": {"style_taps": "relu1_1"}}', "`style_taps` = 'relu1_1'"),
        ('{"content": "c", "styles": ["s"], "settings": {"tap_weights": [1, "x"]}}', "tap_weights.2 = 'x'"),
        ('{"content": "c", "styles": ["s"], "settings": {"encoder": "tiy"}}', "did you mean 'toy'?"),
        ('{"content": "c", "styles": ["s"], "settings": {"encoder_weights": 3}}', "`encoder_weights` = 3"),
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
    assert seen.content_mask == [WrittenMap.of_file("recipes/left.png")]
    assert seen.start == "recipes/../start.png"
    assert seen.style_mask == [WrittenMap.of_file("-")]
    assert seen.settings == {"encoder_weights": "recipes/w.safetensors"}
    assert list(seen.inputs) == [seen.content]
    assert read_recipe("recipes/r.json", Path("other")).content_mask == [WrittenMap.of_file("other/left.png")]
    assert stored_recipe("recipes/r.json") == (recipe.to_json(), Path("recipes"))
    assert seen.files() == [seen.content, "/far/style.png", "recipes/left.png", seen.start, "recipes/w.safetensors"]


# ---- guidance ------------------------------------------------------------------------------------------------------

EVERYTHING = Recipe(
    content="c.png",
    styles=["a.png", "swatch:ink", "<style 3>"],
    content_mask=["m 1.png | grow 2.5%", "-", "<content mask 3>"],
    style_mask=["'fill me.png' | subtract it's.png", "linear 0.123456789,0 1,1", "everywhere"],
    strength=[0.5, 0.6, 0.7],
    style_scale=1.25,
    region=["sky: content='label l.png #ff0000' style=1:s.png strength=0.123456789 color=match", "#ff0000: keep"],
    content_map="cm.png",
    style_map=["sm.png", "swatch:ink", "sm 3.png"],
    content_patch=8,
    gradient="depth.png | invert: 1 -> 3 -> 2",
    pair=["1=2"],
    auto_regions=3,
    match="overlap",
    guide="g.json",
    color="histogram",
    color_form="pca",
    size=300,
    start="start.png",
    settings={"weights": "w.safetensors", "steps": 7},
    inputs={"c.png": "00"},
)
NAMES = ["c.png", "a.png", "m 1.png", "fill me.png", "it's.png", "l.png", "s.png", "cm.png", "sm.png", "sm 3.png"]
NAMES += ["depth.png", "g.json", "start.png", "w.safetensors"]


def test_all_files_are_named():
    assert sorted(EVERYTHING.files()) == sorted(NAMES)


def test_renaming_changes_the_names_of_files_and_nothing_else():
    renamed = EVERYTHING.renamed(lambda name: f"far/{name}")
    assert sorted(renamed.files()) == sorted(f"far/{name}" for name in NAMES)
    assert list(renamed.inputs) == ["far/c.png"]
    assert renamed.styles[1:] == ["swatch:ink", "<style 3>"]
    assert [str(one) for one in renamed.content_mask[1:]] == ["-", "<content mask 3>"]
    assert renamed.renamed(lambda name: name.removeprefix("far/")) == EVERYTHING
    assert Recipe.from_json(renamed.to_json()) == renamed


def test_words_are_values_in_a_recipe_and_text_in_its_file():
    """Whatever they were handed over as; the file is as it always was."""
    text = {
        "content_mask": ["m 1.png | grow 2.5%"],
        "style_mask": ["linear 90"],
        "region": ["sky: content=s.png style=1:t.png strength=0.5 scale=2 color=match color-form=pca content-weight=3"],
        "gradient": "depth.png | invert: 1 -> 2",
        "pair": ["1=2"],
    }
    said = Recipe(content="c.png", styles=["s.png"], **text)
    values = {key: getattr(said, key) for key in text}
    assert values == {
        "content_mask": [WrittenMap.parse("m 1.png | grow 2.5%")],
        "style_mask": [WrittenMap.parse("linear 90")],
        "region": [WrittenRegion.parse(text["region"][0])],
        "gradient": WrittenGradient(WrittenMap.parse("depth.png | invert"), (1, 2)),
        "pair": [WrittenPair(1, 2)],
    }
    assert Recipe(content="c.png", styles=["s.png"], **values) == said
    written = json.loads(said.to_json())
    assert {key: written[key] for key in text} == text
    assert Recipe.from_json(said.to_json()) == said


@pytest.mark.parametrize("setting", OF_THE_WHOLE)
def test_every_setting_of_a_region_is_a_key_of_the_recipe(setting):
    """Type, range, default and docstring are those of `Manner`."""
    field, declared = Recipe.model_fields[setting], MANNER[setting]
    assert (field.annotation, field.metadata, field.default) == (
        declared.annotation,
        declared.metadata,
        declared.default,
    )
    assert field.description == declared.description
    assert declared.description


NEW = '''
import intarsia.guide as guide
with open(guide.__file__) as file:
    text = file.read()
old = '    strength: Fraction = 1.0'
assert old in text
new = '    grain: Annotated[float, Field(ge=0, le=1)] = 0.5' + chr(10) + '    """Of the paper."""' + chr(10)
exec(compile(text.replace(old, new + old), guide.__file__, "exec"), vars(guide))
import contextlib, io, torch
from intarsia.cli import run
from intarsia.recipe import Job, Recipe, read_guide, stylize, write_guide
from intarsia.recipe.regions import WrittenRegion
style = torch.rand(3, 8, 8)
assert guide.Region(style).grain == 0.5
assert str(WrittenRegion.parse("a: grain=0.25")) == "a: grain=0.25"
said = Recipe(content="content.png", styles=["style.png"], grain=0.75, region=["content=everywhere"])
assert '"grain": 0.75' in said.to_json()
assert Job.open(said).guide.regions[0].grain == 0.75
write_guide("g.json", guide.Guide((guide.Region(style, grain=0.1),)), [style])
assert read_guide("g.json")[0].grain == 0.1
assert stylize("content.png", "style.png", method=said.build_method(), size=8, grain=1).recipe.grain == 1
with contextlib.redirect_stdout(io.StringIO()) as told:
    run(["stylize", "--help"])
assert "--grain" in told.getvalue()
for make in (lambda: guide.Region(style, grain=2), lambda: Recipe(content="c", styles=["s"], grain=2)):
    try:
        make()
        raise SystemExit("2 was taken")
    except (ValueError, guide.GuideError):
        pass
'''


def test_one_field_is_a_new_setting_everywhere(folder):
    """Regions, words, recipes, guide files, `stylize` and flags, with its range."""
    done = subprocess.run([sys.executable, "-c", NEW], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_words_are_read_again_once_they_are_values(monkeypatch):
    recipe = Recipe(**dict(EVERYTHING))
    for kind in (WrittenMap, WrittenRegion, WrittenGradient, WrittenPair):
        monkeypatch.setattr(kind, "parse", lambda text: pytest.fail(f"{text} is read again"))
    copied = Recipe(**dict(recipe.renamed(lambda name: f"far/{name}")))
    assert len(copied.files()) == len(NAMES)
    copied.to_json()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({"content_mask": ["elipse 0.5,0.5 0.1,0.1"]}, "content_mask.1 = 'elipse 0.5,0.5 0.1,0.1': "),
        ({"content_mask": ["a.png", ""]}, "content_mask.2 = '': a map is missing"),
        ({"content_mask": ["rest"]}, "content_mask.1 = 'rest': 'rest' is what the other regions leave"),
        ({"style_mask": ["a.png | feathr 3"]}, "did you mean 'feather'?"),
        ({"region": ["sky: contents=a.png"]}, "did you mean 'content'?"),
        ({"region": ["sky: strength=nan"]}, "strength = 'nan'"),
        ({"region": [{"name": "sky"}]}, "region.1 = {'name': 'sky'}: Input should be a valid string"),
        ({"gradient": "linear 90"}, "it is written 'linear 90: 1 -> 2'"),
        ({"pair": ["1-2"]}, "pair.1 = '1-2': '1-2' is no pair. It is written 1=2"),
        ({"pair": ["0=2"]}, "is no pair"),
        ({"auto_regions": 17}, "`auto_regions` = 17"),
        ({"match": "looks"}, "no match 'looks'. There are: appearance, overlap, position."),
        ({"color": "mach"}, "no color 'mach': did you mean 'match'?"),
        ({"content_patch": 0}, "`content_patch` = 0"),
        ({"content_mask": ["x" * 10_000 + " | y"]}, "no edit 'y'"),
        ({"content_mask": ["a.png"] * 65}, "content_mask"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_guidance_that_cannot_be_is_refused_by_its_key(key, words):
    with pytest.raises(RecipeError) as refused:
        Recipe.from_json(json.dumps({"content": "c.png", "styles": ["s.png"]} | key))
    assert words in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_a_recipe_that_was_written_earlier_is_read():
    """By version 0.1.0 before networks became a value: with other names, and words of maps as they were typed."""
    text = """{"version": "0.1.0", "content": "c.png", "styles": ["s.png", "swatch:ink"], "method": "wct",
        "content_mask": ["fill 0.5,0.10 |  grow 3"], "region": ["sky:content=rest style=2 scale=1.50 color=match"],
        "gradient": "linear 90:1->2", "pair": ["1=2"], "settings": {"encoder": "vgg19", "weights": "vgg.pth",
        "decoders": "d.safetensors", "device": "cpu", "alpha": 0.7}, "inputs": {"vgg.pth": "00"}}"""
    recipe = Recipe.from_json(text)
    method = recipe.build_method()
    assert (method.alpha, method.networks.encoder, method.networks.device) == (0.7, "vgg19", "cpu")
    assert (method.networks.encoder_weights, method.decoder_weights) == (Path("vgg.pth"), Path("d.safetensors"))
    (region,) = recipe.region
    assert (region.name, region.style, region.style_scale, region.color) == ("sky", 2, 1.5, "match")
    assert {"vgg.pth", "d.safetensors"} <= set(recipe.files())
    moved = recipe.renamed(lambda name: f"to/{name}")
    assert moved.settings["encoder_weights"] == "to/vgg.pth"
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_strength_of_50_is_refused_wherever_it_is_written():
    with pytest.raises(UsageError, match=r"strength = '50': .* less than or equal to 1\. Did you mean 0\.5\?"):
        WrittenRegion.parse("sky: content=a.png strength=50")
    for data in ({"strength": [50]}, {"region": ["sky: content=a.png strength=50"]}):
        with pytest.raises(RecipeError, match=r"Did you mean 0\.5\?"):
            Recipe.from_json(json.dumps({"content": "a.png", "styles": ["b.png"]} | data))
