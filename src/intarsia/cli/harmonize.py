"""`intarsia harmonize`: an object on a painting is repainted so that it belongs. The job of `stylize`, on what the
object covers, with the painting as content and as style."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Group, Parameter

from intarsia.cli import as_typed
from intarsia.cli.composite import Placing
from intarsia.cli.stylize import RUN, ByName, Outputs, Shown, paint
from intarsia.errors import UsageError
from intarsia.methods import Harmonize, settings_of
from intarsia.recipe import Recipe, checked

OBJECT = Group("Which object", sort_key=0)
SETTINGS = Group("Settings of the painting", sort_key=4)
WHERE = "pasted | feather 0.3%"
"""What is painted: the object, and a narrow seam around it."""
FROM = "pasted | grow 1% | invert"
"""Which part of the painting is taken: all but the object's own place, or it would be painted away."""


def harmonize_command(app: App, arguments: Sequence[str]) -> None:
    """Adds `harmonize` to the app."""

    def harmonize(
        painting: str,
        /,
        *,
        placing: Annotated[Placing, Parameter(name="*", group=OBJECT)] = Placing(),  # noqa: B008
        strength: float | None = None,
        size: int | None = None,
        frame: int | None = None,
        max_pixels: int = Recipe.model_fields["max_pixels"].default,
        threads: int | None = None,
        outputs: Annotated[Outputs, ByName],
        shown: Annotated[Shown, Parameter(name="*", group=RUN)] = Shown(),  # noqa: B008
        settings: Annotated[Harmonize, Parameter(name="*", group=SETTINGS)] = Harmonize(),  # noqa: B008
    ) -> int:
        """Repaint an object on PAINTING so that it belongs there.

        Give the object, which is then put there (--object, --at, --scale, --rotate), or a picture of the painting with
        the object on it already (--pasted and --mask). Beyond a narrow seam around the object not one pixel changes.

        Parameters
        ----------
        painting
            The painting, without the object.
        strength
            How much of the painting's brushwork the object gets, 0 to 1. When not given, it is estimated from the
            strokes in the calm parts of the painting.
        size
            Long side of the result in pixels; by default that of PAINTING.
        frame
            Which picture of an animated or multi-page painting, counted from 1.
        max_pixels
            Refuse pictures with more pixels than this.
        threads
            Processor threads; the same number gives the same picture, to the bit. When not given all of them, or one
            where the processor is busy.
        """
        if strength is not None:
            settings = dataclasses.replace(settings, brushwork=1.0)
        data = {
            "content": painting,
            "styles": [painting],
            "paste": Placing(**as_typed(dataclasses.asdict(placing))).of_a_paste(),
            "content_mask": [WHERE],
            "style_mask": [FROM],
            "strength": [] if strength is None else [strength],
            "size": size,
            "frame": frame,
            "max_pixels": max_pixels,
            "threads": threads,
            "method": "harmonize",
            "settings": settings_of(settings),
        }
        whole = checked("harmonize", Recipe, as_typed(data), UsageError)
        return paint(whole, outputs, shown)

    app.command(harmonize, name="harmonize")
