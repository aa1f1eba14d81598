"""The mean over several networks of what several planes show of each, with an interval for new networks."""

import math
from collections.abc import Sequence

import jax
import numpy as np
from scipy import stats

from lsgeo import trees
from lsgeo.checks import check_count, check_fraction, check_key


@trees.frozen
class NestedInterval:
    """A mean over seeds of means over their planes; see `nested_interval`.

    Attributes:
      value: NaN where a number is.
      lower: of the interval; -inf (or its bound) with fewer than three seeds.
      upper: of the interval.
      confidence: its nominal coverage.
      between: standard deviation of the seeds' true means, estimated; NaN for one seed.
      within: that of the planes of one seed, pooled; NaN with one plane each.
      num_seeds: networks.
      num_values: planes over all networks.
    """

    value: float
    lower: float
    upper: float
    confidence: float
    between: float
    within: float
    num_seeds: int
    num_values: int

    def __str__(self) -> str:
        return (
            f"{self.value:.4g} [{self.lower:.4g}, {self.upper:.4g}] ({self.num_seeds} seeds, "
            f"{self.num_values} planes)"
        )


def nested_interval(
    values: Sequence[Sequence[float]],
    *,
    key: jax.Array,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    confidence: float = 0.95,
    num_resamples: int = 2000,
) -> NestedInterval:
    """Estimates a mean over seeds and, nested in them, planes.

    Planes of one network are no independent networks, so whole seeds are resampled, each with all its planes
    (Davison and Hinkley 1997, section 3.8: drawing planes with replacement as well would count their spread
    twice). The percentiles are moved outwards for few seeds (Hesterberg 2015, section 4.2), and the interval
    is widened to Student's over the seeds' means where that is wider: at three to five seeds it mostly is.
    Where few seeds agree by luck, the planes alone would still move the mean: it is never narrower than they
    make it. More planes narrow it only as far as networks agree.

    Args:
      values: one list per seed, of one number per plane; lists may differ in length. Each seed counts the
        same.
      key: typed random key of the resamples.
      bounds: what the mean cannot leave, (0, 1) for a share; the interval is cut there.
      confidence: nominal coverage.
      num_resamples: of the bootstrap.

    Returns:
      NestedInterval. NaN stays NaN: a seed or plane is never left out.

    Raises:
      ValueError: if there is no seed or a seed has no value.
    """
    check_key(key)
    check_fraction(confidence, "confidence")
    check_count(num_resamples, "num_resamples", 100)
    groups = [np.asarray(group, np.float64) for group in values]
    if not groups or any(group.ndim != 1 or group.size == 0 for group in groups):
        raise ValueError(
            "`values` must hold one list per seed, each with a number per plane; got shapes "
            f"{[group.shape for group in groups]}."
        )
    means = np.array([group.mean() for group in groups])
    value, count = float(means.mean()), len(groups)
    spread = _spread(groups, means)
    lower, upper = -math.inf, math.inf
    if not np.all(np.isfinite(means)):
        lower = upper = math.nan
    elif count >= 3:
        lower, upper = _ends(means, key, confidence, num_resamples)
        half = _planes_alone(groups, spread[1], confidence)
        lower, upper = min(lower, value - half), max(upper, value + half)
    lower, upper = (float(np.clip(end, *bounds)) for end in (lower, upper))
    total = sum(map(len, groups))
    return NestedInterval(value, lower, upper, confidence, *spread, count, total)


def _spread(groups, means):
    """One-way analysis of variance with random effects: standard deviations between and within."""
    extra = sum(len(group) - 1 for group in groups)
    pooled = sum(float(np.sum(np.square(group - group.mean()))) for group in groups)
    within = pooled / extra if extra else math.nan
    if len(groups) < 2:
        return math.nan, math.sqrt(within)
    noise = 0.0 if math.isnan(within) else within * np.mean([1 / len(group) for group in groups])
    between = np.var(means, ddof=1) - noise
    return float(np.sqrt(np.maximum(between, 0.0))), math.sqrt(within)


def _planes_alone(groups, within, confidence):
    if math.isnan(within):
        return 0.0
    count = len(groups)
    freedom = sum(map(len, groups)) - count
    error = within * math.sqrt(sum(1 / len(group) for group in groups)) / count
    return stats.t.ppf(0.5 + confidence / 2, freedom) * error


def _ends(means, key, confidence, num_resamples):
    count = len(means)
    student = stats.t.ppf(0.5 + confidence / 2, count - 1)
    half = student * means.std(ddof=1) / math.sqrt(count)
    tail = stats.norm.cdf(-student * math.sqrt(count / (count - 1)))
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    draws = means[rng.integers(count, size=(num_resamples, count))].mean(axis=1)
    low, high = np.quantile(draws, [tail, 1 - tail])
    return min(low, means.mean() - half), max(high, means.mean() + half)
