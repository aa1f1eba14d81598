"""Fits over the pairs of a study: one slope for each pair, then their mean with an interval.

A slope, a local slope and a bend are weighted sums of a pair's values. Where a value is only a bound, the
sign of its weight tells to which side the sum may move; where bounds pull to both sides, there is no
number.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import special, stats

from lsgeo.study.decisions import statistics
from lsgeo.study.laws._table import Point, Unit
from lsgeo.study.laws.records import Fitted

FEWEST = 3  # places on the x axis that a law needs
CONFIDENCE = 0.95
BEND = 0.1  # a smaller change of slope is none: 7 % more for each doubling of depth

Series = Mapping[float, Mapping[Unit, Point]]  # by x and pair


@dataclasses.dataclass(frozen=True)
class Sample:
    """One number for each pair, and the sides to which bounds among them may move their mean."""

    values: Mapping[Unit, float]
    sides: frozenset[int] = frozenset()

    def fitted(self, confidence: float = CONFIDENCE) -> Fitted:
        """The mean over pairs; NaN with fewer than three pairs, or where bounds pull to both sides."""
        values, pairs = list(self.values.values()), list(self.values)
        found = statistics.effect(values, pairs=pairs, confidence=confidence)
        if found.num_pairs < statistics.FEWEST or len(self.sides) > 1:
            return Fitted(math.nan, -math.inf, math.inf, found.num_pairs)
        side = next(iter(self.sides), 0)
        lower = -math.inf if side < 0 else found.lower
        upper = math.inf if side > 0 else found.upper
        return Fitted(found.value, lower, upper, found.num_pairs, side)

    def minus(self, other: "Sample") -> "Sample":
        """The difference of the pairs that both have."""
        both = self.values.keys() & other.values.keys()
        sides = self.sides | {-side for side in other.sides}
        return Sample({unit: self.values[unit] - other.values[unit] for unit in both}, sides)


def sample_of(points: Mapping[Unit, Point]) -> Sample:
    """The values of one place as they are."""
    sides = frozenset(point.side for point in points.values() if point.side)
    return Sample({unit: point.value for unit, point in points.items()}, sides)


def slopes(series: Series) -> Sample:
    """The slope of y on x by least squares, of each pair that has three places or more.

    Args:
      series: y by x and pair; both logarithms for an exponent.
    """
    return _sums(_lines(series), _slope_weights, FEWEST)


def ranks_of(lines: Mapping[Unit, Sequence[tuple[float, Point]]], fewest: int) -> Sample:
    """Spearman's rank correlation of x and y, of each pair with enough places; bounds count as numbers."""
    values = {}
    for unit, line in lines.items():
        if len({x for x, _ in line}) >= fewest and len({point.value for _, point in line}) > 1:
            xs, points = zip(*line, strict=True)
            values[unit] = float(stats.spearmanr(xs, [point.value for point in points]).statistic)
    return Sample(values)


def means_of(places: Iterable[Mapping[Unit, Point]]) -> Sample:
    """The mean over places, of each pair that has one."""
    lines: dict[Unit, list[tuple[float, Point]]] = {}
    for place in places:
        for unit, point in place.items():
            lines.setdefault(unit, []).append((0.0, point))
    return _sums(lines, lambda xs: np.full(len(xs), 1 / len(xs)), 1)


def local_slopes(series: Series) -> dict[tuple[float, float], Sample]:
    """The slope between each two neighbouring places."""
    return {
        ends: _sums(_lines({x: series[x] for x in ends}), _slope_weights, 2)
        for ends in itertools.pairwise(sorted(series))
    }


def bends(series: Series, *, among: int = 1) -> dict[float, tuple[Fitted, Fitted]]:
    """Where a line has a corner: the slopes before and behind each, by the x between.

    A corner is where the change of slope, pair by pair, is beyond `BEND`. The intervals of all places where one
    is looked for share their 5 %. A bound may hide a corner, and never makes one.

    Args:
      series: y by x and pair.
      among: lines that are looked at together.
    """
    local, found = local_slopes(series), {}
    corners = list(itertools.pairwise(local.items()))
    for ((_, x), before), (_, behind) in corners:
        level = 1 - (1 - CONFIDENCE) / (len(corners) * among)
        change = behind.minus(before).fitted(level)
        if change.lower > BEND or change.upper < -BEND:
            found[x] = (before.fitted(), behind.fitted())
    return found


