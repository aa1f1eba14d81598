"""A contrast over more networks than two: does one column order the arms as another one does?"""

import dataclasses
import math
from collections.abc import Sequence

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
        if len(pairs) < FEWEST or (pairs == pairs[0]).all(0).any():
            return math.nan
        return float(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def _worst(row, name):
    # A network that only bounds its number lies beyond all others: ranks need no more.
    return bound_of(row, name) * math.inf if bound_of(row, name) else number(row, name)
