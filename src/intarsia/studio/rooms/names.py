"""How files that a sketch names by their sums are called in a recipe, and how maps in it become words."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from intarsia.errors import UsageError
from intarsia.sources.written.grammar import WrittenMap
from intarsia.studio.folder import steps_of
from intarsia.studio.sketch import Drawn, Style


def as_pixels(name: str) -> str:
    """For `Names.steps`: stored maps are taken as they are, which is quicker, and enough for what is not larger."""
    return ""


@dataclass(frozen=True)
class Names:
    """picture, map: a name for the file with this sum; steps: how the map of this name was made, in words, to be drawn
    again at the size of the painting."""

    picture: Callable[[str], str]
    map: Callable[[str], str]
    steps: Callable[[str], str] = lambda name: steps_of(Path(name))

    def style(self, style: Style) -> str:
        return f"swatch:{style.swatch}" if style.picture is None else self.picture(style.picture)

    def drawn(self, drawn: Drawn) -> WrittenMap:
        """Raises UsageError for words that are none, or that name a file."""
        if drawn.pixels is None:
            return in_words(drawn.words)
        stored = self._made(drawn, self.map(drawn.pixels))
        if not drawn.words.strip():
            return stored
        edited = WrittenMap.parse(f"everywhere | {drawn.words}")
        _check_no_files(edited)
        return WrittenMap((*stored.steps, *edited.steps[1:]))

    def _made(self, drawn: Drawn, name: str) -> WrittenMap:
        if not (steps := self.steps(name)):
            return WrittenMap.of_file(name)
        made = WrittenMap.parse(steps)
        if not set(made.files()) <= set(drawn.named):
            raise UsageError("the steps of a map name a map that its sketch does not.")
        return made.renamed(self.map)


def in_words(words: str) -> WrittenMap:
    written = WrittenMap.parse(words)
    _check_no_files(written)
    return written


def _check_no_files(written: WrittenMap) -> None:
    if written.files():
        raise UsageError("a map in words cannot name files here. Draw it, or use a shape.")
