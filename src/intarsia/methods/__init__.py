"""Every method by name. A line here is a sub-command's flags, a recipe's keys, and a place in the promise tests."""

from intarsia.methods.adain import AdaIN
from intarsia.methods.gatys import Gatys
from intarsia.methods.wct import WCT

Method = Gatys | WCT | AdaIN
METHODS: dict[str, type[Gatys] | type[WCT] | type[AdaIN]] = {"gatys": Gatys, "wct": WCT, "adain": AdaIN}
SIZES: dict[str, int | None] = {"gatys": 512, "wct": None, "adain": None}
"""Long side of the result when none is asked for; None: the content's own."""
