"""A map alone becomes a painting: each color takes its part of the style, and the run is a job like any other."""

import json
from pathlib import Path

import pytest
import torch

from intarsia import picture
from intarsia.cli import run
from intarsia.recipe import read_recipe

QUICK = ["--encoder", "toy", "--coarsest", "16", "--precision", "fp32", "--size", "64"]
COLORS = {"sky": (0.8, 0.9, 1.0), "hill": (0.2, 0.5, 0.1), "sea": (0.1, 0.2, 0.7)}


def image(name: str) -> torch.Tensor:
    return picture.read(name).image


def drawn(size: tuple[int, int], edges: dict[str, float], blend: int = 0) -> torch.Tensor:
    """Bands from top to bottom, ending at these parts of the height; their borders blended over so many rows."""
    out, top = torch.zeros(3, *size), 0
    for name, end in edges.items():
        bottom = round(end * size[0])
        out[:, top:bottom] = torch.tensor(COLORS[name])[:, None, None]
        top = bottom
    for _ in range(blend):
        out[:, 1:-1] = (out[:, :-2] + out[:, 2:]) / 2
    return out


@pytest.fixture
def doodle(folder):
    """`doodle("-o", "out.png")`: map.png, upside down against map_s.png on a style of one color per band."""
    picture.write("map.png", drawn((48, 64), {"sea": 0.3, "hill": 0.6, "sky": 1.0}, blend=1))
    picture.write("map_s.png", drawn((60, 60), {"sky": 0.4, "hill": 0.7, "sea": 1.0}, blend=1))
    style = torch.zeros(3, 60, 60)
    for channel, rows in enumerate([(0, 24), (24, 42), (42, 60)]):
        style[channel, rows[0] : rows[1]] = 0.7 + 0.3 * torch.rand(rows[1] - rows[0], 60)
    picture.write("painting.png", style)

    def call(*arguments: str, steps: int = 12) -> int:
        given = ["map.png", "--style", "painting.png", "--style-map", "map_s.png", *QUICK, "--steps", str(steps)]
        return run(["doodle", *given, *arguments])

    return call


@pytest.mark.parametrize("loss", ["patches", "gram"])
def test_every_color_takes_its_part_of_the_style(doodle, loss):
    assert doodle("-o", "out.png", "--loss", loss, steps=40) == 0
    out = image("out.png")
    assert out.shape == (3, 48, 64)
    for channel, rows in ((2, out[:, 3:12]), (1, out[:, 17:26]), (0, out[:, 33:45])):
        means = rows.mean((1, 2))
        assert int(means.argmax()) == channel
        assert float(means[channel]) > 3 * float(means.sum() - means[channel]) / 2


def test_nothing_of_the_maps_own_colors_is_left(doodle):
    """The map says where, not what: other colors on both maps give the same picture."""
    doodle("-o", "out.png")
    for name in ("map.png", "map_s.png"):
        picture.write(name, 1 - image(name))
    doodle("-o", "other.png")
    torch.testing.assert_close(image("other.png"), image("out.png"), atol=0.02, rtol=0)


def test_defaults_are_those_of_a_doodle_and_stand_in_the_recipe(doodle):
    doodle("-o", "out.png", "--seed", "3")
    recipe = read_recipe("out.png")
    method = recipe.build_method()
    assert (method.loss, method.content_weight, method.init, method.seed) == ("patches", 0, "statistics", 3)
    assert (recipe.content, recipe.content_map, recipe.style_map) == ("map.png", "map.png", ["map_s.png"])


def test_a_photograph_keeps_its_shapes(doodle):
    given = ("--content", "content.png", "--no-copy-patches")  # those of the style have no shapes of the content
    assert doodle("-o", "out.png", *given, "--content-weight", "100") == 0
    method = read_recipe("out.png").build_method()
    assert (method.loss, method.init, method.content_weight) == ("patches", "content", 100)
    assert doodle("-o", "usual.png", *given) == 0
    assert read_recipe("usual.png").build_method().content_weight == 0.13
    near, far = ((image(name) - image("content.png")).square().mean() for name in ("out.png", "usual.png"))
    assert float(near) < 0.5 * float(far), (near, far)


