"""How maps are told in words, as on a command line: `fill 0.5,0.1 tolerance=12 | grow 3 | feather 2%`.

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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from intarsia.errors import GuideError, UsageError, listening, unknown
from intarsia.maps.fitting import check_aspect, fitted, settled
from intarsia.sources.written.verbs import EDITS, MAKERS, Canvas, Verb
from intarsia.types import Map

SHOWN = {
    "point": "X,Y",
    "spot": "X,Y[,PRESSURE]",
    "radii": "RX,RY",
    "file": "FILE",
    "color": "#RRGGBB or NUMBER",
    "distance": "PIXELS or PART%",
}
Change = Callable[[str], str]


@dataclass(frozen=True)
class File:
    name: str

    def __str__(self) -> str:
        return quoted(self.name) if _needs_quotes(self.name) else self.name

    def draw(self, canvas: Canvas) -> Map:
        """At the canvas's size, to go together with other maps."""
        one_map = canvas.read_map(self.name)
        check_aspect(f"mask {self.name}", canvas.side, one_map, canvas.full)
        return fitted(one_map, canvas.size)


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
class Step:
    """A word with what it takes; the empty word is a file."""

    word: str
    takes: tuple[Any, ...] = ()
    settings: tuple[tuple[str, float], ...] = ()

    def draw(self, canvas: Canvas, before: Map | None = None) -> Map:
        if not self.word:
            return self.takes[0].draw(canvas)
        verb = MAKERS[self.word] if before is None else EDITS[self.word]
        return verb.draw(canvas, before, [_value(one, canvas) for one in self.takes], dict(self.settings))

    def renamed(self, change: Change) -> "Step":
        return dataclasses.replace(self, takes=tuple(_renamed(one, change) for one in self.takes))

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

    @classmethod
    def of_file(cls, name: str) -> "WrittenMap":
        """A file, whatever its name looks like."""
        return cls((Step("", (File(name),)),))

    def __str__(self) -> str:
        return " | ".join(str(step) for step in self.steps)

    def files(self) -> list[str]:
        return names_in(self.renamed)

    def renamed(self, change: Change) -> "WrittenMap":
        return WrittenMap(tuple(step.renamed(change) for step in self.steps))

    def is_file(self) -> bool:
        """Whether it is a file and nothing else."""
        return len(self.steps) == 1 and not self.steps[0].word

    def needs_rest(self) -> bool:
        inner = [one for step in self.steps for one in step.takes if isinstance(one, Step)]
        return any(step.word == "rest" for step in (*self.steps, *inner))

    def draw(self, canvas: Canvas) -> Map:
        """The map, 0..1: a file alone at its own size, all else at the canvas's."""
        first, *others = self.steps
        if self.is_file():
            return canvas.read_map(first.takes[0].name)
        drawn = first.draw(canvas)
        for step in others:
            drawn = step.draw(canvas, drawn)
        return settled(drawn)


def names_in(renamed: Callable[[Change], Any]) -> list[str]:
    """The names of files that a `renamed` asks for, in order."""
    names: list[str] = []

    def remember(name: str) -> str:
        names.append(name)
        return name

    renamed(remember)
    return names


def _renamed(one: Any, change: Change) -> Any:
    if isinstance(one, File):
        return File(change(one.name))
    return one.renamed(change) if isinstance(one, Step) else one


def _value(one: Any, canvas: Canvas) -> Any:
    """What a verb's function takes."""
    if isinstance(one, Distance):
        return one.pixels(canvas.size)
    if isinstance(one, Step):
        return one.draw(canvas)
    return one.name if isinstance(one, File) else one


# ---- reading ---------------------------------------------------------------------------------------------------------


def _segments(text: str) -> list[str]:
    """Cut at every | that is not in quotes."""
    if not text.strip():
        raise UsageError("a map is missing. Give a file, or a shape such as 'ellipse 0.5,0.5 0.2,0.1'.")
    parts = [part.strip() for part in re.findall(r"""(?:"[^"]*"|'[^']*'|[^|])+""", text)]
    bars = re.sub(r""""[^"]*"|'[^']*'""", "", text).count("|")
    if len(parts) != bars + 1 or "" in parts:
        raise UsageError(f"'{short(text)}' is no map: something is missing before or after a |.")
    return parts


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
        return _quoted_file(text)
    first = text.split()[0]
    if first in MAKERS:
        return _shape(first, text)
    if _is_in_words(text):
        what = f"this edit comes after a map, as in 'FILE | {first} ...'." if first in EDITS else None
        told = what or unknown("shape", short(first), MAKERS)
        raise UsageError(f"'{short(text)}': {told} A file of that name is written in quotes.")
    return Step("", (File(text),))


