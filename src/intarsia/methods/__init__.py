"""Every method by name. A line here is a sub-command's flags, a recipe's keys, and a place in the promise tests.

In recipes and on the command line a method's settings and those of its networks stand side by side.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from intarsia.methods.adain import AdaIN
from intarsia.methods.deform import Deform
from intarsia.methods.fast import Fast
from intarsia.methods.gatys import Gatys
from intarsia.methods.harmonize import Harmonize
from intarsia.methods.strotss import Strotss
from intarsia.methods.wct import WCT
from intarsia.networks import Networks

Method = Gatys | WCT | AdaIN | Harmonize | Strotss | Deform | Fast
Kind = type[Gatys] | type[WCT] | type[AdaIN] | type[Harmonize] | type[Strotss] | type[Deform] | type[Fast]
METHODS: dict[str, Kind] = {
    "gatys": Gatys,
    "wct": WCT,
    "adain": AdaIN,
    "harmonize": Harmonize,
    "strotss": Strotss,
    "deform": Deform,
    "fast": Fast,
}


def name_of(method: Method) -> str:
    """Under which it stands in recipes; settings for a purpose, such as `Doodle`, under that of their method."""
    return next(name for name, kind in METHODS.items() if isinstance(method, kind))


def method_of(name: str, settings: Mapping[str, Any]) -> Method:
    """Raises pydantic's ValidationError."""
    networks = {key: value for key, value in settings.items() if key in NETWORKS}
    own = {key: value for key, value in settings.items() if key not in NETWORKS}
    return pydantic.TypeAdapter(METHODS[name]).validate_python(own | {"networks": Networks(**networks)})


def every_setting(method: Method) -> dict[str, Any]:
    """As plain data."""
    data = pydantic.TypeAdapter(type(method)).dump_python(method, mode="json")
    return data | data.pop("networks")


def files_of(method: Method) -> dict[str, str | list[str]]:
    """Settings that name a file, or several."""
    fields = vars(method) | vars(method.networks)
    found: dict[str, str | list[str]] = {n: str(value) for n, value in fields.items() if isinstance(value, Path)}
    return found | {"models": [str(path) for path in method.models]} if isinstance(method, Fast) else found


def settings_of(method: Method) -> dict[str, Any]:
    """Those that differ from the defaults of `name_of`, as plain data."""
    usual = every_setting(METHODS[name_of(method)]())
    return {name: value for name, value in every_setting(method).items() if value != usual.get(name)}


def names_of_settings(name: str) -> list[str]:
    fields = {field.name for field in dataclasses.fields(METHODS[name])}
    return sorted((fields | NETWORKS) - {"networks"})


NETWORKS = {field.name for field in dataclasses.fields(Networks)}
