"""A contrast over more networks than two: does one column order the arms as another one does?"""

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy import stats

from lsgeo.study.contrasts.paired import Condition, Contrast
from lsgeo.study.contrasts.samples import (
    Pair,
    Row,
    Sample,
    bound_of,
    largest,
    number,
    pair_of,
)

FEWEST = 4  # Of three arms every third order is perfect by chance, one way or the other.


@dataclasses.dataclass(frozen=True)
class RankCorrelation(Contrast):
    """Spearman's rank correlation of two columns over the arms of one seed, minus the least that is asked for.

    Each seed and split has its own, so that what they have in common does not count, and their spread is that
    of the networks. Arms without one of the numbers are left out; those that only bound one come last, or
    first. There is none for a seed of fewer than four arms, or where a column does not vary. The arms of the
    condition are not looked at.

    Attributes:
      x: column.
      y: column.
      arms: whose networks are ranked.
      least: correlation that the hypothesis asks for.
    """

    x: str
    y: str
    arms: tuple[str, ...] = ()
    least: float = 0.0

    def __post_init__(self):
        """Refuses what can have no correlation."""
        if len(set(self.arms)) < FEWEST:
            raise ValueError(
                f"`arms` must name at least {FEWEST} different arms; got {self.arms}. Fewer have hardly an "
                "order: compare them with a Difference."
            )
        if not -1 <= self.least < 1:
            raise ValueError(f"`least` must be at least -1 and below 1; got {self.least}.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return self.x, self.y

    @property
    def judged(self) -> str:
        """No column: a correlation has no unit."""
        return ""

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `lsgeo.study.contrasts.Contrast`."""
        here = condition.family, condition.norm, condition.depth, condition.reading
        # By arm, so that a row that comes twice is one network.
        found: dict[Pair, dict[str, Row]] = {}
        for row in rows:
            place = row["family"], row["norm"], row["depth"], row["reading"]
            if place == here and row["arm"] in self.arms:
                found.setdefault(pair_of(row), {})[row["arm"]] = row
        pairs = tuple(sorted(found))
        values = [self._correlation(found[pair].values()) - self.least for pair in pairs]
        networks = [row for arms in found.values() for row in arms.values()]
        bounds = sum(bound_of(row, name) != 0 for row in networks for name in self.columns)
        share = largest([number(row, "limit_share") for row in networks])
        return Sample(pairs, np.array(values), bounds, limit_shares=(share, share))

    def _correlation(self, networks):
        pairs = np.array([[_worst(row, name) for name in self.columns] for row in networks])
        # Ranks need an order alone: an infinite number has one.
        pairs = pairs[~np.isnan(pairs).any(1)]
        return _spearman(pairs) if len(pairs) >= FEWEST else math.nan


def _worst(row, name):
    # A network that only bounds its number lies beyond all others: ranks need no more.
    return bound_of(row, name) * math.inf if bound_of(row, name) else number(row, name)


@dataclasses.dataclass(frozen=True)
class ArmCorrelation(RankCorrelation):
    """The same over many networks, with the arm as the unit: arms are what was chosen, not seeds or depths.

    Within each depth, seed and split that has at least four of the arms, networks are ranked in both columns,
    from 0 to 1, so that what depths and seeds have in common does not count. The mean ranks of each arm are
    then correlated over arms. The numbers of the sample are the jackknife's, one for each arm (Tukey 1958):
    with r over all n arms and r_i without the i-th, n r - (n - 1) r_i, whose mean is r less its bias and whose
    spread is that over arms. A hundred more seeds of five arms do not narrow it.
    """

    per_depth: ClassVar[bool] = False

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `lsgeo.study.contrasts.Contrast`; its pairs are (number of the arm, 0)."""
        here = condition.family, condition.norm, condition.reading
        cells: dict[tuple, dict[str, Row]] = {}
        for row in rows:
            if (row["family"], row["norm"], row["reading"]) == here and row["arm"] in self.arms:
                cells.setdefault((row["depth"], *pair_of(row)), {})[row["arm"]] = row
        ranks: dict[str, list[np.ndarray]] = {}
        for networks in cells.values():
            for arm, pair in _ranked(networks, self.columns).items():
                ranks.setdefault(arm, []).append(pair)
        arms = [arm for arm in self.arms if arm in ranks]
        points = np.array([np.mean(ranks[arm], 0) for arm in arms])
        found = [row for networks in cells.values() for row in networks.values()]
        bounds = sum(bound_of(row, name) != 0 for row in found for name in self.columns)
        share = largest([number(row, "limit_share") for row in found])
        units = tuple((self.arms.index(arm), 0) for arm in arms)
        values = np.array(_jackknifed(points)) - self.least
        return Sample(units, values, bounds, limit_shares=(share, share))


def _ranked(networks, columns):
    # Ranks in both columns from 0 to 1, of the arms that have both.
    numbers = {arm: [_worst(row, name) for name in columns] for arm, row in networks.items()}
    there = {arm: pair for arm, pair in numbers.items() if not np.isnan(pair).any()}
    if len(there) < FEWEST:
        return {}
    ranks = (stats.rankdata(list(there.values()), axis=0) - 1) / (len(there) - 1)
    return dict(zip(there, ranks, strict=True))


def _jackknifed(points):
    count = len(points)
    if count < FEWEST + 1:
        return [math.nan] * count
    whole = _spearman(points)
    return [
        count * whole - (count - 1) * _spearman(np.delete(points, i, axis=0)) for i in range(count)
    ]


def _spearman(points):
    if (points == points[0]).all(0).any():
        return math.nan
    return float(stats.spearmanr(points[:, 0], points[:, 1]).statistic)
