"""The objective is the paper's, and counts what the settings say."""

import dataclasses

import pytest
import torch

from intarsia.encoders import load
from intarsia.guide import Guide, Region
from intarsia.losses import gram_loss
from intarsia.methods.gatys import Gatys
from intarsia.methods.parts.goal import Goal
from intarsia.moments import moments
from intarsia.scene import View
from intarsia.sizes import fit, resize

TOY = load("toy", device="cpu")
FEW = Gatys(steps=12, coarsest=16)
PATCHES = Gatys(coarsest=64, loss="patches", content_weight=0, tv=0, tap_weights=(0.0,) * 4, chroma_smoothing=0)


@pytest.fixture
def pictures(random_image):
    return random_image(32, 48, 1), random_image(40, 40, 2), random_image(40, 40, 3)


def test_a_state_brings_its_matches(pictures):
    """They are not those that the picture has by now."""
    content, style, other = pictures
    goal = Goal.build(dataclasses.replace(FEW, loss="patches"), TOY, View.of(content, Guide.everywhere(style)))
    now = other[:, :32].repeat(1, 1, 2)[:, :, :48]
    kept = goal.matched(now, goal.matched(content).state())
    for tap, matches in kept.matches.items():
        assert torch.equal(matches, goal.matched(content).matches[tap])
        assert not torch.equal(matches, goal.matched(now).matches[tap])


def test_papers_weightings_by_name(pictures):
    content, style, _ = pictures
    gatys = Goal.build(Gatys(paper="gatys2016", tv=0), TOY, View.of(content, Guide.everywhere(style)))
    terms = gatys(style[:, :32].repeat(1, 1, 2)[:, :, :48])
    image = style[:, :32].repeat(1, 1, 2)[:, :, :48]
    wanted = 0.0
    shown = resize(style, fit(40, 40, 48))
    for tap, channels in (("relu1_1", 64), ("relu2_1", 128), ("relu3_1", 256), ("relu4_1", 512)):
        a, b = (TOY(x, [tap])[tap].flatten(1) for x in (image, shown))
        difference = a @ a.T / a.shape[1] - b @ b.T / b.shape[1]
        wanted += float(difference.square().sum()) / (4 * channels**2) / 5
    a, b = (TOY(x, ["relu5_1"])["relu5_1"].flatten(1) for x in (image, shown))
    wanted += float((a @ a.T / a.shape[1] - b @ b.T / b.shape[1]).square().sum()) / (4 * 512**2) / 5
    assert float(terms["style"]) == pytest.approx(wanted, rel=1e-3)
    a, b = (TOY(x, ["relu4_1"])["relu4_1"] for x in (image, content))
    assert float(terms["content"]) == pytest.approx(1e-3 * 0.5 * float((a - b).square().sum()), rel=1e-3)
    partial = Goal.build(Gatys(paper="partial"), TOY, View.of(content, Guide.everywhere(style)))
    assert set(partial.targets) == {"relu3_1", "relu4_1", "relu5_1"}


def test_deep_taps_count_less_unless_their_weights_are_given(pictures):
    content, style, _ = pictures
    view = View.of(content, Guide.everywhere(style))
    for given, deep in (((), 0.1), ((1.0, 1.0, 1.0, 0.7), 0.7)):
        targets = Goal.build(Gatys(tap_weights=given), TOY, view).targets
        assert list(targets) == ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
        assert float(targets["relu4_1"].importance) == pytest.approx(deep * float(targets["relu1_1"].importance))


def test_content_counts_less_under_a_strong_style_and_as_told_in_a_region(pictures):
    content, style, _ = pictures

    def counts(guide):
        return float(Goal.build(FEW, TOY, View.of(content, guide)).content_importance.mean())

    # the features of TOY are linear: half as bright is a quarter of the energy
    once, faint = counts(Guide.everywhere(style)), counts(Guide.everywhere(style / 2))
    assert faint == pytest.approx(2 * once, rel=1e-3)
    assert counts(Guide((Region(style, content_weight=3.0),))) == pytest.approx(3 * once, rel=1e-3)


