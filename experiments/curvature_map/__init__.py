"""Maps the lowest and the highest eigenvalue of the Hessian over a plane through a network, and its twin.

python -m experiments.curvature_map --config=configs/curvature_map.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/curvature_map
"""

import dataclasses
import functools
import os

from experiments.common.network import load_network
from experiments.common.steps import Progress, report
from experiments.common.twins import given
from experiments.curvature_map import _map
from lsgeo import runs
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


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Maps each network into arrays/SIDE.npz, row by row, and draws figures/curvature_map.svg.

    Returns:
      The Run. "run" and "twin" hold xs, ys, rows [rows done, nx, 7] (loss, lambda_min, lambda_max, both
      residuals, converged, products), arm, step; `load_map` reads them.
    """
    grid = _map.grid(config)
    networks = {
        side: load_network(path, config.checkpoint, config.num_examples)
        for side, path in ({"run": config.run} | given(config)).items()
    }
    arms = [network.arm for network in networks.values()]
    if len(set(arms)) < len(arms):
        raise ValueError(
            f"`run` and `twin` are both networks with {arms[0]!r}; twins differ in their skip."
        )
    opened = runs.open_run(workdir, config)
    maps = {}
    for number, (side, network) in enumerate(networks.items()):
        place = number, len(networks), network.arm
        steps = progress and functools.partial(_points, progress, *place)
        maps[network.arm] = _map.measure(config, opened, side, network, grid, steps)
    _map.draw(opened, maps, networks["run"])
    report(progress, opened, (f"{arm}: {found}" for arm, found in maps.items()))
    return opened


def _points(progress, number, count, arm, done, points):
    progress(number * points + done, count * points, f"points, {arm}")


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
