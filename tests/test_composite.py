"""What is not covered stays to the bit; blends meet their definitions and their oracles; bad input is told."""

import functools
import math
import warnings

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.composite import BLENDS as EVERY
from intarsia.composite import feather, over, paste, placed, poisson, pyramid, statistics
from intarsia.errors import GuideError, Notice, UsageError
from intarsia.geometry import CORNERS, homography, pixel_centers, similarity

SIZE = (60, 80)
BLENDS = {
    "over": (over, 0),
    "feather": (functools.partial(feather, pixels=5), 5),
    "pyramid": (functools.partial(pyramid, levels=2), 16),
    "poisson": (poisson, 0),
    "statistics": (functools.partial(statistics, pixels=5), 5),
}


@pytest.fixture(autouse=True)
def _no_notice_unheard():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        yield


def disk(size: tuple[int, int] = SIZE, x: float = 0.5, y: float = 0.5, radius: float = 12.0) -> torch.Tensor:
    """With a soft edge of one pixel."""
    place = pixel_centers(size).float() * torch.tensor(size[::-1])
    away = (place - torch.tensor([x * size[1], y * size[0]])).norm(dim=-1)
    return (radius + 0.5 - away).clamp(0, 1)


@given(st.integers(0, 99))
@settings(max_examples=20)
def test_over_keeps_both_ends_to_the_bit_and_is_linear_between(seed):
    generator = torch.Generator().manual_seed(seed)
    image, content = torch.rand(2, 3, 9, 7, generator=generator).unbind()
    cover = (2 * torch.rand(9, 7, generator=generator) - 0.5).clamp(0, 1)
    shown = over(image, content, cover)
    assert torch.equal(shown[:, cover == 0], content[:, cover == 0])
    assert torch.equal(shown[:, cover == 1], image[:, cover == 1])
    torch.testing.assert_close(shown, cover * image + (1 - cover) * content)
    broken = torch.where(cover > 0, image, math.nan)  # what is not shown may be anything
    assert torch.equal(over(broken, content, cover), shown)


@pytest.mark.parametrize("name", BLENDS)
@pytest.mark.parametrize("place", [(0.5, 0.5), (0.0, 0.4), (1.0, 1.0)])
def test_far_from_the_mask_every_blend_leaves_the_picture_to_the_bit(random_image, name, place):
    blend, reach = BLENDS[name]
    image, picture, mask = random_image(*SIZE, 1), random_image(*SIZE, 2), disk(SIZE, *place)
    shown = blend(image, picture, mask)
    square = torch.nn.functional.max_pool2d((mask > 0).float()[None], 2 * reach + 1, 1, reach)[0] > 0
    assert torch.equal(shown[:, ~square], picture[:, ~square])
    assert 0 <= float(shown.min()) <= float(shown.max()) <= 1
    assert float((shown - picture)[:, mask >= 1].abs().mean()) > 0.01


@pytest.mark.parametrize(
    "name", [name for name in BLENDS if name != "statistics"]
)  # which makes a part like its surroundings
@pytest.mark.parametrize("size", [(1, 9), (9, 1), (2, 2), (7, 33)])
def test_a_picture_blended_into_itself_is_itself_at_any_size(name, size):
    picture, mask = torch.rand(3, *size), torch.zeros(size)
    mask[-1, -1] = 1
    torch.testing.assert_close(BLENDS[name][0](picture, picture, mask), picture)


def test_a_pyramid_blends_coarse_shapes_wider_than_fine_ones():
    mask = torch.zeros(64, 128)
    mask[:, 64:] = 1
    fine = 0.1 * (torch.arange(128) % 2 - 0.5).expand(3, 64, 128)
    coarse, flat = torch.full((3, 64, 128), 0.7), torch.full((3, 64, 128), 0.3)
    wide = pyramid(coarse, flat, mask, levels=4)[0, 32]
    assert bool((wide.diff() >= -1e-6).all())
    assert 0.35 < float(wide[56]) < 0.45  # 8 pixels before the edge
    close = pyramid(flat + fine, flat, mask, levels=4)[0, 32] - flat[0, 32]
    assert float(close[:60].abs().max()) < 0.003
    torch.testing.assert_close(close[68:120], fine[0, 0, 68:120], atol=0.003, rtol=0)
    assert torch.equal(pyramid(coarse, flat, mask, levels=0), over(coarse, flat, mask))


def test_a_pyramid_is_that_of_burt_and_adelson(random_image):
    """Level by level, as in the paper: both pictures' pyramids, mixed under the mask's, added up again."""
    image, picture, mask = random_image(61, 83, 1), random_image(61, 83, 2), disk((61, 83))
    stacks = []
    for one in (image.permute(1, 2, 0), picture.permute(1, 2, 0), mask.expand(3, -1, -1).permute(1, 2, 0)):
        gaussian = [np.ascontiguousarray(one.numpy())]
        for _ in range(3):
            gaussian.append(cv2.pyrDown(gaussian[-1]))
        stacks.append(gaussian)
    bands = []
    for level in range(4):
        parts = [stack[level] for stack in stacks]
        if level < 3:
            size = parts[0].shape[1::-1]
            parts[:2] = [part - cv2.pyrUp(stack[level + 1], dstsize=size) for part, stack in zip(parts, stacks[:2])]  # noqa: B905
        bands.append(parts[0] * parts[2] + parts[1] * (1 - parts[2]))
    wanted = bands.pop()
    for band in reversed(bands):
        wanted = band + cv2.pyrUp(wanted, dstsize=band.shape[1::-1])
    shown = pyramid(image, picture, mask, levels=3).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(shown, wanted.clip(0, 1), atol=1e-5)


