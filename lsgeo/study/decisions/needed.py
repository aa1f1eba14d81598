"""How many seeds should decide, and how uncertain that is."""

import bisect
import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from lsgeo.study.decisions.statistics import FEWEST, finite, moments, split_means

MOST_SEEDS = 1000
SURE = 0.8  # of the range
NUM_DRAWS = 200


@dataclasses.dataclass(frozen=True)
class SeedsNeeded:
    """Seeds in all, infinite for more than 1000; see `seeds_needed`.

    Attributes:
      low: if mean and spread are better than found, as in one of ten cases.
      likely: if they are as found.
      high: if they are worse, as in one of ten cases.
    """

    low: float
    likely: float
    high: float


def seeds_needed(
    values: Sequence[float],
    threshold: float,
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    by_signs: bool = False,
    alpha: float = 0.05,
    power: float = 0.8,
) -> SeedsNeeded | None:
    """How many seeds should decide, if mean and spread are about as found so far.

    Where the mean lies beyond the threshold, those that show it by Student's test; where it lies within,
    those after which the whole interval fits between the thresholds. Mean and spread of a few seeds are
    uncertain: the range takes them from draws of what they may be (the posterior of a normal law under
    Jeffreys' prior: chi squared for the spread, normal for the mean), leaving out the tenth that is farthest
    from the threshold and the tenth that is nearest. Pairs that share a split count together, so that the
    answer is for more splits with as many seeds each.

    Args:
      values: one per pair; NaN or infinite where there is none.
      threshold: smallest mean that counts.
      pairs: seed and split of each; None where all are independent.
      by_signs: whether ranks or signs decide, which takes so many seeds that equal signs alone reach the level.
      alpha: two-sided level, already divided by the number of hypotheses that share it.
      power: probability to decide.

    Returns:
      SeedsNeeded, each more than there are; None with fewer than three numbers or splits.
    """
    values, pairs = finite(values, pairs)
    units = split_means(values, pairs)
    if len(units) < FEWEST:
        return None
    each = len(values) / len(units)
    (mean, spread), count = moments(units), len(units)
    rng = np.random.default_rng(0)
    spreads = spread * np.sqrt((count - 1) / rng.chisquare(count - 1, NUM_DRAWS))
    means = mean + spreads / math.sqrt(count) * rng.standard_normal(NUM_DRAWS)
    # The further from the threshold, beside its spread, the fewer seeds a draw takes.
    order = np.argsort(np.abs(np.abs(means) - threshold) / np.maximum(spreads, 1e-300))
    ends = [order[round(share * (NUM_DRAWS - 1))] for share in (0.5 + SURE / 2, 0.5 - SURE / 2)]
    cases = [(float(means[i]), float(spreads[i])) for i in ends]
    low, likely, high = (
        _enough(*case, count, threshold, alpha, power)
        for case in (cases[0], (mean, spread), cases[1])
    )
    fewest = math.ceil(math.log2(2 / alpha)) if by_signs else 0
    found = (max(n, fewest) for n in (min(low, likely), likely, max(high, likely)))
    return SeedsNeeded(*(math.ceil(n * each) if n < math.inf else math.inf for n in found))


def _enough(mean, spread, count, threshold, alpha, power):
    size = abs(mean)
    # Inside, both ends of the interval have to come short of a threshold.
    distances = [size - threshold] if size > threshold else [threshold - size, threshold + size]
    if distances[0] == 0:
        return math.inf
    counts = range(count + 1, MOST_SEEDS + 1)

    def enough(number):
        return sum(_missed(d, spread, number, alpha) for d in distances) <= 1 - power

    place = bisect.bisect_left(counts, True, key=enough)
    return counts[place] if place < len(counts) else math.inf


def _missed(distance, spread, count, alpha):
    # Without spread, and 30 units beyond the limit, the noncentral distribution has no digits left.
    limit = special.stdtrit(count - 1, 1 - alpha / 2)
    shift = math.sqrt(count) * distance / spread if spread > 0 else math.inf
    return 0.0 if shift > limit + 30 else float(special.nctdtr(count - 1, shift, limit))
