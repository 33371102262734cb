"""Feature transforms: statistics are met, regions and styles are, what is degenerate stays finite."""

import pydantic
import pytest
import torch

from intarsia.encoders import load
from intarsia.errors import Notice
from intarsia.guide import Guide, Region
from intarsia.measure import ssim
from intarsia.methods.wct import WCT
from intarsia.moments import moments

TOY = load("toy", device="cpu")
FULL = WCT(levels=(3, 2, 1), alpha=1)


@pytest.fixture(scope="module")
def compact():
    return load("compact", device="cpu", precision="fp32")


@pytest.fixture
def pictures(random_image):
    """Of little contrast, so that nothing leaves 0..1 on the way."""
    return 0.4 + 0.2 * random_image(40, 48, 1), 0.35 + 0.2 * random_image(48, 40, 2)


def painted(method, content, guide, **more):
    *_, last = method(content, guide, encoder=more.pop("encoder", TOY), **more)
    return last.image


@pytest.mark.parametrize("level", [1, 2, 3])
def test_mean_and_covariance_become_those_of_the_style(pictures, level):
    """Of the re-encoded picture, since the toy encoder can be inverted: relative error at most 1e-3."""
    content, style = pictures
    image = painted(WCT(levels=(level,), alpha=1), content, Guide.everywhere(style))
    tap = f"relu{level}_1"
    now = moments(TOY(image, [tap])[tap])
    wanted = moments(TOY(style, [tap])[tap])  # which has the content's long side, and so is not resized
    for one, other in ((now.mean(), wanted.mean()), (now.covariance(), wanted.covariance())):
        assert float((one - other).norm() / other.norm()) < 1e-3


def test_own_style_changes_nothing(pictures):
    content, _ = pictures
    torch.testing.assert_close(painted(FULL, content, Guide.everywhere(content)), content, atol=2e-3, rtol=0)


def test_alpha_goes_from_the_content_to_the_style(pictures):
    content, style = pictures
    guide = Guide.everywhere(style)
    none, half, full = (painted(WCT(levels=(2,), alpha=alpha), content, guide) for alpha in (0, 0.5, 1))
    torch.testing.assert_close(none, content, atol=1e-4, rtol=0)
    torch.testing.assert_close(half, (content + full) / 2, atol=1e-3, rtol=0)


def test_alphas_are_for_the_levels_in_their_order(pictures):
    content, style = pictures
    guide = Guide.everywhere(style)
    first = painted(WCT(levels=(3, 1), alphas=(1, 0)), content, guide)
    torch.testing.assert_close(first, painted(WCT(levels=(3,), alpha=1), content, guide), atol=1e-4, rtol=0)


def test_each_region_gets_its_own_style_and_strength(pictures):
    content, style = pictures
    left = (torch.arange(48) < 24).float().expand(40, 48)
    red, blue = (torch.tensor(color)[:, None, None] * 0.5 + 0.4 * style for color in ([1.0, 0, 0], [0, 0, 1.0]))
    image = painted(FULL, content, Guide((Region(red, left), Region(blue, 1 - left, strength=0.5))))
    half = painted(FULL, content, Guide((Region(red, left), Region(blue, 1 - left))))
    assert float(image[0, :, :24].mean() - image[2, :, :24].mean()) > 0.3
    blueness = [float(one[2, :, 24:].mean() - one[0, :, 24:].mean()) for one in (content, image, half)]
    assert blueness[0] + 0.05 < blueness[1] < blueness[2] - 0.05


def test_several_styles_are_interpolated(pictures):
    """At level 1, where the transform is linear in the colors."""
    content, style = pictures
    other = style.flip(0)
    method = WCT(levels=(1,), alpha=1)
    ends = [painted(method, content, Guide.everywhere(one)) for one in (style, other)]
    mixed = painted(method, content, Guide.everywhere(style, other, weights=[3, 1]))
    torch.testing.assert_close(mixed, 0.75 * ends[0] + 0.25 * ends[1], atol=1e-3, rtol=0)


def test_rounds_go_through_the_levels_again(pictures):
    content, style = pictures
    twice = list(WCT(levels=(2, 1), rounds=2)(content, Guide.everywhere(style), encoder=TOY))
    assert [frame.step for frame in twice] == [1, 2, 3, 4]
    assert twice[-1].steps == 4


def test_the_guided_filter_brings_back_the_edges_of_the_content(random_image):
    content = torch.zeros(3, 64, 64) + 0.3
    content[:, 16:48, 16:48] = 0.7
    noisy = random_image(64, 64, 5)
    plain, finished = (
        painted(WCT(levels=(4,), alpha=1, finish=finish), content, Guide.everywhere(noisy))
        for finish in ("none", "guided-filter")
    )
    assert float(ssim(finished, content)) > float(ssim(plain, content)) + 0.05


def test_what_has_no_statistics_stays_finite(random_image):
    content = random_image(40, 48, 6)
    dot = torch.zeros(40, 48)
    dot[20, 20] = 1
    flat = torch.full((3, 32, 32), 0.25)
    with pytest.warns(Notice, match="its style is flat"):
        image = painted(FULL, content, Guide.everywhere(flat))
    torch.testing.assert_close(image, flat[:, :1, :1].expand_as(image), atol=0.02, rtol=0)
    for guide in (Guide((Region(content, dot),)), Guide.everywhere(torch.rand(3, 2, 2))):
        assert bool(painted(FULL, content, guide).isfinite().all())


def test_a_style_too_small_for_a_level_is_told(compact, random_image):
    content, style = random_image(40, 48, 6), random_image(24, 24, 1)
    guide = Guide((Region(style, style_scale=0.4, name="sky"),))
    with pytest.warns(Notice, match=r"region 'sky': at level 5 its style has .* positions.*fewer `levels`"):
        image = painted(WCT(levels=(5,)), content, guide, encoder=compact)
    assert bool(image.isfinite().all())


def test_levels_that_cannot_be_are_told():
    for settings in ({"levels": (2, 2)}, {"levels": ()}, {"levels": (6,)}, {"alphas": (0.5,)}, {"alpha": 1.5}):
        with pytest.raises(pydantic.ValidationError):
            WCT(**settings)


def test_the_embedded_networks_paint_a_picture(compact, random_image):
    """All five levels, by compact: nearer to the style's colors and texture than the content is."""
    content, style = random_image(64, 80, 7), random_image(64, 64, 8) * torch.tensor([1.0, 0.4, 0.1])[:, None, None]
    image = painted(WCT(), content, Guide.everywhere(style), encoder=compact)
    wrong, right = ((one.mean((1, 2)) - style.mean((1, 2))).norm() for one in (content, image))
    assert float(right) < 0.3 * float(wrong)
