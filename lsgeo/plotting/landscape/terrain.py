"""The terrain around networks: figures with their intervals, minima, the barriers between them, their null."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lsgeo.plotting._names import name_arms, shown, wrapped
from lsgeo.plotting.style import FAINT, INK, TEXT_SIZE, arm_style, dress

WALL = 100.0


class Tree(Protocol):
    """What is drawn of a merge tree."""

    births: np.ndarray  # (k,), ascending
    deaths: np.ndarray  # (k,)
    joins: np.ndarray  # (k,), -1 for none


def nested_values(
    values: Mapping[str, Sequence[Sequence[float]]],
    intervals: Mapping[str, tuple[float, float, float]],
    ax: Axes,
    *,
    label: str,
    unit: str,
) -> None:
    """Draws one figure of every plane, network by network, and the mean of each arm with its interval.

    A column is a network, a small dot one of its planes. An end of an interval that is not finite runs to the
    edge; values that are not finite are left out and counted.

    Args:
      values: arm -> network -> plane.
      intervals: arm -> (value, lower, upper).
      ax: matplotlib Axes.
      label: name of the figure, the title.
      unit: its unit.
    """
    centres, lost = [], 0
    for rank, (arm, networks) in enumerate(values.items()):
        style = arm_style(arm)
        places = rank + np.linspace(-0.32, 0.16, len(networks))
        for place, planes in zip(places, networks, strict=True):
            finite = [value for value in planes if np.isfinite(value)]
            lost += len(planes) - len(finite)
            ax.plot(
                [place] * len(finite),
                finite,
                linestyle="none",
                marker=style.marker,
                markersize=4,
                markerfacecolor="none",
                markeredgewidth=0.9,
                color=style.color,
            )
        centres.append((rank + 0.34, style))
    _draw_intervals(intervals, centres, ax)
    ax.set_xticks(range(len(values)), [wrapped(arm, beside=len(values)) for arm in values])
    ax.set_xlim(-0.6, len(values) - 0.4)
    note = f"\n{lost} not finite" if lost else ""
    ax.set_title(label + note, fontsize=TEXT_SIZE, color=INK)
    dress(ax, x="", y=unit)


def merge_tree_branches(tree: Tree, ax: Axes, *, arm: str, top: float) -> None:
    """Draws the minima of a surface as branches that end where they join a lower one.

    A branch rises from the loss of its minimum to the saddle, where it turns to the minimum that it joins;
    the lowest one rises to the top.

    Args:
      tree: merge tree of losses, positive.
      ax: matplotlib Axes; its loss axis is logarithmic where walls of over 100 nats would hide the minima.
      arm: the network.
      top: largest loss of the surface.
    """
    style = arm_style(arm)
    order = _layout(tree.joins, tree.deaths)
    ends = np.where(np.isfinite(tree.deaths), tree.deaths, top)
    for branch, (birth, end) in enumerate(zip(tree.births, ends, strict=True)):
        place = order.index(branch)
        ax.plot([place, place], [birth, end], color=style.color, linewidth=1.4)
        ax.plot(place, birth, marker=style.marker, markersize=5, color=style.color)
        if tree.joins[branch] >= 0:
            other = order.index(tree.joins[branch])
            ax.plot([other, place], [end, end], color=style.color, linewidth=1.4)
    if top > WALL:
        ax.set_yscale("log")
    ax.set_xlim(-0.7, max(len(order) - 0.3, 2.7))
    ax.set_xticks([])
    count = len(order)
    ax.set_title(
        f"{shown(arm)}: {count} {'minimum' if count == 1 else 'minima'}",
        color=style.color,
        fontsize=TEXT_SIZE + 1,
        fontweight="bold",
    )
    dress(ax, x="minima of the plane with most of them", y="loss (nats per example)")


def persistence_diagram(trees: Mapping[str, Sequence[Tree]], ax: Axes) -> None:
    """Draws every minimum that joins another one: its loss, and the factor to climb to its saddle.

    Args:
      trees: arm -> merge trees of losses, positive, one per plane.
      ax: matplotlib Axes; barriers are on a logarithmic axis, losses too where they range over a factor of 20.
    """
    count = 0
    texts = []
    for arm, found in trees.items():
        style = arm_style(arm)
        births = np.concatenate([tree.births for tree in found])
        deaths = np.concatenate([tree.deaths for tree in found])
        kept = np.isfinite(deaths) & (births > 0)
        count += int(kept.sum())
        ax.plot(
            births[kept],
            deaths[kept] / births[kept] - 1,
            linestyle="none",
            marker=style.marker,
            markersize=4.5,
            markerfacecolor="none",
            color=style.color,
        )
        texts.append((arm, f"{shown(arm)}: {kept.sum()} on {len(found)} planes"))
    name_arms(ax, texts, down=0, right=False)
    if count:
        low, high = ax.get_xlim()
        if not 0 < low < high < 20 * low:
            ax.set_xscale("log")
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** 0.25)
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    dress(
        ax,
        x="loss of a further minimum (nats per example)",
        y="barrier (loss at its saddle / at the minimum - 1)",
    )


def minima_against_null(
    counts: Mapping[str, Sequence[tuple[float, Sequence[float]]]], ax: Axes
) -> None:
    """Draws the number of persistent minima of each plane over the range of its random fields.

    Args:
      counts: arm -> plane -> (of the surface, of the fields); planes that are NaN are left out.
      ax: matplotlib Axes.
    """
    place, ticks = 0, []
    for arm, planes in counts.items():
        style, first = arm_style(arm), place
        for count, fields in planes:
            if np.isfinite(count):
                low, middle, high = np.quantile(fields, [0.025, 0.5, 0.975])
                ax.plot(
                    [place, place], [low, high], color=FAINT, linewidth=5, solid_capstyle="butt"
                )
                ax.plot(place, middle, marker="_", markersize=7, color=INK, linestyle="none")
                ax.plot(place, count, marker=style.marker, markersize=5, color=style.color)
            place += 1
        ticks.append(((first + place - 1) / 2, arm))
        place += 1
    ax.set_xticks(
        [tick for tick, _ in ticks], [wrapped(arm, beside=len(ticks)) for _, arm in ticks]
    )
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    dress(
        ax, x="planes (grey: 95 % of random fields with the same spectrum)", y="persistent minima"
    )
    ax.set_ylim(bottom=min(-0.5, ax.get_ylim()[0]))


def _draw_intervals(intervals, centres, ax):
    low, high = ax.get_ylim()
    for (place, style), (value, lower, upper) in zip(centres, intervals.values(), strict=True):
        if np.isfinite(value):
            ends = [lower if np.isfinite(lower) else low, upper if np.isfinite(upper) else high]
            ax.plot([place, place], ends, color=style.color, linewidth=1.6)
            ax.plot(place, value, marker=style.marker, markersize=7, color=style.color)


def _layout(joins, deaths):
    """Branches from left to right so that no way to a saddle crosses a branch."""

    def below(branch):
        children = [k for k, other in enumerate(joins) if other == branch]
        children.sort(key=lambda k: deaths[k])
        return [branch, *(one for child in children for one in below(child))]

    return [one for root, other in enumerate(joins) if other < 0 for one in below(root)]
