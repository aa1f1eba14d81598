"""Where a run's figures lie, and panels on a grid."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lsgeo import plotting, runs


def grid(count: int, width: float, height: float, **shape: int) -> tuple[Figure, list[Any]]:
    """A figure, and `count` of its axes of rows times columns; the others are left empty."""
    figure, axes = plotting.new_figure(width=width, height=height, **shape)
    axes = list(np.ravel(axes))
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count]


def save_figure(opened: runs.Run, name: str, figure: Figure) -> None:
    """Writes a figure into the run's directory, as figures/NAME.svg."""
    folder = opened.path / "figures"
    folder.mkdir(exist_ok=True)
    plotting.save_svg(figure, folder / f"{name}.svg")
