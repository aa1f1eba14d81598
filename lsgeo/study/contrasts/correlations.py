"""A contrast over more networks than two: does one column order the arms as another one does?"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from lsgeo.study.contrasts.paired import Condition, Contrast, Row, Sample, number

FEWEST = 4  # Of three arms every third order is perfect by chance, one way or the other.


@dataclasses.dataclass(frozen=True)
class RankCorrelation(Contrast):
    """Spearman's rank correlation of two columns over the arms of one seed, minus the least that is asked for.

    Every seed has its own, so that what seeds have in common does not count, and their spread is that of the
    networks. Arms without one of the numbers are left out. There is none for a seed of fewer than four arms, or
    where a column does not vary. The arms of the condition are not looked at.

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
        seeds: dict[int, dict[str, Row]] = {}
        for row in rows:
            place = row["family"], row["norm"], row["depth"], row["reading"]
            if place == here and row["arm"] in self.arms:
                seeds.setdefault(row["seed"], {})[row["arm"]] = row
        values = [self._correlation(seeds[seed].values()) - self.least for seed in sorted(seeds)]
        networks = [row for arms in seeds.values() for row in arms.values()]
        bounds = sum(bool(row.get(f"{name}_bound")) for row in networks for name in self.columns)
        return Sample(tuple(sorted(seeds)), np.array(values), bounds)

    def _correlation(self, networks):
        pairs = np.array([[number(row, name) for name in self.columns] for row in networks])
        # Ranks need an order alone: an infinite number has one.
        pairs = pairs[~np.isnan(pairs).any(1)]
        if len(pairs) < FEWEST or (pairs == pairs[0]).all(0).any():
            return math.nan
        return float(stats.spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
