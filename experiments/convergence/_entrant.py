"""One network of a race: how it trains, and what its curvature allows."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

import lsgeo
from experiments.common import twins
from experiments.common.trainee import Trainee
from lsgeo import geometry, study


class Entrant(Trainee):
    """One arm and seed of `experiments.convergence`."""

    def __init__(self, config: Any, arm: study.Arm, seed: int):
        seed += config.network.seed
        super().__init__(dataclasses.replace(config.network, seed=seed, **twins.changes(arm)))
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
        first = self._sharpness(self.start[0])
        last = self._sharpness(raced.params) if reached else (math.nan, math.nan)
        return {
            "stable_rate": found.stable,
            "unstable_rate": found.unstable,
            "holes": found.holes,
            "lambda_init": first[0],
            "residual_init": first[1],
            "lambda_target": last[0],
            "residual_target": last[1],
            "factor": self._factor(),
        }

    def _sharpness(self, params):
        loss = self.config.recipe().objective(self.loss)
        pairs = lsgeo.extreme_eigenpairs(
            lsgeo.hessian(loss, params, self.batch),
            key=jax.random.key(self.config.seed),
            top=1,
            bottom=0,
            tol=self.race_config.tol,
        )
        return float(pairs.values[-1]), float(pairs.residuals[-1])

    def _factor(self):
        # Of Adam, whose limit is one of the preconditioned Hessian, there is none.
        optimizer = self.config.optimizer
        if optimizer not in ("sgd", "momentum", "nesterov"):
            return math.nan
        return geometry.stability_limit(optimizer, 1.0, momentum=self.config.momentum)
