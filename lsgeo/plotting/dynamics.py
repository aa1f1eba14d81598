"""What full-batch training does along its way: loss, sharpness, spectrum, gradient, gradient flow."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsgeo.plotting._names import name_arms, shown
from lsgeo.plotting.style import FAINT, INK, arm_style, dress, note, write


def dynamics_panels(arms: Mapping[str, Mapping[str, Any]], axes: Sequence) -> None:
    """Draws six panels of trainings at one learning rate.

    Training loss of every step; sharpness over its limit, that of the preconditioned Hessian for Adam; the top
    eigenvalues of the Hessian, the largest in bold; the gradient's share in their space; the share of that
    space that was in it at the record before; distance from the gradient flow, relative to the flow's own way,
    with its integration error as a band, as far as the flow was followed.

    Args:
      arms: arm -> an entry of `experiments.dynamics`.
      axes: six matplotlib Axes.

    Raises:
      ValueError: for no arm, or another number of axes.
    """
    if not arms:
        raise ValueError("`arms` must hold at least one training; got none.")
    if len(axes) != 6:
        raise ValueError(f"`axes` must be six; got {len(axes)}.")
    for name, entry in arms.items():
        _draw_arm(entry, arm_style(name), axes)
    loss, edge, values, share, kept, distance = axes
    loss.set_yscale("log")
    edge.axhline(1, color=INK, linewidth=0.9)
    labels = (
        (loss, "training loss (per example)"),
        (edge, "sharpness / stability limit (ratio)"),
        (values, "top eigenvalues (loss / parameter²)"),
        (share, "squared gradient in their span (share)"),
        (kept, "span kept since the last record (share)"),
        (distance, "distance to flow / flow's way (ratio)"),
    )
    for ax, label in labels:
        dress(ax, x="optimiser steps (count)", y=label)
        ax.set_xlim(0, max(int(entry["steps"][-1]) for entry in arms.values()))
    edge.set_ylim(bottom=0)
    for ax in (share, kept):
        ax.set_ylim(0, 1.02)
    values.axhline(0, color=INK, linewidth=0.6)
    if any(np.any(np.isfinite(_way(entry))) for entry in arms.values()):
        distance.set_ylim(bottom=0)
    else:
        write(
            distance, "no gradient flow was followed", (0.5, 0.5), (0, 0), ha="center", color=FAINT
        )
    entry = next(iter(arms.values()))
    note(loss, f"learning rate {entry['learning_rate']:g}")
    note(edge, "1: steps grow on a quadratic")
    note(values, f"the {entry['top']} highest, the largest in bold")
    note(distance, "at equal times of training and flow")
    name_arms(loss, [(name, shown(name)) for name in arms], down=2)


def _draw_arm(entry, style, axes):
    loss, edge, values, share, kept, distance = axes
    line = {"color": style.color, "linestyle": style.line, "linewidth": 1.4}
    steps, top = entry["steps"], entry["values"][:, : -entry["top"] - 1 : -1]
    loss.plot(np.arange(len(entry["losses"])), entry["losses"], **line | {"linewidth": 1.0})
    edge.plot(steps, entry["sharpness"] / entry["limit"], **line)
    values.plot(steps, top[:, 1:], **line | {"linewidth": 0.6, "alpha": 0.7})
    values.plot(steps, top[:, 0], **line)
    share.plot(steps, entry["share"], **line)
    kept.plot(steps, entry["kept"], **line)
    way = _way(entry)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = entry["flow_error"] / entry["travelled"]
    distance.plot(steps, way, **line)
    distance.fill_between(steps, way - error, way + error, color=style.color, alpha=0.2, lw=0)
    if entry["status"] == "diverged":
        seen = np.flatnonzero(np.isfinite(entry["losses"]))
        if seen.size:
            place = seen[-1], entry["losses"][seen[-1]]
            loss.plot(*place, marker="X", markersize=7, color=style.color, clip_on=False)


def _way(entry):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(entry["distance"]) / entry["travelled"]
