"""Every method by name. A line here is a sub-command's flags, a recipe's keys, and a place in the promise tests."""

from intarsia.methods.gatys import Gatys

METHODS = {"gatys": Gatys}
