"""Effects between twins, with intervals and error probabilities that mean what they say at five seeds."""

import bisect
import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

FEWEST = 3  # numbers that have an interval
MOST_SEEDS = 1000


@dataclasses.dataclass(frozen=True)
class Effect:
    """The mean of one number per seed; see `effect`.

    Attributes:
      value: mean; NaN without a number.
      lower: of its interval.
      upper: of its interval.
      num_pairs: numbers.
      num_positive: of them above 0.
      p_larger: probability of so large a mean if the true one were no larger than the threshold.
      p_smaller: of so small a mean if the true one were no smaller than minus the threshold.
      p_inside: of a mean so near 0 if the true one were at least the threshold in size (two one-sided tests).
      sign_p: of so uneven signs, two-sided, if both were as likely.
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
    confidence: float = 0.95,
    num_resamples: int = 9999,
    seed: int = 0,
) -> Effect:
    """Estimates the mean of numbers that were drawn independently, one per seed.

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

    Numbers that are all equal count as known exactly. Where each seed is one success or failure, average over
    repetitions first: five equal outcomes do not exclude a sixth.

    Args:
      values: one per seed; NaN or infinite where there is none.
      threshold: smallest mean that counts, 0 or more.
      confidence: nominal coverage.
      num_resamples: bootstrap resamples.
      seed: of the resampling.

    Returns:
      Effect; an interval and the probabilities need at least three numbers.

    Raises:
      ValueError: for a threshold or a confidence that can be none.
    """
    if not threshold >= 0:
        raise ValueError(f"`threshold` must be 0 or more; got {threshold}.")
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1; got {confidence}.")
    values = _finite(values)
    count = len(values)
    if count == 0:
        return Effect(math.nan, math.nan, math.nan, 0, 0)
    (mean, spread), positive = _moments(values), int(np.sum(values > 0))
    if count < FEWEST:
        return Effect(mean, -math.inf, math.inf, count, positive)
    error = spread / math.sqrt(count)
    half = special.stdtrit(count - 1, 0.5 + confidence / 2) * error
    lower, upper = _expanded_percentiles(values, confidence, num_resamples, seed)
    return Effect(
        mean,
        min(lower, mean - half),
        max(upper, mean + half),
        count,
        positive,
        _p_beyond(mean - threshold, error, count),
        _p_beyond(-mean - threshold, error, count),
        max(_p_beyond(threshold - s * mean, error, count) for s in (1, -1)),
        _sign_p(values),
    )


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


def seeds_needed(
    values: Sequence[float], threshold: float, *, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """How many seeds should decide, if mean and spread are as found so far.

    Where the mean lies beyond the threshold, those that show it by Student's test; where it lies within,
    those after which the whole interval fits between the thresholds. What a few seeds say of mean and spread
    is itself uncertain: it is a plan, not a promise.

    Args:
      values: one per seed; NaN or infinite where there is none.
      threshold: smallest mean that counts.
      alpha: two-sided level, already divided by the number of hypotheses that share it.
      power: probability to decide.

    Returns:
      Seeds in all, more than there are; None with fewer than three numbers, or where more than 1000 are needed.
    """
    values = _finite(values)
    if len(values) < FEWEST:
        return None
    mean, spread = _moments(values)
    size = abs(mean)
    # Inside, both ends of the interval have to come short of a threshold.
    distances = [size - threshold] if size > threshold else [threshold - size, threshold + size]
    if distances[0] == 0:
        return None
    counts = range(len(values) + 1, MOST_SEEDS + 1)

    def enough(count):
        return sum(_missed(d, spread, count, alpha) for d in distances) <= 1 - power

    place = bisect.bisect_left(counts, True, key=enough)
    return counts[place] if place < len(counts) else None


def _missed(distance, spread, count, alpha):
    # Without spread, and 30 units beyond the limit, the noncentral distribution has no digits left.
    limit = special.stdtrit(count - 1, 1 - alpha / 2)
    shift = math.sqrt(count) * distance / spread if spread > 0 else math.inf
    return 0.0 if shift > limit + 30 else float(special.nctdtr(count - 1, shift, limit))


def _finite(values):
    values = np.asarray(values, np.float64)
    return values[np.isfinite(values)]


def _moments(values):
    # The mean of equal numbers need not be that number, in floating point.
    if np.ptp(values) == 0:
        return float(values[0]), 0.0
    return float(values.mean()), float(values.std(ddof=1))


def _p_beyond(distance, error, count):
    # scipy.stats.ttest_1samp warns, and loses digits, where all numbers are nearly equal.
    if error == 0:
        return 0.0 if distance > 0 else 1.0
    return float(special.stdtr(count - 1, -distance / error))


def _sign_p(values):
    positive, negative = int(np.sum(values > 0)), int(np.sum(values < 0))
    return min(1.0, 2 * float(special.bdtr(min(positive, negative), positive + negative, 0.5)))


def _expanded_percentiles(values, confidence, num_resamples, seed):
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
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
