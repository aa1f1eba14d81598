"""Loss surfaces of twins, side by side on one colour scale."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lsgeo.plotting._names import shown
from lsgeo.plotting.style import FAINT, INK, SMALL_SIZE, color_bar, dress_plane, write

NUM_LEVELS = 24
EDGE = "#101010"  # on the colour map, whose colours no scheme of the page changes


class Plane(Protocol):
    """What is drawn of a surface: coordinates and losses."""

    xs: np.ndarray  # (nx,)
    ys: np.ndarray  # (ny,)
    values: np.ndarray  # (ny, nx)


def surface_pair(
    surfaces: Mapping[str, Plane],
    axes: Sequence,
    *,
    num_classes: int | None,
    limits: tuple[float, float] | None = None,
    unit: str = "filter norms",
    points: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Draws the losses of one or two networks on planes of equal scale, with one colour scale for both.

    Filled contours of log10(loss), whose range is under each title. The white line is the loss of a uniform
    guess, ln(num_classes); the cross is the trained network. Losses that are not finite stay empty and are
    hatched in grey.

    Args:
      surfaces: arm -> surface, one per axes.
      axes: as many matplotlib Axes of one figure.
      num_classes: number of classes of the task; None where there is no loss of guessing.
      limits: (lowest, highest) loss of the colour scale; by default those of the finite positive
        losses of all surfaces. Losses beyond keep the end's colour, which the colour bar shows as
        an arrow.
      unit: what a step of 1 along both directions is.
      points: arm -> [m, 2], where networks lie: the centre, then others, which get circles.

    Raises:
      ValueError: for another number of axes, or no positive loss at all.
    """
    if len(axes) != len(surfaces):
        raise ValueError(f"`axes` must be one per surface; got {len(axes)} for {len(surfaces)}.")
    low, high = _limits(surfaces.values()) if limits is None else np.log10(limits)
    levels = np.linspace(low, high, NUM_LEVELS + 1)
    chance = np.log10(np.log(num_classes)) if num_classes else np.nan
    others = {name: places[1:] for name, places in (points or {}).items()}
    for rank, (ax, (name, plane)) in enumerate(zip(axes, surfaces.items(), strict=True)):
        drawn = _draw(plane, ax, levels, chance)
        _mark(plane, ax, others.get(name, ()))
        dress_plane(ax, shown(name), arm=name, label=f"direction ({unit})", rank=rank, pad=20)
        write(ax, _range_of(plane), (0.5, 1), (0, 5), ha="center")
        ax.locator_params(nbins=5)
    _color_bar(axes, drawn, chance)
    _legend(axes[0].figure, num_classes, max(map(len, others.values()), default=0))


def _range_of(plane):
    values = np.asarray(plane.values, dtype=float)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "no finite loss"
    return f"loss {finite.min():.3g} to {finite.max():.3g}"


def _mark(plane, ax, points):
    for x, y in points:
        if plane.xs[0] <= x <= plane.xs[-1] and plane.ys[0] <= y <= plane.ys[-1]:
            ax.plot(x, y, marker="o", markersize=6, color="#ffffff", markeredgecolor=EDGE)


def _draw(plane, ax, levels, chance):
    values = np.asarray(plane.values, dtype=float)
    # What is not finite is masked, never filled in; a loss of zero takes the lowest colour.
    values = np.ma.masked_invalid(values)
    logs = np.ma.log10(np.ma.where(values > 0, values, 10.0 ** (levels[0] - 1)))
    corner, size = (plane.xs[0], plane.ys[0]), (np.ptp(plane.xs), np.ptp(plane.ys))
    if np.ma.is_masked(logs):
        ax.add_patch(
            Rectangle(corner, *size, facecolor=FAINT, edgecolor=INK, hatch="////", linewidth=0)
        )
    drawn = ax.contourf(
        plane.xs,
        plane.ys,
        logs,
        levels=levels,
        cmap="viridis",
        norm=Normalize(levels[0], levels[-1]),
        extend=_extend(logs, levels),
    )
    drawn.set_rasterized(True)
    if logs.count() and logs.min() < chance < logs.max():
        for color, width in ((EDGE, 2.6), ("#ffffff", 1.3)):
            ax.contour(plane.xs, plane.ys, logs, levels=[chance], colors=color, linewidths=width)
    if corner[0] <= 0 <= corner[0] + size[0] and corner[1] <= 0 <= corner[1] + size[1]:
        ax.plot(0, 0, marker="P", markersize=7, color="#ffffff", markeredgecolor=EDGE)
    return drawn


def _extend(logs, levels):
    if not logs.count():
        return "neither"
    below, above = logs.min() < levels[0], logs.max() > levels[-1]
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[int(below), int(above)]


def _limits(planes):
    values = np.concatenate([np.ravel(plane.values) for plane in planes]).astype(float)
    values = np.log10(values[np.isfinite(values) & (values > 0)])
    if not values.size:
        raise ValueError("`surfaces` must hold at least one finite positive loss; got none.")
    low, high = values.min(), values.max()
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _color_bar(axes, drawn, chance):
    bar = color_bar(drawn, axes, "loss (nats per example, log scale)")
    bar.locator = MaxNLocator(nbins=7, integer=drawn.levels[-1] - drawn.levels[0] > 3)
    bar.formatter = FuncFormatter(lambda power, _: _loss_name(power))
    bar.update_ticks()
    bar.solids.set_rasterized(True)
    if drawn.levels[0] < chance < drawn.levels[-1]:
        bar.ax.axhline(chance, color=EDGE, linewidth=2.6)
        bar.ax.axhline(chance, color="#ffffff", linewidth=1.3)


def _legend(figure, num_classes, num_others):
    parts = ["cross: the trained network"]
    if num_classes:
        parts.insert(0, f"white line: chance, ln {num_classes} = {np.log(num_classes):.2f} nats")
    if num_others:
        parts.append(f"{'circles: the others' if num_others > 1 else 'circle: the other'}")
    figure.supxlabel(";  ".join(parts), fontsize=SMALL_SIZE, color=INK)


def _loss_name(power):
    loss = 10.0**power
    return f"{float(f'{loss:.2g}'):g}" if 1e-3 <= loss < 1e4 else f"$10^{{{power:g}}}$"
