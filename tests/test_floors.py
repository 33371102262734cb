"""Imports only point down, and nothing is a drawer of other things."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "intarsia"
FLOORS = [
    ["errors", "types"],
    ["cache", "large", "picture", "color", "sizes", "moments", "match", "patchmatch", "weights", "swatches"],
    ["maps", "geometry", "composite"],
    ["guide", "losses", "optimizers", "transforms", "encoders", "decoders", "networks", "nets", "models"],
    ["engine", "recolor", "styles", "scene", "measure", "export"],
    ["methods", "sources", "partition", "survey"],
    ["recipe", "run", "batch", "training"],
    ["cli", "studio", "__main__"],
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}
FILES = sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported_rooms(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "intarsia":
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("intarsia.")}
    return names - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    if room(path) == "__init__":
        return
    here = FLOOR[room(path)]
    for name in imported_rooms(path) - {room(path)}:
        assert FLOOR[name] <= here, f"{path.name} (floor {here}) imports {name} (floor {FLOOR[name]})"


def test_every_file_has_a_floor():
    assert {room(path) for path in FILES} - {"__init__"} <= FLOOR.keys()


def test_no_two_rooms_import_each_other():
    reaches = {}
    for path in FILES:
        reaches.setdefault(room(path), set()).update(imported_rooms(path) - {room(path)})
    for name, others in reaches.items():
        for other in others:
            assert name not in reaches.get(other, ()), f"{name} and {other} import each other"


def test_methods_know_no_sources():
    for path in (ROOT / "methods").rglob("*.py"):
        assert not imported_rooms(path) & {"sources", "partition"}, f"{path.name} knows where guides come from"


def test_no_drawers():
    assert not [path for path in FILES if path.stem in {"utils", "misc", "common", "helpers"}]


def test_every_test_file_mirrors_a_source_file():
    tests = Path(__file__).parent
    for path in tests.rglob("test_*.py"):
        name = path.stem.removeprefix("test_")
        if name in {"floors", "public", "promises", "pages", "quality", "site"}:
            continue
        folder = ROOT / path.parent.relative_to(tests)
        assert (folder / f"{name}.py").exists() or (folder / name).is_dir(), f"{path} mirrors nothing in src"
