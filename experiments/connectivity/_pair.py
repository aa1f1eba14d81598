"""Both networks, the loss at any point between them, and the paths from one to the other."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.common import losses
from experiments.common.network import load_network
from experiments.connectivity._paths import of_barrier
from lsgeo import geometry, runs, trees
from lsgeo.results import entries

Steps = Callable[[int, int], None] | None


class Pair:
    """Two networks of one configuration, and what is measured between them."""

    def __init__(self, config: Any):
        self._config, self._key = config, jax.random.key(config.seed)
        self.one, self._other = (
            load_network(path, config.checkpoint, config.num_examples)
            for path in (config.run, config.other)
        )
        self.sha256 = f"{self.one.sha256} {self._other.sha256}"
        # Of one network: curves are fitted in training mode, and measured in evaluation mode.
        self._training = dataclasses.replace(self.one.loss, train=True)

    def measure(self, name: str, opened: runs.Run, steps: Steps) -> dict[str, Any]:
        """The matching, a path of `PATHS`, or the curvature; steps(step, number of steps)."""
        if name == "matching":
            return self._match()
        ends = self.one.params, self._end(opened, name)
        if name == "curvature":
            return self._curvature(ends[0], opened.load("curve_matched")["points"], steps)
        kind = name.split("_")[0]
        return {"line": self._line, "curve": self._curve, "band": self._band}[kind](ends, steps)

    def _at(self, params):
        # The statistics of the ends mean nothing between them.
        return losses.reestimated(self.one.loss, params, self.one.batch)

    @functools.cached_property
    def _groups(self):
        few = jax.tree.map(lambda leaf: leaf[:16], self.one.batch)
        key = jax.random.key(0)
        return geometry.permutation_groups(self.one.predict, self.one.params, few, key=key)

    def _match(self):
        one, other, config = self.one, self._other, self._config
        ends = one.params, other.params
        if config.matching == "weights":
            starts = {"key": self._key, "num_starts": config.num_starts}
            found = geometry.match_weights(self._groups, *ends, **starts)
        else:
            predicts = other.predict, *ends, one.batch
            found = geometry.match_activations(self._groups, *predicts, own_predict=one.predict)
        return {
            "permutations": np.concatenate(found.permutations),
            "sizes": np.array(self._groups.sizes),
            **entries(found, ("distances", "distance", "distance_before")),
            "message": str(found),
        }

    def _end(self, opened, name):
        if name in ("line", "curve"):
            return self._other.params
        stored = opened.load("matching")
        permutations = np.split(stored["permutations"], np.cumsum(stored["sizes"])[:-1])
        return self._groups.permute(self._other.params, permutations)

    def _line(self, ends, steps):
        del steps
        one, count = self.one, self._config.num_points
        barrier = geometry.linear_barrier(one.loss, *ends, one.batch, num_points=count, at=self._at)
        return {**of_barrier(barrier), "message": f"line: {barrier}"}

    def _curve(self, ends, steps):
        config = self._config
        found = geometry.fit_curve(
            self._training,
            *ends,
            self.one.batch,
            key=self._key,
            optimizer=_adam(config.curve_learning_rate),
            num_steps=config.curve_steps,
            kind=config.curve,
            **entries(config, ("num_bends", "batch_size", "num_points")),
            at=self._at,
            progress=steps,
        )
        flat = functools.partial(trees.ravel, trees.space_of(ends[0]))
        points = jax.vmap(flat)(found.curve.points)
        return {**of_barrier(found.barrier), "points": points, "message": str(found)}

    def _band(self, ends, steps):
        found = geometry.nudged_elastic_band(
            self._training,
            *ends,
            self.one.batch,
            optimizer=_adam(self._config.band_learning_rate),
            num_pivots=self._config.num_pivots,
            num_steps=self._config.band_steps,
            at=self._at,
            progress=steps,
        )
        return {**of_barrier(found.barrier), "forces": found.forces, "message": str(found)}

    def _curvature(self, start, rows, steps):
        points = trees.unravel(trees.space_of(start), jnp.asarray(rows))
        found = geometry.curvature_along(
            self.one.loss,
            geometry.Curve(points, self._config.curve),
            self.one.batch,
            key=self._key,
            num_points=self._config.curvature_points,
            at=self._at,
            progress=steps,
        )
        return {**entries(found), "message": str(found)}


# One object for each rate: both curves then share a compiled step.
_adam = functools.cache(optax.adam)
