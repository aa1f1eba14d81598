"""One checkpoint, or problem, and what is measured of its Hessian; what the spectra of all say."""

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

import lsgeo
from experiments.common.figures import grid, save_figure
from experiments.common.network import load_network
from experiments.common.problem import load_problem
from experiments.common.steps import or_told
from experiments.spectrum._instruments import INSTRUMENTS, Subject
from lsgeo import draws, plotting, runs
from lsgeo.interval import says_nothing
from lsgeo.operators import value_gradient_hessian
from lsgeo.results import entries, restored

ENDS = ("value", "lower", "upper")


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
        subject = Subject(
            op,
            gradient,
            self._density,
            self._pairs,
            key=key,
            density_key=self._key(0),
            **entries(config, ("num_probes", "num_steps", "reference")),
            num_matvecs=config.trace_matvecs,
        )
        return or_told(lambda: INSTRUMENTS[stage](subject))

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
        sizes = entries(self.config, ("num_probes", "num_steps"))
        return lsgeo.spectral_density(self._hessian[2], key=self._key(0), **sizes)

    @functools.cached_property
    def _pairs(self):
        options = entries(self.config, ("top", "bottom", "tol"))
        return lsgeo.extreme_eigenpairs(self._hessian[2], key=self._key(1), **options)


def _fractions(density, threshold):
    found = {
        "zero_fraction": density.fraction_within(-threshold, threshold),
        "negative_fraction": density.fraction_within(-np.inf, np.nextafter(-threshold, -np.inf)),
        "negative_mass": density.negative_mass(),
    }
    result = {"threshold": threshold}
    for name, interval in found.items():
        result |= {name: interval.value, f"{name}_error": interval.standard_error}
        result |= entries(interval, ("lower", "upper"), f"{name}_")
    return result


def compare(opened: runs.Run, names: Sequence[str]) -> dict[str, Any]:
    """The Wasserstein-1 distance of each spectrum to the one before."""
    densities = [load_density(opened.load(name)) for name in names]
    found = [lsgeo.wasserstein_1(a, b) for a, b in itertools.pairwise(densities)]
    return {
        "names": names,
        **{f"wasserstein_1_{end}": [getattr(one, end) for one in found] for end in ENDS},
    }


def lines(opened: runs.Run, names: Sequence[str], instruments: Sequence[str]) -> Iterator[str]:
    """One line for each spectrum, what an instrument found, and each distance."""
    for name in names:
        yield _line(name, opened.load(name))
        for instrument in instruments:
            yield f"  {instrument}: {opened.load(f'{name}_{instrument}')['text']}"
    if len(names) > 1:
        stored = opened.load("comparison")
        for i, (before, after) in enumerate(itertools.pairwise(names)):
            value, low, high = (stored[f"wasserstein_1_{end}"][i] for end in ENDS)
            yield f"{before} to {after}: Wasserstein-1 {value:.4g} in [{low:.4g}, {high:.4g}]"


def _line(name, stored):
    low, high = stored["negative_mass_lower"], stored["negative_mass_upper"]
    share = f"{stored['negative_mass']:.2%} of the curvature is negative"
    if says_nothing(low, high, 1.0):
        share = f"the negative share of the curvature is undetermined: [{low:.2%}, {high:.2%}]"
    return (
        f"{name}: loss {stored['loss']:.4g}; eigenvalues {stored['lambda_min']:.4g} (±"
        f"{stored['residuals'][0]:.1g}) to {stored['lambda_max']:.4g} (±{stored['residuals'][-1]:.1g}); "
        f"trace {stored['trace']:.4g} ± {stored['trace_error']:.2g}; "
        f"{share} ({stored['total_matvecs']} products)"
    )


def draw(opened: runs.Run, names: Sequence[str], instruments: Sequence[str]) -> None:
    """Draws figures/density.svg, one density beside the other, and says which instruments do not apply."""
    columns = min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    width = max(7.3, 3.6 * columns)
    figure, axes = grid(len(names), width, 3.4 * rows, columns=columns, rows=rows)
    for name, ax in zip(names, axes, strict=True):
        stored = opened.load(name)
        arms = {stored["arm"]: [load_density(stored)]}
        plotting.spectral_densities(arms, ax, unit="nats / parameter²", x_scale="symlog")
        ax.set_title(name)
        found = {one: opened.load(f"{name}_{one}") for one in instruments}
        lost = [one for one, stored in found.items() if not stored.get("applies", True)]
        if lost:
            text = f"{', '.join(lost)}: not defined here"
            ax.text(0.02, 0.98, text, transform=ax.transAxes, va="top", fontsize="small")
    save_figure(opened, "density", figure)
