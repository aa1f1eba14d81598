"""Measures the Hessian spectrum of a training run's checkpoints, or of anyone's own model.

python -m experiments.spectrum --config=configs/spectrum.py --config.run=runs/train --workdir=runs/spectrum
python -m experiments.spectrum --problem=package.module:function --workdir=runs/mine

The function takes no argument and returns (loss, params, data); see `experiments._problem.load`.
"""

import dataclasses
import os
import time

import jax
import numpy as np

import lsgeo
from experiments import _main, _network, _problem
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
      trace_matvecs: products spent on the trace (Hutch++).
      near_zero: eigenvalues within near_zero * max |lambda| count as zero.
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
    near_zero: float = 1e-4
    figure: bool = True
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT.npz; those that are there are left alone.

    Args:
      config: Config.
      workdir: the run's directory.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has nodes and weights [num_probes, num_steps], size, noise, values, residuals,
      converged, trace, lambda_min, lambda_max, fractions of eigenvalues that are near zero or negative
      and the negative mass, each with its standard error, loss, step, num_matvecs, seconds.

    Raises:
      ValueError: for a bad field, a run without these checkpoints, or another configuration's directory.
    """
    if not 0 < config.near_zero < 1:
        raise ValueError(f"`near_zero` must lie between 0 and 1; got {config.near_zero}.")
    names = _names(config)
    opened = runs.open_run(workdir, config)
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, len(names), f"spectrum of {name}")
        if not opened.has(name):
            opened.save(name, _measure(config, name))
    if progress is not None:
        progress(len(names), len(names), "spectra")
    if config.figure:
        _draw(opened, names)
    if progress is not None:
        print("\n".join(_line(name, opened.load(name)) for name in names))
        print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")
    return opened


def load_density(stored: dict) -> lsgeo.SpectralDensity:
    """Makes the density of a saved entry again, to be smoothed and compared without new products."""
    fields = [field.name for field in dataclasses.fields(lsgeo.SpectralDensity)]
    return lsgeo.SpectralDensity(**{name: stored[name] for name in fields})


def _names(config):
    if config.run and config.problem:
        raise ValueError("Give either `run` or `problem`, not both.")
    if not config.problem:
        return _network.choose(config.run, tuple(config.checkpoints))
    for name in ("checkpoints", "num_examples"):
        if getattr(config, name):
            raise ValueError(f"`{name}` belongs to a `run`; a `problem` brings its own data.")
    _problem.load(config.problem)  # before anything is written
    return ["problem"]


def _measure(config, name):
    started = time.monotonic()
    if config.problem:
        network = _problem.load(config.problem)
    else:
        network = _network.load(config.run, name, config.num_examples)
    value, _, op = value_gradient_hessian(network.loss, network.params, **network.data)
    keys = [jax.random.fold_in(jax.random.key(config.seed), i) for i in range(3)]
    density = lsgeo.spectral_density(
        op, key=keys[0], num_probes=config.num_probes, num_steps=config.num_steps
    )
    pairs = lsgeo.extreme_eigenpairs(
        op, key=keys[1], top=config.top, bottom=config.bottom, tol=config.tol
    )
    trace = lsgeo.trace(op, key=keys[2], num_matvecs=config.trace_matvecs)
    products = density.num_matvecs + pairs.num_matvecs + trace.num_matvecs
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
        "step": network.step,
        "network_sha256": network.sha256,
        "arm": network.arm,
        "total_matvecs": products,
        "seconds": time.monotonic() - started,
    }


def _fractions(density, threshold):
    zero = density.fraction_within(-threshold, threshold)
    negative = density.fraction_within(-np.inf, np.nextafter(-threshold, -np.inf))
    mass = density.negative_mass()
    named = {"zero_fraction": zero, "negative_fraction": negative, "negative_mass": mass}
    values = {name: estimate.value for name, estimate in named.items()}
    errors = {f"{name}_error": estimate.standard_error for name, estimate in named.items()}
    return {**values, **errors, "threshold": threshold}


def _line(name, stored):
    return (
        f"{name}: loss {stored['loss']:.4g}; eigenvalues {stored['lambda_min']:.4g} (±"
        f"{stored['residuals'][0]:.1g}) to {stored['lambda_max']:.4g} (±{stored['residuals'][-1]:.1g}); "
        f"trace {stored['trace']:.4g} ± {stored['trace_error']:.2g}; "
        f"{stored['negative_mass']:.2%} of the curvature is negative ({stored['total_matvecs']} products)"
    )


def _draw(opened, names):
    figure, axes = plotting.new_figure(columns=len(names))
    for name, ax in zip(names, np.atleast_1d(axes), strict=True):
        stored = opened.load(name)
        arms = {stored["arm"]: [load_density(stored)]}
        plotting.spectral_densities(arms, ax, unit="nats / parameter²", x_scale="symlog")
        ax.set_title(name)
    figures = opened.path / "figures"
    figures.mkdir(exist_ok=True)
    (figures / "density.svg").write_text(plotting.to_svg(figure))


if __name__ == "__main__":
    _main.launch(run, config_file="configs/spectrum.py", shorthands=("problem",))
