"""The page about data: its snippets print what they say, and its table has every name."""

import doctest
import pathlib

from lsgeo.data.datasets import IMAGES
from lsgeo.data.sources.synthetic import SYNTHETIC

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "data.md"


def test_the_snippets_of_the_page_print_what_they_say():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 8
    assert result.failed == 0


def test_the_table_of_the_page_has_every_dataset():
    table = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    names = "".join(line.split("|")[1] for line in table)
    assert all(f"`{name}`" in names for name in [*IMAGES, *SYNTHETIC, "hf:NAME"])
