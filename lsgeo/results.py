"""A result as entries of a run's file, and back."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")


class DoesNotApplyError(ValueError):
    """A quantity that is not defined for what was given: no fault of the arguments, and a result in itself."""


def entries(result: Any, names: Iterable[str] = (), prefix: str = "") -> dict[str, Any]:
    """A result's fields, or what `names` name of it, as entries of `Run.save`."""
    names = tuple(names) or tuple(field.name for field in dataclasses.fields(result))
    return {f"{prefix}{name}": getattr(result, name) for name in names}


def restored(kind: type[Result], stored: Mapping[str, Any], prefix: str = "") -> Result:
    """Makes a result again of its entries; fields that were not stored keep their defaults."""
    names = [field.name for field in dataclasses.fields(kind)]
    return kind(**{name: stored[prefix + name] for name in names if prefix + name in stored})


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Rows with the same names as one array for each name."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
