"""`intarsia stylize` from files to files: what is written, what is refused, what is kept."""

import io
import json
import os
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from intarsia import picture
from intarsia.cli import progress, run
from intarsia.recipe import read_recipe

TWO = ("content.png", "style.png", "-o", "out.png")


def image(name: str) -> torch.Tensor:
    return picture.read(name).image


def told(capsys) -> str:
    """What the last command said on standard error; it said nothing on standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    return err


def assert_refused(code: int, expected: int, capsys, *words: str) -> None:
    """In one line that holds these words, with nothing written."""
    err = told(capsys)
    assert code == expected, err
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert not Path("out.png").exists()
    assert not list(Path().glob(".*.part"))


# ---- pictures in, a picture out -----------------------------------------------------------------------------------


def test_the_output_has_the_long_side_and_the_recipe_inside(stylize):
    assert stylize("content.png", "style.png", "-o", "out.png", size=80) == 0
    assert image("out.png").shape == (3, 60, 80)
    recipe = read_recipe("out.png")
    assert (recipe.content, recipe.styles, recipe.size) == ("content.png", ["style.png"], 80)
    assert recipe.inputs.keys() == {"content.png", "style.png"}
    assert recipe.build_method().steps == 4


def test_it_paints(stylize):
    stylize(*TWO, steps=20)
    assert not torch.allclose(image("out.png"), image("content.png"), atol=0.1)


def test_a_larger_content_is_reduced_with_a_notice(stylize, capsys):
    assert stylize(*TWO, size=32) == 0
    assert "content.png: 64 x 48 is reduced to 32 x 24" in told(capsys)


def test_a_dash_is_standard_input_and_standard_output(stylize, capsysbinary, monkeypatch):
    stylize(*TWO)
    capsysbinary.readouterr()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(Path("content.png").read_bytes())))
    assert stylize("-", "style.png", "-o", "-") == 0
    out, _ = capsysbinary.readouterr()
    assert torch.equal(image("out.png"), picture.read(out).image)
    assert not Path("-").exists()


def test_a_swatch_is_a_style(stylize):
    assert stylize("content.png", "swatch:ink:3", "-o", "out.png") == 0
    assert read_recipe("out.png").styles == ["swatch:ink:3"]


def test_weights_mix_styles(stylize):
    for name, weights in (("even", []), ("same", ["1", "1"]), ("first", ["1", "0"])):
        flags = [flag for weight in weights for flag in ("--weight", weight)]
        assert stylize("content.png", "style.png", "other.png", "-o", f"{name}.png", *flags, steps=20) == 0
    stylize(*TWO, steps=20)
    assert torch.equal(image("even.png"), image("same.png"))
    torch.testing.assert_close(image("first.png"), image("out.png"), atol=0.01, rtol=0)
    assert not torch.equal(image("even.png"), image("out.png"))


def test_strength_zero_is_the_content_and_more_is_further_from_it(stylize):
    for strength in ("0", "0.4", "1"):
        assert stylize("content.png", "style.png", "-o", f"{strength}.png", "--strength", strength, steps=20) == 0
    away = [(image(f"{name}.png") - image("content.png")).abs().mean() for name in ("0", "0.4", "1")]
    assert away[0] == 0 < away[1] < away[2]


@pytest.mark.parametrize("name", ["out.png", "out.tif"])
def test_sixteen_bits_when_asked_for(stylize, name):
    assert stylize("content.png", "style.png", "-o", name, "--depth", "16") == 0
    assert picture.read(name).depth == 16


def test_in_place_replaces_the_input(stylize):
    before = image("content.png")
    assert stylize("content.png", "style.png", "-o", "content.png", "--in-place") == 0
    assert not torch.equal(image("content.png"), before)


def test_a_start_is_where_it_begins(stylize):
    assert stylize(*TWO, "--start", "other.png", "--chroma-smoothing", "0", "--rate", "1e-9", steps=1) == 0
    expected = picture.resize(image("other.png"), (48, 64))
    torch.testing.assert_close(image("out.png"), expected, atol=0.01, rtol=0)


# ---- masks --------------------------------------------------------------------------------------------------------


def test_where_no_mask_reaches_the_content_stays_to_the_bit(stylize, write_map):
    left = write_map("left.png", left=1)
    assert stylize(*TWO, "--content-mask", left, size=48, steps=20) == 0
    plain = picture.resize(image("content.png"), (36, 48))
    picture.write("plain.png", plain)
    painted, kept = image("out.png"), image("plain.png")
    assert torch.equal(painted[:, :, 25:], kept[:, :, 25:])
    assert not torch.allclose(painted[:, :, :23], kept[:, :, :23], atol=0.05)


def test_pairs_of_masks_are_regions_with_their_own_styles(stylize, write_map):
    masks = ["--content-mask", write_map("left.png", left=1), "--content-mask", write_map("right.png", right=1)]
    masks += ["--style-mask", write_map("a.png", 1, 0, (40, 40)), "--style-mask", write_map("b.png", 0, 1, (40, 40))]
    stylize("content.png", "style.png", "other.png", "-o", "both.png", *masks, steps=20)
    stylize("content.png", "other.png", "style.png", "-o", "swapped.png", *masks, steps=20)
    assert not torch.allclose(image("both.png"), image("swapped.png"), atol=0.05)


def test_strengths_go_with_masks_one_for_all_or_one_each(stylize, write_map):
    masks = ["--content-mask", write_map("left.png", left=1), "--content-mask", write_map("right.png", right=1)]
    assert stylize(*TWO, *masks, "--strength", "0", "--strength", "1") == 0
    assert torch.equal(image("out.png")[:, :, :31], image("content.png")[:, :, :31])
    assert stylize(*TWO, *masks, "--strength", "0") == 0
    assert torch.equal(image("out.png"), image("content.png"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--content-mask", "left.png", "--style-mask", "a.png", "--style-mask", "a.png"], "2 style masks"),
        (["--content-mask", "left.png", "--strength", "1", "--strength", "1"], "2 strengths"),
        (["--style-mask", "a.png"], "without content masks"),
        (["--strength", "1", "--strength", "1"], "without content masks"),
        (["--content-mask", "wide.png"], "region 1: its content mask is 64 x 20"),
        (["--content-mask", "left.png", "--style-mask", "wide.png"], "region 1: its style mask is 64 x 20"),
        (["--content-mask", "left.png", "--style-mask", "none.png"], "region 'region 1': its style map is empty"),
        (["--content-mask", "black.png"], "every content mask is empty"),
        (["--content-mask", "left.png", "--weight", "1"], "weights mix styles"),
        (["--content-mask", "gone.png"], "gone.png: there is no such file"),
    ],
)
def test_masks_that_do_not_fit_are_refused(stylize, write_map, capsys, flags, words):
    write_map("left.png", left=1)
    write_map("black.png")
    write_map("wide.png", 1, 1, (20, 64))
    write_map("a.png", 1, 0, (40, 40))
    write_map("none.png", 0, 0, (40, 40))
    assert_refused(stylize(*TWO, *flags), 3, capsys, words)


def test_masks_in_words_are_masks(stylize, write_map):
    """The same picture to the bit, as a mask of its own or as a region."""
    left = write_map("left.png", left=1)
    assert stylize(*TWO, "--content-mask", left, steps=20) == 0
    for i, flags in enumerate(
        (
            ["--content-mask", "rectangle 0,0 0.5,1"],
            ["--content-mask", "rectangle 0.5,0 1,1 | invert"],
            ["--content-mask", f"everywhere | intersect {left}"],
            ["--region", f"content={left}"],
            ["--region", "left: content='rectangle 0,0 0.5,1' style=1"],
            ["--region", "right: content='rectangle 0.5,0 1,1' keep", "--region", "content=rest"],
        )
    ):
        assert stylize("content.png", "style.png", "-o", f"{i}.png", *flags, steps=20) == 0
        assert torch.equal(image(f"{i}.png"), image("out.png")), flags


def test_a_saved_guide_paints_the_same_picture(stylize, write_map):
    """To the bit, where its maps are hard; with the styles and the content said again."""
    region = ["--region", "sky: content='rectangle 0,0 1,0.5' style=2 scale=2 strength=0.5 color=match"]
    flags = [*region, "--region", f"content=rest style=1:{write_map('a.png', 1, 0, (40, 40))}"]
    styles = ("content.png", "style.png", "other.png")
    assert stylize(*styles, "-o", "out.png", *flags, "--save-guide", "g.json") == 0
    assert {path.name for path in Path().glob("g*")} == {"g.json", "g-1.png", "g-2.png", "g-2-style.png"}
    assert stylize(*styles, "-o", "again.png", "--guide", "g.json") == 0
    assert torch.equal(image("again.png"), image("out.png"))
    assert run(["replay", "again.png", "-o", "third.png"]) == 0
    assert torch.equal(image("third.png"), image("out.png"))
    assert stylize(*styles, "-o", "kept.png", "--guide", "g.json", "--region", "sky: keep") == 0
    assert torch.equal(image("kept.png")[:, :24], image("content.png")[:, :24])


@pytest.mark.parametrize("more", [["-o", "g-1.png"], ["-o", "out.png", "--preview", "g-1.png"]])
def test_maps_of_a_guide_replace_nothing(stylize, capsys, more):
    """Neither an output, nor a preview, nor a recipe; and no half of what was asked for is written."""
    flags = ["--content-mask", "everywhere", "--save-guide", "g.json", "--save-recipe", "r.json"]
    assert stylize("content.png", "style.png", *more, *flags) == 2
    assert "--save-guide g.json would replace g-1.png" in told(capsys)
    assert {path.name for path in Path().iterdir()} == {"content.png", "style.png", "other.png"}


def test_a_guide_is_not_saved_over_the_one_that_is_read(stylize, capsys):
    assert stylize(*TWO, "--content-mask", "everywhere", "--save-guide", "g.json") == 0
    Path("out.png").unlink()
    told(capsys)
    assert_refused(stylize(*TWO, "--guide", "g.json", "--save-guide", "g.json"), 2, capsys, "would replace an input")
    assert_refused(stylize(*TWO, "--guide", "g.json", "--save-recipe", "g-1.png"), 2, capsys, "would replace an input")


def test_gradients_and_label_maps_from_the_command_line(stylize):
    styles = ("content.png", "style.png", "other.png")
    picture.write("labels.png", (torch.arange(64) < 32).float().expand(3, 48, 64))
    label = ["--content-map", "labels.png", "--region", "#ffffff: keep", "--region", "#000000: style=2"]
    assert stylize(*styles, "-o", "labeled.png", *label, steps=20) == 0
    assert torch.equal(image("labeled.png")[:, :, :31], image("content.png")[:, :, :31])
    assert stylize(*styles, "-o", "there.png", "--gradient", "linear 90: 1 -> 2", steps=20) == 0
    assert stylize(*styles, "-o", "back.png", "--gradient", "linear -90: 2 -> 1", steps=20) == 0
    apart = (image("there.png") - image("back.png")).abs()
    assert float(apart.mean()) < 0.01  # a descent in half precision: single pixels differ by more
    assert stylize(*styles, "-o", "other way.png", "--gradient", "linear 90: 2 -> 1", steps=20) == 0
    assert not torch.allclose(image("there.png"), image("other way.png"), atol=0.05)


@pytest.mark.parametrize(
    "key",
    [
        {"content_mask": ["elipse 0.5,0.5 0.1,0.1"]},
        {"content_mask": ["fill 0.5,0.5 tolerance=-1"]},
        {"content_mask": ["'a.png"]},
        {"style_mask": ["rest"]},
        {"region": ["sky: contents=a.png"]},
        {"region": ["sky: strength=nan"]},
        {"region": [3]},
        {"gradient": "linear 90"},
        {"gradient": "rest: 1 -> 2"},
        {"pair": ["1-2"]},
        {"auto_regions": 99},
        {"match": "looks"},
        {"color": "mach"},
        {"guide": 3},
        {"guide": "a\0b"},
        {"content_map": "a\0b"},
        {"content_mask": ["a\0b"]},
        {"content": "a\0b"},
    ],
    ids=str,
)
def test_a_recipe_with_bad_texts_is_bad_input_in_one_line(stylize, capsys, key):
    Path("bad.json").write_text(json.dumps({"content": "content.png", "styles": ["style.png"], "size": 32} | key))
    assert_refused(run(["stylize", "--recipe", "bad.json", "-o", "out.png"]), 3, capsys)
    assert_refused(run(["replay", "bad.json", "-o", "out.png"]), 3, capsys)


def test_a_mask_of_another_size_is_resized_with_a_notice(stylize, write_map, capsys):
    assert stylize(*TWO, "--content-mask", write_map("small.png", 1, 0, (24, 32))) == 0
    assert "content mask is 32 x 24, the content picture 64 x 48; it was resized" in told(capsys)


def test_an_empty_region_is_left_out_with_a_notice(stylize, write_map, capsys):
    masks = ["--content-mask", write_map("black.png"), "--content-mask", write_map("left.png", left=1)]
    assert stylize("content.png", "style.png", "other.png", "-o", "out.png", *masks) == 0
    assert "region 1: its content mask is empty" in told(capsys)
    stylize("content.png", "other.png", "-o", "alone.png", *masks[2:])
    assert torch.equal(image("out.png"), image("alone.png"))


# ---- what is refused, and how -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone.png", "style.png", "-o", "out.png"], 3, "gone.png: there is no such file"),
        (["contents.png", "style.png", "-o", "out.png"], 3, "Did you mean 'content.png'?"),
        (["text.png", "style.png", "-o", "out.png"], 3, "text.png"),
        (["content.png", "half.png", "-o", "out.png"], 3, "half.png"),
        (["content.png", "swatch:imk", "-o", "out.png"], 2, "did you mean 'ink'"),
        (["content.png", "-o", "out.png"], 2, "no style was given"),
        (["content.png", "style.png"], 2, "--output is missing"),
        (["content.png", "style.png", "-o", "out.gif"], 2, "out.gif: no picture format 'gif'"),
        (["content.png", "style.png", "-o", "nowhere/out.png"], 1, "nowhere does not exist"),
        (["content.png", "style.png", "-o", "content.png"], 2, "--in-place"),
        (["content.png", "style.png", "-o", "./style.png"], 2, "also the input style.png"),
        ([*TWO, "--stepz", "3"], 2, "Did you mean --steps?"),
        ([*TWO, "--method", "gatsy"], 2, "no method 'gatsy': did you mean 'gatys'?"),
        ([*TWO, "--optimizer", "adan"], 2, "no optimizer 'adan': did you mean 'adam'?"),
        ([*TWO, "--tv", "x"], 2, "tv = 'x'"),
        ([*TWO, "--tv", "-1"], 2, "tv = '-1': Input should be greater than or equal to 0"),
        ([*TWO, "--style-taps", "relu1_1", "--style-taps", "relu1_1"], 2, "names a tap twice"),
        ([*TWO, "--style-scale", "0"], 2, "--style-scale = '0'"),
        ([*TWO, "--weight", "nan"], 2, "weight.1 = 'nan'"),
        ([*TWO, "--weight", "1", "--weight", "2"], 3, "1 styles came with weights"),
        ([*TWO, "--strength", "-1"], 2, "strength.1 = '-1'"),
        ([*TWO, "--threads", "0"], 2, "threads = 0"),
        ([*TWO, "--depth", "12"], 2, "depth = '12': Input should be a multiple of 8"),
        (
            ["content.png", "style.png", "-o", "out.jpg", "--depth", "16"],
            2,
            "--depth 16 needs png or tif, and out.jpg is neither",
        ),
        ([*TWO, "--quality", "0"], 2, "quality = '0': Input should be greater than or equal to 1"),
        ([*TWO, "--every", "0"], 2, "every = '0': Input should be greater"),
        ([*TWO, "--keep-every", "nan"], 2, "--keep-every = 'nan': Input should be a finite number"),
        ([*TWO, "--preview", "style.png", "--in-place"], 2, "also the input style.png"),
        ([*TWO, "--preview", "-"], 2, "--preview needs a file"),
        ([*TWO, "--save-recipe", "./content.png"], 2, "would replace an input or another output"),
        ([*TWO, "--save-recipe", "./out.png"], 2, "would replace an input or another output"),
        ([*TWO, "--save-guide", "style.png"], 2, "would replace an input or another output"),
        ([*TWO, "--save-guide", "out.png"], 2, "would replace an input or another output"),
        ([*TWO, "--save-guide", "now.png", "--preview", "now.png"], 2, "would replace an input or another output"),
        ([*TWO, "--save-guide", "g.json", "--save-recipe", "g.json"], 2, "--save-guide g.json would replace"),
        ([*TWO, "--save-guide", "-"], 2, "--save-guide needs a file"),
        ([*TWO, "--content-mask", "elipse 0.5,0.5 0.1,0.1"], 2, "did you mean 'ellipse'?"),
        ([*TWO, "--content-mask", "fill 0.5,0.5 | grwo 3"], 2, "no edit 'grwo': did you mean 'grow'?"),
        ([*TWO, "--content-mask", "polygon 0,0 1,1"], 2, "It is written 'polygon X,Y X,Y X,Y ...'."),
        ([*TWO, "--content-mask", "fill nan,0"], 2, "'nan' is no number that can be"),
        ([*TWO, "--content-mask", "fill 0.5,inf"], 2, "'inf' is no number that can be"),
        ([*TWO, "--content-mask", "rest"], 2, "'rest' is what the other regions leave of the content"),
        ([*TWO, "--content-mask", "fill 0.5,0.5", "--style-mask", "rest"], 2, "'rest' is what the other regions leave"),
        (
            [*TWO, "--region", "sky: content=everywhere style=1:rest"],
            2,
            'leave of the content. Say it as --region "NAME: content=rest".',
        ),
        ([*TWO, "--content-mask", "polygon 2,2 3,2 3,3"], 3, "region 1: the polygon covers nothing of the picture"),
        ([*TWO, "--content-mask", "fill 2,2"], 3, "region 1: none of the 1 points of the flood fill is in the picture"),
        ([*TWO, "--region", "sky: contents=a.png"], 2, "no setting 'contents': did you mean 'content'?"),
        ([*TWO, "--region", "sky: content=ellipse 0.5,0.5 0.1,0.1"], 2, "A map of several words is put in quotes"),
        ([*TWO, "--region", "sky: strength=nan"], 2, "strength = 'nan'"),
        ([*TWO, "--region", "sky: keep"], 3, "there is no region 'sky' to change"),
        (
            [*TWO, "--region", "sky: content=everywhere style=2"],
            3,
            "region 'sky' takes style 2, but one style was given",
        ),
        ([*TWO, "--region", "sky: content=gone.png"], 3, "gone.png: there is no such file"),
        ([*TWO, "--gradient", "linear 90"], 2, "it is written 'linear 90: 1 -> 2'"),
        ([*TWO, "--gradient", "linear 90: 1 -> 2"], 3, "gradient takes style 2, but one style was given."),
        ([*TWO, "--content-map", "content.png"], 3, "have more than 32 colors"),
        ([*TWO, "--style-map", "style.png"], 3, "Give --content-map"),
        ([*TWO, "--content-patch", "8"], 3, "Give --content-map"),
        ([*TWO, "--style-patch", "8"], 3, "Give --content-map"),
        ([*TWO, "--pair", "1=2"], 3, "Give --auto-regions K"),
        ([*TWO, "--pair", "1-2"], 2, "'1-2' is no pair. It is written 1=2"),
        ([*TWO, "--color", "mach"], 2, "match"),
        ([*TWO, "--guide", "gone.json"], 3, "gone.json: cannot be read"),
        ([*TWO, "--guide", "."], 3, ".: this is no file"),
        ([*TWO, "--guide", "text.png"], 3, "text.png is not JSON"),
        ([*TWO, "--guide", "climbing.json"], 3, "its map ../content.png is outside the guide's folder"),
        (["content.png", "style.png", "-o", "-", "--resume"], 2, "--resume needs an output file"),
        ([*TWO, "--frame", "2"], 3, "has no frame 2"),
        ([*TWO, "--max-pixels", "100"], 3, "more than the limit of 100"),
        ([*TWO, "--device", "gpu"], 2, "device 'gpu'"),
        ([*TWO, "--recipe", "gone.json"], 3, "gone.json: cannot be read"),
        ([*TWO, "--recipe", "style.png"], 3, "style.png holds no recipe"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_before_anything_is_written(stylize, capsys, arguments, code, words):
    Path("text.png").write_text("not a picture")
    Path("climbing.json").write_text('{"regions": [{"content": "../content.png", "style": 1}]}')
    Path("half.png").write_bytes(Path("style.png").read_bytes()[:700])
    before = {path.name for path in Path().iterdir()}
    assert_refused(stylize(*arguments), code, capsys, words)
    assert {path.name for path in Path().iterdir()} == before


def test_an_unknown_encoder_is_told_with_the_nearest(folder, capsys):
    assert_refused(run(["stylize", *TWO, "--encoder", "tiy"]), 2, capsys, "no encoder 'tiy': did you mean 'toy'?")


def test_json_and_a_picture_cannot_share_standard_output(stylize, capsys):
    assert stylize("content.png", "style.png", "-o", "-", "--json") == 2
    assert json.loads(capsys.readouterr().out)["event"] == "error"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_file_may_be_named_by_any_bytes(stylize):
    os.rename("content.png", b"c\xff.png")
    assert stylize("c\udcff.png", "style.png", "-o", "out.png", "--save-recipe", "r.json") == 0
    assert read_recipe("out.png").content == "c\udcff.png"
    assert run(["replay", "r.json", "-o", "again.png"]) == 0
    assert torch.equal(image("again.png"), image("out.png"))


# ---- recipes ------------------------------------------------------------------------------------------------------


def test_a_recipe_fills_in_what_is_not_said(stylize):
    stylize(*TWO, "--tv", "0.5", "--no-blends", "--save-recipe", "r.json")
    assert run(["stylize", "--recipe", "r.json", "-o", "again.png"]) == 0
    assert torch.equal(image("again.png"), image("out.png"))
    assert run(["stylize", "--recipe", "out.png", "-o", "more.png", "--tv", "0.25", "--blends"]) == 0
    method = read_recipe("more.png").build_method()
    assert (method.tv, method.blends, method.steps) == (0.25, True, 4)
    assert run(["stylize", "other.png", "--recipe", "r.json", "-o", "third.png"]) == 0
    assert (read_recipe("third.png").content, read_recipe("third.png").styles) == ("other.png", ["style.png"])


def test_a_saved_recipe_knows_its_files_from_its_own_folder(stylize, folder, monkeypatch, write_map):
    Path("recipes").mkdir()
    mask = ["--content-mask", write_map("left.png", left=1), "--start", "other.png"]
    assert stylize(*TWO, *mask, "--save-recipe", "recipes/r.json") == 0
    data = json.loads(Path("recipes/r.json").read_text())
    assert (data["content"], data["styles"], data["start"]) == ("../content.png", ["../style.png"], "../other.png")
    assert "../left.png" in data["content_mask"]
    assert "../content.png" in data["inputs"]
    assert run(["stylize", "--recipe", "recipes/r.json", "-o", "again.png"]) == 0
    monkeypatch.chdir("recipes")
    assert run(["stylize", "--recipe", "r.json", "-o", "../third.png"]) == 0
    monkeypatch.chdir(folder)
    assert torch.equal(image("again.png"), image("out.png"))
    assert torch.equal(image("third.png"), image("out.png"))


def test_a_recipe_file_names_what_has_changed(stylize, capsys):
    stylize(*TWO, "--save-recipe", "r.json")
    os.replace("other.png", "style.png")
    capsys.readouterr()
    assert run(["stylize", "--recipe", "r.json", "-o", "out.png"]) == 0
    assert "style.png has changed since the recipe was written" in told(capsys)


# ---- stopping and going on ----------------------------------------------------------------------------------------


def test_ctrl_c_stops_and_resume_goes_on_to_the_same_picture(stylize, capsys, monkeypatch):
    class Stopping(progress.Silent):
        def frame(self, frame):
            if frame.step == 13:
                signal.raise_signal(signal.SIGINT)

    stylize("content.png", "style.png", "-o", "whole.png", steps=30)
    with monkeypatch.context() as patch:
        patch.setattr("intarsia.cli.stylize.reporter", lambda *_: Stopping())
        assert stylize(*TWO, "--preview", "now.png", "--every", "13", steps=30) == 130
    err = told(capsys)
    assert "stopped at step 13 of 30; the picture so far is in out.png, and the same again with --resume goes on" in err
    assert image("now.png").shape[-1] < image("out.png").shape[-1] == 64
    assert stylize(*TWO, "--resume", "--tv", "0.5", steps=30) == 3
    assert "leave --resume away to start anew" in told(capsys)
    assert stylize(*TWO, "--resume", steps=30) == 0
    assert torch.equal(image("out.png"), image("whole.png"))
    assert not Path("out.png.state").exists()


def test_a_diverging_run_is_one_line(stylize, capsys):
    assert stylize(*TWO, "--optimizer", "adam", "--rate", "1e35", steps=30) == 1
    err = told(capsys)
    assert re.search(r"The last good step was \d+; the picture so far is in out.png", err)
    assert err.count("\n") == 1
    assert image("out.png").shape == (3, 48, 64)


# ---- the vgg19 encoder --------------------------------------------------------------------------------------------


def test_vgg19_paints_from_a_local_file(folder):
    from safetensors.torch import save_file

    from intarsia.encoders.vgg import VGG

    torch.manual_seed(0)
    save_file(VGG((4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 8, 8)).state_dict(), folder / "vgg19.safetensors")
    flags = ["--encoder", "vgg19", "--encoder-weights", "vgg19.safetensors", "--pooling", "average", "--size", "32"]
    assert run(["stylize", "content.png", "style.png", "-o", "out.png", "--steps", "2", *flags]) == 0
    assert "vgg19.safetensors" in picture.read_recipe("out.png")


def test_vgg19_without_a_network_says_which_file_to_put_where(folder, monkeypatch, capsys):
    monkeypatch.setenv("INTARSIA_OFFLINE", "1")
    monkeypatch.setenv("INTARSIA_CACHE", str(folder / "cache"))
    assert run(["stylize", "content.png", "style.png", "-o", "out.png", "--encoder", "vgg19"]) == 4
    said = capsys.readouterr().err
    assert "vgg19-dcbb9e9d.pth" in said
    assert "compact" in said
    assert not (folder / "out.png").exists()


# ---- files of several frames, and what is written beside the pixels --------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("content.png", "pages.tif"),
        ("pages.tif", "style.png"),
        ("content.png", "style.png", "--content-mask", "pages.tif"),
        ("content.png", "style.png", "--region", "sky: content=pages.tif"),
        ("content.png", "style.png", "--content-mask", "everywhere | subtract pages.tif"),
        ("content.png", "style.png", "other.png", "--gradient", "pages.tif: 1 -> 2"),
        ("content.png", "style.png", "--start", "pages.tif"),
    ],
)
def test_several_frames_are_told_with_a_way_that_works(stylize, capsys, arguments):
    page = picture.to_pil(picture.read("content.png").image)
    page.rotate(180).save("pages.tif", save_all=True, append_images=[page])
    assert stylize(*arguments, "-o", "out.png") == 3
    assert "pages.tif: holds 2 frames or pages. Name one by its number, pages.tif#1 to pages.tif#2." in (
        capsys.readouterr().err
    )
    numbered = [one.replace("pages.tif", "pages.tif#2") for one in arguments]
    assert stylize(*numbered, "-o", "out.png") == 0


def test_frame_still_chooses_for_the_content(stylize, capsys):
    page = picture.to_pil(picture.read("content.png").image)
    page.rotate(180).save("pages.tif", save_all=True, append_images=[page])
    for name, content in (("a.png", ("pages.tif", "--frame", "2")), ("b.png", ("pages.tif#2",))):
        assert stylize(*content, "style.png", "-o", name) == 0
    assert torch.equal(picture.read("a.png").image, picture.read("b.png").image)
    assert stylize("pages.tif#2", "style.png", "-o", "c.png", "--frame", "1") == 2
    assert "--frame is 1, and the name says 2" in capsys.readouterr().err


@pytest.mark.parametrize("policy", ["safe", "keep", "none"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
def test_the_author_goes_over(stylize, policy, suffix):
    exif = Image.Exif()
    exif[315], exif[0x8825] = "Somebody", {1: "N", 2: (48.0, 1.0, 0.0)}
    picture.to_pil(picture.read("content.png").image).save("photo.jpg", exif=exif, dpi=(300, 300))
    assert stylize("photo.jpg", "style.png", "-o", f"out.{suffix}", "--metadata", policy) == 0
    with Image.open(f"out.{suffix}") as written:
        assert (written.getexif().get(315) == "Somebody") == (policy != "none")
        assert bool(written.getexif().get_ifd(0x8825)) == (policy == "keep")
        assert (written.getexif().get(282) == 300) == (policy != "none")


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "ppm", "jpeg"])
def test_lost_transparency_is_told(stylize, capsys, suffix):
    picture.write("clear.png", picture.read("content.png").image, alpha=picture.read("content.png").image[0])
    assert stylize("clear.png", "style.png", "-o", f"out.{suffix}", "--quiet") == 0
    assert capsys.readouterr().err.count("holds no transparency") == 1


def test_a_raw_file_is_named(stylize, capsys):
    picture.write("content.tif", picture.read("content.png").image)
    os.rename("content.tif", "DSC_0001.NEF")
    assert stylize("DSC_0001.NEF", "style.png", "-o", "out.png") == 3
    assert "camera's raw file" in capsys.readouterr().err


@pytest.mark.parametrize("stem", ["a" * 251, "ü" * 125])
def test_the_longest_names_are_painted(stylize, stem):
    assert stylize("content.png", "style.png", "-o", f"{stem}.png", "--keep-every", "0") == 0
    assert picture.read(f"{stem}.png").image.shape == (3, 48, 64)
    assert not list(Path().glob("*.state"))


def test_a_name_that_is_too_long_is_told_before_the_painting(stylize, capsys):
    assert stylize("content.png", "style.png", "-o", "a" * 252 + ".png") == 1
    assert "this name is too long" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-photo.png", "style.png"], "The file -photo.png is written ./-photo.png"),
        (["content.png", "style.png", "--content-mask", "fill", "0.5,0.1"], "All of it together goes in quotes."),
        (["content.png", "style.png", "--content-mask", "fill mask.png"], "A file of that name is written in quotes"),
        (["content.png", "style.png", "--strength", "50"], "Did you mean 0.5?"),
    ],
)
def test_habits_of_the_keyboard_are_met_with_the_way_out(stylize, capsys, arguments, words):
    os.rename("other.png", "-photo.png")
    assert stylize(*arguments, "-o", "out.png") == 2
    assert words in capsys.readouterr().err
    assert stylize("./-photo.png", "style.png", "-o", "out.png") == 0
    assert stylize("content.png", "style.png", "-o", "out.png", "--content-mask", "'fill mask.png'") == 3
    assert "fill mask.png: there is no such file" in capsys.readouterr().err


def test_every_other_size_is_told_also_quietly(stylize, capsys):
    for size, words in ((80, "64 x 48 is enlarged to 80 x 60 (--size)"), (32, "is reduced to 32 x 24 (--size)")):
        assert stylize("content.png", "style.png", "-o", "out.png", "--quiet", size=size) == 0
        assert words in capsys.readouterr().err
    assert stylize("content.png", "style.png", "-o", "out.png", "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert run(["masks", "content.png", "-o", "look.png", "--content-mask", "luminance", "--size", "32"]) == 0
    assert capsys.readouterr().err == ""
