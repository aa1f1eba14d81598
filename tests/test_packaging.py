"""What is installed: every room, the files beside the code, and one version."""

import pathlib
import re
import runpy

import pytest
import setuptools

import lsgeo

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture
def metadata(monkeypatch):
    found = {}
    monkeypatch.setattr(setuptools, "setup", found.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    return found


def test_every_folder_with_code_is_a_package_that_is_installed(metadata):
    folders = {path.parent for path in (ROOT / "lsgeo").rglob("*.py")}
    assert sorted(metadata["packages"]) == sorted(
        ".".join(folder.relative_to(ROOT).parts) for folder in folders
    )


def test_every_file_beside_the_code_is_installed(metadata):
    installed = {
        path
        for package, patterns in metadata["package_data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    files = (path for path in (ROOT / "lsgeo").rglob("*") if path.is_file())
    beside = {p for p in files if p.suffix != ".py" and "__pycache__" not in p.parts}
    assert installed == beside and ROOT / "lsgeo" / "py.typed" in beside


def test_there_is_one_version_and_one_date_of_its_release(metadata):
    assert metadata["version"] == lsgeo.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (\S+)$", citation, re.MULTILINE)[1] == lsgeo.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, date = re.search(r"^## \[(.+?)\] - (\S+)$", changes, re.MULTILINE).groups()
    assert version == lsgeo.__version__
    # What is not released has no date in the citation; what is has the same one.
    released = re.findall(r'^date-released: "(.+)"$', citation, re.MULTILINE)
    assert released == ([] if date == "unreleased" else [date])


def test_the_citation_has_what_its_format_requires_and_the_licence_of_the_package(metadata):
    # Citation File Format 1.2.0: each of these keys once, at the start of a line.
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    keys = re.findall(r"^([a-z-]+):", citation, re.MULTILINE)
    assert {"cff-version", "message", "title", "authors"} <= set(keys) and len(keys) == len(
        set(keys)
    )
    assert f"license: {metadata['license']}\n" in citation and "  - name: " in citation
