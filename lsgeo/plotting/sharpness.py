"""All measures of sharpness of twins, each relative to the first one's."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes

from lsgeo.plotting._names import name_arms, shown
from lsgeo.plotting.style import INK, arm_style, dress, note, plain_ticks, write

MARGIN = 1.6


class Measure(Protocol):
    """What is drawn of a measure: a positive number, the larger the sharper, and its interval."""

    measure: str
    value: float
    lower: float
    upper: float
    invariant_under: tuple[str, ...]


def sharpness_battery(arms: Mapping[str, Sequence[Measure]], ax: Axes) -> None:
    """Draws every measure of every network as a factor of the first network's value.

    Filled markers are measures that stay under a rescaling of layers, open ones move with it although the
    network's function does not. A value that is not positive, or not finite, has no factor: it is named on the
    right. An end of an interval that is not positive runs to the edge.

    Args:
      arms: arm -> its measures; the first one is the unit.
      ax: matplotlib Axes.

    Raises:
      ValueError: for no arm, or an arm without a measure.
    """
    if not arms or not all(arms.values()):
        raise ValueError("`arms` must hold at least one arm, each with a measure; got none.")
    styles = {name: arm_style(name) for name in arms}
    first, *_ = arms.values()
    units = {row.measure: row.value for row in first if _positive(row.value)}
    names = list(dict.fromkeys(row.measure for rows in arms.values() for row in rows))
    ax.set_xscale("log")
    factors = [
        row.value / units[row.measure]
        for rows in arms.values()
        for row in rows
        if row.measure in units and _positive(row.value)
    ]
    low, high = min([1 / MARGIN, *factors]) / MARGIN, max([MARGIN, *factors]) * MARGIN
    ax.set_xlim(low, high)
    for rank, (name, rows) in enumerate(arms.items()):
        offset = min(0.24, 0.8 / len(arms)) * (rank - (len(arms) - 1) / 2)
        for row in rows:
            _draw(row, names.index(row.measure) + offset, units, styles[name], ax)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), names)
    unit = next(iter(arms))
    dress(ax, x=f"sharpness relative to {shown(unit)} (factor)", y="measure", grid="x")
    ax.tick_params(axis="y", length=0)
    plain_ticks(ax.xaxis, subs=(1, 2, 5) if high < 300 * low else (1,), form="×{:g}")
    ax.axvline(1, color=INK, linewidth=0.9)
    note(ax, "filled: the same after layers are rescaled; open: moves with the rescaling")
    name_arms(ax, [(name, shown(name)) for name in arms])


def _draw(row, place, units, style, ax):
    unit = units.get(row.measure)
    if unit is None or not _positive(row.value):
        looks = {"at": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
        write(ax, f"{row.value:.3g}", (1, place), (4, 0), color=style.color, **looks)
        return
    low, high = ax.get_xlim()
    ends = [_end(row.lower / unit, low, low, high), _end(row.upper / unit, high, low, high)]
    ax.plot(ends, [place, place], color=style.color, linewidth=1.2)
    ax.plot(
        row.value / unit,
        place,
        marker=style.marker,
        markersize=5.5,
        color=style.color,
        markerfacecolor=style.color if row.invariant_under else "none",
        markeredgewidth=1.2,
    )


def _end(factor, edge, low, high):
    return float(np.clip(factor, low, high)) if _positive(factor) else edge


def _positive(value):
    return bool(np.isfinite(value) and value > 0)
