"""Loss and gradient by tiles are those of the whole picture, whatever the objective asks."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg import VGG
from intarsia.guide import Guide, Region
from intarsia.methods.gatys import Gatys, Goal
from intarsia.methods.tiled import tiles_of


@pytest.fixture(scope="module")
def encoders():
    torch.manual_seed(0)
    small = VGG((6, 6, 8, 8, 10, 10, 10, 10, 12, 12, 12, 12, 14)).frozen()
    for name, one in small.named_parameters():  # so that the deep layers see more than one color
        one.mul_(0 if name.endswith("bias") else 6**0.5)
    return {
        "compact": load("compact", device="cpu", precision="fp32"),
        "random": Encoder("random", small),
        "toy": load("toy", device="cpu"),
    }


def terms_and_gradient(goal, image):
    pixels = image.clone().requires_grad_()
    terms = goal(pixels)
    loss = torch.stack(list(terms.values())).sum()
    if loss.requires_grad:
        loss.backward()
    return {name: float(term.detach()) for name, term in terms.items()}, pixels.grad


def check(method, encoder, content, guide, image, side):
    goals = [Goal.build(method, encoder, content, guide.merged(), side=one) for one in (None, side)]
    assert len(goals[0].tiles) == 1 < len(goals[1].tiles)
    (terms, gradient), (tiled, by_tiles) = (terms_and_gradient(goal, image) for goal in goals)
    assert terms.keys() == tiled.keys()
    for name, term in terms.items():
        assert tiled[name] == pytest.approx(term, rel=1e-3, abs=1e-7)
    assert float((by_tiles - gradient).norm()) < 1e-3 * float(gradient.norm())
    assert float((by_tiles - gradient).abs().max()) < 1e-3 * float(gradient.abs().max())


def ramp(h, w):
    return torch.linspace(-0.1, 1.1, w).clamp(0, 1).expand(h, w)


def spot(h, w):
    out = torch.zeros(h, w)
    out[h // 8 : h // 3, w // 2 : w // 2 + w // 4] = 1
    return out


@pytest.fixture
def guides(random_image):
    one, other, third = random_image(90, 120, 2), random_image(130, 70, 3), random_image(64, 64, 4)
    upper = torch.zeros(90, 120)
    upper[:40] = 1

    def make(name, h, w):
        soft = ramp(h, w)
        return {
            "everywhere": Guide.everywhere(one),
            "soft": Guide((Region(one, soft), Region(other, 1 - soft))),
            "masked": Guide((Region(one, spot(h, w), upper, strength=0.5, content_weight=3),)),
            "three": Guide(
                (
                    Region(one, soft * 0.7, strength=0.8),
                    Region(other, (1 - soft) * 0.7, content_weight=0.1, style_scale=1.3),
                    Region(third, 0.3 * spot(h, w), style_scale=0.7),
                )
            ),
        }[name]

    return make


@pytest.mark.parametrize("guide", ["everywhere", "soft", "masked", "three"])
@pytest.mark.parametrize("size", [(128, 160), (117, 149)], ids=["divides", "does not"])
def test_gradient_of_the_whole(encoders, guides, random_image, guide, size):
    content, image = random_image(*size, 5), random_image(*size, 6) * 1.2 - 0.1  # also outside 0..1
    check(Gatys(tv=0.001), encoders["random"], content, guides(guide, *size), image, 48)


@pytest.mark.parametrize("loss", ["gram", "moments", "wasserstein"])
@pytest.mark.parametrize("blends", [True, False], ids=["blends", "no blends"])
def test_gradient_of_every_loss(encoders, guides, random_image, loss, blends):
    content, image = random_image(100, 130, 5), random_image(100, 130, 6)
    check(Gatys(loss=loss, blends=blends, tv=0.001), encoders["random"], content, guides("three", 100, 130), image, 64)


@pytest.mark.parametrize(
    "settings",
    [
        {"style_taps": ("relu3_1",), "content_tap": "relu2_1"},
        {"style_taps": ("relu1_1", "relu4_1"), "tap_weights": (0.3, 2.0), "content_tap": "relu1_1"},
        {"style_taps": ("relu1_1",), "content_tap": "relu1_1", "content_weight": 0},
        {"paper": "gatys2016"},
        {"paper": "partial", "tv": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoder", ["random", "toy"])
def test_gradient_of_any_taps_and_weights(encoders, guides, random_image, settings, encoder):
    content, image = random_image(70, 90, 5), random_image(70, 90, 6)
    check(Gatys(**{"tv": 0} | settings), encoders[encoder], content, guides("soft", 70, 90), image, 32)


def test_gradient_with_the_embedded_encoder(encoders, guides, random_image):
    content, image = random_image(210, 170, 5), random_image(210, 170, 6)
    check(Gatys(tv=0.001), encoders["compact"], content, guides("soft", 210, 170), image, 96)


def test_a_narrower_halo_would_not_do(encoders, guides, random_image):
    content, image = random_image(128, 160, 5), random_image(128, 160, 6)
    goal = Goal.build(Gatys(tv=0), encoders["random"], content, guides("everywhere", 128, 160), side=48)
    less = dataclasses.replace(goal, tiles=tiles_of((128, 160), 48, 16, 16))
    (_, gradient), (_, wrong) = (terms_and_gradient(one, image) for one in (goal, less))
    assert float((wrong - gradient).norm()) > 1e-3 * float(gradient.norm())


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([1, 16, 50, 1000]))
def test_tiles_count_every_position_once(h, w, side):
    padded = torch.zeros(-(-h // 16) * 16, -(-w // 16) * 16)
    tiles = tiles_of((h, w), side, 16, 32)
    for tile in tiles:
        tile.box.of(padded).add_(1)
        assert min(tile.inner) >= 0
        assert tile.inner.of(tile.outer.of(padded)).shape == tile.box.of(padded).shape
    assert bool((padded == 1).all())
    assert len(tiles) == 1 or side < max(h, w)
