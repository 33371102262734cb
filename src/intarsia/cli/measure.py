"""`intarsia measure`: how near a painting came to its styles and its content, and what its borders look like."""

import dataclasses
import json as format
from pathlib import Path
from typing import Annotated, Any, Literal

from intarsia import picture as pictures
from intarsia.cache import cache_folder
from intarsia.cli import as_typed
from intarsia.cli.progress import Silent
from intarsia.cli.stylize import Switch, Unlisted
from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg19 import VGG19_SOURCES
from intarsia.errors import PictureError, RecipeError, UsageError, listening, notice
from intarsia.measure import TAPS, Measures, measured
from intarsia.recipe import Job, read_recipe
from intarsia.sizes import size_of

SPECKLE = ("speckle of light", "speckle of color")
SHOWN = 8  # regions up to which the table says how far each is from every other style


def measure(
    picture: str,
    /,
    *,
    recipe: str | None = None,
    folder: Path | None = None,
    encoder: Annotated[Literal["vgg19", "compact", "toy"] | None, Unlisted] = None,
    encoder_weights: Path | None = None,
    checkpoint: Literal["torchvision", "caffe"] | None = None,
    taps: tuple[str, ...] = TAPS,
    gradient: Switch = False,
    json: Switch = False,
) -> None:
    """Measure a painting: style distance per region, content distance, structural similarity, borders, gradients.

    A painting is better than another if it is nearer on style and on content, and not more speckled: each number alone
    can be bought with another. All but structural similarity are 0 at best, and speckle 1. Distances are relative
    squared distances of Gram matrices (style) and of features (content). Judge with an encoder that the painting was
    not made with: vgg19, if it is at hand.

    Parameters
    ----------
    picture
        The painting. Of any size of its content's aspect.
    recipe
        What it was to be: a recipe file, or a picture that holds one. When not given: the recipe in the painting.
    folder
        What the recipe's paths are relative to. When not given: the folder of a recipe file, and for a recipe inside a
        picture the current folder.
    encoder
        The judge, vgg19 or compact. When not given: vgg19 if its weights are given or cached, else compact.
    encoder_weights
        A weights file for the judge.
    checkpoint
        Which public VGG-19 the weights are, where the file cannot tell.
    taps
        Layers whose statistics are compared, repeatable.
    gradient
        Measure the bands of a gradient also where the maps are mostly hard.
    json
        As one JSON object.
    """
    picture, recipe = as_typed(picture), as_typed(recipe)
    if picture == recipe == "-":
        raise UsageError("standard input cannot be the painting and the recipe. Name a file for one of them.")
    given = pictures.standard_input().read() if picture == "-" else picture
    with listening(Silent().notice):
        image = pictures.read(given).image
        job = Job.open(_recipe(given, recipe, folder))
        _check_aspect(image, job, picture)
        judge = _judge(encoder, encoder_weights, checkpoint)
        judge.check_taps(taps)
        if remark := _remark(judge, job, chosen=encoder is not None):
            notice(remark)
        found = measured(judge, image, job.content, job.guide, taps, gradient=gradient or None)
    if json:
        print(format.dumps(_as_data(found, judge, taps, remark), indent=1, ensure_ascii=False))
    else:
        print("\n".join(_table(found, judge, taps)))


def _recipe(picture: str | bytes, recipe: str | None, folder: Path | None):
    if recipe is not None:
        return read_recipe(recipe, folder)
    try:
        return read_recipe(picture, folder)
    except RecipeError as error:
        raise RecipeError(f"{error} Say with --recipe what it was to be.") from None


def _check_aspect(image, job: Job, name: str) -> None:
    (h, w), (content_h, content_w) = size_of(image), size_of(job.content)
    wrong = h * content_w / (w * content_h)
    if not 0.95 <= wrong <= 1 / 0.95:
        raise PictureError(
            f"{name} is {w} x {h}, and its recipe's content has the aspect of {content_w} x {content_h}. "
            "Cut it to that aspect, or give the recipe that belongs to it."
        )


