"""Sizes: what fits a long side, and a picture at another size."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from intarsia.errors import UsageError


def fit(h: int, w: int, long_side: int) -> tuple[int, int]:
    """The size (h, w) of the same aspect whose longer side is `long_side`; both sides at least 1."""
    if long_side < 1:
        raise UsageError(f"a long side of {long_side} pixels leaves no picture. Take 1 or more.")
    scale = long_side / max(h, w)
    return max(1, round(h * scale)), max(1, round(w * scale))


def resize(image: Float[Tensor, "*c h w"], size: tuple[int, int]) -> Float[Tensor, "*c h2 w2"]:
    """`image` (a picture, a map or a stack of maps in 0..1) at `size` = (h, w).

    Bicubic, with the kernel widened when shrinking so that every pixel has its say; clamped to 0..1, which bicubic
    overshoots at edges. At its own size the picture comes back as it is, bit for bit.
    """
    h, w = image.shape[-2:]
    if size == (h, w):
        return image
    flat = image.reshape(1, -1, h, w)
    resized = functional.interpolate(flat, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resized.reshape(*image.shape[:-2], *size).clamp(0, 1)
