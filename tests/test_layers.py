"""The house: every room stands on a floor, and imports run downward only."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parent.parent
GROUND = {
    "batches",
    "checks",
    "draws",
    "interval",
    "memory",
    "oneline",
    "programs",
    "progress",
    "results",
    "trees",
}
# What each room of lsgeo may import beside itself. Geometry needs no model, only loss(params, batch).
BELOW: dict[str, set[str]] = {
    "oneline": set(),
    "progress": set(),
    "batches": {"trees"},
    "trees": {"oneline"},
    "checks": {"trees"},
    "draws": {"trees", "checks"},
    "interval": {"trees", "checks"},
    "memory": set(),
    "programs": {"trees"},
    "provenance": set(),
    "results": set(),
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
    | {"provenance", "runs", "operators", "spectra", "matching", "signals", "geometry"}
    | {"models", "data", "training", "plotting"},
}
FILES = sorted((ROOT / "lsgeo").rglob("*.py"))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module != "lsgeo":
                yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _room(path):
    return path.relative_to(ROOT / "lsgeo").parts[0].removesuffix(".py")


def test_the_layer_test_knows_every_room():
    assert {_room(path) for path in FILES} - {"__init__", "py.typed"} == set(BELOW)


def _wrong(here, names):
    """What a room imports and may not; the whole package would be every room at once."""
    there = {name.split(".")[1] for name in names if name.startswith("lsgeo.")} & set(BELOW)
    return (there - {here} - BELOW[here]) | ({"experiments"} & {n.split(".")[0] for n in names})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_runs_up(path):
    here, names = _room(path), set(_imports(path))
    if here != "__init__":
        assert not _wrong(here, names) and "lsgeo" not in names


def test_an_arrow_that_runs_up_is_seen():
    for here, name in (("plotting", "study"), ("exports", "models"), ("geometry", "training")):
        assert _wrong(here, {f"lsgeo.{name}"}) == {name}


def test_no_floor_has_more_than_fourteen_files_and_no_file_more_than_300_lines():
    for top in ("lsgeo", "experiments"):
        folders = {path.parent for path in (ROOT / top).rglob("*.py")}
        crowded = [str(f) for f in folders if len(list(f.glob("*.py"))) > 14]
        long = [str(p) for p in (ROOT / top).rglob("*.py") if p.read_text().count("\n") > 300]
        assert not crowded and not long


def test_no_function_body_has_more_than_sixty_lines():
    for path in (path for top in ("lsgeo", "experiments") for path in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                assert length <= 60, f"{path}: {node.name} has {length} lines"


def _module(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_what_no_package_hands_on_and_no_other_room_uses_begins_with_an_underscore():
    users = {
        path: set(_imports(path))
        for top in ("lsgeo", "experiments")
        for path in (ROOT / top).rglob("*.py")
    }
    for path in FILES:
        inside = path.relative_to(ROOT / "lsgeo").parts
        if len(inside) == 1 or path.name.startswith("__") or any(p.startswith("_") for p in inside):
            continue
        using = [user for user, names in users.items() if _module(path) in names and user != path]
        handed_on = any(user.name == "__init__.py" for user in using)
        others = any(user.relative_to(ROOT).parts[:2] != ("lsgeo", inside[0]) for user in using)
        assert handed_on or others, f"{_module(path)} is used in its own room alone"
