"""How many runs are still where they started, step by step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from lsgeo.plotting._names import label_ends, wrapped
from lsgeo.plotting.style import FAINT, arm_style, dress, note


def trapped(
    runs: Mapping[str, Any], ax: Axes, *, title: str = "", confidence: float = 0.95
) -> None:
    """Draws the share of the runs that have not escaped against the steps, with exact intervals.

    Args:
      runs: arm -> Escapes of `lsgeo.geometry.escape`, all given as many steps.
      ax: matplotlib Axes.
      title: what they start from.
      confidence: of the band, at each step for itself.

    Raises:
      ValueError: for no runs, or runs that were given different numbers of steps.
    """
    given = {found.num_steps for found in runs.values()}
    if len(given) != 1:
        raise ValueError(f"`runs` must all be given as many steps; got {sorted(given) or 'none'}.")
    last = given.pop()
    ends = []
    for name, found in runs.items():
        style = arm_style(name)
        steps = np.unique(np.concatenate([[0, last], found.times[np.isfinite(found.times)]]))
        share, lower, upper = found.survival(steps, confidence)
        ax.fill_between(
            steps, lower, upper, step="post", color=style.color, alpha=0.12, linewidth=0
        )
        ax.step(steps, share, where="post", color=style.color, linestyle=style.line, linewidth=1.5)
        ends.append(
            (
                float(share[-1]),
                f"{wrapped(name)}\n({found.count} of {len(found.times)} out)",
                style.color,
            )
        )
    ax.axhline(0, color=FAINT, linewidth=0.5)
    # Escapes are early or late by factors.
    first = min((found.times.min() for found in runs.values()), default=last)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(min(first / 2, last / 200), last)
    ax.set_ylim(-0.02, 1.04)
    note(ax, title)
    dress(ax, x="steps (count)", y="still trapped (share)")
    label_ends(ax, ends)
