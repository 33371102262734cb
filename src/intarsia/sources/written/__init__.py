"""Maps told in words: `fill 0.5,0.1 tolerance=12 | grow 3 | feather 2%`.

`grammar` reads and writes them, `verbs` has the words and what each of them draws.
"""

from intarsia.sources.written.grammar import WrittenMap
from intarsia.sources.written.verbs import Canvas

__all__ = ["Canvas", "WrittenMap"]
