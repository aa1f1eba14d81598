"""Measures how much skip a trained network needs: its loss, accuracy and sharpness at every gate from 0 to 1.

A network with the skip type "gated" has g S(x) + F(x) in each block. Its weights stay as training left them;
g goes from 0, no skip, to 1, the whole one, in all blocks at once. Nothing is compiled for a gate.

python -m experiments.gate --config=configs/gate.py --workdir=runs/gate
python -m experiments.gate --config=configs/gate.py --config.run=runs/gated --workdir=runs/gate
"""

import dataclasses
import functools
import os

import numpy as np

from experiments import train
from experiments.common import twins
from experiments.common.figures import save_figure
from experiments.common.network import load_network
from experiments.common.steps import Progress, Steps
from experiments.gate import _sweep
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """A sweep of the gates of one network.

    Attributes:
      run: directory of a run of experiments.train with the skip type "gated"; "" trains one in WORKDIR/train.
      network: configuration of that training, where `run` is "".
      checkpoint: of the run.
      num_gates: gates from 0 to 1, both included.
      num_examples: training examples that are measured on, the first ones; 0 takes all.
      batch_stats: batch norm statistics at each gate, "re-estimated" on those examples or "frozen" at those of
        the checkpoint, which belong to another gate. Without batch norm they are the same.
      tol: bound on the residual of the largest eigenvalue, relative to the largest |lambda|.
      seed: start vector of the eigenvalue.
    """

    run: str = ""
    network: train.Config = twins.own(
        depth=16,
        width=32,
        norm="layer",
        skip="gated",
        max_steps=400,
        loss_levels=(),
        eval_every=100,
    )
    checkpoint: str = "end"
    num_gates: int = 11
    num_examples: int = 0
    batch_stats: str = "re-estimated"
    tol: float = 1e-3
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures each gate into arrays/gate_K.npz and draws figures/gate.svg.

    Returns:
      The Run. An entry has gate, loss, accuracy, lambda_max and lambda_min with their residuals,
      converged, num_matvecs, seconds; "summary" has the first four for all gates, trained_gates (one for each
      block, of the checkpoint), batch_stats (the policy, or "none") and step.

    Raises:
      ValueError: for a network without gates.
    """
    _sweep.check(config)
    opened = runs.open_run(workdir, config)
    trained = config.run or twins.trained(opened, config.network, {"": {}}, progress)[""]
    network = load_network(trained, config.checkpoint, config.num_examples)
    step, entries = Steps(progress, config.num_gates), []
    for k, gate in enumerate(np.linspace(0, 1, config.num_gates)):
        measure = functools.partial(_sweep.measure, config, network, gate)
        entries.append(opened.stage(f"gate_{k:03d}", network.sha256, measure))
        step(_sweep.line(entries[-1]))
    summary = _sweep.summary(config, network, entries)
    opened.save("summary", summary)
    save_figure(opened, "gate", _sweep.draw(summary, network.arm))
    return opened
