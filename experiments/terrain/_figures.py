"""The figures of `experiments.terrain`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.common.figures import grid
from experiments.terrain import _table
from experiments.terrain._planes import Measured
from lsgeo import plotting, results
from lsgeo.geometry import terrain


def scalars(
    arms: Mapping[str, Sequence[Measured]],
    rows: Sequence[Mapping[str, Any]],
    windows: tuple[int, ...],
) -> Figure:
    """Draws every figure of the networks with the intervals of the table."""
    found = {(row["figure"], row["networks"]): row for row in rows}
    drawn = _table.scalars(windows)
    columns = math.ceil(len(drawn) / 2)
    figure, axes = grid(len(drawn), 2.3 * columns, 5.6, columns=columns, rows=2)
    for ax, (name, scalar) in zip(axes, drawn.items(), strict=True):
        lower = sum(found[name, arm]["num_censored"] for arm in arms)
        plotting.nested_values(
            {arm: _table.values(part, name) for arm, part in arms.items()},
            {arm: _interval(found[name, arm]) for arm in arms},
            ax,
            label=scalar.label + (f"\nat least: {lower} reach the edge" if lower else ""),
            unit=scalar.unit,
        )
    return figure


def _interval(row):
    # Of fewer than three networks an interval knows its bounds alone, which would hide the values.
    known = row["num_seeds"] >= 3
    return (row["value"], *((row["lower"], row["upper"]) if known else (-math.inf, math.inf)))


def minima(arms: Mapping[str, Sequence[Measured]]) -> Figure:
    """Draws the merge tree of each arm's plane with most minima, all minima, and the null."""
    flat = {arm: [entry for _, entries in part for entry in entries] for arm, part in arms.items()}
    trees = {arm: [tree_of(entry) for entry in entries] for arm, entries in flat.items()}
    columns = max(2, len(flat))
    figure, axes = plotting.new_figure(width=4.6 * columns, height=7.2, columns=columns, rows=2)
    for ax in axes[0][len(flat) :]:
        ax.set_axis_off()
    for ax, (arm, entries) in zip(axes[0], flat.items(), strict=False):
        most = max(range(len(entries)), key=lambda k, t=trees[arm]: len(t[k].births))
        top = float(np.nanmax(entries[most]["values"]))
        plotting.merge_tree_branches(trees[arm][most], ax, arm=arm, top=top)
    plotting.persistence_diagram(trees, axes[1][0])
    found = ("further_minima", "null_counts")
    counts = {arm: [tuple(e[n] for n in found) for e in part] for arm, part in flat.items()}
    plotting.minima_against_null(counts, axes[1][1])
    return figure


def tree_of(entry: Mapping[str, Any]) -> terrain.MergeTree:
    """The merge tree of a stored plane."""
    return results.restored(terrain.MergeTree, entry, prefix="tree_")
