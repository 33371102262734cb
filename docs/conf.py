"""How Sphinx makes a site of these pages: `make docs`. Its source is the whole repository, so that every link of theirs
leads to the same file as on a code host; `include_patterns` names what becomes a page."""

import re
import sys
from dataclasses import fields, is_dataclass

from pydantic.fields import FieldInfo
from sphinx.application import Sphinx

import intarsia

project = "intarsia"
copyright = "the intarsia developers, Apache-2.0"
version = release = intarsia.__version__

root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/api/*.rst",
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/*.md",
]
exclude_patterns = [".venv", "build", "demo"]
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
default_role = "code"
smartquotes = False

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"intarsia {release}"
html_copy_source = False
html_extra_path = ["root"]  # sends who opens the folder to the first page

MADE = re.compile(r"<(?:[^<>]|<[^<>]*>)*>")
LISTS = re.compile(r"^## (.+)\n\n((?:- \[.+\n)+)", re.MULTILINE)
LINKS = re.compile(r"^- \[.+?\]\(([^)#]+)", re.MULTILINE)


def with_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """The lists of links on the first page are the contents of the site too. So the page needs no directives, which a
    code host would show."""
    if page == root_doc:
        for heading, links in LISTS.findall(source[0]):
            pages = "\n".join(LINKS.findall(links))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{pages}\n```\n"


def signed(
    app: Sphinx, kind: str, name: str, thing: object, options: object, signature: str | None, returned: str | None
):
    """A class that has nothing but settings is told by these, each with its words, and not by a row of them. A default
    that is made when it is needed is told by dots."""
    settings = getattr(thing, "__pydantic_fields__", {})
    if kind == "class" and settings and not (is_dataclass(thing) and {one.name for one in fields(thing)} - {*settings}):
        return "(**settings)", returned
    if not signature:
        return None
    return MADE.sub("...", signature).replace(sys.executable, "python"), returned


def without_python(app: Sphinx, kind: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """What Python says of its own types, and of the numbers of fields, is not of ours."""
    if kind == "data" or (lines[:1] and lines[0].startswith("Alias for field number")):
        lines.clear()


def in_words(field: FieldInfo) -> str:
    """`'1 to 100'`, in place of what pydantic shows of a range."""
    if field.default_factory is not None:
        return f"{getattr(field.default_factory, '__name__', '')}()"
    bounds = {name: value for one in field.metadata for name, value in vars_of(one) if value is not None}
    least = next((f"{word}{bounds[name]:g}" for name, word in (("ge", ""), ("gt", "above ")) if name in bounds), None)
    most = f" to {bounds['le']:g}" if "le" in bounds else " or more" if "ge" in bounds else ""
    return repr(f"{least}{most}" if least else ", ".join(f"{name} {value}" for name, value in bounds.items()))


def vars_of(bound: object) -> list[tuple[str, object]]:
    return [(name, getattr(bound, name, None)) for name in ("ge", "gt", "le", "min_length", "max_length")]


def setup(app: Sphinx) -> None:
    FieldInfo.__repr__ = in_words
    app.connect("source-read", with_contents)
    app.connect("autodoc-process-signature", signed)
    app.connect("autodoc-process-docstring", without_python)
