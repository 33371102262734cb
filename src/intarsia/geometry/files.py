"""Pairs of points as one JSON file, made by hand or by `intarsia points`.

    {"pairs": [{"content": [0.32, 0.3], "style": [0.25, 0.31], "name": "eye"}]}

Points are x, y in 0..1 from the top left corner, whatever the sizes of the pictures. `name` and `activation` may be
left away.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pydantic
import torch
from pydantic import BaseModel, ConfigDict, Field

from intarsia import __version__, picture
from intarsia.errors import GuideError, notice, unknown
from intarsia.geometry import Pairs

MOST = 1000  # pairs
MOST_BYTES = 1_000_000
Coordinate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Spot = tuple[Coordinate, Coordinate]


class OnePair(BaseModel):
    """content, style: x and y in 0..1; activation: how sure the finder was of it, 0..1."""

    model_config = ConfigDict(frozen=True)

    content: Spot
    style: Spot
    activation: Coordinate = 1.0
    name: str = Field("", max_length=100)


class PointsFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    version: str = __version__
    pairs: list[OnePair] = Field(max_length=MOST)


def read_points(name: str) -> Pairs:
    """The pairs of a points file. GuideError for what is none, for more than 1,000 pairs, and for points outside 0..1;
    a notice for keys that are not known."""
    data = _json(name)
    if isinstance(data, list):  # the pairs alone
        data = {"pairs": data}
    for text in _strange(data):
        notice(f"{name}: {text} It is passed over.")
    try:
        pairs = PointsFile.model_validate(data).pairs
    except pydantic.ValidationError as faults:
        raise GuideError(f"{name}: {_in_words(faults.errors()[0])}") from None
    rows = torch.tensor([[*one.content, *one.style, one.activation] for one in pairs], dtype=torch.float64).view(-1, 5)
    names = tuple(one.name for one in pairs)
    return Pairs(rows[:, :2], rows[:, 2:4], rows[:, 4], names if any(names) else ())


def rows_of(name: str | os.PathLike[str]) -> tuple[tuple[float, float, float, float], ...]:
    """The same as rows x, y of the content, x, y of the style. GuideError, too, where there are none."""
    rows = read_points(os.fspath(name)).rows
    if not rows:
        raise GuideError(f"{name} holds no pairs. Write three or more, or give no `points`, and they are looked for.")
    return rows


def write_points(name: str, pairs: Pairs) -> None:
    """The pairs as a points file, one pair a line, whole or not at all. OutputError where it cannot be written."""
    lines = []
    for i in range(len(pairs)):
        told: dict[str, Any] = {"content": _spot(pairs.content[i]), "style": _spot(pairs.style[i])}
        told["activation"] = round(float(pairs.activation[i]), 4)
        if pairs.names and pairs.names[i]:
            told["name"] = pairs.names[i]
        lines.append(json.dumps(told, ensure_ascii=False))
    inside = ",\n  ".join(lines)
    text = f'{{\n "version": {json.dumps(__version__)},\n "pairs": [\n  {inside}\n ]\n}}\n'
    picture.atomic_write(Path(name), text.encode())


def _spot(point: torch.Tensor) -> list[float]:
    return [round(value, 5) for value in point.tolist()]


def _json(name: str) -> Any:
    try:
        if os.path.exists(name) and not os.path.isfile(name):
            raise GuideError(f"{name}: this is no file. Give a points file, as `intarsia points` writes it.")
        if os.path.getsize(name) > MOST_BYTES:
            raise GuideError(f"{name}: a points file holds up to {MOST} pairs, and this one is too large for one.")
        return json.loads(Path(name).read_text("utf-8-sig", "replace"))
    except OSError as error:
        raise GuideError(f"{name}: cannot be read ({error.strerror}). Is the name right?") from None
    except (ValueError, RecursionError) as error:
        raise GuideError(f"{name} is not JSON: {error}. Points look like this: {_EXAMPLE}") from None


_EXAMPLE = '{"pairs": [{"content": [0.3, 0.4], "style": [0.5, 0.4]}]}'


def _strange(data: Any) -> Iterator[str]:
    """What is not known, once for each key."""
    if not isinstance(data, dict):
        return
    pairs = data.get("pairs")
    rows = [one for one in pairs if isinstance(one, dict)] if isinstance(pairs, list) else []
    for keys, kind in ((data.keys(), PointsFile), ({key for one in rows for key in one}, OnePair)):
        for key in sorted(keys - kind.model_fields.keys()):
            yield unknown("key", key[:80], kind.model_fields)


def _in_words(fault: Any) -> str:
    place = [part + 1 if isinstance(part, int) else part for part in fault["loc"]]
    of = "".join(map(str, place[:1]))
    if len(place) > 1:
        of = f"pair {place[1]}" + "".join(f": {part}" for part in place[2:3])
    if fault["type"] == "missing":
        return f"{of} is missing. Points look like this: {_EXAMPLE}"
    told = f"{of or 'the file'}: {fault['msg']}, and {str(fault['input'])[:60]} came."
    if fault["type"] in ("less_than_equal", "greater_than_equal"):
        told += " Points go from 0,0 at the top left to 1,1: divide pixels by width and height."
    return told
