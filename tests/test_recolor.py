"""The color rules of a guide, on content, styles and what comes back."""

import warnings

import pytest
import torch

from intarsia.color import RULES, color_moments, luminance
from intarsia.errors import Notice
from intarsia.guide import Guide, Region
from intarsia.recolor import Recolored


@pytest.fixture
def pictures(random_image):
    content, style = random_image(24, 32, 1), random_image(20, 28, 2)
    return 0.3 + 0.4 * content, (style * torch.tensor([0.9, 0.5, 0.2])[:, None, None]).clamp(0, 1)


def half(soft: bool) -> torch.Tensor:
    across = torch.linspace(1, 0, 32) if soft else (torch.arange(32) < 16).float()
    return across.expand(24, 32)


def test_without_a_rule_nothing_is_touched(pictures):
    content, style = pictures
    guide = Guide((Region(style),))
    colors = Recolored.of(content, guide)
    assert colors.content is content
    assert colors.guide is guide
    assert colors.back(content) is content


@pytest.mark.parametrize("form", ["mk", "pca", "cholesky"])
@pytest.mark.parametrize("soft", [False, True])
def test_there_and_back_is_the_content(pictures, form, soft):
    """1e-4 on unclipped pixels, for every form and through soft borders."""
    content, style = pictures
    other = 0.25 + style.flip(0) / 2
    guide = Guide((Region(style, half(soft), color="match", color_form=form), Region(other, 1 - half(soft))))
    colors = Recolored.of(content, guide)
    free = ((colors.content > 0) & (colors.content < 1)).all(0)
    assert float(free.float().mean()) > 0.8
    assert float((colors.back(colors.content) - content).abs()[:, free].max()) < 1e-4


def test_match_gives_the_content_the_colors_of_the_style(pictures):
    content, style = pictures
    colors = Recolored.of(content, Guide((Region(style, color="match"),)))
    now, wanted = color_moments(colors.content), color_moments(style)
    torch.testing.assert_close(now.mean(), wanted.mean(), atol=0.01, rtol=0)
    torch.testing.assert_close(now.covariance(), wanted.covariance(), atol=0.01, rtol=0)


def test_luminance_keeps_the_hues_and_takes_the_light(pictures):
    content, style = pictures
    colors = Recolored.of(content, Guide((Region(style, color="luminance"),)))
    for gray in (colors.content, colors.guide.regions[0].style):
        torch.testing.assert_close(gray[0], gray[2])
    painted = luminance(content).flip(0).expand_as(content)
    back = colors.back(painted)
    torch.testing.assert_close(luminance(back), painted[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(colors.back(colors.content), content, atol=1e-5, rtol=0)


def test_histogram_gives_the_style_the_colors_of_its_own_part_of_the_content(pictures):
    content, style = pictures
    content = torch.cat([content[:, :, :16] * 0.3, content[:, :, 16:]], 2)
    guide = Guide((Region(style, half(False), color="histogram"), Region(style, 1 - half(False))))
    colors = Recolored.of(content, guide)
    left, right = (region.style for region in colors.guide.regions)
    for now, wanted in zip(left, content[:, :, :16], strict=True):
        assert float(now.mean()) == pytest.approx(float(wanted.mean()), abs=0.01)
        assert float(now.std()) == pytest.approx(float(wanted.std()), abs=0.02)
    assert right is style


@pytest.mark.parametrize("rule", RULES)
def test_places_of_no_region_come_back_to_the_bit(pictures, rule):
    content, style = pictures
    colors = Recolored.of(content, Guide((Region(style, half(False), color=rule),)))
    back = colors.back(colors.content + 0.1 * half(False))
    assert torch.equal(back[:, :, 16:], content[:, :, 16:])
    assert not torch.allclose(back[:, :, :16], content[:, :, :16])


@pytest.mark.parametrize("rule", RULES)
def test_flat_and_tiny_pictures_stay_finite(rule):
    for content in (torch.full((3, 8, 8), 0.5), torch.rand(3, 1, 1), torch.zeros(3, 1, 9)):
        colors = Recolored.of(content, Guide((Region(torch.full((3, 4, 4), 0.2), color=rule),)))
        assert bool(colors.back(colors.content).isfinite().all())
        assert bool(colors.guide.regions[0].style.isfinite().all())


@pytest.mark.parametrize("rule", ["match", "histogram"])
@pytest.mark.parametrize("form", ["mk", "pca", "cholesky"])
@pytest.mark.parametrize("kind", ["gray", "paper", "faint", "noisy", "noisier"])
def test_colors_are_not_matched_to_a_style_that_has_none(rule, form, kind):
    generator = torch.Generator().manual_seed(1)
    content, gray = torch.rand(3, 24, 32, generator=generator), torch.rand(1, 20, 20, generator=generator)
    style = gray.expand(3, -1, -1) * (torch.tensor([1.0, 0.96, 0.86])[:, None, None] if kind == "paper" else 1)
    levels = {"faint": 2, "noisy": 4, "noisier": 8}.get(kind, 0)
    style = style + levels / 255 * torch.randn(3, 20, 20, generator=generator)
    region = Region(style.clamp(0, 1), color=rule, color_form=form)
    with pytest.warns(Notice, match="next to no color"):
        colors = Recolored.of(content, Guide((region,)))
    noisy = colors.content + 0.02 * torch.randn(3, 24, 32, generator=generator)
    back = colors.back(noisy.clamp(0, 1))
    hue, wanted = (one - one.mean(0) for one in (back, content))
    assert float((hue - wanted).abs().quantile(0.5)) < 0.02  # the content's colors, calm


@pytest.mark.parametrize("rule", ["match", "histogram"])
def test_colors_are_matched_to_a_muted_style_unless_its_part_of_the_content_has_many_times_as_much(rule):
    generator = torch.Generator().manual_seed(1)
    gray, hues = torch.rand(1, 24, 32, generator=generator), torch.randn(3, 24, 32, generator=generator)
    muted, calm, loud = ((gray * 0.6 + 0.2 + part * hues).clamp(0, 1) for part in (0.03, 0.09, 0.3))
    content = torch.where(half(False) > 0, calm, loud)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        Recolored.of(content, Guide((Region(muted, half(False), color=rule),)))
    with pytest.warns(Notice, match="next to no color"):
        Recolored.of(content, Guide((Region(muted, 1 - half(False), color=rule),)))


@pytest.mark.parametrize(
    ("rule", "gray_style"), [("none", True), ("match", True), ("match", False), ("luminance", False)]
)
def test_gray_stays_gray(rule, gray_style):
    generator = torch.Generator().manual_seed(2)
    content = torch.rand(1, 24, 32, generator=generator).expand(3, -1, -1).contiguous()
    style = torch.rand(1 if gray_style else 3, 20, 20, generator=generator).expand(3, -1, -1).contiguous()
    left = torch.zeros(24, 32)
    left[:, :16] = 1
    painted = torch.rand(3, 24, 32, generator=generator)
    colored = Region(torch.rand(3, 20, 20, generator=generator), 1 - left)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        colors = Recolored.of(content, Guide((Region(style, left, color=rule), colored)))
    back = colors.back(painted)
    assert float((back.amax(0) - back.amin(0))[:, :16].max()) < 1e-5
    assert torch.allclose(back[:, :, 16:], painted[:, :, 16:], atol=1e-5)  # a colored style brings its colors
