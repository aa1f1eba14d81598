"""What a network measures at every gate of its skip connections."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from lsgeo.plotting._names import name_arms, shown
from lsgeo.plotting.style import FAINT, arm_style, dress


def gate_sweep(
    gates: Sequence[float],
    values: Mapping[str, Sequence[float]],
    ax: Axes,
    *,
    label: str,
    unit: str,
    trained: float | None = None,
) -> None:
    """Draws a metric against the gate of the skip, from none (0) to the whole one (1).

    The axis is logarithmic where all values are positive and reach over more than a factor of 20. A value that
    is not finite leaves a gap.

    Args:
      gates: [k] gates, ascending.
      values: arm -> [k] values.
      ax: matplotlib Axes.
      label: name of the metric.
      unit: its unit.
      trained: gate that the network was trained with, a grey line.

    Raises:
      ValueError: for another number of values than gates.
    """
    for name, line in values.items():
        style = arm_style(name)
        if len(line) != len(gates):
            raise ValueError(
                f"`values` of {name} must be one per gate, {len(gates)}; got {len(line)}."
            )
        ax.plot(gates, line, color=style.color, marker=style.marker, markersize=4, linewidth=1.5)
    pooled = np.array([value for line in values.values() for value in line], float)
    pooled = pooled[np.isfinite(pooled)]
    if pooled.size and pooled.min() > 0 and pooled.max() > 20 * pooled.min():
        ax.set_yscale("log")
    if trained is not None:
        ax.axvline(trained, color=FAINT, linewidth=3, zorder=0)
    if len(values) > 1:
        name_arms(ax, [(name, shown(name)) for name in values])
    note = "" if trained is None else " (grey: as trained)"
    dress(ax, x=f"gate of the skip{note}", y=f"{label} ({unit})")
