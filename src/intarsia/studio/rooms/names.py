"""How files that a sketch names by their sums are called in a recipe, and how maps in it become words."""

from collections.abc import Callable
from dataclasses import dataclass

from intarsia.errors import UsageError
from intarsia.sources.written.grammar import WrittenMap
from intarsia.studio.sketch import Drawn, Style


@dataclass(frozen=True)
class Names:
    """picture, map: a name for the file with this sum."""

    picture: Callable[[str], str]
    map: Callable[[str], str]

    def style(self, style: Style) -> str:
        return f"swatch:{style.swatch}" if style.picture is None else self.picture(style.picture)

    def drawn(self, drawn: Drawn) -> WrittenMap:
        """Raises UsageError for words that are none, or that name a file."""
        if drawn.pixels is None:
            return in_words(drawn.words)
        stored = WrittenMap.of_file(self.map(drawn.pixels))
        if not drawn.words.strip():
            return stored
        edited = WrittenMap.parse(f"everywhere | {drawn.words}")
        _check_no_files(edited)
        return WrittenMap((*stored.steps, *edited.steps[1:]))


def in_words(words: str) -> WrittenMap:
    written = WrittenMap.parse(words)
    _check_no_files(written)
    return written


def _check_no_files(written: WrittenMap) -> None:
    if written.files():
        raise UsageError("a map in words cannot name files here. Draw it, or use a shape.")
