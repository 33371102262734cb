"""Laws that every method of the table keeps. A method added there is tested here the same day."""

import pytest
import torch

from handmade import untrained
from intarsia.encoders import load
from intarsia.guide import Guide, Region
from intarsia.methods import METHODS, Deform, Harmonize, Strotss, method_of, settings_of
from intarsia.recipe import Recipe

TOY = load("toy", device="cpu")
TINT = torch.tensor([1.0, 0.3, 0.1])[:, None, None]
QUICK = {  # settings that make a method quick to test
    "gatys": {"steps": 25, "coarsest": 16},
    "wct": {"levels": (3, 2, 1), "coarsest": 16},
    "adain": {"level": 3},
    "harmonize": {"steps": 25, "coarsest": 16},
    "deform": {
        "painter": "gatys",
        "steps": 25,
        "coarsest": 16,
        "points": ((0.2, 0.2, 0.2, 0.3), (0.3, 0.8, 0.3, 0.7), (0.4, 0.5, 0.3, 0.5)),
    },
    "strotss": {"steps": 25, "coarsest": 16, "rate": 0.06},
}


@pytest.fixture(params=METHODS)
def method(request, pictures, tmp_path):
    settings = QUICK.get(request.param, {}) | {"encoder": "toy"}
    if request.param == "fast":
        styles = *pictures, pictures[1] * TINT
        settings["models"] = [str(untrained(tmp_path / f"{i}.safetensors", one)) for i, one in enumerate(styles)]
    return method_of(request.param, settings)


@pytest.fixture
def pictures(random_image):
    return random_image(32, 48, 1), random_image(40, 40, 2), random_image(36, 44, 3)


def painted(method, content, guide):
    *_, last = method(content, guide, encoder=TOY)
    return last.image


def half(h=32, w=48):
    left = torch.zeros(h, w)
    left[:, : w // 2] = 1
    return left


def test_same_seed_same_picture(method, pictures):
    content, style, _ = pictures
    guide = Guide.everywhere(style)
    assert torch.equal(painted(method, content, guide), painted(method, content, guide))


def test_nothing_moves_outside_the_guide(method, pictures):
    content, style, _ = pictures
    image = painted(method, content, Guide((Region(style, half()),)))
    assert torch.equal(image[:, :, 24:], content[:, :, 24:])
    assert not torch.allclose(image[:, :, :24], content[:, :, :24], atol=0.02)


def test_strength_zero_leaves_as_is(method, pictures):
    content, style, other = pictures
    assert torch.equal(painted(method, content, Guide((Region(style, strength=0),))), content)
    image = painted(method, content, Guide((Region(style, half(), strength=0), Region(other, 1 - half()))))
    assert torch.equal(image[:, :, :24], content[:, :, :24])


def test_maps_that_tile_the_picture_alike_equal_no_maps(method, pictures):
    content, style, _ = pictures
    whole = painted(method, content, Guide.everywhere(style))
    soft = torch.rand(32, 48)
    for maps in ([half(), 1 - half()], [soft, 1 - soft], [soft / 2, soft / 2, 1 - soft]):
        parts = painted(method, content, Guide(tuple(Region(style, one) for one in maps)))
        torch.testing.assert_close(parts, whole, atol=2e-3, rtol=0)


def test_two_half_weight_copies_of_a_style_equal_one(method, pictures):
    content, style, _ = pictures
    twice = painted(method, content, Guide.everywhere(style, style.clone(), weights=[0.5, 0.5]))
    torch.testing.assert_close(twice, painted(method, content, Guide.everywhere(style)), atol=2e-3, rtol=0)


def test_the_order_of_the_regions_does_not_matter(method, pictures):
    content, one, other = pictures
    regions = (Region(one, half()), Region(other, 1 - half()))
    ahead, back = painted(method, content, Guide(regions)), painted(method, content, Guide(regions[::-1]))
    torch.testing.assert_close(ahead, back, atol=5e-3, rtol=0)


def test_maps_of_another_resolution_mean_the_same(method, pictures):
    content, style, _ = pictures
    fine, coarse = half(), half(16, 24)
    a, b = (painted(method, content, Guide((Region(style, one),))) for one in (fine, coarse))
    # a place whose match is another one, or that is bent, changes more, near the border above all
    near, gap = {Harmonize: (8, 0.1), Deform: (8, 0.1), Strotss: (4, 0.05)}.get(type(method), (2, 0.05))
    torch.testing.assert_close(a[:, :, : 24 - near], b[:, :, : 24 - near], atol=gap, rtol=0)
    assert torch.equal(b[:, :, 26:], content[:, :, 26:])


@pytest.mark.parametrize("rule", ["match", "luminance", "histogram"])
def test_color_rules_hold_for_every_method(method, pictures, rule):
    """The content's colors stay: nearer to its own than to those of a painting in the style's."""
    content, style, _ = pictures
    style = style * TINT
    plain = painted(method, content, Guide((Region(style, half()),)))
    kept = painted(method, content, Guide((Region(style, half(), color=rule),)))
    wrong, right = ((one[:, :, :24].mean((1, 2)) - content[:, :, :24].mean((1, 2))).norm() for one in (plain, kept))
    assert float(right) < 0.5 * float(wrong)
    assert torch.equal(kept[:, :, 24:], content[:, :, 24:])


def test_any_size_gives_a_finite_picture_in_range(method, pictures):
    for size in ((1, 1), (1, 40), (5, 7), (33, 31)):
        content = torch.rand(3, *size)
        image = painted(method, content, Guide.everywhere(pictures[1]))
        assert image.shape == content.shape
        assert 0 <= float(image.min()) <= float(image.max()) <= 1


def test_settings_survive_the_recipe(method):
    name = next(name for name, kind in METHODS.items() if isinstance(method, kind))
    recipe = Recipe(content="a.png", styles=["b.png"], method=name, settings=settings_of(method))
    assert Recipe.from_json(recipe.to_json()).build_method() == method


def test_every_setting_says_what_it_does(method):
    """A field's docstring is its help on the command line."""
    import ast
    import dataclasses
    import inspect
    import itertools

    body = ast.parse(inspect.getsource(type(method))).body[0].body
    told = {
        a.target.id
        for a, b in itertools.pairwise(body)
        if isinstance(a, ast.AnnAssign) and isinstance(b, ast.Expr) and isinstance(b.value, ast.Constant)
    }
    assert told == {field.name for field in dataclasses.fields(method)}
