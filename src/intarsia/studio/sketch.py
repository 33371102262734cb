"""What the page shows, as data: pictures, styles, regions, settings. The page keeps it, the server stores it, and a
worker makes the recipe of it (`rooms`).

Files are named by their sums alone, so nothing that comes from a page is ever a path or an address. Settings are
checked by the recipe, where they are declared.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Key = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern="^[0-9a-z]{1,16}$")]
Name = Annotated[str, Field(max_length=120)]
Words = Annotated[str, Field(max_length=4000)]
Setting = str | float | bool
Settings = Annotated[dict[Annotated[str, Field(max_length=40)], Setting], Field(max_length=40)]
Fraction = Annotated[float, Field(ge=0, le=1)]
MOST_STYLES, MOST_REGIONS, MOST_PAIRS, MOST_NAMED = 32, 48, 100, 16


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Drawn(Part):
    """A map. pixels: a stored one; words: a shape with its edits (`sources.written`), or after pixels only edits;
    named: other stored maps, which the steps that made the pixels name."""

    pixels: Key | None = None
    words: Words = ""
    named: Annotated[list[Key], Field(max_length=MOST_NAMED)] = []

    @property
    def is_empty(self) -> bool:
        return self.pixels is None and not self.words.strip()


class Style(Part):
    """One of ours, by its name, or a picture that was sent."""

    id: Id
    name: Name
    swatch: Annotated[str, Field(pattern="^[a-z]{1,20}$")] | None = None
    picture: Key | None = None

    @model_validator(mode="after")
    def _one(self) -> "Style":
        if (self.swatch is None) == (self.picture is None):
            raise ValueError("a style is a swatch or a picture")
        return self


class Painted(Part):
    """What a region, or all that no region owns, takes: nothing where `style` is None."""

    style: Id | None = None
    manner: Settings = {}


class Region(Painted):
    """part: which part of its style it takes; None for all of it."""

    id: Id
    name: Name
    color: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
    map: Drawn = Drawn()
    part: Drawn | None = None


class Pasted(Part):
    """An object on the content. mask: words that say what of its picture it is; strength: None to estimate it."""

    object: Key
    name: Name
    mask: Words = ""
    at: tuple[float, float] = (0.5, 0.5)
    scale: Annotated[float, Field(gt=0, le=10)] = 0.5
    rotate: Annotated[float, Field(ge=-360, le=360)] = 0.0
    strength: Fraction | None = None


class Deformed(Part):
    """A style whose shapes are taken, as far as `warp`. pairs: x, y of the content and x, y of the style, places that
    belong together; None to find them."""

    style: Id
    pairs: Annotated[list[tuple[Fraction, Fraction, Fraction, Fraction]], Field(max_length=MOST_PAIRS)] | None = None
    warp: Fraction = 1.0
    steps: Annotated[int, Field(ge=1)] | None = None


class Onward(Part):
    """A painting of a sketch, and the steps that are taken from there, at its full size alone."""

    picture: Key
    steps: Annotated[int, Field(ge=1, le=1000)]


class Sketch(Part):
    """room: what is done with it; onward: only of a painting that goes on with another one."""

    room: Literal["paint", "doodle", "paste", "deform"] = "paint"
    content: Key | None = None
    name: Name = ""
    styles: Annotated[list[Style], Field(max_length=MOST_STYLES)] = []
    regions: Annotated[list[Region], Field(max_length=MOST_REGIONS)] = []
    rest: Painted = Painted()
    method: Annotated[str, Field(pattern="^[a-z]{1,20}$")] = "gatys"
    size: Annotated[int, Field(ge=16)] | None = None
    settings: Settings = {}
    paste: Pasted | None = None
    onward: Onward | None = None
    deform: Deformed | None = None

    def pictures(self) -> set[str]:
        """Keys of all pictures that it names."""
        given = [
            self.content,
            self.onward and self.onward.picture,
            *(style.picture for style in self.styles),
            self.paste and self.paste.object,
        ]
        return {key for key in given if key is not None}

    def maps(self) -> set[str]:
        drawn = [one for region in self.regions for one in (region.map, region.part) if one is not None]
        return {key for one in drawn for key in (one.pixels, *one.named) if key is not None}
