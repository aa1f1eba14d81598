"""Classifies a training run's checkpoints: minimum, saddle, gradient-flat, or not critical.

python -m experiments.saddles --config=configs/saddles.py --config.run=runs/train --workdir=runs/saddles
"""

import dataclasses
import functools
import os

import jax

import lsgeo
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network
from experiments.common.steps import Progress, Steps
from lsgeo import runs
from lsgeo.results import entries

TOLERANCES = ("gradient_tol", "flat_tol", "curvature_tol", "failure_probability")
FIGURES = ("kind", "loss", "gradient_norm", "newton_gain", "kernel_share", "hg_over_g", "flatness")
INDEX = ("index", "index_lower", "index_upper", "num_matvecs")
BOUNDS = ("value", "residual", "lower_bound", "upper_end", "upper_bound", "noise")


@dataclasses.dataclass
class Config:
    """Classification of the checkpoints of one training run.

    Attributes:
      run: directory of a run of experiments.train.
      checkpoints: names such as "init", "loss_0.5", "end"; () takes all.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      gradient_tol: a point is critical where a Newton step can gain at most this share of the loss.
      flat_tol: eigenvalues within flat_tol * max |lambda| are the near-kernel, where a gradient-flat point has
        most of its gradient.
      curvature_tol: eigenvalues within curvature_tol * max |lambda| count as zero.
      failure_probability: of the lower bound on the lowest eigenvalue.
      seed: random start vectors.
    """

    run: str = ""
    checkpoints: tuple[str, ...] = ()
    num_examples: int = 0
    gradient_tol: float = 1e-4
    flat_tol: float = 1e-3
    curvature_tol: float = 1e-2
    failure_probability: float = 0.01
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Classifies each checkpoint into arrays/CHECKPOINT.npz.

    Returns:
      The Run. An entry has kind, message, loss, gradient_norm, hg_over_g, flatness, value (a certain
      upper bound on the lowest eigenvalue), residual, lower_bound, threshold, index and its bounds, n,
      num_matvecs, step, seconds.
    """
    names = choose_checkpoints(config.run, tuple(config.checkpoints))
    opened, step = runs.open_run(workdir, config), Steps(progress, len(names))
    for name in names:
        network = load_network(config.run, name, config.num_examples)
        classify = functools.partial(_classify, config, network)
        step(f"{name}: {opened.stage(name, network.sha256, classify)['message']}")
    return opened


def _classify(config, network):
    point = lsgeo.classify_critical_point(
        *network.problem, key=jax.random.key(config.seed), **entries(config, TOLERANCES)
    )
    return {
        **entries(point, FIGURES + INDEX),
        **entries(point.curvature, BOUNDS),
        "message": str(point),
        "step": network.step,
    }


if __name__ == "__main__":
    launch(run, config_file="configs/saddles.py")
