"""The color rules of a guide: what they do to content and styles before the painting, and to the picture after it.

    content, guide -> Recolored -> any method paints `.content` by `.guide` -> `.back(image)`

Colors differ from region to region, so the maps are blended by the shares, and `back` undoes the very blend that was
done (`color.unblend_maps`). Source: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer".
"""

import dataclasses
import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from intarsia import color
from intarsia.color import AffineMap
from intarsia.errors import notice
from intarsia.guide import Guide, Region
from intarsia.large import Box, in_parts
from intarsia.sizes import resize, size_of
from intarsia.types import Image, Size

LITTLE = 0.02  # `color.chroma_spread` of a style below which its colors are not matched, but left out
FAINT = 0.2  # or below this part of the content's: photographs have 0.06 to 0.22, a mosaic in black and white, which
# came out blue and orange, 0.030, and a woodcut, which should be matched, 0.052
LARGE = 1 << 22  # pixels above which what undoes the rules is not kept
Field = tuple[Float[Tensor, "3 3 h w"], Float[Tensor, "3 h w"]]


@dataclass(frozen=True, eq=False)
class Recolored:
    """content, guide: what to paint instead; original: the content as it came; maps: one per region; grays: regions
    where the content has no color, and the rule brings none, so that what is painted there has none; styles: of the
    regions, as they came."""

    content: Image
    guide: Guide
    original: Image
    maps: tuple[AffineMap, ...]
    grays: tuple[bool, ...] = ()
    styles: tuple[Image, ...] = ()
    _fields: dict[Size, Field] = field(default_factory=dict)
    _shares: dict[Size, Float[Tensor, "r h w"]] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Image, guide: Guide) -> "Recolored":
        """The guide should be merged already, so that what paints alike is matched as one."""
        grays = tuple(region.color != "none" or _is_gray(region) for region in guide.regions)
        grays = grays if any(grays) and color.is_gray(content) else ()
        styles = tuple(region.style for region in guide.regions)
        if all(region.color == "none" for region in guide.regions):
            return cls(content, guide, content, (), grays, styles)
        shares = guide.shares(size_of(content)).to(content.device)
        pairs = [
            (_with_calm_rule(one, share, content), share) for one, share in zip(guide.regions, shares, strict=True)
        ]
        maps = tuple(_map_of(region, share, content) for region, share in pairs)
        regions = tuple(dataclasses.replace(one, style=_style_of(one, share, content)) for one, share in pairs)
        out = cls(content, Guide(regions), content, maps, grays, styles)
        return dataclasses.replace(out, content=out.there(content))

    def there(self, image: Image) -> Image:
        """A picture in the content's colors, such as one to start with, as the method is to see it."""
        if not self.maps:
            return image
        all_shares = self._shares_at(size_of(image))

        def moved(box: Box) -> Tensor:
            part, shares = box.of(image), box.of(all_shares).to(image)
            colored = color.blend_maps(self.maps, shares, part)
            gray = color.luminance(part).expand_as(part)
            return torch.lerp(colored, gray, self._luminance_part(shares).expand_as(colored)).clamp(0, 1)

        return in_parts(moved, image.shape, image, dtype=image.dtype, device=image.device)

    def back(self, image: Image) -> Image:
        """What was painted, in the colors that the rules ask for; places that no region owns come back as they were,
        to the bit."""
        return self._grayed(self._recolored(image) if self.maps else image)

    def _recolored(self, image: Image) -> Image:
        size = size_of(image)
        all_shares, originals = self._shares_at(size), resize(self.original, size)

        def colored(box: Box) -> Tensor:
            part, original = box.of(image).to(originals), box.of(originals)
            shares = box.of(all_shares).to(part)
            moved = self._unblended(part, shares, box, size).clamp(0, 1)
            gray = self._luminance_part(shares)
            if bool((gray > 0).any()):
                moved = torch.lerp(moved, color.with_luminance(original, color.luminance(part)), gray.expand_as(moved))
            return torch.where(shares.sum(0) > 0, moved, original)

        return in_parts(colored, image.shape, image, originals, dtype=originals.dtype, device=image.device)

    def _grayed(self, image: Image) -> Image:
        if not self.grays:
            return image
        all_shares, without = self._shares_at(size_of(image)), torch.tensor(self.grays, dtype=torch.float32)

        def grayed(box: Box) -> Tensor:
            part, shares = box.of(image), box.of(all_shares).to(image)
            gray = color.luminance(part).expand_as(part)
            moved = torch.lerp(part, gray, torch.einsum("r,rhw->hw", without.to(shares), shares).clamp(0, 1))
            return torch.where(part.amax(0) == part.amin(0), part, moved)

        return in_parts(grayed, image.shape, image, dtype=image.dtype, device=image.device)

    def _unblended(self, part: Image, shares: Float[Tensor, "r h w"], box: Box, size: Size) -> Image:
        """The field of matrices takes four times as much as the picture: a large one does without."""
        if math.prod(size) > LARGE:
            return color.unblend_maps(self.maps, shares, part)
        inverse, offset = (box.of(one).to(part) for one in self._field_at(size))
        return color.apply_field(inverse, part - offset)

    def _luminance_part(self, shares: Float[Tensor, "r h w"]) -> Float[Tensor, "h w"]:
        only = shares.new_tensor([region.color == "luminance" for region in self.guide.regions])
        return torch.einsum("r,rhw->hw", only, shares)

    def _shares_at(self, size: Size) -> Float[Tensor, "r h w"]:
        if size not in self._shares:
            self._shares[size] = self.guide.shares(size)
        return self._shares[size]

    def _field_at(self, size: Size) -> Field:
        if size not in self._fields:
            inverse, offset = color.unblending(self.maps, self._shares_at(size))
            self._fields[size] = inverse.float(), offset.float()
        return self._fields[size]


def _with_calm_rule(region: Region, share: Float[Tensor, "h w"], content: Image) -> Region:
    """To match a style that has next to no color, or none to speak of beside the content's, is to take the content's
    colors away, and to blow the noise of the painting up to them."""
    if region.color not in ("match", "histogram"):
        return region
    own = color.chroma_spread(color.color_moments(content, share))
    if color.chroma_spread(color.color_moments(region.style, _style_map(region))) >= max(LITTLE, FAINT * own):
        return region
    notice(
        f"region '{region.name}': its style has next to no color beside the content, so little of it is left when "
        "colors are matched; its luminance alone is taken (`color` luminance)."
    )
    return dataclasses.replace(region, color="luminance")


def _is_gray(region: Region) -> bool:
    return color.is_gray(region.style, _style_map(region))


def _map_of(region: Region, share: Float[Tensor, "h w"], content: Image) -> AffineMap:
    if region.color != "match":
        return color.identity()
    wanted = color.color_moments(region.style, _style_map(region))
    return color.match_colors(color.color_moments(content, share), wanted, region.color_form)


def _style_of(region: Region, share: Float[Tensor, "h w"], content: Image) -> Image:
    """The style in the colors that the rule asks for. A histogram is matched after mean and covariance, since it knows
    nothing of how channels go together."""
    style, style_map = region.style, _style_map(region)
    if region.color == "luminance":
        return color.gray_like(style, content, style_map, share)
    if region.color == "histogram":
        own, wanted = color.color_moments(style, style_map), color.color_moments(content, share)
        moved = color.match_colors(own, wanted, region.color_form)(style).clamp(0, 1)
        return color.match_histogram(moved, content, style_map, share)
    return style


def _style_map(region: Region) -> Float[Tensor, "h w"] | None:
    if region.style_map is None:
        return None
    return resize(region.style_map[None], size_of(region.style))[0]
