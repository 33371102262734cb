"""A guide as one JSON file, with its maps beside it as gray PNG: what `--save-guide` writes and `--guide` reads.

    {"regions": [{"name": "sky", "content": "g-1.png", "style": 1, "style_map": "g-1-style.png", "strength": 0.8}]}

The keys are those of `--region`, and maps may be in words too. A guide speaks of styles by their number, and of files
in its own folder only, so that a guide from a stranger cannot reach for others.
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from intarsia import __version__, picture
from intarsia.errors import GuideError, unknown
from intarsia.guide import Guide, Region
from intarsia.recipe.checking import message, where
from intarsia.recipe.regions import TOLD, WrittenRegion
from intarsia.sources.written.grammar import short
from intarsia.types import Image

MOST_BYTES = 4_000_000


class GuideFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = __version__
    regions: list[WrittenRegion] = Field(min_length=1, max_length=1024)


def read_guide(name: str) -> list[WrittenRegion]:
    """The regions of a guide file, their files under names that work from the current folder. Raises GuideError for
    what is no guide, for unknown keys, and for files that are missing or outside its folder."""
    regions = _parsed(name, _text(name))
    folder = os.path.dirname(name)
    for file in (file for region in regions for file in region.files()):
        if not _is_within(folder, file):
            raise GuideError(f"{name}: its map {short(file)} is outside the guide's folder. Put it beside the guide.")
        if not os.path.isfile(picture.path_of(os.path.join(folder, file))):
            raise GuideError(
                f"{name}: its map {short(file)} is not there. Put it beside the guide, or drop the region."
            )
    return [region.renamed(lambda file: os.path.join(folder, file)) for region in regions]


def _is_within(folder: str, file: str) -> bool:
    """Also when links are followed. What is no name of a file at all is nowhere, and so not outside."""
    try:
        home, there = os.path.realpath(folder or "."), os.path.realpath(picture.path_of(os.path.join(folder, file)))
        return not os.path.isabs(file) and os.path.commonpath([home, there]) == home
    except ValueError:
        return os.path.splitdrive(file)[0] == ""


def files_of_guide(name: str) -> list[str]:
    """The guide file and its maps; the file alone where it cannot be read, which is told when it is used."""
    try:
        return [name, *(file for region in read_guide(name) for file in region.files())]
    except GuideError:
        return [name]


def write_guide(name: str, guide: Guide, styles: Sequence[Image]) -> None:
    """The guide as JSON, with every map of it as NAME-1.png, NAME-1-style.png and so on. The JSON comes last, so that
    there is none without its maps. Raises GuideError for a style that is not among `styles`, OutputError where a file
    cannot be written."""
    stem = Path(name).with_suffix("")
    told, written = [], {}
    for i, region in enumerate(guide.regions, 1):
        data = _plain(region, styles)
        for key, one_map, end in (("content", region.content_map, ""), ("style_map", region.style_map, "-style")):
            if one_map is None:
                data |= {"content": "everywhere"} if key == "content" else {}
                continue
            if id(one_map) not in written:
                written[id(one_map)] = f"{stem.name}-{i}{end}.png"
                picture.write_map(stem.with_name(written[id(one_map)]), one_map)
            data[key] = written[id(one_map)]
        told.append(data)
    picture.atomic_write(Path(name), (_json({"version": __version__, "regions": told}) + "\n").encode())


def maps_of_guide(name: str, count: int) -> list[Path]:
    """Where `write_guide` puts the maps of so many regions."""
    stem = Path(name).with_suffix("")
    return [stem.with_name(f"{stem.name}-{i}{end}.png") for i in range(1, count + 1) for end in ("", "-style")]


def _plain(region: Region, styles: Sequence[Image]) -> dict[str, Any]:
    number = next((i for i, style in enumerate(styles, 1) if style is region.style), None)
    if number is None:
        raise GuideError(f"region '{region.name}': its style is none of the {len(styles)} styles that were given.")
    settings = {told: getattr(region, name) for name, told in TOLD.items()}  # also usual ones, that flags would change
    name = region.name.encode(errors="replace").decode()  # one from a command line may hold any bytes
    return {"name": name[:200], "style": number} | settings


def _json(data: dict[str, Any]) -> str:
    text = json.dumps(data, indent=1, ensure_ascii=False)
    odd = re.search("[\ud800-\udfff]", text)  # a file may be named by any bytes
    return json.dumps(data, indent=1) if odd else text


def _text(name: str) -> str:
    try:
        if os.path.exists(name) and not os.path.isfile(name):
            raise GuideError(f"{name}: this is no file. Give a guide file, as `save_guide` writes it.")
        if os.path.getsize(name) > MOST_BYTES:
            raise GuideError(f"{name}: a guide file of more than {MOST_BYTES // 10**6} MB is none of ours.")
        return Path(name).read_text("utf-8-sig", "replace")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise GuideError(f"{short(name)}: cannot be read ({why}). Write one with `save_guide`.") from None


def _parsed(name: str, text: str) -> list[WrittenRegion]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GuideError(f"{name} is not JSON: {error}. Write one with `save_guide`.") from None
    try:
        return GuideFile.model_validate(data).regions
    except pydantic.ValidationError as faults:
        raise GuideError(f"{name}: {_in_words(faults)}") from None


def _in_words(faults: pydantic.ValidationError) -> str:
    fault = min(faults.errors(), key=lambda one: one["type"] != "extra_forbidden")  # a misspelled key is missing too
    place = where(fault)[:80] or "the guide"
    if fault["type"] == "extra_forbidden":
        known = WrittenRegion.keys() if len(fault["loc"]) > 1 else GuideFile.model_fields
        return f"{place}: {unknown('key', where(fault).rpartition('.')[2][:80], known)}"
    if fault["type"] == "model_type":
        return f"{place} is a JSON {type(fault['input']).__name__}, not an object."
    return f"{place}: {message(fault)}."
