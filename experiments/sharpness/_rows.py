"""Figures of sharpness, as entries of a run's file and back."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

COLUMNS = ("measures", "values", "lowers", "uppers", "invariances")  # of the file


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of sharpness: the larger, the sharper."""

    measure: str
    value: float
    lower: float
    upper: float
    invariant_under: tuple[str, ...] = ()


def entries_of(rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """Rows as columns of a file; there may be none."""
    numbers = {
        f"{name}s": np.array([getattr(row, name) for row in rows], float)
        for name in ("value", "lower", "upper")
    }
    return {
        "measures": np.array([row.measure for row in rows], str),
        **numbers,
        "invariances": np.array([", ".join(row.invariant_under) for row in rows], str),
    }


def rows_of(stored: Mapping[str, Any]) -> list[Row]:
    """Makes the rows of a file again."""
    columns = zip(*(np.atleast_1d(stored[name]).tolist() for name in COLUMNS), strict=True)
    return [Row(*row, tuple(filter(None, under.split(", ")))) for *row, under in columns]
