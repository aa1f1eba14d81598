"""Speed of training, each network at its own best learning rate, from a grid of rates and seeds.

    plain = best_speed(rates, steps_of_plain, budget=300)
    plain.at_edge, str(plain)
    speed_up(rates, steps_of_plain, steps_of_skip, budget=300)

A training that never reached the loss is censored: its number of steps is infinite, and it stays in every
median. Medians over seeds, because means of censored numbers do not exist.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lsgeo.study.races.races import check_rates


@dataclasses.dataclass(frozen=True)
class Speed:
    """Steps to a loss at the best learning rate; see `best_speed`.

    Attributes:
      rate: the best learning rate; NaN if no training reached the loss.
      steps: median over seeds there; infinite unless more than half of them reached it.
      lower: of the interval.
      upper: of the interval; infinite: beyond the budget.
      num_reached: seeds that reached the loss at that rate.
      num_seeds: of all.
      budget: steps at most.
      at_edge: "lowest" or "highest" if the best rate is that of the grid, else "".
    """

    rate: float
    steps: float
    lower: float
    upper: float
    num_reached: int
    num_seeds: int
    budget: int
    at_edge: str

    def __str__(self) -> str:
        if math.isnan(self.rate):
            return f"never reached in {self.budget} steps by {self.num_seeds} seeds at any rate"
        censored = self.num_seeds - self.num_reached
        return (
            f"{_count(self.steps, self.budget)} steps [{_count(self.lower, self.budget)}, "
            f"{_count(self.upper, self.budget)}] at learning rate {self.rate:.4g}, "
            f"{self.num_reached} of {self.num_seeds} seeds"
            + (f", {censored} censored at {self.budget}" if censored else "")
            + (f"; {self.at_edge} rate of the grid: extend the grid" if self.at_edge else "")
        )


@dataclasses.dataclass(frozen=True)
class SpeedUp:
    """Ratio of two medians of steps; see `speed_up`.

    Attributes:
      ratio: steps of the slow one over those of the fast one; above 1 if the names are right.
      lower: of the interval.
      upper: of the interval; infinite: no bound.
      bound: "" for an estimate; "at least" or "at most" where a median is censored and its least value stands
        for it; "unknown" where both are.
      num_seeds: pairs.
    """

    ratio: float
    lower: float
    upper: float
    bound: str
    num_seeds: int

    def __str__(self) -> str:
        if self.bound == "unknown":
            return f"unknown: neither reached the loss ({self.num_seeds} seeds)"
        prefix = f"{self.bound} " if self.bound else ""
        return (
            f"{prefix}{self.ratio:.3g} [{self.lower:.3g}, {self.upper:.3g}], {self.num_seeds} seeds"
        )


def best_speed(
    rates: Sequence[float],
    steps: np.ndarray,
    *,
    budget: int,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Speed:
    """Finds the learning rate with the fewest steps, and an interval for them.

    The best rate has the lowest median over seeds; among equals the one that more seeds reach, then the one
    with fewer steps in all that reach. The interval is a percentile bootstrap over seeds in which the best rate
    is chosen anew each time: the choice is part of what varies. With few seeds it reaches from one end of the
    seeds to the other, and covers the median at one rate with a probability of 1 - 2^(1 - S): 75 % at 3
    seeds, 94 % at 5. One seed has no interval: 0 to infinity.

    Args:
      rates: learning rates, ascending, [R].
      steps: steps to the loss [R, S]; infinite where it was not reached.
      budget: steps that a training had.
      confidence: nominal coverage.
      num_resamples: of the bootstrap.
      seed: of the resampling.

    Returns:
      Speed.

    Raises:
      ValueError: if rates and steps do not fit, or a number of steps is NaN, below 1 or beyond the budget.
    """
    rates, steps = _check(rates, steps, budget, "steps")
    medians = np.median(steps, axis=1)
    reached = np.sum(np.isfinite(steps), axis=1)
    totals = np.sum(np.where(np.isfinite(steps), steps, 0), axis=1)
    best = int(np.lexsort((totals, -reached, medians))[0])
    if not reached.any():
        nothing = (math.nan, math.inf, math.inf, math.inf)
        return Speed(*nothing, 0, steps.shape[1], budget, "")
    resampled = _best_medians(steps, _resamples(steps.shape[1], num_resamples, seed))
    lower, upper = _interval(resampled, confidence) if steps.shape[1] > 1 else (0.0, math.inf)
    edges = {0: "lowest", len(rates) - 1: "highest"} if len(rates) > 1 else {}
    return Speed(
        float(rates[best]),
        float(medians[best]),
        lower,
        upper,
        int(reached[best]),
        steps.shape[1],
        budget,
        edges.get(best, ""),
    )


def speed_up(
    rates: Sequence[float],
    slow: np.ndarray,
    fast: np.ndarray,
    *,
    budget: int,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> SpeedUp:
    """Estimates how many times fewer steps one network takes than its twin, each at its own best rate.

    Seeds are pairs: a resample takes the same ones of both, and chooses both best rates anew. Where a median is
    censored the least that it can be stands for it, the median with the budget in place of all that took
    longer. That bounds the ratio from one side alone; the other side of the interval is open.

    Args:
      rates: learning rates, ascending, [R].
      slow: steps of the one that is expected to be slower [R, S]; infinite where it did not get there.
      fast: steps of its twin [R, S], the same seeds in the same order.
      budget: steps that a training had.
      confidence: nominal coverage.
      num_resamples: of the bootstrap.
      seed: of the resampling.

    Returns:
      SpeedUp.

    Raises:
      ValueError: as `best_speed`, or if the numbers of seeds differ.
    """
    rates, slow = _check(rates, slow, budget, "slow")
    rates, fast = _check(rates, fast, budget, "fast")
    if slow.shape != fast.shape:
        raise ValueError(
            f"`slow` and `fast` must have the same seeds; got {slow.shape[1]} and {fast.shape[1]}."
        )
    count = slow.shape[1]
    indices = np.concatenate(
        [np.arange(count)[None, :], _resamples(count, num_resamples, seed)]
    )  # the seeds themselves first
    ends = np.stack([_best_medians(slow, indices), _best_medians(fast, indices)])
    censored = np.isinf(ends)
    # Where half of the seeds got there, the median is between the last of them and one beyond the budget.
    bounds = [_best_medians(np.minimum(side, budget), indices) for side in (slow, fast)]
    known = np.where(censored, bounds, ends)
    lowest = np.where(censored[1], 0.0, known[0] / known[1])
    highest = np.where(censored[0], math.inf, known[0] / known[1])
    names = {(0, 0): "", (1, 0): "at least", (0, 1): "at most", (1, 1): "unknown"}
    bound = names[int(censored[0, 0]), int(censored[1, 0])]
    ratio = math.nan if bound == "unknown" else float(known[0, 0] / known[1, 0])
    lower, upper = 0.0, math.inf
    if count > 1:
        lower, upper = _interval(lowest[1:], confidence)[0], _interval(highest[1:], confidence)[1]
    return SpeedUp(ratio, lower, upper, bound, count)


def _check(rates, steps, budget, name):
    rates, steps = check_rates(rates), np.asarray(steps, np.float64)
    if steps.ndim != 2 or len(steps) != len(rates) or not steps.shape[1]:
        raise ValueError(
            f"`{name}` must have a row of seeds for each of the {len(rates)} rates; got {steps.shape}."
        )
    wrong = np.isnan(steps) | (steps < 1) | (np.isfinite(steps) & (steps > budget))
    if wrong.any():
        raise ValueError(
            f"`{name}` must be 1 to `budget` {budget}, or infinite where the loss was not reached; got "
            f"{steps[wrong][0]}."
        )
    return rates, steps


def _resamples(count, num_resamples, seed):
    return np.random.default_rng(seed).integers(count, size=(num_resamples, count))


def _best_medians(steps, indices):
    return np.min(np.median(steps[:, indices], axis=2), axis=0)


def _interval(values, confidence):
    # Without interpolation: between a number and infinity there is nothing.
    tail = (1 - confidence) / 2
    return tuple(
        float(np.quantile(values, level, method=method))
        for level, method in ((tail, "lower"), (1 - tail, "higher"))
    )


def _count(steps, budget):
    return f"{steps:.4g}" if math.isfinite(steps) else f"over {budget}"
