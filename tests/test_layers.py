"""The house: every room stands on a floor, and imports run downward only."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
GROUND = {"trees", "checks", "draws", "interval", "memory"}
# What each room of lsgeo may import beside itself. Geometry needs no model, only loss(params, batch).
BELOW: dict[str, set[str]] = {
    "trees": set(),
    "checks": {"trees"},
    "draws": {"trees", "checks"},
    "interval": {"trees", "checks"},
    "memory": set(),
    "provenance": set(),
    "runs": {"provenance"},
    "operators": GROUND,
    "spectra": GROUND | {"operators"},
    "matching": GROUND | {"operators"},
    "signals": GROUND | {"operators", "matching"},
    "geometry": GROUND | {"operators", "spectra", "matching", "signals"},
    "models": GROUND,
    "data": GROUND,
    "training": GROUND | {"runs"},
    "plotting": set(),
    "exports": GROUND | {"geometry", "runs"},
    "study": GROUND
    | {"runs", "operators", "spectra", "matching", "signals", "geometry"}
    | {"models", "data", "training", "plotting"},
}
FILES = sorted((ROOT / "lsgeo").rglob("*.py"))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _room(path):
    return path.relative_to(ROOT / "lsgeo").parts[0].removesuffix(".py")


def test_the_layer_test_knows_every_room():
    assert {_room(path) for path in FILES} - {"__init__", "py.typed"} == set(BELOW)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_runs_up(path):
    here, names = _room(path), set(_imports(path))
    assert "experiments" not in {name.split(".")[0] for name in names}
    if here == "__init__":
        return
    there = {name.split(".")[1] for name in names if name.startswith("lsgeo.")} & set(BELOW)
    assert there - {here} <= BELOW[here]
    # The whole package would be every room at once.
    assert "lsgeo" not in {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
