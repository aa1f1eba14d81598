"""Effects where some numbers are only bounds: exact signed ranks, with what was never reached as the worst."""

import math

import numpy as np

from lsgeo.study.contrasts.samples import Sample
from lsgeo.study.decisions.statistics import FEWEST, Effect, check_levels


def rank_effect(sample: Sample, *, threshold: float = 0.0, confidence: float = 0.95) -> Effect:
    """Estimates the middle of numbers of which some are only bounds, by signed ranks.

    Wilcoxon's signed-rank test (1945), exact: over all choices of signs, given the ranks of the sizes, ties
    with their mean rank and zeros with a rank and no sign (Pratt 1959). A pair of which one network was
    measured and the other only bounds its number lies beyond all others; one of which both do is a tie: it
    speaks for neither side, and against "no difference". The value is Hodges and Lehmann's (1963), the median
    of the means of all two numbers, with bounds as they stand; the interval is that of the test, each end from
    what the numbers are at least or at most, and endless where that is unknown. It assumes that independent
    numbers scatter evenly around their middle. Splits with several pairs enter with the middle one, of two the
    one nearer to a tie; seeds in several splits too, and the more cautious of the two answers counts.

    No five numbers, however clear, have a two-sided probability below 1/16: bounds ask for more pairs.

    Args:
      sample: with its bounds.
      threshold: smallest effect that counts, 0 or more.
      confidence: nominal coverage.

    Returns:
      Effect with `test` = "ranks"; an interval and the probabilities need at least three numbers.

    Raises:
      ValueError: for a threshold or a confidence that can be none.
    """
    check_levels(threshold, confidence)
    there = np.isfinite(sample.values)
    values, lower, upper = (x[there] for x in (sample.values, sample.lower, sample.upper))
    count = len(values)
    if count == 0:
        return Effect(math.nan, math.nan, math.nan, 0, 0)
    tied = np.isinf(lower) & np.isinf(upper)
    worst = np.where(np.isinf(upper), math.inf, np.where(np.isinf(lower), -math.inf, values))
    worst = np.where(tied, 0.0, worst)
    value, positive = float(np.median(_walsh(values))), int(np.sum(worst > 0))
    if count < FEWEST:
        return Effect(value, -math.inf, math.inf, count, positive)
    against = [np.where(tied, end, worst) for end in (math.inf, -math.inf)]
    numbers = np.array([lower, upper, worst, *against])
    answers = [
        _answer([_middles(x, labels) for x in numbers], threshold, confidence)
        for labels in _factors(np.array(sample.pairs)[there])
    ]
    lows, highs, *chances = zip(*answers, strict=True)
    return Effect(
        value,
        min(value, *lows),
        max(value, *highs),
        count,
        positive,
        *map(max, chances),
        test="ranks",
    )


def _answer(numbers, threshold, confidence):
    lower, upper, worst, most, least = numbers
    return (
        *_interval(lower, upper, confidence),
        signed_rank_p(worst - threshold),
        signed_rank_p(-worst - threshold),
        max(signed_rank_p(threshold - most), signed_rank_p(least + threshold)),
        min(1.0, 2 * min(signed_rank_p(np.sign(s * worst)) for s in (1, -1))),
    )


def signed_rank_p(values: np.ndarray) -> float:
    """Probability of so large a sum of the positive numbers' ranks, if each sign were as likely; exact.

    Args:
      values: [n], also infinite ones.
    """
    sizes = np.abs(values)
    # Twice the mean rank is a whole number.
    ranks = np.array([np.sum(sizes < x) + np.sum(sizes <= x) + 1 for x in sizes])
    ranks, signs = ranks[values != 0], np.sign(values[values != 0])
    ways = np.ones(1)
    for rank in ranks:
        ways = np.append(ways, np.zeros(rank)) + np.append(np.zeros(rank), ways)
    reached = int(np.sum(ranks[signs > 0]))
    return float(ways[reached:].sum() / ways.sum())


def _interval(lower, upper, confidence):
    # The k-th smallest mean of two numbers is the end of the test's interval (Hollander and Wolfe 1973, 3.3).
    count = len(lower)
    ways = np.ones(1)
    for rank in range(1, count + 1):
        ways = np.append(ways, np.zeros(rank)) + np.append(np.zeros(rank), ways)
    below = np.cumsum(ways) / ways.sum()
    k = int(np.sum(below <= (1 - confidence) / 2))
    if k == 0:
        return -math.inf, math.inf
    return float(_walsh(lower)[k - 1]), float(_walsh(upper)[-k])


def _walsh(values):
    first, second = np.triu_indices(len(values))
    # Half of each, for the sum of two large ones may be none.
    return np.sort(values[first] / 2 + values[second] / 2)


def _factors(pairs):
    # Splits, and seeds, that hold several pairs; where none does, each pair stands for itself.
    found = [labels for labels in pairs.T if 1 < len(np.unique(labels)) < len(labels)]
    return found or [np.arange(len(pairs))]


def _middles(values, labels):
    return np.array([_middle(values[labels == name]) for name in np.unique(labels)])


def _middle(values):
    values = np.sort(values)
    both = values[(len(values) - 1) // 2], values[len(values) // 2]
    return min(both, key=abs)