def multiples_of(lines: Mapping[Unit, Sequence[tuple[float, Point]]]) -> Sample:
    """The factor between a predicted line and each pair's values, by least squares through zero.

    Args:
      lines: (predicted, measured) by pair.
    """
    return _sums(lines, _multiple_weights, 1)


def share(part: Mapping[Unit, float], whole: Mapping[Unit, float]) -> Fitted:
    """The ratio of two means over the same pairs, with Fieller's interval (1954).

    The mean of ratios would have no moments, as a pair's denominator may be near 0.

    Args:
      part: numerators by pair.
      whole: denominators by pair.

    Returns:
      NaN with fewer than three pairs, or where the mean of the denominators may be 0.
    """
    units = sorted(part.keys() & whole.keys())
    count = len(units)
    if count < statistics.FEWEST:
        return Fitted(math.nan, -math.inf, math.inf, count)
    a, b = (np.array([side[unit] for unit in units], np.float64) for side in (part, whole))
    t2 = special.stdtrit(count - 1, 0.5 + CONFIDENCE / 2) ** 2 / count
    (aa, ab), (_, bb) = np.cov(a, b)
    # Those r at which Student's test does not tell mean(a) - r mean(b) from 0: q r^2 - 2 p r + c <= 0.
    q, p, c = (
        b.mean() ** 2 - t2 * bb,
        a.mean() * b.mean() - t2 * ab,
        a.mean() ** 2 - t2 * aa,
    )
    if q <= 0:
        return Fitted(math.nan, -math.inf, math.inf, count)
    half = math.sqrt(max(p**2 - q * c, 0.0)) / q
    return Fitted(float(a.mean() / b.mean()), p / q - half, p / q + half, count)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How points lie to a line that was not fitted to them.

    Attributes:
      covered: intervals that the line passes through.
      count: intervals.
      farthest: largest distance between a mean and the line in standard errors of the mean; NaN without any.
    """

    covered: int
    count: int
    farthest: float


def agreement(samples: Iterable[tuple[Sample, float]]) -> Agreement:
    """Lays points beside what was predicted of them.

    Args:
      samples: the values at each place, and the predicted one.
    """
    covered, far = [], []
    for sample, predicted in samples:
        found = sample.fitted()
        if math.isnan(found.value):
            continue
        covered.append(found.lower <= predicted <= found.upper)
        values = np.array(list(sample.values.values()))
        error = values.std(ddof=1) / math.sqrt(len(values))
        far.append(abs(found.value - predicted) / error if error > 0 else math.inf)
    return Agreement(sum(covered), len(covered), max(far, default=math.nan))


def _lines(series):
    lines: dict[Unit, list[tuple[float, Point]]] = {}
    for x, points in sorted(series.items()):
        for unit, point in points.items():
            lines.setdefault(unit, []).append((x, point))
    return lines


def _sums(lines, weights_of, fewest):
    values, sides = {}, set()
    for unit, line in sorted(lines.items()):
        if len({x for x, _ in line}) >= fewest:
            xs, points = zip(*line, strict=True)
            weights = weights_of(xs)
            values[unit] = float(weights @ [point.value for point in points])
            sides |= _pulls(weights, points)
    return Sample(values, frozenset(sides))


def _pulls(weights: np.ndarray, points: Sequence[Point]) -> set[int]:
    # The middle one of three equal steps has no weight, up to rounding.
    least = 1e-9 * np.abs(weights).max()
    return {
        int(np.sign(w)) * point.side
        for w, point in zip(weights, points, strict=True)
        if point.side and abs(w) > least
    }


def _slope_weights(xs):
    apart = np.asarray(xs, np.float64) - np.mean(xs)
    return apart / (apart @ apart)


def _multiple_weights(line):
    line = np.asarray(line, np.float64)
    return line / (line @ line)
