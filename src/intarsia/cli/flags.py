"""Flags for what a recipe says in words: typed as text, and read once, with the whole recipe."""

from typing import Any

from pydantic import create_model

from intarsia.recipe import Guidance


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
