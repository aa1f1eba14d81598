"""One line that says what a result is: what a notebook prints, in place of all its numbers."""

import contextlib
import dataclasses
import functools
from typing import Any

import jax
import numpy as np

LENGTH = 120
TAIL = 40  # of a line that is cut: results end with what they cost
FEW = 4  # numbers that are written out


def one_line(cls: type) -> type:
    """Makes the `repr` of a dataclass one line of at most 120 characters.

    It is the class's own `str`, after its name; of a class without one, the fields, where an array is its
    dtype and shape.
    """

    def __repr__(self) -> str:
        return line(self)

    cls.__repr__ = __repr__
    return cls


def line(result: Any) -> str:
    """The line of a result."""
    name, text = type(result).__name__, None
    if type(result).__str__ is not object.__str__:
        # Inside `jit`, and in a tree that JAX has filled with placeholders, there are no numbers to write.
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            text = str(result)
    if text is None:
        parts = (f"{f.name}={short(getattr(result, f.name))}" for f in dataclasses.fields(result))
        text = f"{name}({', '.join(parts)})"
    text = " ".join(text.split())
    return _cut(text if text.startswith(name) else f"{name}: {text}", LENGTH, TAIL)


@functools.singledispatch
def short(value: Any) -> str:
    """A value in a few characters."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return _array(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}(...)"
    if callable(value):
        return f"<{getattr(value, '__name__', type(value).__name__)}>"
    if not jax.tree_util.all_leaves([value]):
        return _tree(value)
    return _cut(" ".join(repr(value).split()), 32, 0)


@short.register(float)
def _(value):
    return f"{value:.6g}"


@short.register(list)
@short.register(tuple)
def _(value):
    if len(value) <= FEW and all(isinstance(one, int | float | str) for one in value):
        inside = ", ".join(map(short, value))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    return _tree(value)


def _array(value):
    plain = isinstance(value, jax.Array | np.ndarray | np.generic)
    if plain and not value.shape and not isinstance(value, jax.core.Tracer):
        return short(np.asarray(value).item()) if value.dtype.kind in "biuf" else str(value.dtype)
    return f"{value.dtype}[{', '.join(map(str, value.shape))}]"


def _tree(value):
    leaves = jax.tree.leaves(value)
    numbers = sum(getattr(leaf, "size", 1) for leaf in leaves)
    return f"<{type(value).__name__}: {len(leaves)} leaves, {numbers} numbers>"


def _cut(text, length, tail):
    if len(text) <= length:
        return text
    return f"{text[: length - tail - 3]}...{text[len(text) - tail :]}"
