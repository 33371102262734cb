"""Maps told in words, as on a command line: `fill 0.5,0.1 tolerance=12 | grow 3 | feather 2%`.

    MAP   = MAKER | EDIT | EDIT ...        from left to right
    MAKER = the name of a file, or a word of MAKERS with what it takes
    EDIT  = a word of EDITS with what it takes

X,Y are points, 0..1 from the top left corner. Distances are pixels of the picture that is drawn on, or, with %, parts
of its long side; what is longer than its diagonal counts as its diagonal. A file whose name begins with one of the
words, or has a | or a quote in it, is put in quotes.
"""

import dataclasses
import difflib
import math
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from intarsia.errors import GuideError, UsageError, listening, unknown
from intarsia.maps import edits
from intarsia.maps.fitting import check_aspect, fitted, settled
from intarsia.sizes import size_of
from intarsia.sources import gradients, shapes
from intarsia.sources.labels import map_of_color
from intarsia.types import Image, Map, Point


@dataclass(frozen=True, eq=False)
class Canvas:
    """What a map is drawn on.

    image: the picture, at the size that shapes are drawn at; full: its size (h, w) as it came, which the aspect of
    files is held against; side: "content" or "style", for messages; read_map, read: a file by its name, as a map or in
    color; rest: what no other region owns, where that is known."""

    image: Image
    full: tuple[int, int]
    side: str
    read_map: Callable[[str], Map]
    read: Callable[[str], Image]
    rest: Map | None = None

    @property
    def size(self) -> tuple[int, int]:
        return size_of(self.image)


@dataclass(frozen=True)
class File:
    name: str

    def __str__(self) -> str:
        return quoted(self.name) if _needs_quotes(self.name) else self.name


@dataclass(frozen=True)
class Distance:
    """pixels, or part of the long side where `percent`."""

    value: float
    percent: bool

    def pixels(self, size: tuple[int, int]) -> float:
        return min(self.value / 100 * max(size) if self.percent else self.value, math.hypot(*size))

    def __str__(self) -> str:
        return f"{numeral(self.value)}{'%' if self.percent else ''}"


@dataclass(frozen=True)
class Verb:
    """draw: makes or edits the map; words: kinds of what follows, at least `least` of them and, with `more`, any number
    of the last one; settings: names of NAME=NUMBER."""

    draw: Callable[..., Map]
    words: tuple[str, ...] = ()
    least: int | None = None
    more: bool = False
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A word with what it takes; the empty word is a file."""

    word: str
    takes: tuple[Any, ...] = ()
    settings: tuple[tuple[str, float], ...] = ()

    def draw(self, canvas: Canvas, before: Map | None = None) -> Map:
        if not self.word:
            return _from_file(canvas, self.takes[0].name)
        given = [_value(one, canvas) for one in self.takes]
        verb = MAKERS[self.word] if before is None else EDITS[self.word]
        return verb.draw(canvas, *([] if before is None else [before]), *given, **dict(self.settings))

    def __str__(self) -> str:
        if not self.word:
            return str(self.takes[0])
        settings = [f"{name}={numeral(value)}" for name, value in self.settings]
        return " ".join([self.word, *map(_shown, self.takes), *settings])


@dataclass(frozen=True)
class WrittenMap:
    """A map in words, parsed but not drawn: data, which a recipe can keep. What can be told without the picture is told
    by `parse` (UsageError); `draw` raises GuideError where the map does not fit the picture."""

    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> "WrittenMap":
        """Raises UsageError for words that are not known, naming the nearest, and for numbers that cannot be."""
        first, *others = _segments(text)
        return cls((_maker(first), *(_edit(one) for one in others)))

    def __str__(self) -> str:
        return " | ".join(str(step) for step in self.steps)

    def files(self) -> list[str]:
        return [file.name for step in self.steps for file in _files(step)]

    def renamed(self, change: Callable[[str], str]) -> "WrittenMap":
        return WrittenMap(tuple(_renamed(step, change) for step in self.steps))

    def is_file(self) -> bool:
        """Whether it is a file and nothing else."""
        return len(self.steps) == 1 and not self.steps[0].word

    def needs_rest(self) -> bool:
        return any(
            "rest" in (step.word, *(one.word for one in step.takes if isinstance(one, Step))) for step in self.steps
        )

    def draw(self, canvas: Canvas) -> Map:
        """The map, 0..1: a file alone at its own size, all else at the canvas's."""
        first, *others = self.steps
        if self.is_file():
            return canvas.read_map(first.takes[0].name)
        drawn = first.draw(canvas)
        for step in others:
            drawn = step.draw(canvas, drawn)
        return settled(drawn)


