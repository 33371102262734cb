"""What `import intarsia` gives, and what it costs."""

import subprocess
import sys
from importlib.resources import files

import pytest

import intarsia

METHODS = ["AdaIN", "Deform", "Gatys", "Harmonize", "Strotss", "WCT"]
NAMES = [*METHODS, "Frame", "Guide", "IntarsiaError", "Job", "Networks", "Preview", "Recipe", "Region", "Result"]
MODULES = ["encoders", "errors", "maps", "picture", "run", "sources", "swatches"]


def test_exported_names():
    assert sorted(intarsia.__all__) == sorted([*NAMES, *MODULES, "preview", "stylize"])
    for name in intarsia.__all__:
        exported = getattr(intarsia, name)
        assert exported.__doc__, f"{name} has no docstring"


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_there_after_the_import_alone(name):
    assert f"intarsia.{name}" in modules_after(f"import intarsia; intarsia.{name}")


def test_unknown_names_are_attribute_errors():
    assert not hasattr(intarsia, "stylise")


def modules_after(code: str) -> set[str]:
    program = f"import sys; {code}; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_import_does_not_load_torch():
    assert "torch" not in modules_after("import intarsia")


def test_help_does_not_load_torch():
    loaded = modules_after("from intarsia.cli import run; run(['--help'])")
    assert "intarsia.cli" in loaded
    assert "torch" not in loaded
    assert "numpy" not in loaded


def test_type_checkers_may_use_its_types():
    assert (files("intarsia") / "py.typed").is_file()
