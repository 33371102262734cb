"""The moments of a guide's styles, at the size that they are looked at, each style encoded once."""

import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia.encoders import Encoder
from intarsia.guide import Guide, Region
from intarsia.large import Box, boxes
from intarsia.moments import Moments, moments
from intarsia.sizes import fit, pool_to_grid, resize, size_of
from intarsia.types import Image, Size

Maps = Float[Tensor, "r h w"]


def style_moments(
    encoder: Encoder, guide: Guide, long_side: int, taps: Sequence[str], *, side: int | None = None, most: int = 0
) -> dict[str, Moments]:
    """Per tap the moments of the plain features of every region's style under its style map, r at once, in fp64 on the
    CPU. long_side: of the picture that is painted, which styles are looked at beside, times their scale; most: a long
    side beyond which a style is not enlarged, 0 for none; side: of the tiles that a larger one is encoded in.

    The encoder keeps them (`Encoder.once`), for the next picture in the same style."""
    found: dict[tuple[int, ...], dict[str, Moments]] = {}
    for members, size in _groups(guide, long_side, most):
        regions = [guide.regions[r] for r in members]
        key = (size, tuple(taps), side, *map(_digest, (regions[0].style, *(one.style_map for one in regions))))
        found[members] = encoder.once(key, functools.partial(_moments_of_styles, encoder, regions, size, taps, side))
    order = torch.tensor(list(itertools.chain(*found))).argsort()
    stacked = {tap: Moments.stacked([one[tap] for one in found.values()]) for tap in taps}
    return {tap: Moments(m.mass[order], m.first[order], m.second[order]) for tap, m in stacked.items()}


def styles_in_basis(
    encoder: Encoder, guide: Guide, long_side: int, taps: Sequence[str], side: int | None = None
) -> dict[str, Moments]:
    """The same in the encoder's basis, on its device: what losses compare with."""
    plain = style_moments(encoder, guide, long_side, taps, side=side)
    return {tap: one.to(encoder.device).through(encoder.basis(tap)) for tap, one in plain.items()}


def styles_once(guide: Guide, long_side: int) -> Iterator[tuple[tuple[int, ...], Image, Maps]]:
    """Each style as large as it is looked at, with the numbers of the regions that use it at one scale, and the style
    maps of all regions, zero for those that take elsewhere."""
    for members, size in _groups(guide, long_side):
        style, own = _shown([guide.regions[r] for r in members], size)
        maps = own.new_zeros(len(guide.regions), *size)
        maps[list(members)] = own
        yield members, style, maps


def sizes_of_styles(guide: Guide, long_side: int) -> list[Size]:
    """Those of `styles_once`."""
    return [size for _, size in _groups(guide, long_side)]


def _groups(guide: Guide, long_side: int, most: int = 0) -> Iterator[tuple[tuple[int, ...], Size]]:
    """Numbers of the regions that use one style at one scale, and its size there."""
    together: dict[tuple[int, float], list[int]] = {}
    for r, region in enumerate(guide.regions):
        together.setdefault((id(region.style), region.style_scale), []).append(r)
    for members in together.values():
        region = guide.regions[members[0]]
        seen = min(long_side, max(most, *size_of(region.style))) if most else long_side
        yield tuple(members), fit(*size_of(region.style), max(16, round(seen * region.style_scale)))


def _shown(regions: Sequence[Region], size: Size) -> tuple[Image, Maps]:
    return resize(regions[0].style, size), torch.stack([_style_map(region, size) for region in regions])


@torch.no_grad()
def _moments_of_styles(
    encoder: Encoder, regions: Sequence[Region], size: Size, taps: Sequence[str], side: int | None
) -> dict[str, Moments]:
    style, maps = (one.to(encoder.device) for one in _shown(regions, size))
    return moments_of(encoder, style, taps, maps, side or max(size))


def _digest(image: Tensor | None) -> bytes:
    """By which the same picture is known again."""
    if image is None:
        return b""
    held = image.detach().cpu().contiguous().numpy()
    return hashlib.blake2b(held.data, digest_size=16, key=str(held.shape).encode()).digest()


def _style_map(region: Region, size: Size) -> Float[Tensor, "h w"]:
    """Everywhere where there is none, or where the resizing lost it: its whole style is nearer than nothing."""
    if region.style_map is None:
        return torch.ones(1, 1).expand(size)
    one = resize(region.style_map[None], size)[0]
    return one if float(one.sum()) > 0 else torch.ones_like(one)


def moments_in(features: Float[Tensor, "c h2 w2"], maps: Float[Tensor, "r h w"], box: Box, stride: int) -> Moments:
    """Moments of the features in a box under that part of the maps, which are of the picture's size; without a graph,
    on the processor.

    Exact, or else the networks, in bf16, round here and there to the other side, and five levels later that is 3/255 in
    the mean."""
    pooled = pool_to_grid(box.of(maps).to(features.device), size_of(features), stride)
    return moments(features.detach(), pooled, exact=True).exact()


def moments_of(
    encoder: Encoder, image: Float[Tensor, "3 h w"], taps: Sequence[str], maps: Float[Tensor, "r h w"], side: int
) -> dict[str, Moments]:
    """Per tap the moments of the plain features of `image` under each map, in fp64, summed over boxes of `side`."""
    stride = max(encoder.strides[tap] for tap in taps)
    sums: dict[str, Moments] = {}
    for box in boxes(size_of(image), side, stride):
        for tap, features in encoder.within(image, box, taps).items():
            here = moments_in(features, maps, box, encoder.strides[tap])
            sums[tap] = sums[tap] + here if tap in sums else here
    return sums
