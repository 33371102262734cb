"""Soft maps in pairs: which part of the content takes which part of which style."""

from collections.abc import Sequence

from intarsia.errors import GuideError, notice
from intarsia.guide import Guide, Region
from intarsia.maps.fitting import check_aspect
from intarsia.types import Image, Map


def masks(
    content_size: tuple[int, int],
    styles: Sequence[Image],
    content_maps: Sequence[Map],
    style_maps: Sequence[Map | None] = (),
    *,
    strengths: Sequence[float] = (),
    style_scale: float = Region.style_scale,
) -> Guide:
    """Pairs of soft maps, one region per content map: what it takes, and from which part of which style.

    content_size: (h, w) of the content that the maps belong to. styles: one for all regions, or one per region.
    style_maps: none, or one per region (None = the whole style). strengths: one for all, or one per region; 1 when not
    given. A map of its picture's aspect (within 1 %) and another size is resized, with a Notice; of another aspect,
    GuideError. A region whose content map is empty is dropped, with a Notice; an empty style map is a GuideError."""
    count = len(content_maps)
    strengths = strengths or (Region.strength,)
    check_counts(count, len(styles), len(style_maps), len(strengths))
    if not any(bool((content_map > 0).any()) for content_map in content_maps):
        raise GuideError("every content mask is empty, so there is nothing to paint. Paint one, or give no mask.")
    regions = []
    for i, content_map in enumerate(content_maps):
        name = f"region {i + 1}"
        style = styles[i if len(styles) > 1 else 0]
        style_map = style_maps[i] if style_maps else None
        check_aspect(name, "content", content_map, content_size)
        if style_map is not None:
            check_aspect(name, "style", style_map, (style.shape[-2], style.shape[-1]))
        if not bool((content_map > 0).any()):
            notice(f"{name}: its content mask is empty, so it is left out.")
            continue
        strength = strengths[i if len(strengths) > 1 else 0]
        regions.append(Region(style, content_map, style_map, name, strength=strength, style_scale=style_scale))
    return Guide(tuple(regions))


def check_counts(count: int, styles: int, style_maps: int, strengths: int) -> None:
    """Raises GuideError where so many of each cannot go with `count` content maps."""
    for what, given, least in (("style", styles, 1), ("style mask", style_maps, 0), ("strength", strengths, 1)):
        if given not in {least, count}:
            raise GuideError(
                f"{_counted(count, 'content mask')} came with {_counted(given, what)}. "
                f"Give {'one for all' if least else 'none'}, or one per content mask."
            )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
