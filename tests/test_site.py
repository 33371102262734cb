"""The site of the pages builds, and it names all that is public."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import intarsia

ROOT = Path(__file__).parents[1]


def public_names() -> set[str]:
    """Of the package, and of those of its modules that say what is theirs."""
    modules = [getattr(intarsia, name) for name in intarsia.__all__ if name.islower() and name != "stylize"]
    modules.append(import_module("intarsia.batch"))
    own = {f"{module.__name__}.{name}" for module in modules for name in getattr(module, "__all__", ())}
    return own | {f"intarsia.{name}" for name in intarsia.__all__}


def test_the_site_builds_without_a_warning_and_names_all_that_is_public(tmp_path: Path):
    pytest.importorskip("myst_parser", reason="the extra `docs` is not installed")
    pytest.importorskip("furo", reason="the extra `docs` is not installed")
    inventories = pytest.importorskip("sphinx.util.inventory", reason="the extra `docs` is not installed")
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-c", "docs", "-d", str(tmp_path / "trees"), "."]
    built = subprocess.run(
        [sys.executable, *command, str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (built.returncode, built.stderr) == (0, "")
    told = inventories.InventoryFile.loads((tmp_path / "site" / "objects.inv").read_bytes(), uri="")
    names = {name for kind, things in told.data.items() if kind.startswith("py:") for name in things}
    assert public_names() - names == set()
    assert {"intarsia.Gatys.steps", "intarsia.Recipe.content_mask"} <= names
    assert "woodcut" in (tmp_path / "site" / "searchindex.js").read_text()
    assert (tmp_path / "site" / "docs" / "index.html").exists()