def test_the_same_seed_the_same_picture(doodle):
    for name, seed in (("a.png", "1"), ("b.png", "1"), ("c.png", "2")):
        doodle("-o", name, "--seed", seed)
    assert torch.equal(image("a.png"), image("b.png"))
    assert not torch.equal(image("a.png"), image("c.png"))


def test_replay_gives_the_same_file(doodle):
    doodle("-o", "out.png")
    assert run(["replay", "out.png", "-o", "again.png"]) == 0
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()


def test_going_on_gives_the_same_file(doodle, monkeypatch):
    import signal

    from intarsia.cli import progress

    class Stopping(progress.Silent):
        def frame(self, frame):
            if frame.step == 7:
                signal.raise_signal(signal.SIGINT)

    doodle("-o", "whole.png")
    with monkeypatch.context() as patch:
        patch.setattr("intarsia.cli.stylize.reporter", lambda *_: Stopping())
        assert doodle("-o", "out.png") == 130
    assert Path("out.png.state").exists()
    assert doodle("-o", "out.png", "--resume") == 0
    assert Path("out.png").read_bytes() == Path("whole.png").read_bytes()


def test_events_previews_and_recipes_are_those_of_any_run(doodle, capsys):
    flags = ["--json", "--preview", "so_far.png", "--every", "5", "--save-recipe", "r.json"]
    assert doodle("-o", "out.png", *flags) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events][-1] == "done"
    assert image("so_far.png").shape == (3, 48, 64)
    assert run(["replay", "r.json", "-o", "again.png"]) == 0
    assert torch.equal(image("again.png"), image("out.png"))


def test_colors_that_do_not_pair_are_listed_on_both_sides(doodle, capsys):
    picture.write("map_s.png", drawn((60, 60), {"sky": 0.4, "hill": 1.0}))
    broken = image("map_s.png")
    broken[:, 40:] = torch.tensor([1.0, 0, 0])[:, None, None]
    picture.write("map_s.png", broken)
    assert doodle("-o", "out.png") == 3
    err = capsys.readouterr().err
    assert "the style map lacks colors of the content map: #1a33b2" in err
    assert "The style map alone has #ff0000" in err
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["map.png", "--style", "painting.png", "-o", "out.png"], 2, "--style-map is missing"),
        (["map.png", "--style-map", "map_s.png", "-o", "out.png"], 2, "--style is missing"),
        (["gone.png", "--style", "painting.png", "--style-map", "map_s.png", "-o", "out.png"], 3, "gone.png"),
        (["map.png", "--style", "painting.png", "--style-map", "map_s.png", "-o", "map.png"], 2, "map.png"),
        (["map.png", "--style", "painting.png", "--style-map", "map.png", "-o", "out.png"], 3, "same aspect"),
        (["map.png", "--style", "painting.png", "--style-map", "map_s.png", "-o", "o.png", "--lost", "1"], 2, "--lost"),
        (
            ["map.png", "one", "two", "--style", "a", "--style-map", "b", "-o", "o.png"],
            2,
            "does not know what 'one two' is",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_is_told_in_one_line(doodle, capsys, arguments, code, told):
    assert run(["doodle", *arguments]) == code
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_color_can_have_settings_of_its_own(doodle):
    doodle("-o", "out.png", "--content", "content.png", "--region", "#1a33b3: strength=0")
    torch.testing.assert_close(image("out.png")[:, :12], image("content.png")[:, :12], atol=0.01, rtol=0)
    assert float((image("out.png")[:, 32:] - image("content.png")[:, 32:]).abs().mean()) > 0.05
