"""intarsia: paint a picture, region by region, in the manner of other pictures.

    import intarsia
    intarsia.stylize("photo.jpg", "painting.jpg").save("out.png")

Names are imported when they are first used, so `import intarsia` is quick and does not load torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from intarsia import encoders, errors, maps, picture, run, sources, swatches
    from intarsia.engine import Frame
    from intarsia.errors import IntarsiaError
    from intarsia.guide import Guide, Region
    from intarsia.methods.adain import AdaIN
    from intarsia.methods.deform import Deform
    from intarsia.methods.gatys import Gatys
    from intarsia.methods.harmonize import Harmonize
    from intarsia.methods.preview import Preview, preview
    from intarsia.methods.strotss import Strotss
    from intarsia.methods.wct import WCT
    from intarsia.networks import Networks
    from intarsia.recipe import Job, Recipe, Result, stylize

_HOME = {
    "AdaIN": "methods.adain",
    "Frame": "engine",
    "Gatys": "methods.gatys",
    "Guide": "guide",
    "Deform": "methods.deform",
    "Harmonize": "methods.harmonize",
    "Strotss": "methods.strotss",
    "IntarsiaError": "errors",
    "Job": "recipe",
    "Networks": "networks",
    "Preview": "methods.preview",
    "Recipe": "recipe",
    "Region": "guide",
    "Result": "recipe",
    "WCT": "methods.wct",
    "preview": "methods.preview",
    "stylize": "recipe",
}

_MODULES = ("encoders", "errors", "maps", "picture", "run", "sources", "swatches")

__all__ = [
    "WCT",
    "AdaIN",
    "Deform",
    "Frame",
    "Gatys",
    "Guide",
    "Harmonize",
    "IntarsiaError",
    "Job",
    "Networks",
    "Preview",
    "Recipe",
    "Region",
    "Result",
    "Strotss",
    "encoders",
    "errors",
    "maps",
    "picture",
    "preview",
    "run",
    "sources",
    "stylize",
    "swatches",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"intarsia.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"intarsia.{name}")
    raise AttributeError(f"module 'intarsia' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
