"""Kernels are fitted to what lies around each position."""

import torch
from torch import nn

from intarsia.encoders.vgg import pad_one
from intarsia.training.fitting import kernel_of, least_squares, patches, set_kernel


def test_a_patch_surrounds_the_position_of_what_is_wanted_there():
    given = torch.arange(2.0 * 4 * 6 * 3).reshape(2, 3, 4, 6)
    rows, wanted = patches(given, given, torch.Generator().manual_seed(0), 1000)
    assert rows.shape == (2 * 4 * 6, 3 * 9 + 1)
    assert torch.equal(rows[:, 4::9][:, :3], wanted)
    assert bool((rows[:, -1] == 1).all())
    inside = (wanted[:, 0] % 24 > 6) & (wanted[:, 0] % 24 < 17) & (wanted[:, 0] % 6 > 0) & (wanted[:, 0] % 6 < 5)
    assert torch.equal(rows[inside, 5], wanted[inside, 0] + 1)  # to the right
    assert torch.equal(rows[inside, 7], wanted[inside, 0] + 6)  # below


def test_least_squares_finds_the_convolution_that_made_what_is_wanted():
    generator, conv = torch.Generator().manual_seed(0), nn.Conv2d(4, 3, 3)
    images = torch.randn(4, 2, 4, 12, 10, generator=generator)
    pairs = (patches(batch, conv(pad_one(batch)).detach(), generator, 150) for batch in images)
    found = least_squares(pairs, 1e-9)
    torch.testing.assert_close(found, kernel_of(conv).detach(), atol=1e-4, rtol=0)


def test_a_short_kernel_sets_the_first_outputs_alone():
    conv = nn.Conv2d(2, 5, 3)
    before, kernel = kernel_of(conv).detach().clone(), torch.randn(3, 19)
    set_kernel(conv, kernel)
    assert torch.equal(kernel_of(conv), torch.cat([kernel, before[3:]]))
