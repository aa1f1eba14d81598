"""Effects between twins, with intervals and error probabilities that mean what they say at five seeds."""

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

FEWEST = 3  # numbers that have an interval


@dataclasses.dataclass(frozen=True)
class Effect:
    """A number over all pairs, with its error; see `effect` and `lsgeo.study.decisions.ranks.rank_effect`.

    Attributes:
      value: mean, or pseudomedian; NaN without a number.
      lower: of its interval.
      upper: of its interval.
      num_pairs: numbers.
      num_positive: of them above 0.
      p_larger: probability of so large a value if the true one were no larger than the threshold.
      p_smaller: of so small a value if the true one were no smaller than minus the threshold.
      p_inside: of a value so near 0 if the true one were at least the threshold in size (two one-sided tests).
      sign_p: of so uneven signs, two-sided, if both were as likely.
      degrees: degrees of freedom of Student's test; NaN for a test by signs or ranks.
      test: "Student", "ranks" where some numbers are only bounds, "signs" where all are equal; "" for none.
    """

    value: float
    lower: float
    upper: float
    num_pairs: int
    num_positive: int
    p_larger: float = math.nan
    p_smaller: float = math.nan
    p_inside: float = math.nan
    sign_p: float = math.nan
    degrees: float = math.nan
    test: str = ""

    @property
    def p_value(self) -> float:
        """Of the best supported of the three answers, larger, smaller and inside; 1 with too few numbers.

        Twice the smallest of the three probabilities: the level at which Student's two-sided interval just
        touches a threshold. At most two of the answers are wrong, so that a wrong one comes below alpha no
        more often than in alpha of all cases.
        """
        smallest = min(self.p_larger, self.p_smaller, self.p_inside)
        return 1.0 if math.isnan(smallest) else min(1.0, 2 * smallest)

    def __str__(self) -> str:
        return (
            f"{self.value:+.2f} [{self.lower:+.2f}, {self.upper:+.2f}], "
            f"{self.num_positive} of {self.num_pairs} positive"
        )


def effect(
    values: Sequence[float],
    *,
    threshold: float = 0.0,
    pairs: Sequence[tuple[int, int]] | None = None,
    confidence: float = 0.95,
    num_resamples: int = 9999,
    seed: int = 0,
) -> Effect:
    """Estimates the mean of numbers, one for each pair of twins.

    The interval is a percentile bootstrap over pairs with Hesterberg's expansion (2015, section 4.2): at
    n pairs the plain one is too narrow by sqrt((n - 1) / n) and by the ratio of a normal to a Student
    quantile, which at n = 5 turns 95 % into about 83 %. The percentiles are moved outwards to make up
    for both. At n = 5 it then still covers only 91 % of normal numbers, so that it is widened to Student's
    interval where that is wider. The probabilities are those of Student's one-sided tests against plus and
    minus the threshold, and of the sign test.

    Student's test asks for numbers that scatter about evenly to both sides. Those of twins do where the skip
    changes nothing: to swap the twins is to turn the sign, however skewed the metric of one network is. Heavy
    tails then make it cautious. A contrast of a single arm (`Within`) has no such symmetry, and no test has
    at five numbers, whatever their law, both a level of 5 % and a use.

    Pairs that share a data split, or a seed in several splits, are not independent: splits and seeds are taken
    as drawn at random, each moving all of its pairs by a normal amount (one-way random effects, or two-way
    where they are crossed), see `standard_error`. With J splits there are no more than J - 1 degrees of
    freedom, however many seeds each has: to decide, take many splits, best one for each pair. Where all pairs
    are of one split, nothing can be known of another, and the numbers are those of this one.

    Numbers that are all equal have no spread to judge them by. They are not known exactly: the probabilities
    are then those of as many equal signs, and the interval is endless where these are too few for the
    confidence. Where each seed is one success or failure, average over repetitions first.

    Args:
      values: one per pair; NaN or infinite where there is none.
      threshold: smallest mean that counts, 0 or more.
      pairs: seed and split of each; None where all are independent.
      confidence: nominal coverage.
      num_resamples: bootstrap resamples.
      seed: of the resampling.

    Returns:
      Effect; an interval and the probabilities need at least three numbers.

    Raises:
      ValueError: for a threshold or a confidence that can be none, or not as many pairs as numbers.
    """
    check_levels(threshold, confidence)
    values, pairs = finite(values, pairs)
    count = len(values)
    if count == 0:
        return Effect(math.nan, math.nan, math.nan, 0, 0)
    (mean, spread), positive = moments(values), int(np.sum(values > 0))
    if count < FEWEST:
        return Effect(mean, -math.inf, math.inf, count, positive)
    centres = split_means(values, pairs)
    if spread == 0:
        return _equal(mean, count, len(centres), threshold, confidence, _sign_p(centres))
    error, degrees = standard_error(values, pairs)
    half = special.stdtrit(degrees, 0.5 + confidence / 2) * error
    lower, upper = _expanded_percentiles(values, confidence, num_resamples, seed)
    return Effect(
        mean,
        min(lower, mean - half),
        max(upper, mean + half),
        count,
        positive,
        _p_beyond(mean - threshold, error, degrees),
        _p_beyond(-mean - threshold, error, degrees),
        max(_p_beyond(threshold - s * mean, error, degrees) for s in (1, -1)),
        _sign_p(centres),
        degrees,
        "Student",
    )


