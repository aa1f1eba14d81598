"""Contrasts over the depths of a study: does an effect grow with depth, and with which power?"""

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy import stats

from lsgeo.study.contrasts.paired import (
    Condition,
    Contrast,
    depths_of,
    limit_shares,
    paired,
)
from lsgeo.study.contrasts.samples import Pair, Row, Sample, difference, largest, number


@dataclasses.dataclass(frozen=True)
class DepthGrowth(Contrast):
    """How much larger another contrast is at the largest depth than at the smallest one."""

    of: Contrast
    per_depth: ClassVar[bool] = False

    @property
    def is_ratio(self) -> bool:
        """As the contrast that it is of."""
        return self.of.is_ratio

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return self.of.columns

    @property
    def judged(self) -> str:
        """As the contrast that it is of."""
        return self.of.judged

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `lsgeo.study.contrasts.Contrast`."""
        depths = depths_of(rows, condition)
        if len(depths) < 2:
            return Sample((), np.array([]))
        ends = [
            self.of.sample(rows, dataclasses.replace(condition, depth=depth))
            for depth in (depths[0], depths[-1])
        ]
        return difference(ends[1], ends[0])


@dataclasses.dataclass(frozen=True)
class DepthSlope(Contrast):
    """How far the slope of log metric on log depth in one arm lies inside [low, high], negative outside.

    The slope is that of least squares over the depths at which a seed has a positive number; NaN with
    fewer than two.

    Attributes:
      metric: column.
      low: of the slope, or of its change.
      high: likewise.
      side: whose numbers, "with" or "without".
      since: a reading whose slope is taken off, "init": what is left is what training has made of it; "" takes
        none off.
    """

    metric: str
    low: float = -math.inf
    high: float = math.inf
    side: str = "with"
    since: str = ""
    per_depth: ClassVar[bool] = False

    @property
    def judged(self) -> str:
        """No column: a slope has no unit."""
        return ""

    def sides(self, condition: Condition) -> tuple[Condition, ...]:
        """At the condition, and where its slope began."""
        start = (dataclasses.replace(condition, reading=self.since),) if self.since else ()
        return (condition, *start)

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `lsgeo.study.contrasts.Contrast`."""
        here, *start = (self._slopes(rows, side) for side in self.sides(condition))
        found = difference(here, *start) if start else here
        inside = np.minimum(found.values - self.low, self.high - found.values)
        return Sample(found.pairs, inside, limit_shares=here.limit_shares)

    def _slopes(self, rows, condition):
        place = ("without", "with").index(self.side)
        points: dict[Pair, list[tuple[float, float]]] = {}
        shares = []
        for depth in depths_of(rows, condition):
            pairs = paired(rows, dataclasses.replace(condition, depth=depth))
            shares.append(limit_shares(pairs)[place])
            for key, pair in pairs.items():
                value = number(pair[place], self.metric)
                there = value > 0 and math.isfinite(value)
                points.setdefault(key, []).extend([(depth, value)] if there else [])
        keys = tuple(sorted(points))
        share = largest(shares)
        slopes = np.array([_log_slope(points[key]) for key in keys])
        return Sample(keys, slopes, limit_shares=(share, share))


def _log_slope(points):
    if len(points) < 2:
        return math.nan
    return float(stats.linregress(*np.log(points).T).slope)
