"""The walk of `experiments.trajectory` on the plane of each network's checkpoints, and the figure."""

import pathlib
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.common import twins
from experiments.common.fields import check_choice, check_positive
from experiments.common.network import choose_checkpoints
from experiments.common.rows import Rows
from experiments.common.steps import Progress
from experiments.common.trajectory import Trajectory
from lsgeo import geometry, plotting, results, runs, study
from lsgeo.operators.evaluation import evaluate

POLICIES = ("batch", "frozen")


def load_trajectories(trajectory_run: runs.Run) -> list[dict]:
    """Reads the entries "trajectory_K" of a run, in order."""
    return list(trajectory_run.numbered("trajectory"))


def check(config: Any) -> None:
    """Raises a ValueError for a bad field."""
    check_choice(config, batch_stats=POLICIES)
    if config.resolution < 0 or config.resolution in (1, 2):
        raise ValueError(
            f"`resolution` must be 0 or at least 3; got {config.resolution}. 0 draws no surface."
        )
    check_positive(config, "margin")
    twins.check_given(config)
    for path in twins.given(config).values():
        choose_checkpoints(path, ())
    if not config.run:
        twins.check_own(config)


def paths(config: Any, opened: runs.Run, progress: Progress | None) -> list[str | pathlib.Path]:
    """The training runs that are given, or those of the arms, trained here."""
    if config.run:
        return list(twins.given(config).values())
    arms = [study.ARMS[name] for name in study.parse_arms(config.arms)]
    network = config.network
    variants = {arm.folder: twins.changes(arm, network.model, network.options) for arm in arms}
    return list(twins.trained(opened, config.network, variants, progress).values())


def measure(policy: str, trajectory: Trajectory, plane: geometry.PrincipalPlane) -> dict[str, Any]:
    """Where the checkpoints lie, and the loss there and at their projections."""
    network = trajectory.network

    def values(points, constants):
        losses = (trajectory.loss(policy, one) for one in constants)
        pairs = zip(losses, points, strict=True)
        return [float(evaluate(loss, point, network.batch)) for loss, point in pairs]

    projected = [plane.point(place) for place in plane.coordinates]
    last = len(projected) * trajectory.constants[-1:]
    return {
        **results.entries(trajectory, ("steps", "names")),
        **results.entries(plane, ("coordinates", "distances", "errors", "shares")),
        "losses": values(trajectory.points, trajectory.constants),
        "plane_losses": values(projected, last),
        **results.entries(network, ("arm", "num_classes", "chance_loss")),
        "batch_stats": policy if "batch_stats" in network.constants else "none",
    }


def walk(
    opened: runs.Run,
    name: str,
    config: Any,
    trajectory: Trajectory,
    plane: geometry.PrincipalPlane,
    progress: Progress | None,
) -> None:
    """Evaluates the plane into arrays/NAME.npz, row by row, and continues there after a kill."""
    xs, ys = _grid(config, plane.coordinates)
    rows = Rows(opened, name, "", {"xs": xs, "ys": ys})
    text = f"rows of the plane, {trajectory.network.arm}"
    geometry.surface(
        trajectory.loss(config.batch_stats, trajectory.constants[-1]),
        plane.centre,
        trajectory.network.batch,
        plane.directions,
        xs=xs,
        ys=ys,
        finished=rows.finished,
        on_row=rows.add,
        progress=progress and (lambda done, total: progress(done, total, text)),
    )


def _grid(config, coordinates):
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    beyond = config.margin * np.max(high - low)
    return np.linspace(low - beyond, high + beyond, config.resolution).T


def draw(opened: runs.Run) -> Figure:
    """Draws each trajectory on its plane, the losses, and the shares of the variance."""
    found = load_trajectories(opened)
    figure, axes = plotting.new_figure(width=9.6, height=10.0, columns=len(found), rows=3)
    axes = np.reshape(axes, (3, len(found)))
    for row in axes[1:]:
        for ax in row[1:]:
            ax.sharey(row[0])
    paths = [results.restored(plotting.Trajectory, one) for one in found]
    grounds = [
        geometry.Surface(**opened.load(name)) if opened.has(name := f"surface_{k}") else None
        for k in range(len(found))
    ]
    plotting.trajectory_planes(paths, grounds, axes[0])
    for one, path, middle, bottom in zip(found, paths, axes[1], axes[2], strict=True):
        plotting.trajectory_losses(path, middle)
        walk = geometry.random_walk_shares(len(path.steps))
        plotting.variance_shares(one["shares"], walk, bottom, arm=path.arm)
    return figure


def line(found: dict[str, Any]) -> str:
    """Says what one trajectory shows."""
    count = len(found["steps"])
    null = geometry.random_walk_shares(count)
    return (
        f"{found['arm']}: two directions hold {np.sum(found['shares'][:2]):.1%} of the variance of {count} "
        f"points (of a random walk, {np.sum(null[:2]):.1%}); off the plane by up to "
        f"{np.max(found['errors']):.1%}; at the start the loss is {found['losses'][0]:.4g}, on the plane "
        f"{found['plane_losses'][0]:.4g}"
    )