def _everywhere(canvas: Canvas) -> Map:
    return torch.ones(canvas.size)


def _rest(canvas: Canvas) -> Map:
    if canvas.rest is None:
        raise GuideError("'rest' is what the other regions leave of the content, and there are none here.")
    return canvas.rest


def _rectangle(canvas: Canvas, corner: Point, opposite: Point) -> Map:
    return shapes.rectangle(canvas.size, corner, opposite)


def _ellipse(canvas: Canvas, center: Point, radii: Point, angle: float = 0) -> Map:
    return shapes.ellipse(canvas.size, center, radii, angle)


def _polygon(canvas: Canvas, *corners: Point) -> Map:
    return shapes.polygon(canvas.size, torch.tensor(corners))


def _fill(canvas: Canvas, *points: Point, tolerance: float = 10) -> Map:
    return shapes.flood_fill(canvas.image, torch.tensor(points), tolerance)


def _label(canvas: Canvas, file: str, color: str) -> Map:
    image = canvas.read(file)
    check_aspect(f"label map {file}", canvas.side, image, canvas.full)
    return fitted(map_of_color(image, color), canvas.size)


def _linear(canvas: Canvas, first: float | Point, end: Point | None = None) -> Map:
    if isinstance(first, tuple):
        return gradients.linear(canvas.size, start=first, end=end)
    return gradients.linear(canvas.size, first)


def _radial(canvas: Canvas, center: Point = (0.5, 0.5), inner: float = 0.0, outer: float = 0.5) -> Map:
    return gradients.radial(canvas.size, center, inner, outer)


def _luminance(canvas: Canvas) -> Map:
    return gradients.from_picture(canvas.image)


def _grow(canvas: Canvas, one_map: Map, distance: float) -> Map:
    return edits.grow(one_map, distance)


def _shrink(canvas: Canvas, one_map: Map, distance: float) -> Map:
    return edits.shrink(one_map, distance)


def _feather(canvas: Canvas, one_map: Map, distance: float) -> Map:
    return edits.feather(one_map, distance)


def _invert(canvas: Canvas, one_map: Map) -> Map:
    return edits.invert(one_map)


def _add(canvas: Canvas, one_map: Map, other: Map) -> Map:
    return edits.add(one_map, other)


def _subtract(canvas: Canvas, one_map: Map, other: Map) -> Map:
    return edits.subtract(one_map, other)


def _intersect(canvas: Canvas, one_map: Map, other: Map) -> Map:
    return edits.intersect(one_map, other)


def _refine(canvas: Canvas, one_map: Map, radius: float = 8, eps: float = 1e-4) -> Map:
    return edits.refine(one_map, canvas.image, min(round(radius), max(canvas.size)), eps)


def _cut(canvas: Canvas, one_map: Map, band: float | None = None) -> Map:
    if band is not None and band < 0:
        raise UsageError(f"a band of {numeral(band)} pixels cannot be. Take 0 or more.")
    return shapes.grab_cut(canvas.image, one_map, None if band is None else min(band, math.hypot(*canvas.size)))


def _levels(canvas: Canvas, one_map: Map, black: float = 0, white: float = 1, gamma: float = 1) -> Map:
    return gradients.from_picture(one_map, black=black, white=white, gamma=gamma)


MAKERS: dict[str, Verb] = {
    "everywhere": Verb(_everywhere),
    "rest": Verb(_rest),
    "rectangle": Verb(_rectangle, ("point", "point")),
    "ellipse": Verb(_ellipse, ("point", "radii"), settings=("angle",)),
    "polygon": Verb(_polygon, ("point", "point", "point"), more=True),
    "fill": Verb(_fill, ("point",), more=True, settings=("tolerance",)),
    "label": Verb(_label, ("file", "color")),
    "linear": Verb(_linear, ("angle or point", "point"), least=1),
    "radial": Verb(_radial, ("point",), least=0, settings=("inner", "outer")),
    "luminance": Verb(_luminance),
}
EDITS: dict[str, Verb] = {
    "grow": Verb(_grow, ("distance",)),
    "shrink": Verb(_shrink, ("distance",)),
    "feather": Verb(_feather, ("distance",)),
    "invert": Verb(_invert),
    "add": Verb(_add, ("map",)),
    "subtract": Verb(_subtract, ("map",)),
    "intersect": Verb(_intersect, ("map",)),
    "refine": Verb(_refine, settings=("radius", "eps")),
    "cut": Verb(_cut, settings=("band",)),
    "levels": Verb(_levels, settings=("black", "white", "gamma")),
}


