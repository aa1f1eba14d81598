"""Evaluates the loss on random planes through a trained network.

python -m experiments.surface --config=configs/surface.py --config.run=runs/train --workdir=runs/x
"""

import dataclasses
import math
import os

import jax
import numpy as np

from experiments import _main, _network
from lsgeo import geometry, runs


@dataclasses.dataclass
class Config:
    """Surfaces of one checkpoint.

    Attributes:
      run: directory of a run of experiments.train.
      checkpoint: "init", "loss_LEVEL" or "end".
      x_min: first coordinate, in filter norms: 1 moves every filter by its own length.
      x_max: last coordinate along the first direction.
      y_min: first coordinate along the second direction.
      y_max: last coordinate along the second direction.
      resolution: points per axis; an odd number on a symmetric range includes the network itself.
      planes: pairs of random directions. Twins see the same raw ones, before filters are scaled.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      seed: random directions.
    """

    run: str = ""
    checkpoint: str = "end"
    x_min: float = -1.0
    x_max: float = 1.0
    y_min: float = -1.0
    y_max: float = 1.0
    resolution: int = 25
    planes: int = 3
    num_examples: int = 0
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Evaluates every plane into `workdir`, row by row, and continues there after a kill.

    Args:
      config: Config.
      workdir: the run's directory; it gets one "plane_K" with xs, ys, values [ny, nx] per plane and
        one "summary".
      progress: progress(rows done, rows, text).

    Returns:
      The Run; its "summary" has non_convex_fraction, basin_area (share of the plane with a loss
      below chance), finite_fraction, max_loss, one entry per plane each, and centre_loss,
      chance_loss, checkpoint_step, num_examples, batch_stats ("frozen" at the centre's, or "none").

    Raises:
      ValueError: for a bad field, a run without that checkpoint, or a directory of another
        configuration or of another network.
    """
    xs, ys = _check(config)
    found = _network.load(config.run, config.checkpoint, config.num_examples)
    network, loss, params, batch = found.sha256, found.loss, found.params, found.batch
    opened = runs.open_run(workdir, config, provenance={"network_sha256": network})
    if opened.has("summary"):
        return opened
    surfaces = []
    for plane, key in enumerate(_keys(config)):
        rows = _Rows(opened, f"plane_{plane}", network, xs, ys)
        directions = geometry.filter_normalized_directions(params, key=key)
        surfaces.append(
            geometry.surface(
                loss,
                params,
                batch,
                directions,
                xs=xs,
                ys=ys,
                finished=rows.finished,
                on_row=rows.add,
                progress=_report(progress, plane, config.planes),
            )
        )
    chance = math.log(found.num_classes)
    facts = {
        "centre_loss": found.value(),
        "chance_loss": chance,
        "checkpoint_step": found.step,
        "num_examples": len(batch["image"]),
        "batch_stats": "frozen" if "batch_stats" in found.constants else "none",
    }
    opened.save("summary", {**_statistics(surfaces, chance), **facts})
    return opened


def load_surfaces(run_of_surfaces: runs.Run) -> list[geometry.Surface]:
    """Reads the finished planes of a run, in order.

    Raises:
      ValueError: if a file is damaged.
    """
    surfaces = []
    while run_of_surfaces.has(name := f"plane_{len(surfaces)}"):
        arrays = run_of_surfaces.load(name)
        if len(arrays["values"]) < len(arrays["ys"]):
            break
        surfaces.append(geometry.Surface(arrays["xs"], arrays["ys"], arrays["values"]))
    return surfaces


class _Rows:
    # The rows of one plane on disk, from the first on; rewritten whole with every new row.

    def __init__(self, opened, name, network, xs, ys):
        self._run, self._name = opened, name
        self._grid = {"xs": xs, "ys": ys, "network_sha256": network}
        self._rows = []
        if opened.has(name):
            stored = opened.load(name)
            if stored["network_sha256"] != network:
                raise ValueError(
                    f"`workdir` {opened.path} holds {name} of other weights: the training run was "
                    "repeated since. Use another --workdir, or delete that directory."
                )
            self._rows = list(stored["values"])

    @property
    def finished(self):
        return dict(enumerate(self._rows))

    def add(self, row, values):
        del row  # rows come in order
        self._rows.append(values)
        self._run.save(self._name, {**self._grid, "values": np.stack(self._rows)})


def _check(config):
    for name in ("resolution", "planes"):
        least = {"resolution": 3, "planes": 1}[name]
        if getattr(config, name) < least:
            raise ValueError(f"`{name}` must be at least {least}; got {getattr(config, name)}.")
    for axis in "xy":
        low, high = getattr(config, f"{axis}_min"), getattr(config, f"{axis}_max")
        if not low < high:
            raise ValueError(f"`{axis}_min` must be below `{axis}_max`; got {low} and {high}.")
    return (
        np.linspace(config.x_min, config.x_max, config.resolution),
        np.linspace(config.y_min, config.y_max, config.resolution),
    )


def _keys(config):
    key = jax.random.key(config.seed)
    return [jax.random.fold_in(key, plane) for plane in range(config.planes)]


def _report(progress, plane, planes):
    if progress is None:
        return None
    return lambda done, rows: progress(
        plane * rows + done, planes * rows, f"rows, plane {plane + 1} of {planes}"
    )


def _statistics(surfaces, chance):
    return {
        "non_convex_fraction": np.array([one.non_convex_fraction() for one in surfaces]),
        "basin_area": np.array([one.basin_area(chance) for one in surfaces]),
        "finite_fraction": np.array([one.finite_fraction for one in surfaces]),
        "max_loss": np.array([float(np.max(one.values)) for one in surfaces]),
    }


if __name__ == "__main__":
    _main.launch(run, config_file="configs/surface.py")
