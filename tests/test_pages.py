"""The pages tell the truth where a machine can check it: links lead somewhere, flags exist, Python compiles."""

import ast
import os
import re
from pathlib import Path

import pytest

from intarsia.cli import run, with_flags
from intarsia.methods import METHODS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")] + sorted(
    ROOT.glob("docs/*.md")
)


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
            "points",
            "deform",
            "composite",
            "partial",
            "harmonize",
            "measure",
            "train",
            "export",
            "batch",
            "studio",
            "replay",
            "recipe",
            "swatches",
            "info",
            "--install-completion",
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


def messages() -> list[str]:
    """Every text in the source but docstrings, with settings as flags, and a NUL for what is put into it."""

    def text(node: ast.AST) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""

    trees = [ast.parse(path.read_text()) for path in sorted((ROOT / "src").rglob("*.py"))]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    return [with_flags(text(node)) for node in nodes if text(node) and node not in docstrings]


QUOTED = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def known_messages() -> list[str]:
    return messages()


def is_said(quoted: str, known: list[str]) -> bool:
    """Whether its fixed words stand in this order in one text of the source, with something put in between."""
    pattern = re.compile("[^\0]*\0.*".join(re.escape(part.strip()) for part in quoted.split("...")), re.DOTALL)
    return any(pattern.search(text) for text in known)


@pytest.mark.parametrize("quoted", QUOTED)
def test_quoted_messages_are_those_of_the_source(quoted: str, known_messages: list[str]):
    assert is_said(quoted, known_messages)


def test_a_message_that_nobody_says_is_found_out(known_messages: list[str]):
    assert len(QUOTED) > 60
    assert not is_said("the moon is ... cheese", known_messages)
    assert not is_said("there is no such file. Did you mean '...'!", known_messages)
