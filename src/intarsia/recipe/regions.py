"""A region in words or in JSON, with the same keys: `sky: content=sky.png style=1:sky_s.png strength=0.8`."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from intarsia.errors import UsageError, unknown
from intarsia.sources.written import WrittenMap, numeral, quoted, short, words_of

Rule = Literal["none", "match", "luminance", "histogram"]
Form = Literal["mk", "pca", "cholesky"]
Factor = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class WrittenRegion(BaseModel):
    """What is said of one region; what is not said is None and comes from elsewhere.

    content, style_map: maps in words (`sources.written`). Without content it changes the region of that name that
    another source makes. style: which style, counted from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=200)
    content: str | None = None
    style: int | None = Field(None, ge=1, le=64)
    style_map: str | None = None
    strength: Factor | None = None
    scale: float | None = Field(None, ge=0.05, le=20)
    color: Rule | None = None
    color_form: Form | None = None
    content_weight: Factor | None = None

    @field_validator("content")
    @classmethod
    def _is_a_map(cls, text: str | None) -> str | None:
        return None if text is None else _checked(text, rest=True)

    @field_validator("style_map")
    @classmethod
    def _is_a_map_of_a_style(cls, text: str | None) -> str | None:
        return None if text is None else _checked(text, rest=False)

    @classmethod
    def parse(cls, text: str) -> "WrittenRegion":
        """Raises UsageError or pydantic's ValidationError."""
        name, said = _named(text)
        what = f"region '{short(name)}'" if name else "region"
        data: dict[str, Any] = {"name": name}
        for word in words_of(said):
            key, equals, value = word.partition("=")
            key = key.replace("-", "_")
            if word == "keep":
                data["strength"] = 0
            elif not equals and ("content" in data or "style" in data):
                raise UsageError(
                    f"{what}: what is '{short(word)}'? A map of several words is put in quotes, as in "
                    "content='ellipse 0.5,0.5 0.2,0.1'."
                )
            elif not equals or key not in cls.model_fields or key in ("name", "style_map"):
                raise UsageError(f"{what}: {unknown('setting', short(key), [*_KEYS, 'keep'])}")
            elif key == "style":
                data["style"], colon, style_map = value.partition(":")
                if not re.fullmatch("[0-9]+", data["style"]):
                    raise UsageError(
                        f"{what}: a style is a number from 1, as in style=1 or style=1:MAP, not '{short(value)}'."
                    )
                data |= {"style_map": style_map} if colon else {}
            else:
                data[key] = value
        return cls.model_validate(data)

    def __str__(self) -> str:
        told = self.model_dump(exclude_none=True, exclude={"name", "style_map"})
        words = [f"{key.replace('_', '-')}={_told(self._said(key, value))}" for key, value in told.items()]
        return f"{self.name}: {' '.join(words)}"

    def _said(self, key: str, value: Any) -> str:
        style_map = f":{self.style_map}" if key == "style" and self.style_map is not None else ""
        return (numeral(value) if isinstance(value, float) else str(value)) + style_map

    def maps(self) -> Iterator[WrittenMap]:
        return (WrittenMap.parse(text) for text in (self.content, self.style_map) if text is not None)

    def files(self) -> list[str]:
        return [name for one in self.maps() for name in one.files()]

    def renamed(self, change: Callable[[str], str]) -> "WrittenRegion":
        told = {"content": self.content, "style_map": self.style_map}
        return self.model_copy(
            update={key: renamed_map(text, change) for key, text in told.items() if text is not None}
        )


class WrittenGradient(BaseModel):
    """`RAMP: 1 -> 2 -> 3`: a map in words, 0 where the first style is and 1 where the last one is."""

    model_config = ConfigDict(frozen=True)

    ramp: str
    styles: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "WrittenGradient":
        ramp, colon, row = text.rpartition(":")
        styles = [part.strip() for part in row.split("->")]
        if not colon or len(styles) < 2 or not all(re.fullmatch("[1-9][0-9]?", one) for one in styles):
            raise UsageError(
                f"gradient '{short(text)}': it is written 'linear 90: 1 -> 2', a ramp and two or more styles."
            )
        return cls(ramp=checked_map(ramp.strip()), styles=tuple(map(int, styles)))

    def __str__(self) -> str:
        return f"{self.ramp}: {' -> '.join(map(str, self.styles))}"

    def files(self) -> list[str]:
        return WrittenMap.parse(self.ramp).files()

    def renamed(self, change: Callable[[str], str]) -> "WrittenGradient":
        return self.model_copy(update={"ramp": renamed_map(self.ramp, change)})


_KEYS = [name.replace("_", "-") for name in WrittenRegion.model_fields if name not in ("name", "style_map")]


def checked_map(text: str, rest: bool = False) -> str:
    """The text itself, if it is a map in words; of what is left only where there is a `rest`."""
    if WrittenMap.parse(text).needs_rest() and not rest:
        raise UsageError(
            "'rest' is what the other regions leave of the content. Say it as `region` \"NAME: content=rest\"."
        )
    return text


def _checked(text: str, rest: bool) -> str:
    """With the error that pydantic understands."""
    try:
        return checked_map(text, rest)
    except UsageError as error:
        raise ValueError(str(error)) from None


def renamed_map(text: str, change: Callable[[str], str]) -> str:
    return str(WrittenMap.parse(text).renamed(change))


def _named(text: str) -> tuple[str, str]:
    """The name before the first colon, if there is one before the first `=`."""
    match = re.match(r"\s*([^:=]*?)\s*:(.*)$", text, re.DOTALL)
    return (match[1], match[2]) if match else ("", text)


def _told(text: str) -> str:
    return quoted(text) if re.search(r"[\s'\"]", text) or not text else text
