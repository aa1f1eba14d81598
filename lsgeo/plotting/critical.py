"""Critical points: their index against their loss, and how many of each kind there are."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lsgeo.plotting._names import legend, name_arms, shown
from lsgeo.plotting.style import INK, TEXT_SIZE, arm_style, dress, plain_ticks, write

# Filled markers are critical points.
MARKERS = {
    "minimum": ("o", True),
    "saddle": ("D", True),
    "undecided": ("s", True),
    "gradient-flat": ("o", False),
    "not critical": ("x", False),
}


class IndexedPoint(Protocol):
    """A classified point; index, lower and upper are shares of all eigenvalues."""

    arm: str
    kind: str
    loss: float
    index: float
    lower: float
    upper: float


def index_against_loss(
    points: Sequence[IndexedPoint],
    ax: Axes,
    *,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    unit: str,
) -> None:
    """Draws the share of negative eigenvalues of each point against its loss, one colour per arm.

    Minima, saddles and undecided points are filled; gradient-flat ones are open and those where the search did
    not arrive are crosses: neither is a critical point. A bar is the interval of the index.

    Args:
      points: at least one.
      ax: matplotlib Axes; its x axis becomes logarithmic where all losses are positive.
      curves: arm -> (losses, shares), a law drawn as a line.
      unit: of the loss.

    Raises:
      ValueError: for an unknown kind, or no point.
    """
    if not points:
        raise ValueError("`points` must hold at least one point; got none.")
    for point in points:
        _check_kind(point.kind)
        color = arm_style(point.arm).color
        marker, filled = MARKERS[point.kind]
        if point.upper > point.lower:
            ax.plot([point.loss] * 2, [point.lower, point.upper], color=color, linewidth=1)
        ax.plot(
            point.loss,
            point.index,
            marker=marker,
            markersize=5,
            color=color,
            markerfacecolor=color if filled else "none",
            markeredgewidth=1.1,
            alpha=0.85,
        )
    for name, (losses, shares) in curves.items():
        style = arm_style(name)
        ax.plot(losses, shares, color=style.color, linestyle=style.line, linewidth=1.2, zorder=0)
    if all(point.loss > 0 for point in points):
        ax.set_xscale("log")
        plain_ticks(ax.xaxis)
    top = max(point.upper for point in points)
    ax.set_ylim(-0.04 * max(top, 0.05), 1.5 * max(top, 0.05))
    dress(ax, x=f"training loss ({unit})", y="index (share of negative eigenvalues)")
    _legend(points, ax)


def kinds_of_points(counts: Mapping[str, Mapping[str, int]], ax: Axes, *, title: str = "") -> None:
    """Draws how many points of each kind every arm has.

    Args:
      counts: arm -> kind -> number of points.
      ax: matplotlib Axes.
      title: of the axes, such as how the points were found.

    Raises:
      ValueError: for an unknown kind, or no arm.
    """
    if not counts:
        raise ValueError("`counts` must hold at least one arm; got none.")
    kinds = list(MARKERS)
    height = 0.8 / len(counts)
    for rank, (arm, numbers) in enumerate(counts.items()):
        for kind in numbers:
            _check_kind(kind)
        style = arm_style(arm)
        places = np.arange(len(kinds)) + height * (rank - (len(counts) - 1) / 2)
        values = [numbers.get(kind, 0) for kind in kinds]
        ax.barh(places, values, height=0.9 * height, color=style.color)
        for place, value in zip(places, values, strict=True):
            spot = value, place
            write(ax, f"{value}", spot, (3, 0), at="data", va="center", color=style.color)
    name_arms(ax, [(arm, f"{shown(arm)} ({sum(n.values())})") for arm, n in counts.items()])
    ax.set_title(title, fontsize=TEXT_SIZE, color=INK, loc="left")
    largest = max(max(numbers.values(), default=0) for numbers in counts.values())
    ax.set_xlim(0, 1.35 * max(largest, 1))
    ax.set_ylim(len(kinds) - 0.4, -0.6)
    ax.set_yticks(range(len(kinds)), kinds)
    dress(ax, x="ends of searches (number)", y="kind of point", grid="x")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.tick_params(axis="y", length=0)


def _check_kind(kind):
    if kind not in MARKERS:
        raise ValueError(f"Unknown kind: {kind!r}. Choose from: {', '.join(MARKERS)}.")


def _legend(points, ax):
    kinds = {point.kind for point in points}
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            markersize=5,
            color=INK,
            markerfacecolor=INK if filled else "none",
            label=kind,
        )
        for kind, (marker, filled) in MARKERS.items()
        if kind in kinds
    ]
    handles += [
        Line2D([], [], color=arm_style(arm).color, linestyle=arm_style(arm).line, label=shown(arm))
        for arm in dict.fromkeys(point.arm for point in points)
    ]
    legend(ax, handles=handles, loc="upper left", ncols=2)
