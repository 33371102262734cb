"""Fitted starts: the kernel of a 3x3 convolution by least squares, from patches of what the layer is given."""

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor, nn

from intarsia.encoders.vgg import pad_one

Rows = Float[Tensor, "n _"]


def patches(given: Tensor, wanted: Tensor, generator: Generator, count: int) -> tuple[Rows, Rows]:
    """The 3x3 patches of `given` (b c h w) at random positions, `count` or all that there are, and what is `wanted`
    (b d h w) there. A patch is a row of 9 c values and a 1 for the bias."""
    b, c, h, w = given.shape
    i = torch.randperm(b * h * w, generator=generator)[:count]
    image, y, x = i // (h * w), i // w % h, i % w
    around = pad_one(given).unfold(2, 3, 1).unfold(3, 3, 1)[image, :, y, x].reshape(len(i), 9 * c)
    return F.pad(around, (0, 1), value=1.0), wanted[image, :, y, x]


def least_squares(pairs: Iterable[tuple[Rows, Rows]], damping: float) -> Float[Tensor, "o n"]:
    """The kernel that best makes what is wanted out of the patches, over all pairs together. damping: of each of its
    columns, relative to the patches' second moment there."""
    gram, product = torch.zeros(()).double(), torch.zeros(()).double()
    for rows, wanted in pairs:
        gram, product = gram + (rows.T @ rows).double(), product + (rows.T @ wanted).double()
    gram += damping * torch.diag(gram.diagonal() + 1e-3 * gram.diagonal().mean())
    return torch.linalg.solve(gram, product).T.float()


def kernel_of(conv: nn.Conv2d) -> Float[Tensor, "o n"]:
    """Weights and bias as one matrix, to multiply patches with."""
    return torch.cat([conv.weight.flatten(1), cast(Tensor, conv.bias)[:, None]], 1)


@torch.no_grad()
def set_kernel(conv: nn.Conv2d, kernel: Float[Tensor, "o n"]) -> None:
    """Sets the first o outputs of the convolution."""
    conv.weight[: len(kernel)] = kernel[:, :-1].reshape(len(kernel), *conv.weight.shape[1:])
    cast(Tensor, conv.bias)[: len(kernel)] = kernel[:, -1]
