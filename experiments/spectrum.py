"""Measures the Hessian spectrum of a training run's checkpoints, or of anyone's own model.

python -m experiments.spectrum --config=configs/spectrum.py --config.run=runs/train --workdir=runs/spectrum
python -m experiments.spectrum --problem=package.module:function --workdir=runs/mine

The function takes no argument and returns (loss, params, data); see `experiments.common.problem.load_problem`.
"""

import dataclasses
import functools
import itertools
import math
import os
import time

import jax
import numpy as np

import lsgeo
from experiments._instruments import INSTRUMENTS, Subject
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network
from experiments.common.problem import load_problem
from lsgeo import plotting, runs
from lsgeo.operators import value_gradient_hessian


@dataclasses.dataclass
class Config:
    """Spectra of the checkpoints of one training run, or of one problem.

    Attributes:
      run: directory of a run of experiments.train.
      problem: package.module:function that returns (loss, params, data), instead of a run.
      checkpoints: names such as "init", "loss_0.5", "end"; () takes all. One that the run never
        reached is left out.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      num_probes: random start vectors of the density.
      num_steps: Lanczos steps per probe.
      top: highest eigenvalues.
      bottom: lowest eigenvalues.
      tol: bound on their residuals, relative to the largest |lambda|.
      trace_matvecs: products spent on the trace, and as many on the Frobenius norm.
      near_zero: eigenvalues within near_zero * max |lambda| count as zero; what fewer steps than about
        5 / sqrt(near_zero) cannot resolve shows in the intervals.
      instruments: what else is measured: "certificate" (negative curvature, index), "bulk" (random-matrix
        law, outliers), "chebyshev" (an independent density), "norms" (Frobenius, share within layers),
        "alignment" (gradient and top vectors, their layers), "layers" (the spectrum of every leaf).
      figure: whether figures/density.svg is drawn.
      seed: probes; twins are measured with the same ones.
    """

    run: str = ""
    problem: str = ""
    checkpoints: tuple[str, ...] = ()
    num_examples: int = 0
    num_probes: int = 8
    num_steps: int = 64
    top: int = 1
    bottom: int = 1
    tol: float = 1e-3
    trace_matvecs: int = 90
    near_zero: float = 1e-2
    instruments: tuple[str, ...] = ()
    figure: bool = True
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT.npz; what is there is left alone.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has nodes and weights [num_probes, num_steps], size, noise, values, residuals,
      converged, trace, lambda_min, lambda_max, fractions of eigenvalues that are near zero or negative
      and the negative mass, each with its standard error and the ends of its 95 % interval, loss, step,
      num_matvecs, seconds. Instruments have files of their own, arrays/CHECKPOINT_INSTRUMENT.npz; with two
      checkpoints or more "comparison" holds the Wasserstein-1 distance of each to the one before.

    Raises:
      ValueError: for a bad field, a run without these checkpoints, or another configuration's directory.
    """
    if not 0 < config.near_zero < 1:
        raise ValueError(f"`near_zero` must lie between 0 and 1; got {config.near_zero}.")
    for name in config.instruments:
        if name not in INSTRUMENTS:
            raise ValueError(
                f"Unknown name in `instruments`: {name!r}. Choose from: {', '.join(INSTRUMENTS)}."
            )
    names = _names(config)
    opened = runs.open_run(workdir, config)
    stages = ("", *config.instruments)
    total = len(names) * len(stages)
    for i, name in enumerate(names):
        point = _Point(config, name, opened)
        for j, stage in enumerate(stages):
            if progress is not None:
                progress(i * len(stages) + j, total, f"{stage or 'spectrum'} of {name}")
            point.measure(stage)
    if progress is not None:
        progress(total, total, "spectra")
    if len(names) > 1 and not opened.has("comparison"):
        opened.save("comparison", _compare(opened, names))
    if config.figure:
        _draw(opened, names)
    if progress is not None:
        print("\n".join(_lines(opened, names, config.instruments)))
        print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")
    return opened


def load_density(stored: dict) -> lsgeo.SpectralDensity:
    """Makes the density of a saved entry again, to be smoothed and compared without new products."""
    # A field that an older file lacks has its default.
    fields = [f.name for f in dataclasses.fields(lsgeo.SpectralDensity) if f.name in stored]
    return lsgeo.SpectralDensity(**{name: stored[name] for name in fields})


def _names(config):
    if config.run and config.problem:
        raise ValueError("Give either `run` or `problem`, not both.")
    if not config.problem:
        return choose_checkpoints(config.run, tuple(config.checkpoints))
    for name in ("checkpoints", "num_examples"):
        if getattr(config, name):
            raise ValueError(f"`{name}` belongs to a `run`; a `problem` brings its own data.")
    load_problem(config.problem)  # before anything is written
    return ["problem"]


class _Point:
    # One checkpoint; what it needs is made when a stage asks for it, and kept for the next one.

    def __init__(self, config, name, opened):
        self.config, self.name, self.opened = config, name, opened

    def measure(self, stage):
        file = f"{self.name}_{stage}" if stage else self.name
        if self.opened.has(file):
            return
        started = time.monotonic()
        result = INSTRUMENTS[stage](self._subject(stage)) if stage else self._core()
        self.opened.save(file, {**result, "seconds": time.monotonic() - started})

    def _core(self):
        config, (value, _, op) = self.config, self._hessian
        trace = lsgeo.trace(op, key=self._key(2), num_matvecs=config.trace_matvecs)
        density, pairs = self._density, self._pairs
        return {
            **{f.name: getattr(density, f.name) for f in dataclasses.fields(density)},
            "values": pairs.values,
            "residuals": pairs.residuals,
            "converged": pairs.converged,
            "lambda_min": pairs.values[0],
            "lambda_max": pairs.values[-1],
            "trace": trace.value,
            "trace_error": trace.standard_error,
            **_fractions(density, config.near_zero * np.abs(pairs.values).max()),
            "loss": value,
            "step": self._network.step,
            "network_sha256": self._network.sha256,
            "arm": self._network.arm,
            "total_matvecs": density.num_matvecs + pairs.num_matvecs + trace.num_matvecs,
        }

    def _subject(self, stage):
        _, gradient, op = self._hessian
        key = self._key(10 + list(INSTRUMENTS).index(stage))
        sizes = ("num_probes", "num_steps")
        budget = {name: getattr(self.config, name) for name in sizes}
        budget["num_matvecs"] = self.config.trace_matvecs
        return Subject(op, gradient, self._density, self._pairs, key, self._key(0), **budget)

    def _key(self, number):
        return jax.random.fold_in(jax.random.key(self.config.seed), number)

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
        config = self.config
        return lsgeo.extreme_eigenpairs(
            self._hessian[2],
            key=self._key(1),
            top=config.top,
            bottom=config.bottom,
            tol=config.tol,
        )


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


def _compare(opened, names):
    densities = [load_density(opened.load(name)) for name in names]
    found = [lsgeo.wasserstein_1(a, b) for a, b in itertools.pairwise(densities)]
    ends = {end: [getattr(one, end) for one in found] for end in ("lower", "value", "upper")}
    return {"names": names, **{f"wasserstein_1_{end}": values for end, values in ends.items()}}


def _lines(opened, names, instruments):
    for name in names:
        yield _line(name, opened.load(name))
        for instrument in instruments:
            yield f"  {instrument}: {opened.load(f'{name}_{instrument}')['text']}"
    if len(names) > 1:
        stored = opened.load("comparison")
        for i, (before, after) in enumerate(itertools.pairwise(names)):
            value, low, high = (
                stored[f"wasserstein_1_{e}"][i] for e in ("value", "lower", "upper")
            )
            yield f"{before} to {after}: Wasserstein-1 {value:.4g} in [{low:.4g}, {high:.4g}]"


def _line(name, stored):
    return (
        f"{name}: loss {stored['loss']:.4g}; eigenvalues {stored['lambda_min']:.4g} (±"
        f"{stored['residuals'][0]:.1g}) to {stored['lambda_max']:.4g} (±{stored['residuals'][-1]:.1g}); "
        f"trace {stored['trace']:.4g} ± {stored['trace_error']:.2g}; "
        f"{stored['negative_mass']:.2%} of the curvature is negative ({stored['total_matvecs']} products)"
    )


def _draw(opened, names):
    columns = min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    figure, axes = plotting.new_figure(
        width=max(7.3, 3.6 * columns), height=3.4 * rows, columns=columns, rows=rows
    )
    for ax in np.ravel(axes)[len(names) :]:
        ax.set_axis_off()
    for name, ax in zip(names, np.ravel(axes), strict=False):
        stored = opened.load(name)
        arms = {stored["arm"]: [load_density(stored)]}
        plotting.spectral_densities(arms, ax, unit="nats / parameter²", x_scale="symlog")
        ax.set_title(name)
    save_figure(opened, "density", figure)


if __name__ == "__main__":
    launch(run, config_file="configs/spectrum.py", shorthands=("problem",))
