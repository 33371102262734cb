"""`intarsia masks`: where a guide's regions are, before anything is painted, as an overlay and in numbers."""

import dataclasses
import time
from typing import Annotated, Any

from cyclopts import Parameter

from intarsia import picture
from intarsia.cli import as_typed
from intarsia.cli.flags import Typed
from intarsia.cli.progress import reporter
from intarsia.cli.stylize import PLACES, Switch
from intarsia.errors import UsageError, listening
from intarsia.recipe import Job, Recipe, checked
from intarsia.sizes import size_of
from intarsia.survey import Survey, overlay, survey


def masks(
    content: str,
    /,
    *styles: str,
    output: Annotated[str, Parameter(name=["--output", "-o"])],
    size: int | None = None,
    frame: int | None = None,
    max_pixels: int = Recipe.model_fields["max_pixels"].default,
    in_place: Switch = False,
    json: Switch = False,
    guidance: Annotated[Typed, Parameter(name="*", group=PLACES)] = Typed(),  # noqa: B008 (never changed)
) -> None:
    """Show where the regions of a guide are on CONTENT, before anything is painted.

    Masks, regions, label maps, gradients and guides are given as to `stylize`. The overlay has a color and a name for
    each region; printed are its share of the picture, the largest value of its map, and where it overlaps others.

    Parameters
    ----------
    content
        The picture that would be painted.
    styles
        The styles, if it matters which they are: for maps of them, and for automatic regions paired with theirs.
    output
        Where to write the overlay; the suffix is the format.
    size
        Long side of the painting in pixels, by default 512, as distances in pixels are meant.
    frame
        Which picture of an animated or multi-page content, counted from 1.
    max_pixels
        Refuse pictures with more pixels than this.
    in_place
        Allow the overlay to replace an input.
    json
        One JSON event per line on standard output.
    """
    output = as_typed(output)
    if json and output == "-":
        raise UsageError("--json and -o - both want standard output. Write the picture to a file.")
    data = guidance.model_dump() | {"content": content, "size": size, "frame": frame, "max_pixels": max_pixels}
    recipe = _with_styles(checked("masks", Recipe, as_typed(data | {"styles": list(styles) or [content]}), UsageError))
    picture.check_target(output, recipe.files(), in_place)
    began = time.monotonic()
    with reporter(json, quiet=True) as report, listening(report.notice):
        report.start(content=recipe.content, styles=recipe.styles if styles else [])
        job = Job.open(recipe)
        found = survey(job.guide, size_of(job.content))
        picture.write(output, overlay(job.guide, job.content))
        report.done(output=output, **_rounded(found), seconds=round(time.monotonic() - began, 2))
    if not json and output != "-":
        print("\n".join([output, *_table(found)]))


def _with_styles(recipe: Recipe) -> Recipe:
    """Where none was given, the content stands for each that a region or a gradient names."""
    if not recipe.guides_styles():
        raise UsageError('no region was given. Say where, as in --content-mask "ellipse 0.5,0.5 0.3,0.3".')
    if recipe.styles != [recipe.content]:
        return recipe
    if recipe.style_mask or recipe.style_map or any(region.style_map is not None for region in recipe.region):
        raise UsageError("maps of a style came without the style. Give it after CONTENT, as to stylize.")
    numbers = [region.style or 1 for region in recipe.region]
    numbers += [] if recipe.gradient is None else recipe.gradient.styles
    return recipe.model_copy(update={"styles": [recipe.content] * max(numbers, default=1)})


def _rounded(found: Survey) -> dict[str, Any]:
    def whole(value: Any) -> Any:
        return round(value, 4) if isinstance(value, float) else value

    regions = [{name: whole(value) for name, value in dataclasses.asdict(one).items()} for one in found.regions]
    return {"regions": regions, "overlap": whole(found.overlap), "uncovered": whole(found.uncovered)}


def _table(found: Survey) -> list[str]:
    width = max(len("nothing covers"), *(len(one.name) for one in found.regions))
    lines = [f"{'region':{width}}  color      share  largest  overlapped"]
    for one in found.regions:
        numbers = f"{100 * one.share:5.1f} %  {one.largest:7.3f}  {100 * one.overlapped:8.1f} %"
        lines.append(f"{one.name:{width}}  {one.color}  {numbers}")
    lines.append(f"{'maps overlap':{width}}  {'':7}  {100 * found.overlap:5.1f} %")
    return [*lines, f"{'nothing covers':{width}}  {'':7}  {100 * found.uncovered:5.1f} %"]
