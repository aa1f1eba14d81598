"""The race of `experiments.convergence`: what is trained, compared, drawn and said."""

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

import lsgeo
from experiments.common import twins
from experiments.common.fields import check_least, check_positive
from experiments.common.trainee import Trainee
from lsgeo import geometry, plotting, results, runs, study

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


class Entrant(Trainee):
    """One arm and seed of `experiments.convergence`."""

    def __init__(self, config: Any, arm: study.Arm, seed: int):
        seed += config.network.seed
        changed = twins.changes(arm, config.network.model, config.network.options)
        super().__init__(dataclasses.replace(config.network, seed=seed, **changed))
        self.race_config = config

    def race(self, rate: float) -> study.Race:
        """Trains with one learning rate."""
        labels = self.batch.get("label") if self.config.loss == "cross_entropy" else None
        return study.race(
            self.loss,
            self.start[0],
            self.batch,
            dataclasses.replace(self.config, learning_rate=rate).recipe(),
            self.race_config.target,
            key=self.order_key,
            bound=math.inf if labels is None else study.constant_loss(labels),
            **self.options(),
        )

    def limits(self, rates: Sequence[float], stable: np.ndarray, best: float) -> dict[str, float]:
        """The largest stable rate, from the grid's, and the curvature's at both ends of the best race."""
        found = study.narrow_stable_rate(
            lambda rate: self.race(rate).stable,
            rates,
            stable,
            num_bisections=self.race_config.num_bisections,
        )
        raced = None if math.isnan(best) else self.race(best)
        reached = raced is not None and math.isfinite(raced.steps)
        optimizer, factor = self.config.optimizer, math.nan
        if optimizer in ("sgd", "momentum", "nesterov"):  # Adam's limit is not the Hessian's.
            factor = geometry.stability_limit(optimizer, 1.0, momentum=self.config.momentum)
        return {
            "stable_rate": found.stable,
            "unstable_rate": found.unstable,
            "holes": found.holes,
            **self._sharpness(self.start[0], "init"),
            **self._sharpness(raced.params if reached else None, "target"),
            "factor": factor,
        }

    def _sharpness(self, params, place):
        if params is None:
            return {f"lambda_{place}": math.nan, f"residual_{place}": math.nan}
        loss = self.config.recipe().objective(self.loss)
        pairs = lsgeo.extreme_eigenpairs(
            lsgeo.hessian(loss, params, self.batch),
            key=jax.random.key(self.config.seed),
            top=1,
            bottom=0,
            tol=self.race_config.tol,
        )
        return {f"lambda_{place}": pairs.values[-1], f"residual_{place}": pairs.residuals[-1]}


class Race:
    """All arms, with what they have in common and what is there of them."""

    def __init__(self, config: Any, opened: runs.Run, arms: Sequence[study.Arm]):
        self._config, self._opened, self._arms = config, opened, arms
        # Each starts once, for all rates.
        self._entrants = functools.lru_cache(1)(
            lambda arm: [Entrant(config, arm, k) for k in range(config.num_seeds)]
        )

    def rate(self, arm: study.Arm, rate: float) -> dict[str, Any]:
        """One entry of the grid, with all seeds."""
        found = [results.entries(one.race(float(rate)), SEEN) for one in self._entrants(arm)]
        return {"learning_rate": float(rate), **results.columns(found)}

    def limits(self, arm: study.Arm) -> dict[str, np.ndarray]:
        """The largest stable rate of each seed, and what its curvature allows."""
        rates, best = self._config.learning_rates, self._speed(arm).rate
        stable = load_grid(self._opened, self._config, arm.name)["stable"]
        both = zip(self._entrants(arm), stable.T, strict=True)
        return results.columns([one.limits(rates, bore, best) for one, bore in both])

    def speeds(self) -> dict[str, Any]:
        """The speed of each arm at its own best rate."""
        names = ("rate", "steps", "lower", "upper", "num_reached", "at_edge")
        found = [results.entries(self._speed(arm), names) for arm in self._arms]
        return {"arms": [arm.name for arm in self._arms], **results.columns(found)}

    def speed_ups(self) -> dict[str, Any]:
        """The speeds of pairs of arms against each other."""
        names = ("ratio", "lower", "upper", "bound")
        found = [results.entries(self._speed_up(*pair), names) for pair in pairs(self._arms)]
        slow, fast = ([arm.name for arm in side] for side in zip(*pairs(self._arms), strict=True))
        return {"slow": slow, "fast": fast, **results.columns(found)}

    def draw(self) -> Figure:
        """Draws steps against the learning rate, and the largest stable rates."""
        config = self._config
        figure, axes = plotting.new_figure(height=6.4, rows=2)
        plotting.steps_by_rate(
            config.learning_rates,
            {arm.label: self._steps(arm) for arm in self._arms},
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

    def _steps(self, arm):
        return load_grid(self._opened, self._config, arm.name)["steps"]

    def _speed(self, arm):
        rates, budget = self._config.learning_rates, self._config.network.max_steps
        return study.best_speed(rates, self._steps(arm), budget=budget)

    def _speed_up(self, slow, fast):
        rates, budget = self._config.learning_rates, self._config.network.max_steps
        return study.speed_up(rates, self._steps(slow), self._steps(fast), budget=budget)


def pairs(arms: Sequence[study.Arm]) -> list[tuple[study.Arm, study.Arm]]:
    """All against the first, and skips against the starts that stand in for them."""
    starts = [arm for arm in arms[1:] if arm.skip == "none"]
    skips = [arm for arm in arms[1:] if arm.skip != "none"]
    return [(arms[0], arm) for arm in arms[1:]] + [(one, arm) for one in starts for arm in skips]


def _by_curvature(limits, place):
    rates = limits["factor"] / limits[f"lambda_{place}"]
    there = rates[np.isfinite(rates)]
    return f"{np.median(there):.3g} ({there.size} seeds)" if there.size else "unknown"
