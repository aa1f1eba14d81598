"""The gallery shows what its command draws."""

import importlib
import pathlib
import re

import pytest

from docs.draw_gallery import ENTRIES

FOLDER = pathlib.Path(__file__).parents[1] / "docs"
PAGE = (FOLDER / "gallery.md").read_text(encoding="utf-8")


def test_the_page_shows_every_picture_that_is_drawn_and_no_other():
    shown = re.findall(r"\]\((gallery/[^)]+)\)", PAGE)
    drawn = [f"gallery/{name}.svg" for e in ENTRIES if e.figures for name in e.pictures]
    assert sorted(shown) == sorted(drawn)
    kept = [f"gallery/{path.name}" for path in (FOLDER / "gallery").iterdir()]
    assert sorted(kept) == sorted(drawn)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_page_has_the_command_of_every_run_with_options_that_exist(entry):
    assert f"\n{entry.command}\n" in PAGE
    config = importlib.import_module(f"configs.{entry.experiment}").get_config()
    assert all(hasattr(config, name) for name in entry.options)
