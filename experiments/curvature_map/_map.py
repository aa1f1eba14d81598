"""The map of one network, row by row, and the figure of all."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from experiments.common.fields import check_least
from experiments.common.figures import save_figure
from experiments.common.network import Network
from experiments.common.rows import Rows
from lsgeo import geometry, plotting, runs
from lsgeo.checks import check_fraction
from lsgeo.geometry import terrain
from lsgeo.results import entries

Grid = dict[str, np.ndarray]  # xs and ys


def grid(config: Any) -> Grid:
    """The coordinates of a configuration; a ValueError for a bad field."""
    check_fraction(config.tol, "tol")
    check_least(config, x_points=2, y_points=2)
    found = {}
    for axis in "xy":
        low, high = getattr(config, f"{axis}_min"), getattr(config, f"{axis}_max")
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"`{axis}_min` must be below `{axis}_max`; got {low} and {high}.")
        found[f"{axis}s"] = np.linspace(low, high, getattr(config, f"{axis}_points"))
    return found


def measure(
    config: Any,
    opened: runs.Run,
    side: str,
    network: Network,
    grid: Grid,
    steps: Callable[..., None] | None,
) -> terrain.CurvatureMap:
    """Maps what is missing of arrays/SIDE.npz; steps(points done, points)."""
    facts = {**grid, **entries(network, ("arm", "step"))}
    rows = Rows(opened, side, network.sha256, facts, entry="rows")
    draw, start = jax.random.split(jax.random.key(config.seed))
    return terrain.curvature_map(
        *network.problem,
        geometry.filter_normalized_directions(
            network.params, key=draw, loss=network.loss, batch=network.batch
        ),
        **grid,
        key=start,
        tol=config.tol,
        finished=rows.finished,
        on_row=rows.add,
        progress=steps,
    )


def draw(opened: runs.Run, maps: Mapping[str, terrain.CurvatureMap], network: Network) -> None:
    """Draws figures/curvature_map.svg."""
    guesses = not math.isnan(network.chance_loss)
    figure, axes = plotting.new_figure(width=1.2 + 4.2 * len(maps), height=4.4, columns=len(maps))
    plotting.curvature_maps(
        maps, np.atleast_1d(axes), num_classes=network.num_classes if guesses else None
    )
    save_figure(opened, "curvature_map", figure)
