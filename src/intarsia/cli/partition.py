"""`intarsia partition`: the regions of a picture as a label map, as soft maps and as an overlay, or those of two
pictures side by side in matching colors."""

import os
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from cyclopts import Parameter
from jaxtyping import Float
from torch import Tensor

from intarsia import picture, swatches
from intarsia.cli import as_typed
from intarsia.cli.progress import reporter
from intarsia.cli.stylize import Switch
from intarsia.errors import GuideError, OutputError, UsageError, listening
from intarsia.partition import Pairing, Partition, Seeds, coloring, pair, refine_region
from intarsia.partition import partition as partitioned
from intarsia.partition.coloring import PALETTE
from intarsia.recipe.files import without_hidden

LOSSLESS = (".png", ".tif", ".tiff", ".bmp", ".ppm")
Repeated = Annotated[list[str], Parameter(show_default=False)]


def partition(
    image: str,
    other: str | None = None,
    /,
    *,
    regions: Annotated[int, Parameter(name=["--regions", "-k"])],
    output: Annotated[str, Parameter(name=["--output", "-o"])],
    soft: str | None = None,
    depth: Literal[8, 16] = 16,
    overlay: str | None = None,
    method: Literal["entropy", "kmeans"] = "entropy",
    carry: Literal["upsample", "gradient"] = "upsample",
    seed_point: Repeated = [],  # noqa: B006 (never changed)
    must_link: Repeated = [],  # noqa: B006
    cannot_link: Repeated = [],  # noqa: B006
    refine: int | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    match: Switch = False,
    by: Literal["appearance", "position", "overlap"] = "appearance",
    pair: Repeated = [],  # noqa: B006
    many: Switch = False,
    size: int = 512,
    seed: int = 0,
    in_place: Switch = False,
    json: Switch = False,
) -> None:
    """Cut IMAGE into regions, by its colors and by what the network sees, and write them as a label map.

    The label map has one flat color per region. Edit it in any paint program, and give it to --content-map or
    --style-map of stylize. Regions are numbered from 1, the largest first, unless there are seed points.

    Parameters
    ----------
    image
        The picture; with --match, the content.
    other
        With --match, the style: a picture or `swatch:NAME[:SEED]`.
    regions
        How many regions, 1 to 32; with --refine, into how many the one is cut.
    output
        Where to write the label map, lossless: png, tif, bmp, ppm; with --match, the sheet of both pictures.
    soft
        Write each region's soft map as gray png too: FOLDER/ gives FOLDER/region_1.png, PREFIX gives PREFIX_1.png.
    depth
        Bits of the soft maps.
    overlay
        Write the picture under the regions' colors too.
    method
        entropy, or kmeans: colors alone, the simple baseline.
    carry
        How the clusters of the network's layers come back to pixels: laid over them, or by gradient (slower).
    seed_point
        X,Y=LABEL, x and y in 0 to 1 from the top left: the place has that label. Repeatable.
    must_link
        X,Y=X,Y: two places of one region. Repeatable.
    cannot_link
        X,Y=X,Y: two places of different regions. Repeatable.
    refine
        Cut only this region, of the label map --from.
    from_
        A label map of this picture, as written here, edited or not.
    match
        Partition two pictures, pair their regions, show them in matching colors, and print the scores.
    by
        What pairs regions: what they look like, where they are, or how they overlap.
    pair
        A=B: region A of the content takes region B of the style, whatever the scores say. Repeatable.
    many
        Several regions of the content may take the same of the style.
    size
        Long side in pixels at which the work is done; what is written has the picture's own size.
    seed
        Of the random starts.
    in_place
        Allow an output to replace an input.
    json
        One JSON event per line on standard output.
    """
    image, other, output = as_typed(image), as_typed(other), as_typed(output)
    settings: dict[str, Any] = {"method": method, "carry": carry, "size": size, "seed": seed}
    _check_asked(match, other, refine, from_, output, json)
    _check_targets([output, overlay], [image, other, from_], in_place)
    seeds, began = Seeds.parse(seed_point, must_link, cannot_link), time.monotonic()
    with reporter(json, quiet=True) as report, listening(report.notice):
        report.start(image=image, regions=regions, **settings)
        if other is not None:
            if seeds or soft or overlay:
                raise UsageError("--match takes no seed points, --soft or --overlay. Partition each picture by itself.")
            pairing = {"by": by, "one_to_one": not many, "fixed": _fixed(pair)}
            facts, lines = _matched(image, other, regions, output, pairing, settings)
        else:
            whole = _opened(image, size)
            found = _regions(whole, regions, seeds, refine, from_, settings)
            targets = _soft_targets(soft, found.k)
            _check_targets([output, overlay, *targets], [image, from_], in_place)
            _write(found, whole, output, overlay, targets, depth)
            facts, lines = {"regions": _listed(found), "soft": targets}, _list(found)
        report.done(output=output, **facts, seconds=round(time.monotonic() - began, 2))
    if not json and output != "-":
        print("\n".join([output, *lines]))


def _check_asked(
    match: bool, other: str | None, refine: int | None, source: str | None, output: str, json: bool
) -> None:
    if match != (other is not None):
        raise UsageError("--match takes two pictures, CONTENT and STYLE; without it there is one.")
    if (refine is None) != (source is None):
        raise UsageError("--refine LABEL and --from LABELS.png go together: which region, and of which label map.")
    if match and refine is not None:
        raise UsageError("--match and --refine cannot be combined. Refine one picture at a time.")
    if json and output == "-":
        raise UsageError("--json and -o - both want standard output. Write the picture to a file.")
    if not match and output != "-" and Path(output).suffix.lower() not in LOSSLESS:
        raise UsageError(f"{output}: a label map must keep its colors exactly. Take one of {', '.join(LOSSLESS)}.")


