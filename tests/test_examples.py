"""The README's snippets and the docstrings' examples run and print what they say."""

import doctest
import importlib
import pathlib
import pkgutil

import jax
import pytest

import lsgeo

README = pathlib.Path(__file__).parent.parent / "README.md"
# What these show is computed by Optax, which promotes dtypes by itself; so does Flax NNX in the README.
PROMOTES = {"lsgeo.operators.diagonals"}
MODULES = sorted(m.name for m in pkgutil.walk_packages(lsgeo.__path__, "lsgeo."))


def test_readme_has_at_least_five_snippets_and_all_print_what_they_say():
    text = README.read_text(encoding="utf-8")
    assert text.count("```python") >= 5
    with jax.numpy_dtype_promotion("standard"):
        result = doctest.testfile(str(README), module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_docstrings_print_what_they_say(name):
    with jax.numpy_dtype_promotion("standard" if name in PROMOTES else "strict"):
        assert doctest.testmod(importlib.import_module(name)).failed == 0
