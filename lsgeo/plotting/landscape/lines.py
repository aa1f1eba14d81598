"""Losses along lines through twins, one curve per direction."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes

from lsgeo.plotting._names import label_ends, wrapped
from lsgeo.plotting.style import INK, arm_style, dress, note


class Line(Protocol):
    """What is drawn of a slice along one direction: coordinates and losses."""

    axes: tuple[np.ndarray]  # ((n,),)
    values: np.ndarray  # (n,)


def loss_lines(
    lines: Mapping[str, Sequence[Line]],
    ax: Axes,
    *,
    num_classes: int | None,
    unit: str = "filter norms",
) -> None:
    """Draws the loss along lines through one or several networks, one curve per direction.

    A grey line marks the loss of a uniform guess, ln(num_classes). Losses that are not finite leave a gap.
    The loss has a logarithmic axis unless one is zero or less.

    Args:
      lines: arm -> slices along one direction.
      ax: matplotlib Axes.
      num_classes: number of classes of the task; None where there is no loss of guessing.
      unit: what a step of 1 along the direction is.

    Raises:
      ValueError: for no arm, an arm without a line, or no finite loss at all.
    """
    if not lines or not all(lines.values()):
        raise ValueError("`lines` must hold at least one arm, each with a line; got none.")
    values = np.concatenate([line.values for arm in lines.values() for line in arm]).astype(float)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("`lines` must hold at least one finite loss; got none.")
    ends = []
    for name, arm in lines.items():
        style = arm_style(name)
        for line in arm:
            losses = np.where(np.isfinite(line.values), line.values, np.nan)
            ax.plot(line.axes[0], losses, color=style.color, linestyle=style.line, linewidth=1.2)
        last = [line.values[np.isfinite(line.values)][-1:] for line in arm]
        place = np.concatenate(last) if any(map(len, last)) else finite
        ends.append((float(np.median(place)), wrapped(name), style.color))
    if finite.min() > 0:
        ax.set_yscale("log")
    xs = np.concatenate([line.axes[0] for arm in lines.values() for line in arm])
    ax.set_xlim(xs.min(), xs.max())
    if num_classes:
        chance = np.log(num_classes)
        ax.axhline(chance, color=INK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
        ends.insert(0, (chance, f"chance, ln {num_classes}", INK))
    dress(ax, x=f"place along the direction ({unit})", y="loss (nats per example)")
    text = f"loss {finite.min():.3g} to {finite.max():.3g}; 0 is the trained network"
    note(ax, text)
    label_ends(ax, ends)
