"""Flags for what a recipe says in words, typed as text, and read once, with the whole recipe; and for what it says in
numbers, which are in a file of their own."""

import json
from collections.abc import Sequence
from typing import Any

from cyclopts import Token
from pydantic import create_model

from intarsia.errors import GuideError
from intarsia.recipe import Guidance
from intarsia.sources.points import read_points


def _as_text(kind: type[Guidance]) -> Any:
    """`kind` with text in place of values that are read from words."""
    text: Any = {
        name: (list[str] if isinstance(field.default, list) else str | None, field)
        for name, field in kind.model_fields.items()
        if "Written" in str(field.annotation)
    }
    return create_model(kind.__name__, __base__=kind, **text)


class Typed(_as_text(Guidance)):
    """`Guidance` as it is typed."""


def pairs_of(kind: type, tokens: Sequence[Token]) -> Any:
    """The pairs of a points file, as rows x, y, x, y; or those of a recipe, which has them as JSON."""
    name = tokens[-1].value
    if tokens[-1].source == "recipe":
        return json.loads(name)
    rows = read_points(name).rows
    if not rows:
        raise GuideError(f"{name} holds no pairs. Write three or more, or give no `points`, and they are looked for.")
    return rows
