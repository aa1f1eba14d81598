"""Contrasts: how the rows of a study become one number for each seed.

Every contrast is oriented so that a hypothesis predicts a positive number; 0 is no difference. Where a row's
COLUMN_bound is true, its column is only a bound, such as the steps to a loss that was never reached.
"""

import abc
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Condition:
    """Where a hypothesis is tested.

    Attributes:
      family: name of a family of a study.
      norm: normalisation.
      depth: of the networks; 0 where a contrast takes all depths.
      reading: "init", "matched", "end", or "" for the run as a whole.
      arms: the arm without skips and the one that it is compared with.
    """

    family: str
    norm: str
    depth: int
    reading: str
    arms: tuple[str, str]

    def __str__(self) -> str:
        depth = f"depth {self.depth}" if self.depth else "all depths"
        norm = "no norm" if self.norm == "none" else f"{self.norm} norm" if self.norm else ""
        parts = [self.family, norm, depth, self.reading, " against ".join(self.arms)]
        return ", ".join(part for part in parts if part)


@dataclasses.dataclass(frozen=True)
class Sample:
    """One number for each seed.

    Attributes:
      seeds: of the pairs.
      values: one for each; NaN, or infinite, where a pair has none.
      num_bounds: networks that only bound their number.
      limit_share: largest share of the optimiser's stability limit over the networks at their reading; NaN
        where there is none.
    """

    seeds: tuple[int, ...]
    values: np.ndarray
    num_bounds: int = 0
    limit_share: float = math.nan

    @property
    def num_missing(self) -> int:
        """Pairs without a number."""
        return int(np.sum(~np.isfinite(self.values)))


class Contrast(abc.ABC):
    """What a hypothesis needs of its contrast.

    Attributes:
      metric: the column that it reads, where that is one.
      is_ratio: whether the number is a natural logarithm of a ratio.
      per_depth: whether it is taken at one depth.
      arms: of networks that it needs beside those of a condition.
    """

    metric: str
    is_ratio: ClassVar[bool] = False
    per_depth: ClassVar[bool] = True
    arms: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.metric,)

    @property
    def judged(self) -> str:
        """The column whose smallest effect and ends hold for it; "" where it has a unit of its own."""
        return self.metric

    def sides(self, condition: Condition) -> tuple[Condition, ...]:
        """Where it reads them: at the condition, and where else."""
        return (condition,)

    @abc.abstractmethod
    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """One number for each seed, from rows of any family, depth, norm, arm, seed and reading."""


@dataclasses.dataclass(frozen=True)
class LogRatio(Contrast):
    """log(without / with), or with `larger` = "with" log(with / without).

    Attributes:
      metric: column; a pair in which it is not positive, with the resolution, has no number.
      resolution: column that tells how far the instrument leaves the metric open, "" where it cannot be zero.
        Both twins get the larger of theirs added before the logarithm, so that a difference within it is no
        effect.
      larger: the side that the hypothesis predicts to be larger, "without" or "with".
    """

    metric: str
    resolution: str = ""
    larger: str = "without"
    is_ratio: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.metric, self.resolution) if self.resolution else (self.metric,)

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `Contrast`."""
        pairs = paired(rows, condition)
        values = []
        for without, with_skip in pairs.values():
            a, b = number(without, self.metric), number(with_skip, self.metric)
            found = [number(side, self.resolution) for side in (without, with_skip)]
            floor = max([x for x in found if not math.isnan(x)], default=0.0)
            values.append(_log_ratio(a + floor, b + floor))
        return _signed(values, pairs, self.metric, self.larger)


@dataclasses.dataclass(frozen=True)
class Difference(Contrast):
    """without - with, or with `larger` = "with" with - without."""

    metric: str
    larger: str = "without"

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `Contrast`."""
        pairs = paired(rows, condition)
        values = [number(a, self.metric) - number(b, self.metric) for a, b in pairs.values()]
        return _signed(values, pairs, self.metric, self.larger)


@dataclasses.dataclass(frozen=True)
class Within(Contrast):
    """How far one arm's metric lies inside [low, high]: its distance to the nearer end, negative outside."""

    metric: str
    low: float = -math.inf
    high: float = math.inf
    side: str = "with"

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `Contrast`."""
        pairs = paired(rows, condition)
        place = ("without", "with").index(self.side)
        values = np.array([number(pair[place], self.metric) for pair in pairs.values()])
        return Sample(tuple(pairs), np.minimum(values - self.low, self.high - values))


def difference(of: Mapping[int, float], less: Mapping[int, float], num_bounds: int) -> Sample:
    """The difference of two numbers for each seed; NaN for a seed that lacks one of them."""
    seeds = tuple(sorted(of.keys() | less.keys()))
    values = [of.get(seed, math.nan) - less.get(seed, math.nan) for seed in seeds]
    return Sample(seeds, np.array(values), num_bounds)


def paired(rows: Sequence[Row], condition: Condition) -> dict[int, tuple[Row | None, Row | None]]:
    """The rows of a condition's twins by seed, (without, with); None where there is no row."""
    sides: tuple[dict, dict] = ({}, {})
    for row in rows:
        here = row["family"], row["norm"], row["depth"], row["reading"]
        if here == (condition.family, condition.norm, condition.depth, condition.reading):
            for side, arm in zip(sides, condition.arms, strict=True):
                if row["arm"] == arm:
                    side[row["seed"]] = row
    seeds = sorted(sides[0].keys() | sides[1].keys())
    return {seed: (sides[0].get(seed), sides[1].get(seed)) for seed in seeds}


def depths_of(rows: Sequence[Row], condition: Condition) -> list[int]:
    """The depths that a study has of a condition's family and norm, ascending."""
    here = condition.family, condition.norm
    return sorted({row["depth"] for row in rows if (row["family"], row["norm"]) == here})


def number(row: Row | None, name: str) -> float:
    """A column of a row as a number; NaN where it was not measured."""
    if row is None or not name or row.get(name) in (None, ""):
        return math.nan
    return float(row[name])


def _log_ratio(a, b):
    return math.log(a) - math.log(b) if a > 0 and b > 0 else math.nan


def _signed(values, pairs, metric, larger):
    bounds = [[_is_bound(side, metric) for side in pair] for pair in pairs.values()]
    # Where both twins are only bounded by the last step, their difference says nothing.
    values = np.where([all(pair) for pair in bounds], math.nan, np.asarray(values, np.float64))
    sign = 1.0 if larger == "without" else -1.0
    return Sample(tuple(pairs), sign * values, sum(map(sum, bounds)))


def _is_bound(row, metric):
    return bool((row or {}).get(f"{metric}_bound"))
