"""The guide that a recipe asks for."""

import dataclasses

from torch import Tensor

from intarsia import picture, sources
from intarsia.engine import Image
from intarsia.errors import GuideError
from intarsia.guide import Guide, Region
from intarsia.pyramid import size_of
from intarsia.recipe.data import Recipe
from intarsia.recipe.files import Files


def guide_of(recipe: Recipe, content: picture.Opened, styles: list[picture.Opened], files: Files) -> Guide:
    if recipe.style_mask and not recipe.content_mask:
        raise GuideError("style masks came without content masks. Give one --content-mask per --style-mask.")
    images = [style.image for style in styles]
    opaque = [None if style.alpha is None else (style.alpha > 0).float() for style in styles]
    if recipe.content_mask:
        if recipe.weight:
            raise GuideError("weights mix styles that share every place; with masks, use strengths.")
        size = size_of(content.image)
        content_maps = [files.map(name) for name in recipe.content_mask]
        style_maps = [files.map(name) for name in recipe.style_mask]
        guide = sources.masks(
            size, images, content_maps, style_maps, strengths=recipe.strength, style_scale=recipe.style_scale
        )
    else:
        guide = _everywhere(recipe, images)
    seen = {id(image): mask for image, mask in zip(images, opaque, strict=True)}
    visible = None if content.alpha is None else (content.alpha > 0).float()
    regions = tuple(_opaque(region, seen.get(id(region.style)), visible) for region in guide.regions)
    if not any(region.content_map is None or bool((region.content_map > 0).any()) for region in regions):
        raise GuideError("the content is transparent wherever it is to be painted. Paint it elsewhere, or fill it in.")
    return Guide(regions)


def _everywhere(recipe: Recipe, images: list[Image]) -> Guide:
    if len(recipe.strength) > 1:
        raise GuideError(f"{len(recipe.strength)} strengths came without content masks. Give one, for the picture.")
    guide = Guide.everywhere(*images, weights=recipe.weight or None, style_scale=recipe.style_scale)
    strength = recipe.strength[0] if recipe.strength else 1.0
    return Guide(tuple(dataclasses.replace(region, strength=strength) for region in guide.regions))


def _opaque(region: Region, style_map: Tensor | None, content_map: Tensor | None) -> Region:
    """Fully transparent pixels have no say: neither as style, nor painted."""

    def both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        if a is None or b is None:
            return b if a is None else a
        return picture.resize(a[None], size_of(b))[0] * b

    return dataclasses.replace(
        region, style_map=both(region.style_map, style_map), content_map=both(region.content_map, content_map)
    )
