"""The house: imports run downward only."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FLOORS = ["trees", "operators", "spectra", "geometry", "study", "report"]
SIDE = {"models", "data", "training", "runs"}
FILES = sorted((ROOT / "lsgeo").rglob("*.py"))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _places(path):
    return {
        name.split(".")[1]
        for name in _imports(path)
        if name.startswith("lsgeo.") and name.count(".")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_runs_up_and_geometry_knows_no_model(path):
    here = path.relative_to(ROOT / "lsgeo").parts[0].removesuffix(".py")
    if here == "__init__":
        return
    there = _places(path) - {here}
    if here in FLOORS:
        above = set(FLOORS[FLOORS.index(here) + 1 :])
        assert not there & above
    if here in FLOORS[:4]:
        assert not there & SIDE
    if here in SIDE:
        assert not there & set(FLOORS[1:])
    assert "experiments" not in {name.split(".")[0] for name in _imports(path)}


def test_the_list_of_files_is_not_empty():
    assert len(FILES) > 20