def standard_error(
    values: np.ndarray, pairs: Sequence[tuple[int, int]] | None = None
) -> tuple[float, float]:
    """The standard error of a mean of pairs that share splits or seeds, and its degrees of freedom.

    Of a factor whose levels have n_j of N numbers and the means m_j, with k = sum n_j^2 / N^2 and m the mean
    of all, the squared error is k / (1 - k) sum n_j (m_j - m)^2 / N, with one degree less than levels. Where
    all levels have as many numbers this is the classical one of one-way random effects (Searle, Casella and
    McCulloch 1992, section 3.6), and else no smaller on average. Seeds that are crossed with splits add theirs,
    with Satterthwaite's degrees of freedom (1946); what both count of the single numbers' spread makes the sum
    too large if anything. It is no smaller than that of independent numbers.

    Args:
      values: finite numbers [N].
      pairs: seed and split of each; None where all are independent.

    Returns:
      The error and the degrees; where no level of a factor holds several numbers, or one holds all, that factor
      says nothing, and without any these are Student's.
    """
    count = len(values)
    plain = float(np.var(values, ddof=1)) / count
    squares, degrees = [], []
    for labels in zip(*pairs, strict=True) if pairs is not None else ():
        if 1 < len(set(labels)) < count:
            _, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
            means = np.bincount(place, values) / sizes
            share = float(np.sum(sizes**2)) / count**2
            between = float(np.sum(sizes * (means - values.mean()) ** 2))
            squares.append(share / (1 - share) * between / count)
            degrees.append(len(sizes) - 1)
    if not squares:
        return math.sqrt(plain), float(count - 1)
    total = sum(squares)
    used = (
        total**2 / sum(s**2 / d for s, d in zip(squares, degrees, strict=True))
        if total > 0
        else min(degrees)
    )
    return math.sqrt(max(total, plain)), float(used)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjusts probabilities for their number (Holm 1979): any true null is met with level alpha.

    Args:
      p_values: [M]; 1 where a test could not be made, which counts all the same.

    Returns:
      The adjusted probabilities [M], in the same order.
    """
    # Not statsmodels.stats.multitest, which collects garbage at each call: half a second beside JAX.
    p_values = np.asarray(p_values, np.float64)
    order = np.argsort(p_values)
    shares = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(shares * p_values[order]), 1.0)
    return adjusted


def simes(p_values: Sequence[float]) -> float:
    """Probability for "all of these nulls are true" (Simes 1986): min over i of M p_(i) / i.

    It has its level for tests that are independent or depend on each other positively, such as those of
    several arms against one twin.

    Args:
      p_values: [M]; NaN where a test could not be made, which counts as 1.
    """
    if not len(p_values):
        return 1.0
    ordered = np.sort(np.nan_to_num(np.asarray(p_values, np.float64), nan=1.0))
    return float(np.min(ordered * len(ordered) / np.arange(1, len(ordered) + 1)))


def check_levels(threshold: float, confidence: float) -> None:
    """Refuses a threshold or a confidence that can be none."""
    if not threshold >= 0:
        raise ValueError(f"`threshold` must be 0 or more; got {threshold}.")
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1; got {confidence}.")


def finite(
    values: Sequence[float], pairs: Sequence[tuple[int, int]] | None
) -> tuple[np.ndarray, list[tuple[int, int]] | None]:
    """The numbers that are there, with their pairs."""
    values = np.asarray(values, np.float64)
    if pairs is not None and len(pairs) != len(values):
        raise ValueError(
            f"`pairs` must be as many as `values`; got {len(pairs)} and {len(values)}."
        )
    there = np.isfinite(values)
    kept = None if pairs is None else [pair for pair, it in zip(pairs, there, strict=True) if it]
    return values[there], kept


def split_means(values: np.ndarray, pairs: Sequence[tuple[int, int]] | None) -> np.ndarray:
    """The mean of each split; the numbers themselves where all pairs are of one split, or independent."""
    splits = [split for _, split in pairs] if pairs is not None else []
    if len(set(splits)) in (0, 1, len(values)):
        return values
    _, place, sizes = np.unique(splits, return_inverse=True, return_counts=True)
    return np.bincount(place, values) / sizes


def moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, of numbers that are equal up to rounding the first one and 0."""
    if np.ptp(values) <= 1e-12 * np.max(np.abs(values)):
        return float(values[0]), 0.0
    return float(values.mean()), float(values.std(ddof=1))


def _equal(mean, count, units, threshold, confidence, sign_p):
    # What so many equal signs say.
    chance = 0.5**units
    known = 2 * chance <= 1 - confidence
    beyond = [chance if distance > 0 else 1.0 for distance in (mean - threshold, -mean - threshold)]
    inside = chance if abs(mean) < threshold else 1.0
    return Effect(
        mean,
        mean if known else -math.inf,
        mean if known else math.inf,
        count,
        count if mean > 0 else 0,
        *(*beyond, inside, sign_p),
        test="signs",
    )


def _p_beyond(distance, error, degrees):
    return float(special.stdtr(degrees, -distance / error))


def _sign_p(values):
    positive, negative = int(np.sum(values > 0)), int(np.sum(values < 0))
    return min(1.0, 2 * float(special.bdtr(min(positive, negative), positive + negative, 0.5)))


def _expanded_percentiles(values, confidence, num_resamples, seed):
    count = len(values)
    quantile = special.stdtrit(count - 1, 0.5 + confidence / 2) * math.sqrt(count / (count - 1))
    tail = float(special.ndtr(-quantile))
    means = _weights(count, num_resamples, seed) @ values
    lower, upper = np.quantile(means, [tail, 1 - tail])
    return float(lower), float(upper)


@functools.cache
def _weights(count, num_resamples, seed):
    # A resample's mean is a weighted mean; a study asks for the same weights thousands of times.
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), size=num_resamples) / count
