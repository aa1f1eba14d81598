"""Draws the way of training on its principal plane, with the loss of that plane beneath.

A training run that keeps a checkpoint every few steps is projected on the two directions in which its weights
vary most. Most points are off that plane, so that their loss is not the one of the contours beneath: each
point's distance from the plane is drawn, and its true loss beside the loss of its projection.

python -m experiments.trajectory --config=configs/trajectory.py --workdir=runs/trajectory
python -m experiments.trajectory --config=configs/trajectory.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/trajectory
"""

import dataclasses
import functools
import os

from experiments import train
from experiments.common import twins
from experiments.common.figures import save_figure
from experiments.common.steps import Progress, report
from experiments.common.trajectory import load_trajectory
from experiments.trajectory import _planes
from experiments.trajectory._planes import load_trajectories as load_trajectories
from lsgeo import geometry, runs


@dataclasses.dataclass
class Config:
    """The trajectory of one training run, or of two.

    Attributes:
      run: directory of a run of experiments.train with checkpoints along training (`snapshot_steps` or
        `snapshot_epochs`); "" trains the arms in WORKDIR/train.
      twin: directory of its twin's; "" for none.
      network: configuration of the training, where `run` is ""; the arms choose its skip.
      arms: what is trained and drawn side by side, names of `lsgeo.study.ARMS`.
      resolution: points per axis of the loss surface; 0 draws none.
      margin: how far the surface reaches beyond the trajectory, as a share of its longer side.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      batch_stats: batch norm statistics, at every point those of the examples there ("batch"), or on the
        plane those of the last checkpoint and at a checkpoint its own ("frozen"). Without batch norm they
        are the same.
      figure: whether figures/trajectory.svg is drawn.
    """

    run: str = ""
    twin: str = ""
    network: train.Config = twins.own(
        depth=16,
        width=32,
        norm="layer",
        learning_rate=1e-3,
        max_steps=400,
        loss_levels=(),
        snapshot_steps=tuple(range(20, 400, 20)),
        eval_every=20,
    )
    arms: str = "plain,residual"
    resolution: int = 25
    margin: float = 0.2
    num_examples: int = 0
    batch_stats: str = "batch"
    figure: bool = True


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Projects each trajectory, walks its plane row by row, and draws figures/trajectory.svg.

    Returns:
      The Run. For the K-th network, "trajectory_K" has steps [T], names, coordinates [T, 2] (in units of the
      parameters, from the last point), distances and errors [T] from the plane, shares [T - 1] of the
      variance, losses [T] of the checkpoints, plane_losses [T] of their projections, arm, chance_loss,
      batch_stats; "surface_K" has xs, ys, values [ny, nx].

    Raises:
      ValueError: for a run with less than three checkpoints.
    """
    _planes.check(config)
    opened = runs.open_run(workdir, config)
    for k, path in enumerate(_planes.paths(config, opened, progress)):
        path = load_trajectory(path, config.num_examples)
        plane = geometry.principal_plane(path.points)
        measure = functools.partial(_planes.measure, config.batch_stats, path, plane)
        opened.stage(f"trajectory_{k}", path.sha256, measure)
        if config.resolution:
            _planes.walk(opened, f"surface_{k}", config, path, plane, progress)
    if config.figure:
        save_figure(opened, "trajectory", _planes.draw(opened))
    report(progress, opened, map(_planes.line, load_trajectories(opened)))
    return opened
