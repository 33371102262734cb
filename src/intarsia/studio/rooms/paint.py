"""Regions, each in a style of its own, and a style for all that no region owns."""

from typing import Any

from intarsia.errors import GuideError
from intarsia.methods import METHODS
from intarsia.recipe import Recipe, checked
from intarsia.recipe.regions import WrittenRegion
from intarsia.studio.rooms.names import Names
from intarsia.studio.sketch import Region, Sketch

FULL = 2**16  # beyond any long side: a painting that is gone on with is painted at its full size alone
QUICK = {"wct": "wct", "adain": "adain"}  # methods that are their own preview; wct stands for the others


def recipe_of(sketch: Sketch, names: Names) -> Recipe:
    """Raises GuideError where there is nothing to paint, and what a recipe does."""
    assert sketch.content is not None, "checked when the sketch came"
    regions = [region for region in sketch.regions if not region.map.is_empty]
    used = {one.style for one in (*regions, sketch.rest)}
    styles = [style for style in sketch.styles if style.id in used]
    if not styles:
        raise GuideError("no region takes a style, so there is nothing to paint. Choose a style.")
    number = {style.id: i for i, style in enumerate(styles, 1)}
    written = [_written(region, number, names) for region in regions]
    if sketch.rest.style in number:
        where = "rest" if regions else "everywhere"
        rest = {"name": "all else", "content": where, "style": number[sketch.rest.style]}
        written.append(rest | sketch.rest.manner)
    data = {
        "content": names.picture(sketch.content),
        "styles": [names.style(style) for style in styles],
        "region": [checked(f"region '{one['name']}'", WrittenRegion, one) for one in written],
        "size": sketch.size,
        "method": sketch.method,
        "settings": sketch.settings,
    }
    if sketch.onward is not None:
        data["start"] = names.picture(sketch.onward.picture)
        data["settings"] = sketch.settings | {"steps": sketch.onward.steps, "coarsest": FULL}
    recipe = checked("the sketch", Recipe, data)
    recipe.build_method()
    return recipe


def _written(region: Region, number: dict[str, int], names: Names) -> dict[str, Any]:
    said: dict[str, Any] = {"name": region.name, "content": names.drawn(region.map)}
    if region.style not in number:
        return said | {"strength": 0.0}
    part = None if region.part is None or region.part.is_empty else names.drawn(region.part)
    return said | {"style": number[region.style], "style_map": part} | region.manner


def quick(recipe: Recipe) -> Recipe:
    method = QUICK.get(recipe.method, "wct")
    settings = recipe.settings if method == recipe.method else {}
    assert method in METHODS
    return recipe.model_copy(update={"method": method, "settings": settings})