def _judge(name: str | None, weights: Path | None, checkpoint: str | None) -> Encoder:
    """In fp32: a measure has time."""
    if name is None:
        cached = checkpoint or next(
            (kind for kind, source in VGG19_SOURCES.items() if (cache_folder() / source.name).exists()), None
        )
        name, checkpoint = ("vgg19", checkpoint if weights else cached) if weights or cached else ("compact", None)
    options: dict[str, Any] = {"checkpoint": checkpoint} if name == "vgg19" else {}
    return load(name, weights, precision="fp32", **options)


def _remark(judge: Encoder, job: Job, chosen: bool) -> str | None:
    """What a reader of the numbers must know about the judge."""
    painter = job.method.networks.encoder
    at_hand = "" if chosen else " No weights of vgg19 are at hand (--encoder-weights FILE)."
    if judge.name == painter:
        return f"the judge, {judge.name}, is also the encoder that the run optimized, which flatters it.{at_hand}"
    if judge.name == "compact":
        return f"the judge is compact, which was made to imitate VGG-19.{at_hand}"
    return None


def _as_data(found: Measures, judge: Encoder, taps: tuple[str, ...], remark: str | None) -> dict:
    """The matrix of style distances by name."""
    rows = [
        {"name": name, "area": area, "style": row[i], "others": _by_name(found.regions, row, i)}
        for i, (name, area, row) in enumerate(zip(found.regions, found.areas, found.style, strict=True))
    ]
    return {
        "judge": judge.name,
        "taps": list(taps),
        "remark": remark,
        "regions": rows,
        "content": found.content,
        "content_tap": found.content_tap,
        "ssim": found.ssim,
        "speckle": dict(zip(("light", "color"), found.speckle, strict=True)),
        "together": found.together,
        "borders": [dataclasses.asdict(border) for border in found.borders],
        "gap": found.gap,
        "bands": list(found.bands),
    }


def _by_name(names: tuple[str, ...], row: tuple[float, ...], own: int) -> list[dict]:
    return [{"name": name, "style": row[i]} for i, name in enumerate(names) if i != own]


def _table(found: Measures, judge: Encoder, taps: tuple[str, ...]) -> list[str]:
    names = [*found.regions, *(" / ".join(border.between) for border in found.borders), "structural similarity"]
    width = max(map(len, names))
    lines = [f"judged by {judge.name} at {', '.join(taps)}", "", f"{'style distance':{width}}   area  to its own"]
    lines[-1] += "  to the others" if len(found.regions) > 1 else ""
    for i, (name, area, row) in enumerate(zip(found.regions, found.areas, found.style, strict=True)):
        others = [value for j, value in enumerate(row) if j != i]
        shown = others if len(row) <= SHOWN else [min(others)]
        distances = "  ".join(f"{value:.4f}" for value in shown) + (" at least" if len(row) > SHOWN else "")
        lines.append(f"{name:{width}}  {100 * area:4.0f}%  {row[i]:10.4f}  {distances}".rstrip())
    content = f"{judge.name} has no {found.content_tap}" if found.content is None else f"{found.content:.4f}"
    lines += ["", f"{'content distance':{width}}  {content}", f"{'structural similarity':{width}}  {found.ssim:.4f}"]
    lines += [f"{name:{width}}  {value:.2f}" for name, value in zip(SPECKLE, found.speckle, strict=True)]
    if found.borders:
        lines += ["", f"{'border score':{width}}  (0 = no seam, above: a line, below: a smooth band)"]
        lines += [f"{' / '.join(one.between):{width}}  {one.score:+.3f}" for one in found.borders]
    if found.bands:
        bands = " ".join(f"{band:.4f}" for band in found.bands)
        lines += ["", f"{'gap score':{width}}  {found.gap:.4f}", f"{'its bands':{width}}  {bands}"]
    return [*lines, "", f"{'all in all':{width}}  {found.together}"]
