"""The photograph is painted, and bent toward the shapes of a painting: the job of `intarsia deform`."""

from intarsia.errors import GuideError
from intarsia.geometry import tell_of_folds
from intarsia.methods import Deform
from intarsia.methods.deform import Bent
from intarsia.methods.parts import ways
from intarsia.methods.parts.bending import Canvas
from intarsia.recipe import Job, Recipe, checked
from intarsia.scene import Scene
from intarsia.studio.rooms.names import Names
from intarsia.studio.sketch import Sketch, Style


def recipe_of(sketch: Sketch, names: Names) -> Recipe:
    """Raises GuideError without a style, and for pairs of points that are too few; and what a recipe does."""
    assert sketch.content is not None, "checked when the sketch came"
    style, deform = style_of(sketch), sketch.deform
    assert deform is not None, "it names the style"
    if deform.pairs is not None and (count := len(deform.pairs)) < ways.FEWEST:
        raise GuideError(
            f"there are {count} pairs of points, and bending takes {ways.FEWEST} or more. Find some, or add them."
        )
    said = {"warp": deform.warp, "points": deform.pairs, "steps": deform.steps}
    data = {
        "content": names.picture(sketch.content),
        "styles": [names.style(style)],
        "size": sketch.size,
        "method": "deform",
        "settings": {name: value for name, value in said.items() if value is not None},
    }
    recipe = checked("the sketch", Recipe, data)
    recipe.build_method()
    return recipe


def style_of(sketch: Sketch) -> Style:
    """The one whose shapes are taken."""
    wanted = None if sketch.deform is None else sketch.deform.style
    for style in sketch.styles:
        if style.id == wanted:
            return style
    raise GuideError("there is no painting whose shapes are to be taken. Choose one.")


def quick(recipe: Recipe) -> Recipe:
    """Raises GuideError without pairs: a look does not search for them."""
    if not recipe.settings.get("points"):
        raise GuideError("there are no pairs of points to look at. Find some, or add them.")
    return recipe


def bent(job: Job) -> Bent:
    """The photograph with all of the bending that its pairs ask for, and not painted: where the painting begins."""
    method, scene = job.method, Scene.of(job.content, job.guide)
    assert isinstance(method, Deform), "it is this room's"
    points = ways.given(method.points, scene).as_far_as(method.warp)
    canvas = Canvas.of(points, scene.at(scene.size))
    shown = canvas.shown(scene.content, canvas.points - canvas.targets)
    tell_of_folds(shown.grid)
    return Bent(shown.image, 1, 1, {}, 1.0, dict, shown.unwarped, shown.grid, points)
