"""Adaptive instance normalization: mean and deviation per channel."""

import torch

from intarsia.encoders import load
from intarsia.guide import Guide
from intarsia.methods.adain import AdaIN
from intarsia.moments import moments

TOY = load("toy", device="cpu")


def test_mean_and_deviation_of_every_channel_become_those_of_the_style(random_image):
    content, style = 0.4 + 0.2 * random_image(32, 48, 1), 0.35 + 0.2 * random_image(32, 48, 2)
    *_, frame = AdaIN(level=3)(content, Guide.everywhere(style), encoder=TOY)
    now, wanted = (moments(TOY(one, ["relu3_1"])["relu3_1"]) for one in (frame.image, style))
    torch.testing.assert_close(now.mean(), wanted.mean(), atol=1e-3, rtol=0)
    deviations = [one.covariance().diagonal(dim1=1, dim2=2).sqrt() for one in (now, wanted)]
    torch.testing.assert_close(*deviations, atol=1e-3, rtol=0)


def test_one_frame_and_alpha(random_image):
    content, style = 0.4 + 0.2 * random_image(32, 48, 1), 0.35 + 0.2 * random_image(32, 48, 2)
    none, half, full = (
        list(AdaIN(level=2, alpha=alpha)(content, Guide.everywhere(style), encoder=TOY)) for alpha in (0, 0.5, 1)
    )
    assert len(none) == 1
    torch.testing.assert_close(none[0].image, content, atol=1e-4, rtol=0)
    torch.testing.assert_close(half[0].image, (content + full[0].image) / 2, atol=1e-3, rtol=0)
