"""First-passage times of equally long runs: how many escaped, when, and how sure is that?

Every run is watched for the same number of steps, and one that has not escaped by then, or that diverged,
counts as trapped to the end. So the share still trapped after t steps is a plain share of n runs (the
Kaplan-Meier estimate with all its censoring at the end), and its intervals can be exact ones.
"""

import math
from typing import Any

import numpy as np
from scipy import stats

from lsgeo import trees
from lsgeo.checks import check_fraction


@trees.frozen
class Escapes:
    """The first passages of n runs; see `escape`.

    Attributes:
      times: (n,) steps after which a run was first seen to have escaped, infinite where it never was.
      diverged: (n,) whether the loss was no longer finite at a check before that.
      steps: (m,) steps at which the runs were checked, 0 the first; fewer where all had escaped or diverged.
      losses: (n, m) the loss of all examples there. NaN and infinities stay.
      distances: (n, m) from the run's own start, in the parameters' units.
      thresholds: (n,) the loss below which, or the distance beyond which, a run has escaped.
      num_steps: steps that a run was given.
      num_gradients: gradients of a mini-batch, or of the whole batch, of all runs together.
      num_evaluations: evaluations of the loss of all examples.
      ends: the parameters after the last step, like the starts, [n, ...]; None where they were not kept.
    """

    times: np.ndarray
    diverged: np.ndarray
    steps: np.ndarray
    losses: np.ndarray
    distances: np.ndarray
    thresholds: np.ndarray
    num_steps: int
    num_gradients: int
    num_evaluations: int
    ends: Any = None

    @property
    def count(self) -> int:
        """Number of runs that escaped."""
        return int(np.isfinite(self.times).sum())

    @property
    def rate(self) -> float:
        """Share of the runs that escaped within `num_steps`."""
        return self.count / len(self.times)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The interval of Clopper and Pearson (1934) for the probability of an escape within `num_steps`.

        It covers with at least `confidence` whatever the probability is: 0 of 20 leaves [0, 0.168].
        """
        check_fraction(confidence, "confidence")
        return _exact(self.count, len(self.times), confidence)

    def survival(
        self, steps: np.ndarray, confidence: float = 0.95
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The share of the runs that are still trapped after so many steps.

        Args:
          steps: [k] numbers of steps, at most `num_steps`.
          confidence: of the interval at each step, as `interval`.

        Returns:
          (share, lower, upper), each [k].

        Raises:
          ValueError: for steps that the runs did not take.
        """
        check_fraction(confidence, "confidence")
        steps = np.asarray(steps)
        if np.any(steps < 0) or np.any(steps > self.num_steps):
            raise ValueError(f"`steps` must be 0 to {self.num_steps}, what the runs were given.")
        trapped = (self.times[None, :] > steps[:, None]).sum(1)
        bounds = np.array([_exact(int(k), len(self.times), confidence) for k in trapped])
        return trapped / len(self.times), bounds[:, 0], bounds[:, 1]

    def median(self, confidence: float = 0.95) -> tuple[float, float, float]:
        """The median time of escape in steps, and its interval, infinite beyond `num_steps`.

        The interval is that of the order statistics, exact for any law of the times (Conover 1999, section
        3.2). A lower end of 0 or an upper one of infinity says that there are too few runs.

        Returns:
          (median, lower, upper). The median is the first time by which half of the runs have escaped.
        """
        check_fraction(confidence, "confidence")
        times = np.sort(self.times)
        tested = stats.quantile_test(np.where(np.isfinite(times), times, self.num_steps + 1.0))
        lower, upper = tested.confidence_interval(confidence)
        lower = 0.0 if math.isnan(lower) else float(lower)
        upper = math.inf if math.isnan(upper) else float(upper)
        ends = (math.inf if end > self.num_steps else end for end in (lower, upper))
        return (float(times[(len(times) + 1) // 2 - 1]), *ends)

    def __str__(self) -> str:
        low, high = self.interval()
        middle, first, last = self.median()
        lost = int(self.diverged.sum())
        return (
            f"{self.count} of {len(self.times)} runs escaped within {self.num_steps} steps, rate "
            f"{self.rate:.2f} [{low:.2f}, {high:.2f}], median time {middle:.4g} [{first:.4g}, {last:.4g}] "
            f"steps{f', {lost} diverged' if lost else ''} ({self.num_gradients} gradients)"
        )


@trees.frozen
class EscapeComparison:
    """Two sets of runs side by side; see `compare_escapes`.

    Attributes:
      difference: the first rate less the second.
      lower: end of the interval of the difference.
      upper: the other end.
      overlap: whether the two rates' own intervals overlap, which is stricter than to ask whether the
        difference's interval holds zero.
      p_value: of the log-rank test that all times have one law.
    """

    difference: float
    lower: float
    upper: float
    overlap: bool
    p_value: float

    def __str__(self) -> str:
        return (
            f"difference of the rates {self.difference:+.2f} [{self.lower:+.2f}, {self.upper:+.2f}], their "
            f"intervals {'overlap' if self.overlap else 'are apart'}; times: log-rank p = {self.p_value:.2g}"
        )


def compare_escapes(one: Escapes, other: Escapes, *, confidence: float = 0.95) -> EscapeComparison:
    """Compares the rates and the times of escape of two kinds of runs.

    The interval of the difference is Newcombe's (1998, method 10), from Wilson's two intervals. Runs that
    share their random numbers in pairs are treated as independent.

    Args:
      one: runs of one kind.
      other: runs of the other, given as many steps.
      confidence: of all intervals.

    Returns:
      EscapeComparison.

    Raises:
      ValueError: if the runs were given different numbers of steps.
    """
    check_fraction(confidence, "confidence")
    if one.num_steps != other.num_steps:
        raise ValueError(
            f"`one` was given {one.num_steps} steps and `other` {other.num_steps}: their rates are of "
            "different things. Run both for as many."
        )
    (a, b), (low_a, high_a), (low_b, high_b) = (
        (one.rate, other.rate),
        _wilson(one, confidence),
        _wilson(other, confidence),
    )
    first, second = one.interval(confidence), other.interval(confidence)
    return EscapeComparison(
        a - b,
        a - b - math.hypot(a - low_a, high_b - b),
        a - b + math.hypot(high_a - a, b - low_b),
        bool(first[0] <= second[1] and second[0] <= first[1]),
        _log_rank(one, other),
    )


def _exact(count, total, confidence):
    found = stats.binomtest(count, total).proportion_ci(confidence, method="exact")
    return float(found.low), float(found.high)


def _wilson(runs, confidence):
    found = stats.binomtest(runs.count, len(runs.times)).proportion_ci(confidence, method="wilson")
    return found.low, found.high


def _log_rank(one, other):
    # Where all escape at one time, or none does, nothing tells the two apart.
    first = min(one.times.min(), other.times.min())
    if np.isinf(first) or (np.all(one.times == first) and np.all(other.times == first)):
        return 1.0
    samples = [
        stats.CensoredData(
            uncensored=side.times[np.isfinite(side.times)],
            right=np.full(len(side.times) - side.count, float(side.num_steps)),
        )
        for side in (one, other)
    ]
    return float(stats.logrank(*samples).pvalue)
