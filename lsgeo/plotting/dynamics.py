"""What full-batch training does along its way: loss, sharpness, spectrum, gradient, gradient flow."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lsgeo.plotting.style import FAINT, INK, SMALL_SIZE, arm_style, dress, label_ends


def dynamics_panels(arms: Mapping[str, Mapping[str, Any]], axes: Sequence) -> None:
    """Draws six panels of trainings at one learning rate.

    Training loss of every step; sharpness over its limit; the top eigenvalues, the largest in bold; the
    gradient's share in their space; the share of that space that was in it at the record before; distance from
    the gradient flow, relative to the flow's own way, with its integration error as a band.

    Args:
      arms: arm -> an entry of `experiments.dynamics`.
      axes: six matplotlib Axes.

    Raises:
      ValueError: for an unknown arm, no arm, or another number of axes.
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
        (distance, "distance to gradient flow / its way (ratio)"),
    )
    for ax, label in labels:
        dress(ax, x="optimiser steps (count)", y=label)
        ax.set_xlim(0, max(int(entry["steps"][-1]) for entry in arms.values()))
    edge.set_ylim(bottom=0)
    for ax in (share, kept):
        ax.set_ylim(0, 1.02)
    for ax in (values, distance):
        if ax.has_data() and np.isfinite(ax.dataLim.get_points()).all():
            ax.set_ylim(bottom=0)
    if not any(np.any(np.isfinite(_way(entry))) for entry in arms.values()):
        _note(distance, "no gradient flow was followed")
    rate = next(iter(arms.values()))["learning_rate"]
    loss.set_title(f"learning rate {rate:g}", fontsize=SMALL_SIZE, color=INK, loc="left")
    _name_arms(arms, loss)


def _draw_arm(entry, style, axes):
    loss, edge, values, share, kept, distance = axes
    line = {"color": style.color, "linestyle": style.line, "linewidth": 1.4}
    steps, top = entry["steps"], entry["values"][:, ::-1]
    loss.plot(np.arange(len(entry["losses"])), entry["losses"], **line | {"linewidth": 1.0})
    edge.plot(steps, entry["sharpness"] / entry["limit"], **line)
    positive = np.where(top > 0, top, np.nan)
    values.plot(steps, positive[:, 1:], **line | {"linewidth": 0.6, "alpha": 0.7})
    values.plot(steps, positive[:, 0], **line)
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


def _note(ax, text):
    ax.annotate(
        text, (0.5, 0.5), xycoords="axes fraction", ha="center", color=FAINT, fontsize=SMALL_SIZE
    )


def _name_arms(arms, ax):
    ends = []
    for name, entry in arms.items():
        losses = entry["losses"][np.isfinite(entry["losses"]) & (entry["losses"] > 0)]
        if losses.size:
            ends.append((losses[-1], name, arm_style(name).color))
    label_ends(ax, ends)