# ---- drawing ---------------------------------------------------------------------------------------------------------


def _from_file(canvas: Canvas, name: str) -> Map:
    """At the canvas's size, to go together with other maps."""
    one_map = canvas.read_map(name)
    check_aspect(f"mask {name}", canvas.side, one_map, canvas.full)
    return fitted(one_map, canvas.size)


def _value(one: Any, canvas: Canvas) -> Any:
    if isinstance(one, Distance):
        return one.pixels(canvas.size)
    if isinstance(one, Step):
        return one.draw(canvas)
    return one.name if isinstance(one, File) else one


# ---- reading ---------------------------------------------------------------------------------------------------------


def _segments(text: str) -> list[str]:
    """Cut at every | that is not in quotes."""
    parts = re.findall(r"""(?:"[^"]*"|'[^']*'|[^|])+""", text)
    if not text.strip():
        raise UsageError("a map is missing. Give a file, or a shape such as 'ellipse 0.5,0.5 0.2,0.1'.")
    if (
        not parts
        or len(parts) != len(re.sub(r""""[^"]*"|'[^']*'""", "", text).split("|"))
        or "" in map(str.strip, parts)
    ):
        raise UsageError(f"'{short(text)}' is no map: something is missing before or after a |.")
    return [part.strip() for part in parts]