# ---- Poisson -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.0, 0.5), (0.9, 1.0)])
def test_poisson_has_the_gradients_of_the_image_and_the_colors_around(random_image, place):
    """Pérez et al., eq. 7, pixel by pixel; neighbors beyond the border of the picture do not count."""
    image, picture = 0.3 + 0.4 * random_image(*SIZE, 1), 0.3 + 0.4 * random_image(*SIZE, 2)
    mask = disk(SIZE, *place)
    shown = poisson(image, picture, mask)
    assert torch.equal(shown[:, mask <= 0.5], picture[:, mask <= 0.5])
    inside, h, w = mask > 0.5, *SIZE
    added = (shown - image).double()
    for y, x in inside.nonzero().tolist()[::7]:
        around = [(y + v, x + u) for v, u in ((0, 1), (1, 0), (0, -1), (-1, 0)) if 0 <= y + v < h and 0 <= x + u < w]
        mean = torch.stack([added[:, v, u] for v, u in around]).mean(0)
        torch.testing.assert_close(added[:, y, x], mean, atol=1e-5, rtol=0)


def test_poisson_does_not_care_about_the_brightness_of_the_image(random_image):
    picture, image, mask = random_image(*SIZE, 3), 0.4 + 0.2 * random_image(*SIZE, 4), disk()
    torch.testing.assert_close(poisson(image + 0.2, picture, mask), poisson(image, picture, mask), atol=1e-5, rtol=0)
    flat = torch.full((3, *SIZE), 0.6)
    torch.testing.assert_close(poisson(torch.rand(3, 1, 1).expand(3, *SIZE), flat, mask), flat)


def test_poisson_is_that_of_opencv_where_the_mask_is_a_box(random_image):
    """OpenCV takes a ring some pixels farther in for the border, so the image is flat there; and it has 8 bits."""
    x, y = pixel_centers((100, 120)).float().unbind(-1)
    bump = (1 - ((x - 0.5) / 0.2) ** 2).clamp_min(0) * (1 - ((y - 0.5) / 0.24) ** 2).clamp_min(0)
    image = (0.4 + 0.3 * bump * torch.sin(40 * x)).expand(3, -1, -1)
    picture = torch.stack([0.3 + 0.4 * x, 0.6 - 0.3 * y, 0.4 + 0.2 * x * y])
    mask = torch.zeros(100, 120)
    mask[20:80, 30:90] = 1
    levels = [(one.permute(1, 2, 0) * 255).round().byte().numpy() for one in (image, picture)]
    theirs = cv2.seamlessClone(*levels, (mask * 255).byte().numpy(), (60, 50), cv2.NORMAL_CLONE)
    ours = poisson(image, picture, mask).permute(1, 2, 0).numpy() * 255
    apart = np.abs(theirs.astype(float) - ours)[24:76, 34:86]
    assert apart.mean() < 1
    assert apart.max() < 4


# ---- placing -----------------------------------------------------------------------------------------------------


def test_every_blend_is_in_these_tests():
    assert EVERY.keys() == BLENDS.keys()


def test_statistics_take_light_contrast_and_saturation_from_around_and_keep_the_hues(random_image):
    """A part of the same texture that was made dim, flat and gray comes back nearly as it was."""
    fine = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(1))
    picture = 0.25 + 0.5 * fine
    dim = 0.2 + 0.3 * (0.5 * picture + 0.5 * picture.mean(0))
    mask = disk(radius=15)
    shown = statistics(dim, picture, mask, pixels=0)
    inside = mask >= 1
    before, after = ((one - picture)[:, inside].abs().mean() for one in (dim, shown))
    assert float(after) < 0.4 * float(before)


def test_statistics_change_contrast_and_saturation_by_no_more_than_their_limit(random_image):
    """On a flat gray wall an object keeps a third of both."""
    image, wall, mask = random_image(*SIZE, 1), torch.full((3, *SIZE), 0.4), disk(radius=15)
    shown = statistics(image, wall, mask, pixels=0)[:, mask >= 1]
    spread = shown.mean(0).std() / image[:, mask >= 1].mean(0).std()
    assert 0.2 < float(spread) < 0.5
    assert float(shown.mean()) == pytest.approx(0.4, abs=0.03)


