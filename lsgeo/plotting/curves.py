"""Lines over depth and over training."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, SymmetricalLogLocator

from lsgeo.plotting._names import label_ends, wrapped
from lsgeo.plotting.style import INK, arm_style, dress, note, write

MOST_COUNTS = 16  # of arms, one above another; more are counted together


@dataclasses.dataclass(frozen=True)
class TrainingCurve:
    """The loss of one training run.

    `failed` says that it diverged or never reached the loss that it was trained for.
    """

    arm: str
    steps: np.ndarray  # (n,)
    losses: np.ndarray  # (n,) in nats per example
    failed: bool = False


def metric_by_depth(
    values: Mapping[str, Mapping[int, Sequence[float]]],
    ax: Axes,
    *,
    label: str,
    unit: str,
    scale: str = "auto",
) -> None:
    """Draws a metric against depth, median over seeds, one line per arm.

    A bar reaches from the lowest to the highest seed, and every seed is a dot. A seed that has no
    value (NaN: its network never reached the loss level) is not drawn but counted: "2/5" under the
    axis means that 2 of 5 seeds have one, of each arm or, of very many, of all together.

    Args:
      values: arm -> depth -> one value per seed.
      ax: matplotlib Axes.
      label: name of the metric.
      unit: its unit, "dimensionless" for a pure number.
      scale: "log", "symlog" (log on both sides of a linear stretch around zero), "linear", or
        "auto": log if every value is positive, symlog otherwise.

    Raises:
      ValueError: for an unknown scale, an empty unit, or no value at all.
    """
    if not unit:
        raise ValueError('`unit` must be given; write "dimensionless" for a pure number.')
    pooled = [seed for depths in values.values() for seeds in depths.values() for seed in seeds]
    finite = np.array([value for value in pooled if np.isfinite(value)], dtype=float)
    if not finite.size:
        raise ValueError("`values` must hold at least one finite value; got none.")
    depths = sorted({depth for arm in values.values() for depth in arm})
    ax.set_xlim(-0.4, len(depths) - 0.6)
    ax.set_xticks(range(len(depths)), [str(depth) for depth in depths])
    dress(ax, x="depth (layers)", y=f"{label} ({unit})")
    # Many arms must not reach over to the next depth.
    offsets = min(0.14, 0.8 / len(values)) * (np.arange(len(values)) - (len(values) - 1) / 2)
    ends = []
    for offset, (name, by_depth) in zip(offsets, values.items(), strict=True):
        places = {depth: index + offset for index, depth in enumerate(depths)}
        ends += _draw_arm(name, by_depth, places, ax)
    # After the data are drawn: an axis that knows of zero alone has no height on this scale.
    _set_scale(ax, scale, finite)
    _count_missing(values, depths, ax)
    label_ends(ax, ends)


def training_curves(
    curves: Sequence[TrainingCurve],
    ax: Axes,
    *,
    levels: Sequence[float] = (),
    label: str = "training loss",
    unit: str = "nats per example",
) -> None:
    """Draws loss against step, one line per run; levels are dotted, failed runs end in a cross.

    Args:
      curves: one TrainingCurve per run.
      ax: matplotlib Axes; its y axis becomes logarithmic.
      levels: losses at which networks are compared.
      label: name of the loss.
      unit: its unit.

    Raises:
      ValueError: for no curve.
    """
    if not curves:
        raise ValueError("`curves` must hold at least one TrainingCurve; got none.")
    ax.set_yscale("log")
    ends = {}
    for curve in curves:
        style = arm_style(curve.arm)
        losses = np.asarray(curve.losses, dtype=float)
        ax.plot(
            curve.steps,
            losses,
            color=style.color,
            linestyle=style.line,
            linewidth=1.1,
            alpha=0.85,
        )
        seen = np.flatnonzero(np.isfinite(losses) & (losses > 0))
        if seen.size:
            ends.setdefault(curve.arm, []).append(losses[seen[-1]])
            if curve.failed:
                spot = np.asarray(curve.steps)[seen[-1]], losses[seen[-1]]
                ax.plot(*spot, marker="X", markersize=7, color=style.color, clip_on=False)
    ax.set_xlim(0, max(np.max(curve.steps) for curve in curves))
    dress(ax, x="optimiser steps (count)", y=f"{label} ({unit})", grid="")
    for level in levels:
        ax.axhline(level, color=INK, linestyle=":", linewidth=0.9)
    if levels:
        named = ", ".join(f"{level:g}" for level in levels)
        note(ax, f"dotted: losses at which networks are compared ({named})")
    label_ends(
        ax,
        [
            (np.exp(np.median(np.log(last))), _summary(name, curves), arm_style(name).color)
            for name, last in ends.items()
        ],
    )


def _summary(name, curves):
    runs = [curve for curve in curves if curve.arm == name]
    failed = sum(curve.failed for curve in runs)
    return f"{wrapped(name)}\n" + (
        f"({failed} of {len(runs)} failed ✖)" if failed else f"({len(runs)} seeds)"
    )


def _set_scale(ax, scale, finite):
    if scale == "auto":
        scale = "log" if finite.min() > 0 else "symlog"
    if scale == "symlog":
        sizes = np.abs(finite[finite != 0]) if np.any(finite) else np.ones(1)
        threshold = max(sizes.min(), 1e-3 * sizes.max())
        ax.set_yscale("symlog", linthresh=threshold, linscale=0.5)
        ax.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=threshold))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.axhline(0, color=INK, linewidth=0.6)
    elif scale in ("log", "linear"):
        ax.set_yscale(scale)
    else:
        raise ValueError(f"Unknown scale: {scale!r}. Choose one of: auto, linear, log, symlog.")


def _draw_arm(name, by_depth, places, ax):
    style = arm_style(name)
    line = []
    for depth in sorted(by_depth):
        seeds = np.asarray(by_depth[depth], dtype=float)
        seeds = seeds[np.isfinite(seeds)]
        if seeds.size:
            middle = float(np.median(seeds))
            bar = [[middle - seeds.min()], [seeds.max() - middle]]
            line.append((places[depth], middle))
            ax.errorbar(*line[-1], yerr=bar, color=style.color, linewidth=1.1, capsize=3)
            ax.scatter(
                np.full(seeds.size, places[depth]), seeds, s=7, color=style.color, alpha=0.45
            )
    if not line:
        return []
    ax.plot(
        *zip(*line, strict=True),
        color=style.color,
        linestyle=style.line,
        marker=style.marker,
        markersize=5.5,
        linewidth=1.5,
    )
    return [(line[-1][1], wrapped(name), style.color)]


def _count_missing(values, depths, ax):
    missing = False
    counts = {
        name: [np.isfinite(np.asarray(by_depth.get(depth, ()), float)) for depth in depths]
        for name, by_depth in values.items()
    }
    if len(counts) > MOST_COUNTS:
        counts = {None: [np.concatenate(seeds) for seeds in zip(*counts.values(), strict=True)]}
    for rank, (name, by_depth) in enumerate(counts.items()):
        for index, seeds in enumerate(by_depth):
            there = int(seeds.sum())
            if there < seeds.size:
                missing = True
                text, color = (
                    f"{there}/{seeds.size}",
                    INK if name is None else arm_style(name).color,
                )
                looks = {"at": ("data", "axes fraction"), "ha": "center", "color": color}
                write(ax, text, (index, 0), (0, 3 + 10 * rank), **looks)
    if missing:
        ax.margins(y=0.16)
        note(ax, "a/b: only a of b seeds reached this loss")
