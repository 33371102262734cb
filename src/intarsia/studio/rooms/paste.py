"""An object is put on a painting and painted as the rest is: the job of `intarsia harmonize`."""

from intarsia.errors import GuideError
from intarsia.recipe import Recipe, checked
from intarsia.studio.rooms.names import Names, in_words
from intarsia.studio.sketch import Sketch

WHERE = "pasted | feather 0.3%"  # as in `intarsia harmonize`
FROM = "pasted | grow 1% | invert"


def recipe_of(sketch: Sketch, names: Names) -> Recipe:
    """Raises GuideError without an object, and what a recipe does."""
    assert sketch.content is not None, "checked when the sketch came"
    paste = sketch.paste
    if paste is None:
        raise GuideError("there is no object on the painting. Choose a picture of one.")
    name = names.picture(sketch.content)
    strength = {} if paste.strength is None else {"strength": [paste.strength], "settings": {"brushwork": 1.0}}
    put = {"object": names.picture(paste.object), "at": paste.at, "scale": paste.scale, "rotate": paste.rotate}
    if paste.mask.strip():
        put["mask"] = in_words(paste.mask)
    data = {
        "content": name,
        "styles": [name],
        "paste": put,
        "content_mask": [in_words(WHERE)],
        "style_mask": [in_words(FROM)],
        "size": sketch.size,
        "method": "harmonize",
    }
    return checked("the sketch", Recipe, data | strength)


def quick(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"settings": recipe.settings | {"quick": True}})
