"""Searches for critical points from trajectories of networks with and without skips, and counts their kinds.

A search ends where the gradient norm ends falling; what is there is classified afterwards: minimum, saddle,
gradient-flat (no critical point), not critical (the search did not arrive). By default it trains small twins.

python -m experiments.critical_points --config=configs/critical_points.py --workdir=runs/critical
python -m experiments.critical_points --config=configs/critical_points.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/critical
"""

import dataclasses
import functools
import os

from experiments import train
from experiments.common import twins
from experiments.common.figures import save_figure
from experiments.common.network import load_network
from experiments.common.steps import Progress, Steps, report
from experiments.critical_points import _search, _starts, _table
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """Searches from the checkpoints of one training run, of two, or of twins of its own.

    Attributes:
      run: directory of a run of experiments.train; "" trains twins with and without skips in WORKDIR/train.
      twin: directory of its twin's; "" for none.
      network: configuration of that training, where `run` is "", without a skip.
      num_networks: twins that are trained, of seeds from that of `network` on.
      checkpoints: names such as "init", "step_100", "end"; () takes all.
      num_starts: searches from each checkpoint: from the checkpoint itself, then from noisy copies of it.
      noise: standard deviation of that noise, relative to the root mean square of each parameter array.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      method: "newton_mr" or "gradient_norm", which find saddles as they find minima, "saddle_free", which
        leaves saddles, or several of them, separated by commas.
      tol: a search ends where the gradient norm is no more than this share of the first one.
      num_steps: its steps at most.
      inner_steps: products of each step at most; "gradient_norm" has one.
      gradient_tol: a point is critical where a Newton step can gain at most this share of the loss.
      flat_tol: eigenvalues within flat_tol * max |lambda| are the near-kernel, where a gradient is "flat".
      curvature_tol: eigenvalues within curvature_tol * max |lambda| count as zero, also in the index.
      failure_probability: of the lower bound on the lowest eigenvalue.
      ratio: of the index law, parameters over rows of the Jacobian; 0 takes parameters / (examples * outputs).
      figure: whether figures/critical_points.svg is drawn.
      seed: noise of the starts, and start vectors of the eigenvalues.
    """

    run: str = ""
    twin: str = ""
    network: train.Config = twins.own(
        dataset="gaussian-mixture",
        data_options="dim=4, num_classes=3, separation=2.0",
        num_train=200,
        num_test=100,
        depth=3,
        width=4,
        activation="tanh",
        loss="squared_error",
        learning_rate=5e-3,
        max_steps=1000,
        loss_levels=(),
        snapshot_steps=(30, 100, 300),
        save_every=0,
    )
    num_networks: int = 2
    checkpoints: tuple[str, ...] = ()
    num_starts: int = 1
    noise: float = 0.1
    num_examples: int = 0
    method: str = "newton_mr"
    tol: float = 1e-6
    num_steps: int = 300
    inner_steps: int = 30
    gradient_tol: float = 1e-4
    flat_tol: float = 1e-3
    curvature_tol: float = 1e-3
    failure_probability: float = 0.01
    ratio: float = 0.0
    figure: bool = True
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Searches from each start into arrays/SIDE_CHECKPOINT_START_METHOD.npz; draws figures/critical_points.svg.

    Returns:
      The Run. An entry has kind, loss, gradient_norm, newton_gain, kernel_share, lambda_min, lambda_max,
      threshold, index with its bounds, size (parameters), rows, losses and gradient_norms of the search, its
      converged and reason, start_loss, start_gradient_norm, num_gradients, num_matvecs, message, arm, method,
      step, seconds. "summary" is that of `_table.summary`.
    """
    methods = _starts.check(config)
    opened = runs.open_run(workdir, config)
    starts = _starts.starts(config, opened, progress)
    step, entries = Steps(progress, len(starts) * len(methods)), []
    for start in starts:
        network = load_network(start.path, start.checkpoint, config.num_examples)
        for method in methods:
            search = functools.partial(_search.search, config, network, start, method)
            entries.append(opened.stage(f"{start}_{method}", network.sha256, search))
            step(f"{start}, {method}: {entries[-1]['message']}")
    opened.save("summary", summary := _table.summary(config, entries))
    if config.figure:
        save_figure(opened, "critical_points", _table.draw(config, entries, summary))
    report(progress, opened, _table.lines(summary))
    return opened
