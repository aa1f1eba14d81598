"""Contrasts: how the rows of a study become one number for each pair of twins.

Every contrast is oriented so that a hypothesis predicts a positive number; 0 is no difference. Where a row's
COLUMN_bound is 1, or true, the network has at least the column's number, such as the steps to a loss that was
never reached; where it is -1, at most that.
"""

import abc
import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from lsgeo.study.contrasts.samples import (
    Pair,
    Row,
    Sample,
    Sides,
    bound_of,
    largest,
    number,
    pair_of,
)


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
        """One number for each pair of twins, from rows of any family, depth, norm, arm, seed and reading."""


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
        return _sample(pairs, self.metric, _log_ratio, self.larger, self.resolution)


@dataclasses.dataclass(frozen=True)
class Difference(Contrast):
    """without - with, or with `larger` = "with" with - without."""

    metric: str
    larger: str = "without"

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `Contrast`."""
        pairs = paired(rows, condition)
        return _sample(pairs, self.metric, lambda a, b: a - b, self.larger)


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
        sides = [pair[place] for pair in pairs.values()]
        values = np.array([number(side, self.metric) for side in sides])
        bounds = np.array([bound_of(side, self.metric) for side in sides])
        ends = (
            np.where(bounds < 0, -math.inf, values),
            np.where(bounds > 0, math.inf, values),
        )
        at_ends = [self._inside(end) for end in ends]
        # Between its ends the distance has one peak, in the middle.
        middle = np.clip((self.low + self.high) / 2 if self.low > -math.inf else -math.inf, *ends)
        return Sample(
            tuple(pairs),
            self._inside(values),
            int(np.count_nonzero(bounds)),
            np.minimum(*at_ends),
            np.maximum(self._inside(middle), np.maximum(*at_ends)),
            limit_shares(pairs),
        )

    def _inside(self, values):
        # Where both ends are infinite everything is inside.
        distances = [np.full(np.shape(values), math.inf)]
        distances += [values - self.low] if self.low > -math.inf else []
        distances += [self.high - values] if self.high < math.inf else []
        return np.where(np.isnan(values), math.nan, np.minimum.reduce(distances))


def paired(rows: Sequence[Row], condition: Condition) -> dict[Pair, tuple[Row | None, Row | None]]:
    """The rows of a condition's twins by seed and split, (without, with); None where there is no row."""
    sides: tuple[dict, dict] = ({}, {})
    for row in rows:
        here = row["family"], row["norm"], row["depth"], row["reading"]
        if here == (condition.family, condition.norm, condition.depth, condition.reading):
            for side, arm in zip(sides, condition.arms, strict=True):
                if row["arm"] == arm:
                    side[pair_of(row)] = row
    pairs = sorted(sides[0].keys() | sides[1].keys())
    return {pair: (sides[0].get(pair), sides[1].get(pair)) for pair in pairs}


def limit_shares(pairs: dict[Pair, tuple[Row | None, Row | None]]) -> tuple[float, float]:
    """The largest share of the optimiser's limit, without skips and with them; NaN where there is none."""
    sides = zip(*pairs.values(), strict=True) if pairs else ((), ())
    without, with_skip = (largest([number(row, "limit_share") for row in side]) for side in sides)
    return without, with_skip


def depths_of(rows: Sequence[Row], condition: Condition) -> list[int]:
    """The depths that a study has of a condition's family and norm, ascending."""
    here = condition.family, condition.norm
    return sorted({row["depth"] for row in rows if (row["family"], row["norm"]) == here})


def _log_ratio(a, b):
    return math.log(a) - math.log(b) if a > 0 and b > 0 else math.nan


def _sample(pairs, metric, contrast, larger, resolution=""):
    a, b = (np.array([number(pair[i], metric) for pair in pairs.values()]) for i in (0, 1))
    found = [largest([number(side, resolution) for side in pair]) for pair in pairs.values()]
    opened = np.nan_to_num(np.array(found), nan=0.0)
    both = zip((a + opened).tolist(), (b + opened).tolist(), strict=True)
    values = np.array([contrast(*pair) for pair in both])
    bounds = np.array([[bound_of(side, metric) for side in pair] for pair in pairs.values()])
    up, down = (
        (bounds.reshape(-1, 2) * [1, -1] == sign).any(1) & ~np.isnan(values) for sign in (1, -1)
    )
    lower, upper = np.where(down, -math.inf, values), np.where(up, math.inf, values)
    # Where each twin is only bounded, their difference says nothing: a tie.
    values = np.where(up & down, 0.0, values)
    if larger == "with":
        values, lower, upper = -values, -upper, -lower
    return Sample(
        tuple(pairs),
        values,
        int(np.count_nonzero(bounds)),
        lower,
        upper,
        limit_shares(pairs),
        (Sides(a, b, opened),),
    )
