"""The pages tell the truth where a machine can check it: links lead somewhere, flags exist, Python compiles."""

import os
import re
from pathlib import Path

import pytest

from intarsia.cli import run
from intarsia.methods import METHODS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))


@pytest.fixture(scope="module")
def known_flags() -> set[str]:
    """Every flag in any command's help."""
    import contextlib
    import io

    told = io.StringIO()
    with contextlib.redirect_stdout(told), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        for command in (
            "",
            *(f"stylize --method {name}" for name in METHODS),
            "doodle",
            "texture",
            "partition",
            "masks",
            "composite",
            "partial",
            "measure",
            "batch",
            "replay",
            "recipe",
            "swatches",
            "info",
        ):
            run([*command.split(), "--help"])
    return set(re.findall(r"--[a-z][a-z-]*", told.getvalue())) | {"--debug"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    gone = [link for link in links if "://" not in link and not os.path.exists(page.parent / link)]
    assert not gone


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_of_commands_exist(page: Path, known_flags: set[str]):
    commands = re.findall(r"^intarsia [^\n]*(?:\\\n[^\n]*)*", page.read_text(), re.MULTILINE)
    flags = {flag for command in commands for flag in re.findall(r"(?<=\s)--[a-z][a-z-]*", command.split("#")[0])}
    assert flags <= known_flags


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_compiles(page: Path):
    for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(code, str(page), "exec")


def test_the_table_of_flags_is_whole(known_flags: set[str]):
    """docs/command-line.md names every flag there is."""
    told = set(re.findall(r"--[a-z][a-z-]*", (ROOT / "docs" / "command-line.md").read_text()))
    assert known_flags - told <= {"--help", "--version"}
