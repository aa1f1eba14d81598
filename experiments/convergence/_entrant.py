"""One network of a race: how it starts, how it trains, what its curvature allows."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

import lsgeo
from experiments import train
from experiments.common import augmentation, losses
from experiments.common.options import create_model
from lsgeo import geometry, models, study


class Entrant:
    """One arm and seed of `experiments.convergence`; nothing is computed before it is asked for."""

    def __init__(self, config, arm: study.Arm, seed: int):
        changed = {"initializer": arm.initializer} if arm.initializer else {}
        seed += config.network.seed
        self.network = dataclasses.replace(config.network, skip=arm.skip, seed=seed, **changed)
        self.target, self.num_bisections, self.tol = (
            config.target,
            config.num_bisections,
            config.tol,
        )

    def check(self) -> None:
        """Raises a ValueError for a network that cannot be made or trained so."""
        train.make_recipe(self.network).check_size(len(self._dataset.train["image"]))
        losses.data_loss(self.network, self._model, {})

    def race(self, rate: float) -> study.Race:
        """Trains with one learning rate."""
        variables, params = self._start
        batch = self._batch
        recipe = train.make_recipe(dataclasses.replace(self.network, learning_rate=rate))
        changes = {
            "augment": augmentation.augment(self.network.augment),
            "mix": augmentation.mix(self.network.mixup, self._dataset.num_classes),
            "random": models.is_random(self._model),
        }
        constants = functools.partial(losses.constants, self.network, self._model, variables, batch)
        evaluate = None
        if self.network.batch_size or any(changes.values()):

            def evaluate(point):
                return losses.measure(self.network, self._model, constants, point, batch)[0]

        labels = batch.get("label") if self.network.loss == "cross_entropy" else None
        return study.race(
            self._loss,
            params,
            batch,
            recipe,
            self.target,
            key=jax.random.split(jax.random.key(self.network.seed))[1],
            bound=math.inf if labels is None else study.constant_loss(labels),
            evaluate=evaluate,
            **changes,
        )

    def limits(self, rates: tuple[float, ...], stable: np.ndarray, best: float) -> dict[str, float]:
        """The largest stable rate, from the grid's, and the curvature's at both ends of the best race."""
        found = study.narrow_stable_rate(
            lambda rate: self.race(rate).stable,
            rates,
            stable,
            num_bisections=self.num_bisections,
        )
        raced = None if math.isnan(best) else self.race(best)
        reached = raced is not None and math.isfinite(raced.steps)
        first = self._sharpness(self._start[1])
        last = self._sharpness(raced.params) if reached else (math.nan, math.nan)
        return {
            "stable_rate": found.stable,
            "unstable_rate": found.unstable,
            "holes": found.holes,
            "lambda_init": first[0],
            "residual_init": first[1],
            "lambda_target": last[0],
            "residual_target": last[1],
            "factor": _factor(self.network),
        }

    @functools.cached_property
    def _dataset(self):
        return train.load_data(self.network)

    @functools.cached_property
    def _batch(self):
        return jax.tree.map(jnp.asarray, self._dataset.train)

    @functools.cached_property
    def _model(self):
        return create_model(self.network, self._dataset)

    @functools.cached_property
    def _start(self):
        key = jax.random.split(jax.random.key(self.network.seed))[0]
        variables = models.init(self._model, self._batch["image"], key=key)
        params = variables.pop("params")
        return variables, params

    @property
    def _loss(self):
        return losses.data_loss(self.network, self._model, self._start[0], train=True)

    def _sharpness(self, params):
        loss = train.make_recipe(self.network).objective(self._loss)
        pairs = lsgeo.extreme_eigenpairs(
            lsgeo.hessian(loss, params, self._batch),
            key=jax.random.key(self.network.seed),
            top=1,
            bottom=0,
            tol=self.tol,
        )
        return float(pairs.values[-1]), float(pairs.residuals[-1])


def _factor(network):
    # Of Adam, whose limit is one of the preconditioned Hessian, there is none.
    if network.optimizer not in ("sgd", "momentum", "nesterov"):
        return math.nan
    return geometry.stability_limit(network.optimizer, 1.0, momentum=network.momentum)
