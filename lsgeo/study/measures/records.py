"""What a measure is: the columns that it fills, and how they are taken of one network.

A measure is declared once, in a file of this folder; `lsgeo.study.measures.MEASURES` finds it there. A claim
names columns; which runs that takes, and what they leave in the table, follows from the measures alone.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import flax.linen as nn

from lsgeo.study.measures.subject import Subject

READINGS = ("init", "matched", "end")
WHOLE = ("",)  # The reading of what belongs to a training as a whole.


@dataclasses.dataclass(frozen=True)
class Smallest:
    """The smallest effect that counts, fixed before a run.

    Attributes:
      value: 0 or more: in nats of the log ratio, or for differences in the column's unit.
      reason: why no less counts, and why no more is asked for.
      ratio: whether it is one of log ratios.
    """

    value: float
    reason: str
    ratio: bool = False

    def __post_init__(self):
        """Refuses a number that is no size, and one that nobody gives a reason for."""
        if not 0 <= self.value < math.inf:
            raise ValueError(f"`value` must be 0 or more, and finite; got {self.value}.")
        if not self.reason.strip():
            raise ValueError("`reason` is empty. Say why no smaller effect counts.")


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of a study's table.

    Attributes:
      name: in results.csv and in claims.
      readings: where it is measured: of `READINGS`, or `WHOLE`.
      smallest: smallest effect that counts in it; None for what no claim compares.
      floor: smallest value that it can have; None where it has none.
      ceiling: largest one.
      follows_rate: whether it tells of curvature: at a trained point that follows the learning rate, once the
        optimiser's limit holds it.
    """

    name: str
    readings: tuple[str, ...] = READINGS
    smallest: Smallest | None = None
    floor: float | None = None
    ceiling: float | None = None
    follows_rate: bool = False


def columns(*names: str, readings: tuple[str, ...] = READINGS, **fields: Any) -> tuple[Column, ...]:
    """Columns that are measured at the same readings, and have the same further fields of `Column`."""
    return tuple(Column(name, readings, **fields) for name in names)


@dataclasses.dataclass(frozen=True)
class Measure:
    """One measurement of one network.

    Attributes:
      name: identifier, also in `without` of a family.
      columns: that it fills.
      measure: `measure(subject)` -> numbers by column, for `experiments.measure`; NaN is "there is no such
        number here". None where an experiment of its own measures.
      figures: `figures(files, cell, reading)` -> values by column out of what its runs have left, see
        `lsgeo.study.table.Files`; None where a file has the columns as they are.
      source: paper and equation.
      cost: time of one run, in trainings of the network.
      suits: `suits(model)`: whether it can be taken of this module.
      always: whether every network of a study has it, also where no claim reads it.
    """

    name: str
    columns: tuple[Column, ...]
    measure: Callable[[Subject], Mapping[str, float]] | None = None
    figures: Callable[[Any, Any, str], Mapping[str, Any]] | None = None
    source: str = ""
    cost: float = 0.5
    suits: Callable[[nn.Module], bool] = lambda model: True
    always: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(column.name for column in self.columns)

    @property
    def readings(self) -> tuple[str, ...]:
        """Where it is taken."""
        found = {reading for column in self.columns for reading in column.readings}
        return tuple(reading for reading in (*WHOLE, *READINGS) if reading in found)

    @property
    def folder(self) -> str:
        """Name of its run's directory."""
        return self.name if self.measure is None else f"metric-{self.name}"

    def at(self, reading: str) -> tuple[str, ...]:
        """Names of the columns that it fills at a reading."""
        return tuple(column.name for column in self.columns if reading in column.readings)


def registry(measures: Iterable[Measure]) -> dict[str, Measure]:
    """Measures by name.

    Raises:
      ValueError: if two have one name, or fill one column at one reading.
    """
    found: dict[str, Measure] = {}
    filled: dict[tuple[str, str], str] = {}
    for measure in measures:
        if measure.name in found:
            raise ValueError(f"`measures` hold {measure.name!r} twice. List each measure once.")
        found[measure.name] = measure
        for column in measure.columns:
            for reading in column.readings:
                other = filled.setdefault((column.name, reading), measure.name)
                if other != measure.name:
                    raise ValueError(
                        f"`measures` {other!r} and {measure.name!r} both fill the column {column.name!r} at "
                        f"{reading or 'the whole run'}. Rename one of the columns."
                    )
    return found