@pytest.mark.parametrize("paper", ["none", "gatys2016"])
def test_a_region_is_painted_alike_whatever_is_left_alone_around_it(pictures, paper):
    """The terms of a picture that is painted as a whole are those of the same picture beside one that is left."""
    content, style, _ = pictures
    (_, h, w), method = content.shape, dataclasses.replace(FEW, paper=paper)
    beside = torch.zeros(1, h, 4 * w)
    beside[:, :, :w] = 1
    image = (content + 0.1 * torch.rand(content.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    flat = torch.full((3, h, 3 * w), 0.5)  # where nothing varies
    alone = Goal.build(method, TOY, View.of(content, Guide((Region(style, style_scale=4.0),))))(image)
    guide = Guide((Region(style, beside[0]),))
    both = Goal.build(method, TOY, View.of(torch.cat([content, flat], 2), guide))(torch.cat([image, flat], 2))
    for term in ("content", "style"):
        assert float(both[term]) == pytest.approx(float(alone[term]), rel=0.25)
    assert float(both["tv"]) == pytest.approx(float(alone["tv"]), rel=0.25)


def test_the_basis_of_the_encoder_changes_moments_as_it_would_change_features(pictures):
    content, style, _ = pictures
    compact = load("compact", device="cpu", precision="fp32")
    goal = Goal.build(Gatys(loss="gram", tv=0), compact, View.of(content, Guide.everywhere(style)))
    image = style[:, :32].repeat(1, 1, 2)[:, :, :48]
    features, wanted = compact(image, goal.taps), 0.0
    for tap, target in goal.targets.items():
        wanted += float(
            (
                target.importance * gram_loss(moments(features[tap], target.maps(goal.tiles[0].box)), target.moments)
            ).sum()
        )
    assert float(goal(image)["style"]) == pytest.approx(wanted, rel=1e-3)


def test_patches_count_as_much_as_they_are_told_to(pictures):
    content, style, _ = pictures
    goals = [
        Goal.build(dataclasses.replace(PATCHES, patch_weight=weight), TOY, View.of(content, Guide.everywhere(style)))
        for weight in (1, 3)
    ]
    one, three = (float(goal.matched(content)(content)["patches"]) for goal in goals)
    assert three == pytest.approx(3 * one, rel=1e-5)
    assert "patches" not in goals[0](content)  # before anything is matched


def test_patches_are_compared_in_the_basis_of_the_encoder(pictures):
    style = pictures[0]
    compact = load("compact", device="cpu", precision="fp32")
    goal = Goal.build(PATCHES, compact, View.of(style, Guide.everywhere(style)))
    assert float(goal.matched(style)(style)["patches"]) == pytest.approx(0, abs=1e-4)


def test_deep_taps_leave_out_what_is_next_to_a_hard_border(pictures):
    """And nothing of a soft one, of a thin region, or of the papers' way."""
    _, one, other = pictures
    content = torch.rand(3, 128, 128)
    hard, soft = torch.zeros(128, 128), torch.linspace(0, 1, 128).expand(128, 128)
    hard[:, :64] = 1
    thin = torch.zeros(128, 128)
    thin[:, 60:72] = 1

    def reached(method, one_map, tap):
        goal = Goal.build(method, TOY, View.of(content, Guide((Region(one, one_map), Region(other, 1 - one_map)))))
        (tile,) = goal.tiles
        return sum(support.mass for support in goal.targets[tap].maps(tile.box))

    assert reached(FEW, hard, "relu4_1") == 16 * 14  # of 16 x 16 positions, without two columns
    assert reached(FEW, hard, "relu3_1") == 32 * 32
    assert reached(dataclasses.replace(FEW, blends=False), hard, "relu4_1") == 16 * 16
    assert reached(FEW, soft, "relu4_1") == pytest.approx(16 * 16)
    assert reached(FEW, thin, "relu4_1") == 16 * (1.5 + 12)  # the thin one as it is, the other without two columns
