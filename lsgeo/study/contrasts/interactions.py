"""Interplay: does the effect of skips depend on what else a network is made of?

`Interaction` is one number for each seed, a difference in differences, and enters verdicts as every contrast
does. `anova` splits the spread of a whole full design into main effects and interactions.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from lsgeo.study.contrasts.paired import (
    Condition,
    Contrast,
    depths_of,
)
from lsgeo.study.contrasts.samples import Row, Sample, difference, mean, number, pair_of

FEWEST = 3  # seeds that tell something of a depth


@dataclasses.dataclass(frozen=True)
class Interaction(Contrast):
    """How much larger another contrast is at a condition than at another norm or in another family.

    The mean over depths of contrast(here) - contrast(there), seed by seed, over the depths that both sides have
    and at which both can tell: a depth where fewer than three seeds have a number on either side, such as one
    that no plain network was trained at, is left out for all seeds alike. Without a common depth there is no
    number: unequal depths are no comparison. Under the null that skips do the same here and there it is 0;
    neither sign is predicted, see `Hypothesis.two_sided`.

    Attributes:
      of: contrast of the twins, such as LogRatio("lambda_max").
      norm: normalisation there; "" is that of the condition.
      family: there; "" is that of the condition.
    """

    of: Contrast
    norm: str = ""
    family: str = ""
    per_depth: ClassVar[bool] = False

    def __post_init__(self):
        """Refuses a comparison with itself."""
        if not (self.norm or self.family):
            raise ValueError(
                "`norm` and `family` are both empty: name the other side of the interaction."
            )

    @property
    def is_ratio(self) -> bool:
        """As the contrast that it is of: a ratio of ratios."""
        return self.of.is_ratio

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return self.of.columns

    @property
    def judged(self) -> str:
        """As the contrast that it is of."""
        return self.of.judged

    def sides(self, condition: Condition) -> tuple[Condition, ...]:
        """Here and there."""
        norm, family = self.norm or condition.norm, self.family or condition.family
        return condition, dataclasses.replace(condition, norm=norm, family=family)

    def sample(self, rows: Sequence[Row], condition: Condition) -> Sample:
        """See `Contrast`; NaN for a seed that lacks one of those depths on either side."""
        both = self.sides(condition)
        common = set.intersection(*(set(depths_of(rows, side)) for side in both))
        pairs = [
            [self.of.sample(rows, dataclasses.replace(side, depth=depth)) for side in both]
            for depth in sorted(common)
        ]
        # Where none can tell, all are shown to be empty.
        told = [pair for pair in pairs if min(map(_told, pair)) >= FEWEST] or pairs
        if not told:
            return Sample((), np.array([]))
        return difference(*(mean(side) for side in zip(*told, strict=True)))


def _told(sample):
    return len(sample.values) - sample.num_missing


@dataclasses.dataclass(frozen=True)
class Term:
    """A main effect or an interaction.

    Attributes:
      factors: one name, or several.
      sum_squares: type II: what the term explains beyond all terms that do not contain it.
      df: degrees of freedom.
      f: F statistic.
      p: its probability.
      partial_eta2: sum_squares / (sum_squares + residual), between 0 and 1.
    """

    factors: tuple[str, ...]
    sum_squares: float
    df: int
    f: float
    p: float
    partial_eta2: float

    @property
    def name(self) -> str:
        """In tables, "arm x norm"."""
        return " x ".join(self.factors)


@dataclasses.dataclass(frozen=True)
class Anova:
    """An analysis of variance; see `anova`.

    Attributes:
      column: whose natural logarithm was analysed.
      reading: where.
      terms: main effects, then interactions.
      residual: sum of squares within cells.
      residual_df: degrees of freedom of it.
      num_networks: that entered.
      num_failed: networks of the design without a positive, finite number at this reading.
    """

    column: str
    reading: str
    terms: tuple[Term, ...]
    residual: float
    residual_df: int
    num_networks: int
    num_failed: int

    def term(self, *factors: str) -> Term:
        """The term of these factors, in any order."""
        found = [term for term in self.terms if set(term.factors) == set(factors)]
        if not found:
            names = ", ".join(term.name for term in self.terms)
            raise ValueError(f"`factors` {factors} are no term. Choose from: {names}.")
        return found[0]

    def __str__(self) -> str:
        terms = "; ".join(
            f"{t.name} F({t.df}, {self.residual_df}) = {t.f:.3g}, p = {t.p:.2g}, eta² = {t.partial_eta2:.2f}"
            for t in self.terms
        )
        failed = f", {self.num_failed} failed" if self.num_failed else ""
        where = f" at {self.reading}" if self.reading else ""
        return f"log {self.column}{where}, {self.num_networks} networks{failed}: {terms}"


def anova(
    rows: Sequence[Row], column: str, factors: Mapping[str, Sequence[Any]], reading: str
) -> Anova:
    """Analyses the variance of log(column) over a full design of networks, with all interactions.

    Fisher's test with type II sums of squares, which in a balanced design are the classical ones. It takes
    the spread of the logarithm as the same in all cells, and networks as independent: twins, which share
    initial weights, are if anything more alike, which makes the test of the skip cautious.

    Args:
      rows: one mapping per network and reading; rows of levels that are not named are left out.
      column: positive numbers.
      factors: names of row entries and their levels, {"arm": ("plain", "residual"), "norm": ("none", "layer"),
        "family": ("MLP", "ViT")}.
      reading: "init", "matched", "end" or "".

    Returns:
      Anova.

    Raises:
      ValueError: for a factor of fewer than two levels, a cell with fewer than two networks that have a number
        (none: its interaction has no estimate; one: its spread has none), several rows of one cell and seed
        (then name the factor in which they differ, such as "depth"), or no spread within cells.
    """
    for name, levels in factors.items():
        if len(set(levels)) < 2:
            raise ValueError(
                f"`factors`: {name} needs at least two levels; got {tuple(levels)}. Leave it out."
            )
    if not factors:
        raise ValueError("`factors` is empty: name at least one with its levels.")
    cells, planned = _cells(rows, column, factors, reading)
    kept = sum(len(numbers) for numbers in cells.values())
    poor = [f"{'/'.join(map(str, c))}: {len(v)}" for c, v in cells.items() if len(v) < 2]
    if poor:
        raise ValueError(
            f"`rows` have fewer than two networks with a positive {column} at {reading!r} in the cells "
            f"{', '.join(poor)} ({planned - kept} of {planned} networks failed). Leave out a level, or take "
            "another reading."
        )
    return _analysed(cells, tuple(factors), column, reading, kept, planned)


def _cells(rows, column, factors, reading):
    cells = {cell: {} for cell in itertools.product(*factors.values())}
    planned = set()
    for row in rows:
        cell = tuple(row.get(name) for name in factors)
        if cell not in cells:
            continue
        planned.add((cell, row["depth"], pair_of(row)))
        value = number(row, column)
        if row["reading"] != reading or not (0 < value < math.inf):
            continue
        if pair_of(row) in cells[cell]:
            raise ValueError(
                f"`rows` have several networks of {'/'.join(map(str, cell))} and seed {row['seed']}. Keep "
                "the rows of one depth in each family, or add a factor in which they differ."
            )
        cells[cell][pair_of(row)] = math.log(value)
    return {cell: list(found.values()) for cell, found in cells.items()}, len(planned)


def _analysed(cells, names, column, reading, kept, planned):
    # Names of our own: those of the rows may mean something in a formula.
    safe = [f"f{i}" for i in range(len(names))]
    table = pd.DataFrame(
        [(value, *cell) for cell, values in cells.items() for value in values],
        columns=["y", *safe],
    )
    within = sum(float(np.sum((np.array(v) - np.mean(v)) ** 2)) for v in cells.values())
    if within <= 1e-24 * max(1.0, float(np.sum(table.y**2))):
        raise ValueError(
            f"`rows` have no spread of {column} within cells: nothing to test against."
        )
    formula = "y ~ " + " * ".join(f"C({name}, Sum)" for name in safe)
    fitted = anova_lm(ols(formula, table).fit(), typ=2)
    residual = float(fitted.loc["Residual", "sum_sq"])
    terms = []
    for label, line in fitted.drop("Residual").iterrows():
        used = tuple(names[safe.index(part[2:-6])] for part in label.split(":"))
        total = float(line.sum_sq)
        terms.append(
            Term(
                used,
                total,
                round(line.df),
                float(line.F),
                float(line["PR(>F)"]),
                total / (total + residual),
            )
        )
    residual_df = round(fitted.loc["Residual", "df"])
    return Anova(column, reading, tuple(terms), residual, residual_df, kept, planned - kept)
