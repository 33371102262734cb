"""What a recipe tells in words, as values: regions, `sky: content=sky.png style=1:sky_s.png strength=0.8`, which in a
guide file are JSON with the same keys; gradients, `linear 90: 1 -> 2`; pairs of automatic regions, `1=2`; points,
`0.5,0.2`.
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import pydantic
from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, create_model

from intarsia.errors import UsageError, settings_as, unknown
from intarsia.guide import MANNER, Manner
from intarsia.recipe.checking import InWords, in_our_words
from intarsia.sources.written.grammar import (
    Change,
    WrittenMap,
    names_in,
    numeral,
    point,
    quoted,
    short,
    words_of,
)
from intarsia.types import Point

SHORTER = {"style_scale": "scale"}  # settings that words and guide files have a shorter name for
TOLD = {name: SHORTER.get(name, name) for name in MANNER}  # what words and guide files call each setting


def _needs_no_rest(one_map: WrittenMap) -> None:
    if one_map.needs_rest():
        raise UsageError(
            "'rest' is what the other regions leave of the content. Say it as `region` \"NAME: content=rest\"."
        )


def _read_point(given: Any) -> Any:
    return point(given) if isinstance(given, str) else given


WrittenPoint = Annotated[Point, BeforeValidator(_read_point)]
MapOrRest = Annotated[WrittenMap, InWords()]
OneMap = Annotated[WrittenMap, InWords(_needs_no_rest)]


def _unsaid() -> Any:
    """Every setting of `Manner`, under both of its names; None where it is not said."""
    hints = get_type_hints(Manner, include_extras=True)
    return {name: (hints[name] | None, Field(None, validation_alias=AliasChoices(TOLD[name], name))) for name in MANNER}


SaidManner = create_model("SaidManner", __config__=ConfigDict(extra="forbid", frozen=True), **_unsaid())


class WrittenRegion(SaidManner):
    """What is said of one region; what is not said is None and comes from elsewhere. Beside the fields below it has
    those of `Manner`.

    content, style_map: maps in words (`sources.written`). Without content it changes the region of that name that
    another source makes. style: which style, counted from 1."""

    name: str = Field("", max_length=200)
    content: MapOrRest | None = None
    style: int | None = Field(None, ge=1, le=64)
    style_map: OneMap | None = None

    @classmethod
    def keys(cls) -> list[str]:
        """As a guide file has them."""
        return ["name", "content", "style", "style_map", *TOLD.values()]

    @classmethod
    def parse(cls, text: str) -> "WrittenRegion":
        """Raises UsageError."""
        name, said = _named(text)
        what = f"region '{short(name)}'" if name else "region"
        data: dict[str, Any] = {"name": name}
        for word in words_of(said):
            data |= _said(word, what, data)
        try:
            return cls.model_validate(data)
        except pydantic.ValidationError as error:
            raise UsageError(_in_words(in_our_words(error, cls.model_fields))) from None

    def __str__(self) -> str:
        style_map = "" if self.style_map is None else f":{self.style_map}"
        told = {"content": self.content, "style": self.style and f"{self.style}{style_map}"}
        told |= {TOLD[name]: value for name, value in self.manner.items()}
        words = [f"{key.replace('_', '-')}={_told(value)}" for key, value in told.items() if value is not None]
        return f"{self.name}: {' '.join(words)}"

    @property
    def manner(self) -> dict[str, Any]:
        """The settings that are said, by their names."""
        return {name: value for name in MANNER if (value := getattr(self, name)) is not None}

    def needs_rest(self) -> bool:
        return self.content is not None and self.content.needs_rest()

    def files(self) -> list[str]:
        return names_in(self.renamed)

    def renamed(self, change: Change) -> "WrittenRegion":
        maps = {"content": self.content, "style_map": self.style_map}
        return self.model_copy(update={key: one.renamed(change) for key, one in maps.items() if one is not None})


@dataclass(frozen=True)
class WrittenGradient:
    """`RAMP: 1 -> 2 -> 3`: a map in words, 0 where the first style is and 1 where the last one is."""

    ramp: WrittenMap
    styles: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "WrittenGradient":
        """Raises UsageError."""
        ramp, colon, row = text.rpartition(":")
        styles = [part.strip() for part in row.split("->")]
        if not colon or len(styles) < 2 or not all(re.fullmatch("[1-9][0-9]?", one) for one in styles):
            raise UsageError(
                f"gradient '{short(text)}': it is written 'linear 90: 1 -> 2', a ramp and two or more styles."
            )
        one_map = WrittenMap.parse(ramp.strip())
        _needs_no_rest(one_map)
        return cls(one_map, tuple(map(int, styles)))

    def __str__(self) -> str:
        return f"{self.ramp}: {' -> '.join(map(str, self.styles))}"

    def renamed(self, change: Change) -> "WrittenGradient":
        return dataclasses.replace(self, ramp=self.ramp.renamed(change))


@dataclass(frozen=True)
class WrittenPair:
    """`1=2`: region 1 of the content takes region 2 of the style, whatever they look like; counted from 1."""

    content: int
    style: int

    @classmethod
    def parse(cls, text: str) -> "WrittenPair":
        """Raises UsageError."""
        found = re.fullmatch(r"\s*([0-9]{1,2})\s*=\s*([0-9]{1,2})\s*", text)
        if found is None or "0" in found.groups():
            raise UsageError(
                f"'{text}' is no pair. It is written 1=2: region 1 of the content takes region 2 of the style."
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.content}={self.style}"


def _named(text: str) -> tuple[str, str]:
    """The name before the first colon, if there is one before the first `=`."""
    match = re.match(r"\s*([^:=]*?)\s*:(.*)$", text, re.DOTALL)
    return (match[1], match[2]) if match else ("", text)


def _said(word: str, what: str, before: dict[str, Any]) -> dict[str, Any]:
    """What one word says, after those `before` it."""
    key, equals, value = word.partition("=")
    key = key.replace("-", "_")
    if word == "keep":
        return {"strength": 0}
    if not equals and ("content" in before or "style" in before):
        raise UsageError(
            f"{what}: what is '{short(word)}'? A map of several words is put in quotes, as in "
            "content='ellipse 0.5,0.5 0.2,0.1'."
        )
    if not equals or key not in {"content", "style", *TOLD, *TOLD.values()}:
        known = [one.replace("_", "-") for one in ("content", "style", *TOLD.values(), "keep")]
        raise UsageError(f"{what}: {unknown('setting', short(key), known)}")
    return _style(value, what) if key == "style" else {TOLD.get(key, key): value}


def _in_words(text: str) -> str:
    """What is a key of a region, and so a word and no flag, without backticks."""
    words = {*WrittenRegion.keys(), *WrittenRegion.model_fields}
    return settings_as(lambda name: name if name in words else f"`{name}`", text)


def _style(text: str, what: str) -> dict[str, str]:
    style, colon, style_map = text.partition(":")
    if not re.fullmatch("[0-9]+", style):
        raise UsageError(f"{what}: a style is a number from 1, as in style=1 or style=1:MAP, not '{short(text)}'.")
    return {"style": style, "style_map": style_map} if colon else {"style": style}


def _told(value: Any) -> str:
    text = numeral(value) if isinstance(value, float) else str(value)
    return quoted(text) if re.search(r"[\s'\"]", text) or not text else text
