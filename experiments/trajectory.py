"""Draws the way of training on its principal plane, with the loss of that plane beneath.

A training run that keeps a checkpoint every few steps is projected on the two directions in which its weights
vary most. Most points are off that plane, so that their loss is not the one of the contours beneath: each
point's distance from the plane is drawn, and its true loss beside the loss of its projection.

python -m experiments.trajectory --config=configs/trajectory.py --workdir=runs/trajectory
python -m experiments.trajectory --config=configs/trajectory.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/trajectory
"""

import dataclasses
import os
import pathlib

import numpy as np

from experiments import train
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints
from experiments.common.trajectory import load_trajectory as load
from lsgeo import geometry, plotting, runs, study
from lsgeo.operators.evaluation import evaluate

POLICIES = ("batch", "frozen")


def _trained():
    return train.Config(
        depth=16,
        width=32,
        norm="layer",
        learning_rate=1e-3,
        max_steps=400,
        loss_levels=(),
        snapshot_steps=tuple(range(20, 400, 20)),
        eval_every=20,
    )


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
    network: train.Config = dataclasses.field(default_factory=_trained)
    arms: str = "plain,residual"
    resolution: int = 25
    margin: float = 0.2
    num_examples: int = 0
    batch_stats: str = "batch"
    figure: bool = True


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Projects each trajectory and walks its plane, row by row; a killed run continues there.

    Args:
      config: Config.
      workdir: the run's directory; it gets figures/trajectory.svg.
      progress: progress(done, total, text).

    Returns:
      The Run. For the K-th network, "trajectory_K" has steps [T], names, coordinates [T, 2] (in units of the
      parameters, from the last point), distances and errors [T] from the plane, shares [T - 1] of the
      variance, losses [T] of the checkpoints, plane_losses [T] of their projections, arm, chance_loss,
      batch_stats; "surface_K" has xs, ys, values [ny, nx].

    Raises:
      ValueError: for a bad field, a run with less than three checkpoints, or the directory of another
        configuration or of other weights.
    """
    _check(config)
    opened = runs.open_run(workdir, config)
    for k, path in enumerate(_paths(config, opened, progress)):
        trajectory = load(path, config.num_examples)
        plane = geometry.principal_plane(trajectory.points)
        _measure_path(opened, f"trajectory_{k}", config, trajectory, plane)
        if config.resolution:
            _walk(opened, k, config, trajectory, plane, progress)
    if config.figure:
        _draw(opened)
    if progress is not None:
        for found in load_trajectories(opened):
            print(_line(found))
        print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")
    return opened


def load_trajectories(trajectory_run: runs.Run) -> list[dict]:
    """Reads the entries "trajectory_K" of a run, in order."""
    found = []
    while trajectory_run.has(name := f"trajectory_{len(found)}"):
        found.append(trajectory_run.load(name))
    return found


def _check(config):
    if config.batch_stats not in POLICIES:
        raise ValueError(
            f"Unknown `batch_stats`: {config.batch_stats!r}. Choose one of: {', '.join(POLICIES)}."
        )
    if config.resolution < 0 or config.resolution in (1, 2):
        raise ValueError(
            f"`resolution` must be 0 or at least 3; got {config.resolution}. 0 draws no surface."
        )
    if not 0 < config.margin < float("inf"):
        raise ValueError(f"`margin` must be positive; got {config.margin}.")
    if config.twin and not config.run:
        raise ValueError(f"`twin` is {config.twin!r}, but `run` is empty. Give both, or neither.")
    for path in (config.run, config.twin):
        if path:
            choose_checkpoints(path, ())
    if not config.run:
        study.parse_arms(config.arms)
        if config.network.skip:
            raise ValueError(
                f"`network` has skip={config.network.skip!r}, which `arms` choose. Leave it out."
            )


def _paths(config, opened, progress):
    if config.run:
        return [config.run, config.twin] if config.twin else [config.run]
    found = []
    for name in study.parse_arms(config.arms):
        arm = study.ARMS[name]
        changed = {"initializer": arm.initializer} if arm.initializer else {}
        network = dataclasses.replace(config.network, skip=arm.skip, **changed)
        path = pathlib.Path(opened.path) / "train" / arm.folder
        train.run(network, path, progress)
        found.append(path)
    return found


def _measure_path(opened, name, config, trajectory, plane):
    if opened.has(name):
        if opened.load(name)["network_sha256"] != trajectory.sha256:
            raise ValueError(
                f"`workdir` {opened.path} holds {name} of other weights: the training run was repeated since. "
                "Use another --workdir, or delete that directory."
            )
        return
    network, policy = trajectory.network, config.batch_stats

    def value(point, constants):
        loss = trajectory.loss(policy, constants)
        return float(evaluate(loss, point, network.batch))

    pairs = zip(trajectory.points, trajectory.constants, strict=True)
    opened.save(
        name,
        {
            "steps": trajectory.steps,
            "names": trajectory.names,
            "coordinates": plane.coordinates,
            "distances": plane.distances,
            "errors": plane.errors,
            "shares": plane.shares,
            "losses": [value(point, constants) for point, constants in pairs],
            "plane_losses": [
                value(plane.point(place), trajectory.constants[-1]) for place in plane.coordinates
            ],
            "arm": network.arm,
            "num_classes": network.num_classes,
            "chance_loss": network.chance_loss,
            "batch_stats": policy if "batch_stats" in network.constants else "none",
            "network_sha256": trajectory.sha256,
        },
    )


def _walk(opened, k, config, trajectory, plane, progress):
    name, (xs, ys) = f"surface_{k}", _grid(config, plane.coordinates)
    rows = list(opened.load(name)["values"]) if opened.has(name) else []

    def keep(row, values):
        del row  # rows come in order
        rows.append(values)
        opened.save(name, {"xs": xs, "ys": ys, "values": np.stack(rows)})

    def report(done, total):
        if progress is not None:
            progress(done, total, f"rows of the plane, {trajectory.network.arm}")

    geometry.surface(
        trajectory.loss(config.batch_stats, trajectory.constants[-1]),
        plane.centre,
        trajectory.network.batch,
        plane.directions,
        xs=xs,
        ys=ys,
        finished=dict(enumerate(rows)),
        on_row=keep,
        progress=report,
    )


def _grid(config, coordinates):
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    beyond = config.margin * np.max(high - low)
    return np.linspace(low - beyond, high + beyond, config.resolution).T


def _draw(opened):
    found = load_trajectories(opened)
    figure, axes = plotting.new_figure(width=9.6, height=10.0, columns=len(found), rows=3)
    axes = np.reshape(axes, (3, len(found)))
    for row in axes[1:]:
        for ax in row[1:]:
            ax.sharey(row[0])
    fields = [field.name for field in dataclasses.fields(plotting.Trajectory)]
    paths = [plotting.Trajectory(**{name: one[name] for name in fields}) for one in found]
    grounds = [
        geometry.Surface(**opened.load(name)) if opened.has(name := f"surface_{k}") else None
        for k in range(len(found))
    ]
    plotting.trajectory_planes(paths, grounds, axes[0])
    for one, path, middle, bottom in zip(found, paths, axes[1], axes[2], strict=True):
        plotting.trajectory_losses(path, middle)
        walk = geometry.random_walk_shares(len(path.steps))
        plotting.variance_shares(one["shares"], walk, bottom, arm=path.arm)
    save_figure(opened, "trajectory", figure)


def _line(found):
    count = len(found["steps"])
    null = geometry.random_walk_shares(count)
    return (
        f"{found['arm']}: two directions hold {np.sum(found['shares'][:2]):.1%} of the variance of {count} "
        f"points (of a random walk, {np.sum(null[:2]):.1%}); off the plane by up to "
        f"{np.max(found['errors']):.1%}; at the start the loss is {found['losses'][0]:.4g}, on the plane "
        f"{found['plane_losses'][0]:.4g}"
    )


if __name__ == "__main__":
    launch(run, config_file="configs/trajectory.py")