def test_a_thing_is_placed_pixel_for_pixel(random_image):
    thing, picture = random_image(20, 30, 1), random_image(*SIZE, 2)
    matrix = similarity((20, 30), SIZE, center=(0, 0), to=(10 / 80, 15 / 60))
    image, cover = placed(thing, torch.ones(20, 30), matrix, SIZE)
    wanted = torch.zeros(SIZE)
    wanted[15:35, 10:40] = 1
    torch.testing.assert_close(cover, wanted, atol=1e-4, rtol=0)
    torch.testing.assert_close(image[:, 15:35, 10:40], thing, atol=1e-4, rtol=0)
    pasted = paste(picture, thing, torch.ones(20, 30), matrix)
    assert torch.equal(pasted[:, wanted == 0], picture[:, wanted == 0])
    torch.testing.assert_close(pasted[:, 15:35, 10:40], thing, atol=2e-4, rtol=0)
    blended = paste(picture, thing, torch.ones(20, 30), matrix, poisson)
    torch.testing.assert_close(blended, poisson(image, picture, cover))


@pytest.mark.parametrize(("scale", "angle"), [(0.3, 0), (0.5, 30), (1.4, -75), (2.0, 180)])
def test_a_thing_covers_as_much_as_its_scale_says(scale, angle):
    matrix = similarity((30, 40), (150, 160), scale, angle, to=(0.45, 0.55))
    _, cover = placed(torch.rand(3, 30, 40), torch.ones(30, 40), matrix, (150, 160))
    assert float(cover.sum()) == pytest.approx(1200 * scale**2, rel=0.02)
    center = torch.einsum("hw,hwc->c", cover.double(), pixel_centers((150, 160))) / cover.sum()
    torch.testing.assert_close(center, torch.tensor([0.45, 0.55]).double(), atol=1e-3, rtol=0)


def test_corners_are_where_they_were_put():
    corners = torch.tensor([[0.2, 0.3], [0.8, 0.2], [0.9, 0.8], [0.1, 0.7]])
    thing = torch.zeros(3, 64, 64)
    thing[0, :32, :32] = 1  # red in the first quarter
    image, cover = placed(thing, torch.ones(64, 64), homography(torch.tensor(CORNERS), corners), (100, 120))
    x, y = corners.mT.numpy() * [[120], [100]]
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert float(cover.sum()) == pytest.approx(area, rel=0.01)
    assert float(image[0, 35, 35]) > 0.99
    assert float(image[0, 35, 85]) < 0.01


def test_what_is_transparent_has_no_say():
    alpha = disk((40, 40))
    thing = torch.where(alpha > 0, 0.8, 0.0).expand(3, 40, 40)
    matrix = similarity((40, 40), SIZE, 0.37, 25)
    picture = torch.full((3, *SIZE), 0.8)
    torch.testing.assert_close(paste(picture, thing, alpha, matrix), picture)


def test_what_reaches_beyond_the_picture_is_cut_off_with_a_notice():
    matrix = similarity((20, 20), SIZE, to=(0.0, 0.5))
    with pytest.warns(Notice, match="reaches beyond the picture of 80 x 60; what is outside was cut off"):
        _, cover = placed(torch.rand(3, 20, 20), torch.ones(20, 20), matrix, SIZE)
    assert float(cover.sum()) == pytest.approx(200, rel=1e-3)


def test_a_thing_as_large_as_the_picture_is_the_picture(random_image):
    thing = random_image(*SIZE)
    shown = paste(torch.zeros(3, *SIZE), thing, torch.ones(SIZE), similarity(SIZE, SIZE))
    torch.testing.assert_close(shown, thing, atol=1e-3, rtol=0)


THING, ALPHA = torch.rand(3, 20, 20), torch.ones(20, 20)
PICTURE, MASK = torch.rand(3, *SIZE), disk()


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: placed(THING, ALPHA, similarity((20, 20), SIZE, 5), SIZE), GuideError, "larger .* x -0.125 to 1.125"),
        (lambda: placed(THING, ALPHA, similarity((20, 20), SIZE, to=(2, 0.5)), SIZE), GuideError, "outside .* Move"),
        (lambda: placed(THING, 0 * ALPHA, similarity((20, 20), SIZE), SIZE), GuideError, "alpha is empty"),
        (lambda: placed(THING, torch.ones(9, 20), similarity((20, 20), SIZE), SIZE), GuideError, "is 20 x 9, the obj"),
        (lambda: pyramid(PICTURE, PICTURE, MASK, -1), UsageError, "-1 levels"),
        (lambda: feather(PICTURE, PICTURE, MASK, -1), UsageError, "distance of -1 pixels"),
        *[
            (functools.partial(blend, *given), GuideError, says)
            for blend in (feather, pyramid, poisson, statistics)
            for given, says in [
                ((PICTURE, PICTURE, 0 * MASK), "mask is empty"),
                ((PICTURE, PICTURE, 0 * MASK + 1), "covers all of the picture"),
                ((PICTURE, PICTURE, torch.ones(9, 20)), "mask is 20 x 9, the picture 80 x 60. Resize"),
                ((THING, PICTURE, MASK), "image is 20 x 20, the picture under it 80 x 60"),
            ]
        ],
    ],
)
def test_what_cannot_be_is_told(build, error, says):
    with pytest.raises(error, match=says):
        build()
