"""One checkpoint, or problem, and what is measured of its Hessian."""

import functools
from typing import Any

import jax
import numpy as np

import lsgeo
from experiments.common.network import load_network
from experiments.common.problem import load_problem
from experiments.spectrum._instruments import INSTRUMENTS, Subject
from lsgeo import draws, runs
from lsgeo.operators import value_gradient_hessian
from lsgeo.results import entries, restored


def load_density(stored: dict[str, Any]) -> lsgeo.SpectralDensity:
    """Makes the density of a saved entry again, to be smoothed and compared without new products."""
    return restored(lsgeo.SpectralDensity, stored)


class Point:
    """One checkpoint; what it needs is made when a stage asks for it, and kept for the next one."""

    def __init__(self, config: Any, name: str, opened: runs.Run):
        self.config, self.name, self.opened = config, name, opened
        self._random = jax.random.key(config.seed)

    def measure(self, stage: str) -> dict[str, Any]:
        """What a stage has found: an instrument by its name, or "" for density, ends and trace."""
        if not stage:
            return self.opened.stage(self.name, self._network.sha256, self._core)
        return self.opened.stage(f"{self.name}_{stage}", "", lambda: self._with(stage))

    def _with(self, stage):
        _, gradient, op = self._hessian
        config, key = self.config, draws.named(self._random, stage)
        return INSTRUMENTS[stage](
            Subject(
                op,
                gradient,
                self._density,
                self._pairs,
                key=key,
                density_key=self._key(0),
                num_probes=config.num_probes,
                num_steps=config.num_steps,
                num_matvecs=config.trace_matvecs,
            )
        )

    def _core(self):
        value, _, op = self._hessian
        trace = lsgeo.trace(op, key=self._key(2), num_matvecs=self.config.trace_matvecs)
        density, pairs = self._density, self._pairs
        return {
            **entries(density),
            **entries(pairs, ("values", "residuals", "converged")),
            "lambda_min": pairs.values[0],
            "lambda_max": pairs.values[-1],
            "trace": trace.value,
            "trace_error": trace.standard_error,
            **_fractions(density, self.config.near_zero * np.abs(pairs.values).max()),
            "loss": value,
            **entries(self._network, ("step", "arm")),
            "total_matvecs": density.num_matvecs + pairs.num_matvecs + trace.num_matvecs,
        }

    def _key(self, number):
        return jax.random.fold_in(self._random, number)

    @functools.cached_property
    def _network(self):
        if self.config.problem:
            return load_problem(self.config.problem)
        return load_network(self.config.run, self.name, self.config.num_examples)

    @functools.cached_property
    def _hessian(self):
        network = self._network
        return value_gradient_hessian(network.loss, network.params, **network.data)

    @functools.cached_property
    def _density(self):
        if self.opened.has(self.name):
            return load_density(self.opened.load(self.name))
        sizes = {"num_probes": self.config.num_probes, "num_steps": self.config.num_steps}
        return lsgeo.spectral_density(self._hessian[2], key=self._key(0), **sizes)

    @functools.cached_property
    def _pairs(self):
        options = {name: getattr(self.config, name) for name in ("top", "bottom", "tol")}
        return lsgeo.extreme_eigenpairs(self._hessian[2], key=self._key(1), **options)


def _fractions(density, threshold):
    found = {
        "zero_fraction": density.fraction_within(-threshold, threshold),
        "negative_fraction": density.fraction_within(-np.inf, np.nextafter(-threshold, -np.inf)),
        "negative_mass": density.negative_mass(),
    }
    result = {"threshold": threshold}
    for name, interval in found.items():
        result[name] = interval.value
        result[f"{name}_error"] = interval.standard_error
        result[f"{name}_lower"], result[f"{name}_upper"] = interval.lower, interval.upper
    return result
