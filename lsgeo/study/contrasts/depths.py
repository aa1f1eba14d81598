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
    """

    metric: str
    low: float = -math.inf
    high: float = math.inf
    side: str = "with"
    per_depth: ClassVar[bool] = False

    @property
    def judged(self) -> str:
        """No column: a slope has no unit."""
        return ""

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `lsgeo.study.contrasts.Contrast`."""
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
        slopes = [_log_slope(points[key]) for key in keys]
        inside = [min(slope - self.low, self.high - slope) for slope in slopes]
        share = largest(shares)
        return Sample(keys, np.array(inside), limit_shares=(share, share))


def _log_slope(points):
    if len(points) < 2:
        return math.nan
    return float(stats.linregress(*np.log(points).T).slope)
