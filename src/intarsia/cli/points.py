"""`intarsia points`: which point of a picture belongs to which point of another, as a file to edit and as a picture."""

import time
from pathlib import Path
from typing import Annotated, Literal

import torch
from cyclopts import Parameter

from intarsia import picture
from intarsia.cli import as_typed
from intarsia.cli.progress import reporter
from intarsia.cli.stylize import Switch
from intarsia.encoders import load
from intarsia.errors import GuideError, UsageError, listening, notice
from intarsia.geometry import Pairs, aligned, border_points, check_pairs, tell_of_folds, warp_grid
from intarsia.geometry.files import MOST, read_points, write_points
from intarsia.methods.parts.buddies import best_pairs
from intarsia.picture.atomic import check_place
from intarsia.recipe import drawn_on
from intarsia.sizes import fit, size_of
from intarsia.sources import WrittenMap
from intarsia.survey import pairs_shown
from intarsia.types import Image, Map

Finest = Literal["relu4_1", "relu3_1", "relu2_1", "relu1_1"]


def points(
    content: str,
    style: str,
    /,
    *,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    picture_file: Annotated[str | None, Parameter(name="--picture")] = None,
    points: str | None = None,
    most: Annotated[int, Parameter(name="--max")] = 80,
    clusters: int | None = None,
    content_mask: str | None = None,
    style_mask: str | None = None,
    reach: float = 0.2,
    finest: Finest = "relu3_1",
    max_pixels: int = picture.MAX_PIXELS,
    in_place: Switch = False,
    json: Switch = False,
) -> None:
    """Find points of CONTENT that belong to points of STYLE, and write them to a file that can be edited.

    Look at the pairs with --picture. Drop wrong ones from the file, or add some by hand, and look again with --points.

    Parameters
    ----------
    content
        The picture that would be bent.
    style
        The picture whose shapes it would take.
    output
        Where to write the pairs: a JSON file.
    picture_file
        Where to write a picture that shows them; the suffix is the format.
    points
        A file of pairs to show, in place of finding any.
    most
        At most so many pairs.
    clusters
        Only the strongest pair of each of so many clusters.
    content_mask
        Where points of CONTENT may be; a file, or words.
    style_mask
        Where points of STYLE may be.
    reach
        How far apart the points of a pair may be at first sight, 0 to 1, as a part of the picture, or of the box around
        its mask.
    finest
        The last layer of the network that is compared. relu2_1 and relu1_1 are more exact for two pictures of one kind.
    max_pixels
        Refuse pictures with more pixels than this.
    in_place
        Allow an output to replace an input.
    json
        One JSON event per line on standard output.
    """
    content, style, points = as_typed(content), as_typed(style), as_typed(points)
    output, picture_file = as_typed(output), as_typed(picture_file)
    masks = as_typed(content_mask), as_typed(style_mask)
    _check(output, picture_file, [content, style, points], masks, most, clusters, reach, in_place, json)
    began = time.monotonic()
    with reporter(json, quiet=True) as report, listening(report.notice):
        report.start(content=content, style=style)
        images = [picture.read(name, max_pixels=max_pixels).image for name in (content, style)]
        if points is None:
            areas = [_area(image, mask, max_pixels) for image, mask in zip(images, masks, strict=True)]
            found = best_pairs(load(), *images, *areas, most=most, reach=reach, finest=finest, clusters=clusters)
        else:
            found = read_points(points)
        _tell(found, *images)
        if output is not None:
            write_points(output, found)
        if picture_file is not None:
            picture.write(picture_file, pairs_shown(found, *images))
        facts = {"output": output, "picture": picture_file, "pairs": len(found)}
        report.done(**facts, seconds=round(time.monotonic() - began, 2))
    if not json and picture_file != "-":
        print("\n".join(filter(None, [output, picture_file, f"{len(found)} pairs"])))


def _check(
    output: str | None,
    shown: str | None,
    inputs: list[str | None],
    masks: tuple[str | None, str | None],
    most: int,
    clusters: int | None,
    reach: float,
    in_place: bool,
    json: bool,
) -> None:
    """UsageError for what cannot be."""
    if output is None and shown is None:
        raise UsageError("nothing says where to write. Give -o FILE.json, or --picture FILE.png, or both.")
    if not 1 <= most <= MOST:
        raise UsageError(f"--max is {most}; it must be 1 to {MOST}.")
    if clusters is not None and not 1 <= clusters <= MOST:
        raise UsageError(f"--clusters is {clusters}; it must be 1 to {MOST}.")
    if not 0 < reach <= 1:
        raise UsageError(f"--reach is {reach:g}; it must be above 0, and 1 at most.")
    if json and shown == "-":
        raise UsageError("--json and --picture - both want standard output. Write the picture to a file.")
    if output is not None and Path(output).suffix.lower() != ".json":
        raise UsageError(f"{output}: pairs are written as JSON. Name it {Path(output).with_suffix('.json').name}.")
    files = [name for name in inputs if name not in (None, "-")]
    files += [name for mask in masks if mask is not None for name in WrittenMap.parse(mask).files()]
    if shown is not None:
        picture.check_target(shown, files, in_place)
    same = [name for name in files if output is not None and Path(name).resolve() == Path(output).resolve()]
    if same and not in_place:
        raise UsageError(f"{output}: this is also an input. Choose another name, or say --in-place.")
    if output is not None:
        check_place(Path(output))


def _area(image: Image, mask: str | None, max_pixels: int) -> Map | None:
    if mask is None:
        return None

    def read_map(name: str) -> Map:
        return picture.read_map(name, max_pixels=max_pixels)

    def read_labels(name: str) -> Image:
        return picture.read_labels(name, max_pixels=max_pixels)

    return drawn_on(image, WrittenMap.parse(mask), "picture", read_map, read_labels)


def _tell(found: Pairs, content: Image, style: Image) -> None:
    """What a warp by these pairs would come to."""
    if len(found) == 0:
        return notice(
            "no pairs were found: nothing in these two pictures is alike enough in its place. Try --reach 1, masks of "
            "the objects, or write pairs by hand."
        )
    size, onto = size_of(content), size_of(style)
    small = fit(*size, 256)
    try:
        check_pairs(found.content, found.style, size, names=found.names)
        held, targets = border_points(), aligned(found, size, onto)
        tell_of_folds(warp_grid(torch.cat([held, found.content]), torch.cat([held, targets]), small))
    except GuideError as error:
        notice(f"these pairs cannot serve a warp as they are: {error}")
    return None
