"""The way of training on its principal plane: where it goes, how far it is off, and what that hides."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lsgeo.plotting._names import shown
from lsgeo.plotting.landscape.planes import EDGE, NUM_LEVELS, Plane
from lsgeo.plotting.style import INK, SMALL_SIZE, arm_style, color_bar, dress, dress_plane, write

PATH = "#ffffff"  # on the colour map, whose colours no scheme of the page changes
NUM_SHARES = 10
SMALLEST, LARGEST = 2.5, 11.0  # points across, on the plane and off it by all of the distance


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """What is drawn of one trajectory of T points and its principal plane."""

    arm: str
    steps: np.ndarray  # (T,)
    coordinates: np.ndarray  # (T, 2) in units of the parameters
    errors: np.ndarray  # (T,) distance from the plane, relative to that from the last point
    losses: np.ndarray  # (T,) of the points
    plane_losses: np.ndarray  # (T,) of their projections


def trajectory_planes(
    trajectories: Sequence[Trajectory], surfaces: Sequence[Plane | None], axes: Sequence
) -> None:
    """Draws trajectories on the losses of their planes, with one colour scale for all.

    Filled contours of log10(loss). The larger a point of the trajectory, the further it is off the plane, and
    the less its loss is that of the contour beneath. Losses that are not finite stay empty.

    Args:
      trajectories: one per axes.
      surfaces: the loss of the plane of each, in the same coordinates; None draws the trajectory alone.
      axes: matplotlib Axes of one figure.

    Raises:
      ValueError: for lists of different lengths.
    """
    if not len(trajectories) == len(surfaces) == len(axes):
        raise ValueError(
            "`trajectories`, `surfaces` and `axes` must be as many; got "
            f"{len(trajectories)}, {len(surfaces)} and {len(axes)}."
        )
    logs = [_logarithms(one.values) for one in surfaces if one is not None]
    finite = np.concatenate([part.compressed() for part in logs]) if logs else np.zeros(0)
    levels = np.linspace(finite.min(), finite.max() + 1e-9, NUM_LEVELS) if finite.size else None
    drawn = None
    for rank, (one, ground, ax) in enumerate(zip(trajectories, surfaces, axes, strict=True)):
        if ground is not None and _logarithms(ground.values).count():
            values = _logarithms(ground.values)
            drawn = ax.contourf(ground.xs, ground.ys, values, levels=levels, cmap="viridis")
            drawn.set_rasterized(True)
        _draw_path(one, ax)
        label = "principal direction (parameter units)"
        dress_plane(ax, shown(one.arm), arm=one.arm, label=label, rank=rank)
    _size_legend(axes[0])
    if drawn is not None:
        _color_bar(drawn, axes)


def trajectory_losses(trajectory: Trajectory, ax: Axes) -> None:
    """Draws the loss of the checkpoints, and that of their projections on the plane, against the step.

    Args:
      trajectory: Trajectory.
      ax: matplotlib Axes; its y axis becomes logarithmic.
    """
    style = arm_style(trajectory.arm)
    for losses, line, name, color in (
        (trajectory.losses, "-", "of the network", style.color),
        (trajectory.plane_losses, (0, (1.5, 1.2)), "of its projection", INK),
    ):
        values = np.where(np.isfinite(losses), losses, np.nan)
        ax.plot(trajectory.steps, values, color=color, linestyle=line, linewidth=1.4, label=name)
    ax.set_yscale("log")
    ax.set_xlim(0, np.max(trajectory.steps))
    dress(ax, x="optimiser steps (count)", y="training loss (nats per example)")
    ax.legend(fontsize=SMALL_SIZE, frameon=False, labelcolor="linecolor", handlelength=3)


def variance_shares(shares: Sequence[float], walk: Sequence[float], ax: Axes, *, arm: str) -> None:
    """Draws the share of the variance of each principal component beside that of a random walk.

    Args:
      shares: of the trajectory, in descending order.
      walk: of a random walk of as many points, from `lsgeo.geometry.random_walk_shares`.
      ax: matplotlib Axes; its y axis becomes logarithmic.
      arm: kind of network, which gives the colour.
    """
    style = arm_style(arm)
    places = np.arange(1, min(len(shares), NUM_SHARES) + 1)
    for values, color, marker, line, name in (
        (shares, style.color, style.marker, "-", shown(arm)),
        (walk, INK, "x", (0, (1.5, 1.2)), "random walk"),
    ):
        kept = np.asarray(values)[: len(places)]
        ax.plot(places, kept, color=color, marker=marker, markersize=5, linestyle=line, label=name)
    ax.set_yscale("log")
    ax.set_xticks(places)
    dress(ax, x="principal component (number)", y="share of the variance")
    ax.legend(fontsize=SMALL_SIZE, frameon=False, labelcolor="linecolor", handlelength=3)


def _draw_path(one, ax):
    xs, ys = np.asarray(one.coordinates).T
    ax.plot(xs, ys, color=EDGE, linewidth=2.4)
    ax.plot(xs, ys, color=PATH, linewidth=1.2)
    sizes = _areas(np.asarray(one.errors))
    ax.scatter(xs, ys, s=sizes, color=PATH, edgecolors=EDGE, linewidths=0.7, zorder=3)
    ax.plot(xs[-1], ys[-1], marker="P", markersize=8, color=PATH, markeredgecolor=EDGE, zorder=4)
    outwards = np.sign(xs[0] - xs[-1])
    looks = {"ha": "right" if outwards > 0 else "left", "va": "center", "color": PATH}
    start = write(ax, "start", (xs[0], ys[0]), (-7 * outwards, 0), at="data", **looks)
    start.set_path_effects([withStroke(linewidth=2, foreground=EDGE)])


def _areas(errors):
    return (SMALLEST + (LARGEST - SMALLEST) * errors) ** 2


def _size_legend(ax):
    marks = [
        ax.scatter([], [], s=_areas(share), color=PATH, edgecolors=EDGE, linewidths=0.7)
        for share in (0.1, 0.5, 0.9)
    ]
    ax.figure.legend(
        [*marks, Line2D([], [], marker="P", markersize=8, color=PATH, markeredgecolor=EDGE)],
        ["off the plane by 10 %", "50 %", "90 % of the distance to the last point", "last point"],
        loc="outside upper center",
        ncols=4,
        fontsize=SMALL_SIZE,
        frameon=False,
        labelcolor=INK,
    )


def _color_bar(drawn, axes):
    label = "loss of the plane (nats per example, log scale)"
    bar = color_bar(drawn, axes, label, location="bottom", fraction=0.07, pad=0.03, aspect=60)
    bar.locator = MaxNLocator(nbins=7)
    bar.formatter = FuncFormatter(lambda power, _: f"{float(f'{10.0**power:.2g}'):g}")
    bar.update_ticks()
    bar.solids.set_rasterized(True)


def _logarithms(values):
    # What is not finite is masked, never filled in.
    wide = np.ma.masked_invalid(np.asarray(values, dtype=float))
    return np.ma.log10(np.ma.masked_less_equal(wide, 0))
