"""The race of `experiments.convergence`: what is trained, compared, drawn and said."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.common import twins
from experiments.common.fields import check_least, check_positive
from experiments.convergence._entrant import Entrant
from lsgeo import plotting, results, runs, study

SEEN = ("steps", "stable", "first", "highest", "last")  # of a training


def check(config: Any) -> list[study.Arm]:
    """Returns the arms; raises a ValueError for a bad field."""
    arms = [study.ARMS[name] for name in study.parse_arms(config.arms)]
    study.check_rates(config.learning_rates, "learning_rates")
    check_least(config, num_seeds=1, num_bisections=0)
    check_positive(config, "target", "tol")
    twins.check_own(config)
    for arm in arms:
        Entrant(config, arm, 0).check()
    return arms


def load_grid(convergence_run: runs.Run, config: Any, arm: str) -> dict[str, np.ndarray]:
    """Reads the grid of an arm: steps, stable, first, highest and last, each [rates, seeds]."""
    rows = [convergence_run.load(f"{arm}_rate_{k}") for k in range(len(config.learning_rates))]
    return {name: np.stack([row[name] for row in rows]) for name in SEEN}


class Race:
    """All arms, with what they have in common and what is there of them."""

    def __init__(self, config: Any, opened: runs.Run, arms: Sequence[study.Arm]):
        self._config, self._opened, self._arms = config, opened, arms
        # Each starts once, for all rates.
        self._entrants = functools.lru_cache(1)(self._enter)

    def rate(self, arm: study.Arm, rate: float) -> dict[str, Any]:
        """One entry of the grid, with all seeds."""
        found = [results.entries(one.race(float(rate)), SEEN) for one in self._entrants(arm)]
        return {"learning_rate": float(rate), **results.columns(found)}

    def limits(self, arm: study.Arm) -> dict[str, np.ndarray]:
        """The largest stable rate of each seed, and what its curvature allows."""
        rates, best = self._config.learning_rates, self._speed(arm).rate
        stable = load_grid(self._opened, self._config, arm.name)["stable"]
        return results.columns(
            [one.limits(rates, stable[:, i], best) for i, one in enumerate(self._entrants(arm))]
        )

    def speeds(self) -> dict[str, Any]:
        """The speed of each arm at its own best rate."""
        names = ("rate", "steps", "lower", "upper", "num_reached", "at_edge")
        rows = [
            {"arms": arm.name, **results.entries(self._speed(arm), names)} for arm in self._arms
        ]
        return results.columns(rows)

    def speed_ups(self) -> dict[str, Any]:
        """The speeds of pairs of arms against each other."""
        names = ("ratio", "lower", "upper", "bound")
        return results.columns(
            [
                {"slow": slow.name, "fast": fast.name}
                | results.entries(self._speed_up(slow, fast), names)
                for slow, fast in pairs(self._arms)
            ]
        )

    def draw(self) -> Figure:
        """Draws steps against the learning rate, and the largest stable rates."""
        config, grids = self._config, {arm.label: self._steps(arm) for arm in self._arms}
        figure, axes = plotting.new_figure(height=6.4, rows=2)
        plotting.steps_by_rate(
            config.learning_rates,
            grids,
            axes[0],
            budget=config.network.max_steps,
            target=config.target,
            best={arm.label: self._speed(arm).rate for arm in self._arms},
        )
        limits = {arm.label: self._opened.load(f"{arm}_limits") for arm in self._arms}
        plotting.stable_rates(limits, axes[1], among=axes[0])
        return figure

    def lines(self) -> Iterator[str]:
        """What was found, arm by arm and pair by pair."""
        for arm in self._arms:
            limits = self._opened.load(f"{arm}_limits")
            low, high = limits["stable_rate"], limits["unstable_rate"]
            first, last = (_by_curvature(limits, place) for place in ("init", "target"))
            beyond = np.any(low == 0) or np.any(np.isinf(high))
            edge = "; the grid does not hold it: extend the grid" if beyond else ""
            yield f"{arm.label}: {self._speed(arm)}"
            yield (
                f"  largest stable learning rate from {low.min():.3g} to {high.max():.3g} over the "
                f"seeds{edge}; by the curvature {first} at initialisation, {last} at the loss "
                f"{self._config.target:g}"
            )
        for slow, fast in pairs(self._arms):
            yield f"{fast.label} against {slow.label}: speed-up {self._speed_up(slow, fast)}"

    def _enter(self, arm):
        return [Entrant(self._config, arm, seed) for seed in range(self._config.num_seeds)]

    def _steps(self, arm):
        return load_grid(self._opened, self._config, arm.name)["steps"]

    def _speed(self, arm):
        rates, budget = self._config.learning_rates, self._config.network.max_steps
        return study.best_speed(rates, self._steps(arm), budget=budget)

    def _speed_up(self, slow, fast):
        rates, budget = self._config.learning_rates, self._config.network.max_steps
        return study.speed_up(rates, self._steps(slow), self._steps(fast), budget=budget)


def pairs(arms: Sequence[study.Arm]) -> list[tuple[study.Arm, study.Arm]]:
    """All against the first, and skips against the start that stands in for them."""
    starts = [arm for arm in arms[1:] if arm.initializer]
    skips = [arm for arm in arms[1:] if not arm.initializer]
    return [(arms[0], arm) for arm in arms[1:]] + [(one, arm) for one in starts for arm in skips]


def _by_curvature(limits, place):
    rates = limits["factor"] / limits[f"lambda_{place}"]
    there = rates[np.isfinite(rates)]
    return f"{np.median(there):.3g} ({there.size} seeds)" if there.size else "unknown"
