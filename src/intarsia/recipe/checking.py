"""Data from outside becomes values here, or an error in our own words."""

import re
import reprlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pydantic
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from intarsia.errors import IntarsiaError, RecipeError, UsageError, in_percent, unknown


@dataclass(frozen=True)
class InWords:
    """In `Annotated[kind, InWords()]`: pydantic reads the kind from text by its `parse`, and writes it to JSON as text.
    A value stays as it is. check: raises UsageError for one that cannot be here."""

    check: Callable[[Any], None] = lambda value: None

    def __get_pydantic_core_schema__(self, kind: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        def read(given: Any, text: Callable[[Any], str]) -> Any:
            try:
                value = given if isinstance(given, kind) else kind.parse(text(given))
                self.check(value)
            except UsageError as error:
                raise ValueError(str(error)) from None
            return value

        writing = core_schema.to_string_ser_schema(when_used="json")
        return core_schema.no_info_wrap_validator_function(read, core_schema.str_schema(), serialization=writing)


def checked(what: str, kind: type[Any], data: dict[str, Any], error: type[IntarsiaError] = RecipeError) -> Any:
    """`kind` made of `data`; what is wrong with it is told in our own words, as an `error`."""
    names = getattr(kind, "__pydantic_fields__", ())
    try:
        return pydantic.TypeAdapter(kind).validate_python(data)
    except pydantic.ValidationError as faults:
        raise error(f"{what}: {in_our_words(faults, names)}") from None


def in_our_words(error: pydantic.ValidationError, names: Iterable[str] = ()) -> str:
    """The first three faults, with a near name for an unknown choice or, where `names` are known, an unknown key."""
    return " ".join(_in_our_words(fault, names) for fault in error.errors()[:3])


def _in_our_words(fault: Any, names: Iterable[str]) -> str:
    key, came = where(fault), fault["input"]
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return unknown("setting", key[:80], names)
    if fault["type"] == "literal_error" and isinstance(came, str):
        return unknown(key, came[:80], re.findall("'([^']*)'", fault["ctx"]["expected"]))
    if fault["type"] == "missing":
        return f"{key} is missing."
    name = f"`{key}`" if key.isidentifier() else key
    told = f"{name} = {reprlib.repr(came)}: {message(fault)}" if key else message(fault)
    return told + ("" if told.endswith("?") else ".") + in_percent(came, fault.get("ctx", {}).get("le"))


def where(fault: Any) -> str:
    """The key, `regions.1.strength`; what is in a list is counted from 1; settings of networks are the method's."""
    parts = (part for part in fault["loc"] if part != "networks")
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in parts)


def message(fault: Any) -> str:
    """What pydantic says of it."""
    return fault["msg"].removeprefix("Value error, ").rstrip(".")
