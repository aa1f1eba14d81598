"""Effects between twins, with intervals that mean what they say at five seeds."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


@dataclasses.dataclass(frozen=True)
class PairedEffect:
    """The mean log-ratio over pairs of twins and its interval; NaN where there are too few pairs."""

    value: float
    lower: float
    upper: float
    num_pairs: int
    num_positive: int

    def __str__(self) -> str:
        return (
            f"log-ratio {self.value:+.2f} [{self.lower:+.2f}, {self.upper:+.2f}], "
            f"{self.num_positive} of {self.num_pairs} pairs positive"
        )


def paired_effect(
    without: Sequence[float],
    with_skip: Sequence[float],
    *,
    floor: Sequence[float] | float = 0.0,
    confidence: float = 0.95,
    num_resamples: int = 9999,
    seed: int = 0,
) -> PairedEffect:
    """Estimates the mean of log(without / with) over pairs that share a seed.

    The interval is a percentile bootstrap over pairs with Hesterberg's expansion (2015, section 4.2): at
    n pairs the plain one is too narrow by sqrt((n - 1) / n) and by the ratio of a normal to a Student
    quantile, which at n = 5 turns 95 % into about 83 %. The percentiles are moved outwards to make up
    for both. At n = 5 it then still covers only 91 % of normal log-ratios, so that it is widened to
    Student's interval where that is wider.

    Args:
      without: metric of the networks without skips, one per seed; NaN where it was not measured.
      with_skip: metric of their twins, in the same order.
      floor: resolution of the metric, added to both sides; a scalar or one per pair.
      confidence: nominal coverage.
      num_resamples: bootstrap resamples.
      seed: of the resampling.

    Returns:
      PairedEffect; an interval needs at least three complete pairs.

    Raises:
      ValueError: if lengths differ, or a metric is negative.
    """
    a, b = np.asarray(without, np.float64), np.asarray(with_skip, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(
            f"`without` and `with_skip` must be lists of equal length; got {a.shape}, {b.shape}."
        )
    if np.any(a < 0) or np.any(b < 0):
        raise ValueError("`without` and `with_skip` must not be negative: they enter a logarithm.")
    floor = np.broadcast_to(np.asarray(floor, np.float64), a.shape)
    positive = (a + floor > 0) & (b + floor > 0)
    ratios = np.log((a + floor)[positive]) - np.log((b + floor)[positive])
    ratios = ratios[np.isfinite(ratios)]
    count = len(ratios)
    if count == 0:
        return PairedEffect(math.nan, math.nan, math.nan, 0, 0)
    mean, agree = float(ratios.mean()), int(np.sum(ratios > 0))
    if count < 3:
        return PairedEffect(mean, -math.inf, math.inf, count, agree)
    half = stats.t.ppf(0.5 + confidence / 2, count - 1) * ratios.std(ddof=1) / math.sqrt(count)
    lower, upper = _expanded_percentiles(ratios, confidence, num_resamples, seed)
    return PairedEffect(mean, min(lower, mean - half), max(upper, mean + half), count, agree)


def _expanded_percentiles(values, confidence, num_resamples, seed):
    count = len(values)
    quantile = stats.t.ppf(0.5 + confidence / 2, count - 1) * math.sqrt(count / (count - 1))
    level = 1 - 2 * stats.norm.cdf(-quantile)
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    result = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=num_resamples,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
