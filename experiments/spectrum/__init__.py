"""Measures the Hessian spectrum of a training run's checkpoints, or of anyone's own model.

python -m experiments.spectrum --config=configs/spectrum.py --config.run=runs/train --workdir=runs/spectrum
python -m experiments.spectrum --problem=package.module:function --workdir=runs/mine

The function takes no argument and returns (loss, params, data), or (loss, params, batches, count); see
`experiments.common.problem.load_problem`.
"""

import dataclasses
import os

from experiments.common.fields import check_choice, check_names
from experiments.common.network import choose_checkpoints
from experiments.common.problem import load_problem
from experiments.common.steps import Progress, Steps, report
from experiments.spectrum import _point
from experiments.spectrum._instruments import INSTRUMENTS as INSTRUMENTS
from experiments.spectrum._point import load_density as load_density
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """Spectra of the checkpoints of one training run, or of one problem.

    Attributes:
      run: directory of a run of experiments.train.
      problem: package.module:function that returns (loss, params, data), or (loss, params, batches, count),
        instead of a run.
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
      reference: law of "bulk", "marchenko-pastur" (of a positive bulk) or "semicircle".
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
    reference: str = "marchenko-pastur"
    figure: bool = True
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT.npz.

    Returns:
      The Run. An entry has nodes and weights [num_probes, num_steps], size, noise, values, residuals,
      converged, trace, lambda_min, lambda_max, fractions of eigenvalues that are near zero or negative
      and the negative mass, each with its standard error and the ends of its 95 % interval, loss, step,
      num_matvecs, seconds. Instruments have files of their own, arrays/CHECKPOINT_INSTRUMENT.npz; of one
      that is not defined for this Hessian it holds "applies", false, and why, in "text". With two
      checkpoints or more "comparison" holds the Wasserstein-1 distance of each to the one before.
    """
    if not 0 < config.near_zero < 1:
        raise ValueError(f"`near_zero` must lie between 0 and 1; got {config.near_zero}.")
    check_names(config, instruments=INSTRUMENTS)
    check_choice(config, reference=("marchenko-pastur", "semicircle"))
    names = _names(config)
    opened = runs.open_run(workdir, config)
    stages = ("", *config.instruments)
    step = Steps(progress, len(names) * len(stages))
    for name in names:
        point = _point.Point(config, name, opened)
        for stage in stages:
            point.measure(stage)
            step(f"{stage or 'spectrum'} of {name}")
    if len(names) > 1:
        opened.stage("comparison", "", lambda: _point.compare(opened, names))
    if config.figure:
        _point.draw(opened, names, config.instruments)
    report(progress, opened, _point.lines(opened, names, config.instruments))
    return opened


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