def words_of(text: str) -> list[str]:
    """Words, with quotes around those that have spaces; backslashes are letters, as in file names of Windows."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    try:
        return list(lexer)
    except ValueError:
        raise UsageError(f"'{short(text)}': a quote is opened and not closed.") from None


def _maker(text: str) -> Step:
    if text[0] in "\"'":
        words = words_of(text)
        if len(words) != 1:
            raise UsageError(f"{short(text)}: there is more than one file name. Put them together with | add.")
        return Step("", (File(words[0]),))
    first = text.split()[0]
    if first in MAKERS:
        return _step(first, MAKERS[first], words_of(text)[1:])
    if _is_in_words(text):
        what = "this edit comes after a map, as in 'FILE | " + f"{first} ...'." if first in EDITS else None
        told = what or unknown("shape", short(first), MAKERS)
        raise UsageError(f"'{short(text)}': {told} A file of that name is written in quotes.")
    return Step("", (File(text),))


def _is_in_words(text: str) -> bool:
    """Whether it is meant as words and not as the name of a file, well spelled or not."""
    first, *others = text.split() or [""]
    if not others or first in MAKERS:
        return first in MAKERS
    numbers = any(re.fullmatch(r"[-+.\d]+,[-+.\d]+", one) for one in others)
    edit = first in EDITS and re.fullmatch(r"[-+.\d]+%?|[a-z]+=.*", others[0])
    return numbers or bool(edit) or bool(difflib.get_close_matches(first.lower(), MAKERS, 1, 0.75))


def _edit(text: str) -> Step:
    word, *others = text.split(None, 1)
    if word not in EDITS:
        raise UsageError(f"'{short(text)}': {unknown('edit', short(word), EDITS)}")
    if EDITS[word].words == ("map",):
        if not others:
            raise UsageError(f"'{word}' takes a map: a file, or a shape such as 'ellipse 0.5,0.5 0.2,0.1'.")
        return Step(word, (_maker(others[0]),))
    return _step(word, EDITS[word], words_of(text)[1:])


def _step(word: str, verb: Verb, words: list[str]) -> Step:
    plain = [one for one in words if not (verb.settings and re.match(r"[a-z]+=", one))]
    settings = []
    for name, _, value in (one.partition("=") for one in words if one not in plain):
        if name not in verb.settings:
            raise UsageError(f"'{word}': {unknown('setting', short(name), verb.settings)}")
        settings.append((name, _number(value, word, verb)))
    least = len(verb.words) if verb.least is None else verb.least
    if len(plain) < least or (len(plain) > len(verb.words) and not verb.more):
        raise UsageError(_form(word, verb))
    kinds = [verb.words[min(i, len(verb.words) - 1)] for i in range(len(plain))]
    takes = tuple(_read(one, kind, word, verb) for one, kind in zip(plain, kinds, strict=True))
    if "angle or point" in kinds and isinstance(takes[0], tuple) != (len(takes) == 2):
        raise UsageError(_form(word, verb))
    return _tried(Step(word, takes, tuple(settings)), verb)


def _tried(step: Step, verb: Verb) -> Step:
    """UsageError for what no picture could mend, from a trial on a picture of one pixel."""
    if step.word != "rest" and "file" not in verb.words:
        pixel = Canvas(
            torch.zeros(3, 1, 1), (1, 1), "content", lambda name: torch.zeros(1, 1), lambda name: pixel.image
        )
        with suppress(GuideError), listening(lambda text: None):
            step.draw(pixel, None if step.word in MAKERS else torch.zeros(1, 1))
    return step


def _read(text: str, kind: str, word: str, verb: Verb) -> Any:
    if kind == "file":
        return File(text)
    if kind == "color":
        if not re.fullmatch("#?[0-9a-fA-F]{6}", text):
            raise UsageError(f"'{short(text)}' is no color. {_form(word, verb)}")
        return text
    if kind == "distance":
        distance = Distance(_number(text.removesuffix("%"), word, verb), text.endswith("%"))
        if distance.value < 0:
            raise UsageError(f"a distance of {text} cannot be. Take 0 or more.")
        return distance
    if kind == "angle or point" and "," not in text:
        return _number(text, word, verb)
    x, comma, y = text.partition(",")
    if not comma:
        raise UsageError(_form(word, verb))
    return _number(x, word, verb), _number(y, word, verb)


def _number(text: str, word: str, verb: Verb) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= 1e9:  # also where it is not a number; more than that is no picture's
        raise UsageError(f"'{short(text)}' is no number that can be. {_form(word, verb)}")
    return value


def _form(word: str, verb: Verb) -> str:
    if "angle or point" in verb.words:
        return f"It is written '{word} DEGREES' or '{word} X,Y X,Y'."
    shown = {"point": "X,Y", "radii": "RX,RY", "file": "FILE", "color": "#RRGGBB", "distance": "PIXELS or PART%"}
    least = len(verb.words) if verb.least is None else verb.least
    takes = [shown[kind] if i < least else f"[{shown[kind]}]" for i, kind in enumerate(verb.words)]
    takes += ["..."] if verb.more else []
    settings = [f"[{name}=NUMBER]" for name in verb.settings]
    return f"It is written '{' '.join([word, *takes, *settings])}'."


def short(text: str) -> str:
    """As much of it as a message needs."""
    return text if len(text) <= 80 else f"{text[:77]}..."


# ---- writing ---------------------------------------------------------------------------------------------------------


def numeral(value: float) -> str:
    """The shortest that reads back as this number."""
    return repr(value).removesuffix(".0")


def quoted(text: str) -> str:
    """In quotes, so that `words_of` gives it back; in several pieces where it holds both kinds of them."""
    return "'" + text.replace("'", "'\"'\"'") + "'" if '"' in text else f'"{text}"'


def _shown(one: Any) -> str:
    if isinstance(one, tuple):
        return ",".join(map(numeral, one))
    if isinstance(one, File) and re.search(r"\s", one.name):
        return quoted(one.name)
    return numeral(one) if isinstance(one, float) else str(one)


def _needs_quotes(name: str) -> bool:
    return name != name.strip() or not name or any(letter in name for letter in "|\"'") or _is_in_words(name)


def _files(step: Step) -> Iterator[File]:
    for one in step.takes:
        if isinstance(one, File):
            yield one
        elif isinstance(one, Step):
            yield from _files(one)


def _renamed(step: Step, change: Callable[[str], str]) -> Step:
    def new(one: Any) -> Any:
        if isinstance(one, File):
            return File(change(one.name))
        return _renamed(one, change) if isinstance(one, Step) else one

    return dataclasses.replace(step, takes=tuple(new(one) for one in step.takes))