def _check_targets(targets: list[Any], sources: list[Any], in_place: bool) -> None:
    named = [target for target in targets if target is not None]
    if len({os.path.realpath(target) for target in named}) < len(named):
        raise UsageError("two outputs have the same name. Choose another for one of them.")
    for target in named:
        picture.check_target(target, sources, in_place)


def _opened(name: str, size: int) -> Float[Tensor, "3 h w"]:
    swatch = swatches.parse(name)
    if swatch is not None:
        return swatches.paint(swatch[0], (size, size), swatch[1])
    return without_hidden(picture.read(name), name).image


def _regions(
    image: Float[Tensor, "3 h w"],
    k: int,
    seeds: Seeds,
    refine: int | None,
    source: str | None,
    settings: dict[str, Any],
) -> Partition:
    if refine is None or source is None:
        return partitioned(image, k, seeds=seeds, **settings)
    if seeds or settings["method"] == "kmeans":
        raise UsageError("--refine takes no seed points and no --method kmeans. Drop them.")
    drawn = coloring.from_colors(picture.read_labels(as_typed(source)))
    there = [label + 1 for label in drawn.labels.unique().tolist()]
    if refine not in there:
        raise GuideError(f"{source} has no region {refine}. It has {', '.join(map(str, there))}.")
    return refine_region(drawn, image, refine - 1, k, **{name: settings[name] for name in ("carry", "size", "seed")})


def _fixed(pairs: list[str]) -> dict[int, int]:
    kept = {}
    for text in pairs:
        first, _, second = text.partition("=")
        if not (first.strip().isdecimal() and second.strip().isdecimal()):
            raise UsageError(f"--pair {text} is no pair of regions. Write A=B, as in 1=2.")
        kept[int(first) - 1] = int(second) - 1
    return kept


def _matched(
    content_name: str, style_name: str, k: int, output: str, pairing: dict[str, Any], settings: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Writes the sheet; gives what there is to tell, as data and as lines."""
    content, style = (_opened(name, settings["size"]) for name in (content_name, style_name))
    parts = partitioned(content, k, **settings), partitioned(style, k, **settings)
    found = pair(*parts, content=content, style=style, size=settings["size"], **pairing)
    picture.write(output, _sheet((content, style), parts, found))
    facts = {
        "content": _listed(parts[0]),
        "pairs": [[label + 1, one + 1] for label, one in found.pairs.items()],
        "scores": _rounded(found.scores),
    }
    return facts, _table(found, parts)


def _soft_targets(soft: str | None, k: int) -> list[str]:
    if soft is None:
        return []
    if soft.endswith(("/", os.sep)) or os.path.isdir(soft):
        try:
            os.makedirs(soft, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{soft}: this folder cannot be made ({error.strerror}). Choose another.") from error
        return [os.path.join(soft, f"region_{i}.png") for i in range(1, k + 1)]
    return [f"{soft}_{i}.png" for i in range(1, k + 1)]


def _write(
    found: Partition, image: Tensor, output: str, overlay: str | None, targets: list[str], depth: Literal[8, 16]
) -> None:
    if overlay is not None:
        picture.write(overlay, coloring.overlay(image, found.labels))
    for target, one in zip(targets, found.soft, strict=False):
        picture.write_map(target, one, depth)
    picture.write(output, coloring.colored(found.labels))


def _sheet(images: tuple[Tensor, Tensor], parts: tuple[Partition, Partition], found: Pairing) -> Float[Tensor, "3 h w"]:
    """Content and style side by side at one height, paired regions in one color; style regions that no content region
    takes are gray."""
    taken = {one: label for label, one in reversed(found.pairs.items())}
    matched = torch.tensor([taken.get(one, PALETTE.index("#808080")) for one in range(parts[1].k)])
    shown = [
        coloring.overlay(images[0], parts[0].labels),
        coloring.overlay(images[1], matched[parts[1].labels]),
    ]
    h = max(image.shape[1] for image in shown)
    shown = [picture.resize(image, (h, max(1, round(image.shape[2] * h / image.shape[1])))) for image in shown]
    return torch.cat([F.pad(shown[0], (0, max(4, h // 64)), value=1.0), shown[1]], 2)


def _rounded(scores: Float[Tensor, "c s"]) -> list[list[float]]:
    return [[round(value, 4) for value in row] for row in scores.tolist()]


def _listed(found: Partition) -> list[dict[str, Any]]:
    areas = torch.bincount(found.labels.flatten(), minlength=found.k) / found.labels.numel()
    return [
        {"region": label + 1, "color": PALETTE[label], "area": round(float(area), 4)}
        for label, area in enumerate(areas)
    ]


def _list(found: Partition) -> list[str]:
    return [f"region {one['region']}  {one['color']}  {100 * one['area']:5.1f} %" for one in _listed(found)]


def _table(found: Pairing, parts: tuple[Partition, Partition]) -> list[str]:
    """Scores, content down and style across; what was paired has a star."""
    lines = ["content".ljust(21) + "".join(f"  style {label + 1:<3}" for label in range(parts[1].k))]
    for one, row in zip(_listed(parts[0]), _rounded(found.scores), strict=True):
        scores = "".join(
            f"  {value:7.3f}{'*' if found.pairs[one['region'] - 1] == label else ' '} "
            for label, value in enumerate(row)
        )
        lines.append(f"{one['region']:2}  {one['color']}  {100 * one['area']:5.1f} %{scores}".rstrip())
    return lines
