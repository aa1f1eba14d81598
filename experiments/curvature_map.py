"""Maps the lowest and the highest eigenvalue of the Hessian over a plane through a network, and its twin.

python -m experiments.curvature_map --config=configs/curvature_map.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/curvature_map
"""

import dataclasses
import math
import os

import jax
import numpy as np

from experiments import _surface
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from experiments.common.network import load_network
from lsgeo import geometry, plotting, runs
from lsgeo.checks import check_fraction
from lsgeo.geometry import terrain


@dataclasses.dataclass
class Config:
    """The curvature of one network, or of two, over a random plane.

    Attributes:
      run: directory of a run of experiments.train.
      twin: directory of its twin's, seen on the same raw directions; "" for none.
      checkpoint: of both.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      x_min: first coordinate, in filter norms.
      x_max: last coordinate along the first direction.
      y_min: first coordinate along the second direction.
      y_max: last coordinate along the second direction.
      x_points: points along the first direction; an odd number on a symmetric range includes the network.
      y_points: points along the second direction.
      tol: bound on the residuals of the eigenvalues, relative to the largest |lambda| of the point.
      seed: random directions and start vectors.
    """

    run: str = ""
    twin: str = ""
    checkpoint: str = "end"
    num_examples: int = 256
    x_min: float = -0.5
    x_max: float = 0.5
    y_min: float = -0.5
    y_max: float = 0.5
    x_points: int = 9
    y_points: int = 9
    tol: float = 1e-2
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Maps each network into arrays/SIDE.npz, row by row, and continues there after a kill.

    Args:
      config: Config.
      workdir: the run's directory; it gets figures/curvature_map.svg too.
      progress: progress(points done, points, text).

    Returns:
      The Run. "run" and "twin" hold xs, ys, rows [rows done, nx, 7] (loss, lambda_min, lambda_max, both
      residuals, converged, products), arm, step; `load_map` reads them.

    Raises:
      ValueError: for a bad field, a run without that checkpoint, or the directory of another configuration or
        of other networks.
    """
    xs, ys = _check(config)
    sides = {"run": config.run, "twin": config.twin} if config.twin else {"run": config.run}
    networks = {
        side: load_network(path, config.checkpoint, config.num_examples)
        for side, path in sides.items()
    }
    arms = [network.arm for network in networks.values()]
    if len(set(arms)) < len(arms):
        raise ValueError(
            f"`run` and `twin` are both networks with {arms[0]!r}; twins differ in their skip."
        )
    opened = runs.open_run(workdir, config)
    maps = {}
    for number, (side, network) in enumerate(networks.items()):
        report = _reporter(progress, number, len(networks), network.arm)
        maps[network.arm] = _map(config, opened, side, network, (xs, ys), report)
    _draw(opened, maps, networks["run"])
    if progress is not None:
        for arm, found in maps.items():
            print(f"{arm}: {found}")
        print(f"results in {opened.path / 'arrays'}, figure in {opened.path / 'figures'}")
    return opened


def load_map(opened: runs.Run, side: str) -> terrain.CurvatureMap:
    """Reads the finished map of "run" or "twin".

    Raises:
      ValueError: if it is not finished, or the file is damaged.
    """
    stored = opened.load(side)
    if len(stored["rows"]) < len(stored["ys"]):
        raise ValueError(
            f"{opened.path} holds {len(stored['rows'])} of {len(stored['ys'])} rows of {side!r}. Run the same "
            "command again to go on."
        )
    return terrain.CurvatureMap.of_rows(stored["xs"], stored["ys"], stored["rows"])


def _map(config, opened, side, network, grid, report):
    facts = {
        "xs": grid[0],
        "ys": grid[1],
        "arm": network.arm,
        "step": network.step,
        "network_sha256": network.sha256,
    }
    rows = _stored_rows(opened, side, network)

    def add(row, values):
        del row  # rows come in order
        rows.append(values)
        opened.save(side, {**facts, "rows": np.stack(rows)})

    draw, start = jax.random.split(jax.random.key(config.seed))
    return terrain.curvature_map(
        network.loss,
        network.params,
        network.batch,
        geometry.filter_normalized_directions(network.params, key=draw),
        xs=grid[0],
        ys=grid[1],
        key=start,
        tol=config.tol,
        finished=dict(enumerate(rows)),
        on_row=add,
        progress=report,
    )


def _stored_rows(opened, side, network):
    if not opened.has(side):
        return []
    stored = opened.load(side)
    if stored["network_sha256"] != network.sha256:
        raise ValueError(
            f"`workdir` {opened.path} holds {side!r} of other weights: the training run was repeated since. "
            "Use another --workdir, or delete that directory."
        )
    return list(stored["rows"])


def _check(config):
    check_fraction(config.tol, "tol")
    for axis in "xy":
        low, high = getattr(config, f"{axis}_min"), getattr(config, f"{axis}_max")
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"`{axis}_min` must be below `{axis}_max`; got {low} and {high}.")
        points = getattr(config, f"{axis}_points")
        if points < 2:
            raise ValueError(f"`{axis}_points` must be at least 2; got {points}.")
    return (
        np.linspace(config.x_min, config.x_max, config.x_points),
        np.linspace(config.y_min, config.y_max, config.y_points),
    )


def _reporter(progress, number, count, arm):
    if progress is None:
        return None
    return lambda done, points: progress(number * points + done, count * points, f"points, {arm}")


def _draw(opened, maps, network):
    guesses = not math.isnan(_surface.chance_loss(network))
    figure, axes = plotting.new_figure(width=1.2 + 4.2 * len(maps), height=4.4, columns=len(maps))
    plotting.curvature_maps(
        maps, np.atleast_1d(axes), num_classes=network.num_classes if guesses else None
    )
    save_figure(opened, "curvature_map", figure)


if __name__ == "__main__":
    launch(run, config_file="configs/curvature_map.py")