def _shape(word: str, text: str) -> Step:
    """With a hint where the name of a file was meant, or where a command line cut the words apart."""
    words = words_of(text)[1:]
    try:
        return _step(word, MAKERS[word], words)
    except UsageError as error:
        if not words:
            raise UsageError(f"{error} All of it together goes in quotes.") from None
        if re.search(r"\.[a-zA-Z]{3,4}$", text):
            raise UsageError(
                f"{error} A file of that name is written in quotes within the quotes: '{quoted(text)}'."
            ) from None
        raise


def _quoted_file(text: str) -> Step:
    words = words_of(text)
    if len(words) != 1:
        raise UsageError(f"{short(text)}: there is more than one file name. Put them together with | add.")
    return Step("", (File(words[0]),))


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
    if EDITS[word].words != ("map",):
        return _step(word, EDITS[word], words_of(text)[1:])
    if not others:
        raise UsageError(f"'{word}' takes a map: a file, or a shape such as 'ellipse 0.5,0.5 0.2,0.1'.")
    return Step(word, (_maker(others[0]),))


def _step(word: str, verb: Verb, words: list[str]) -> Step:
    plain = [one for one in words if not (verb.settings and re.match(r"[a-z]+=", one))]
    named = [one.partition("=") for one in words if one not in plain]
    form = _form(word, verb)
    for name, _, _ in named:
        if name not in verb.settings:
            raise UsageError(f"'{word}': {unknown('setting', short(name), verb.settings)}")
    settings = tuple((name, _number(value, form)) for name, _, value in named)
    return _tried(Step(word, _taken(plain, verb, form), settings), verb)


def _taken(words: list[str], verb: Verb, form: str) -> tuple[Any, ...]:
    if not verb.fewest <= len(words) <= (len(words) if verb.more else len(verb.words)):
        raise UsageError(form)
    kinds = [*verb.words, *verb.words[-1:] * len(words)][: len(words)]
    takes = tuple(_read(one, kind, form) for one, kind in zip(words, kinds, strict=True))
    if "angle or point" in kinds and isinstance(takes[0], tuple) != (len(takes) == 2):
        raise UsageError(form)
    return takes


def _tried(step: Step, verb: Verb) -> Step:
    """UsageError for what no picture could mend, from a trial on a picture of one pixel."""
    if step.word != "rest" and "file" not in verb.words:
        nothing = torch.zeros(1, 1)
        pixel = Canvas(nothing.expand(3, 1, 1), (1, 1), "content", lambda name: nothing, lambda name: pixel.image)
        with suppress(GuideError), listening(lambda text: None):
            step.draw(pixel, None if step.word in MAKERS else nothing)
    return step


def _read(text: str, kind: str, form: str) -> Any:
    if kind == "file":
        return File(text)
    if kind == "color":
        if not re.fullmatch(r"#?[0-9a-fA-F]{6}|\d{1,5}|transparent", text):
            raise UsageError(f"'{short(text)}' is no color. {form}")
        return text
    if kind == "distance":
        return _distance(text, form)
    if kind == "spot":
        return _spot(text, form)
    return _number(text, form) if kind == "angle or point" and "," not in text else _point(text, form)


def _distance(text: str, form: str) -> Distance:
    distance = Distance(_number(text.removesuffix("%"), form), text.endswith("%"))
    if distance.value < 0:
        raise UsageError(f"a distance of {text} cannot be. Take 0 or more.")
    return distance


def point(text: str) -> tuple[float, float]:
    """`0.5,0.2`. Raises UsageError."""
    return _point(text, f"'{short(text)}' is no point. It is written X,Y, 0 to 1 from the top left corner.")


def _point(text: str, form: str) -> tuple[float, float]:
    x, comma, y = text.partition(",")
    if not comma:
        raise UsageError(form)
    return _number(x, form), _number(y, form)


def _spot(text: str, form: str) -> tuple[float, float, float]:
    """A point and the pressure there, 1 where it is not told."""
    place, comma, pressure = text.rpartition(",") if text.count(",") == 2 else (text, "", "")
    return *_point(place, form), _number(pressure, form) if comma else 1.0


def _number(text: str, form: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= 1e9:  # also where it is not a number; more than that is no picture's
        raise UsageError(f"'{short(text)}' is no number that can be. {form}")
    return value


def _form(word: str, verb: Verb) -> str:
    if "angle or point" in verb.words:
        return f"It is written '{word} DEGREES' or '{word} X,Y X,Y'."
    takes = [SHOWN[kind] if i < verb.fewest else f"[{SHOWN[kind]}]" for i, kind in enumerate(verb.words)]
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
        return ",".join(map(numeral, one[:2] if one[2:] == (1.0,) else one))
    if isinstance(one, File) and re.search(r"\s", one.name):
        return quoted(one.name)
    return numeral(one) if isinstance(one, float) else str(one)


def _needs_quotes(name: str) -> bool:
    return name != name.strip() or not name or any(letter in name for letter in "|\"'") or _is_in_words(name)
