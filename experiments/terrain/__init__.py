"""Measures the terrain around trained networks and their twins: convexity, roughness, minima, with intervals.

Several networks, each seen on several random planes; twins see the same directions. Without `runs` it trains
its own.

python -m experiments.terrain --config=configs/terrain.py --workdir=runs/terrain
python -m experiments.terrain --config.runs=runs/skip-0,runs/skip-1,runs/skip-2
  --config.twins=runs/plain-0,runs/plain-1,runs/plain-2 --workdir=runs/terrain
"""

import dataclasses
import os

import jax

from experiments import train
from experiments.common.figures import save_figure
from experiments.common.steps import Progress, Steps, report
from experiments.common.twins import own
from experiments.terrain import _figures, _networks, _planes, _table
from lsgeo import results, runs
from lsgeo.study.table import write_csv


@dataclasses.dataclass
class Config:
    """The terrain of networks of several seeds, and of their twins.

    Attributes:
      runs: directories of runs of experiments.train, one per seed, separated by commas; "" trains `num_seeds`
        pairs of twins in WORKDIR/train.
      twins: directories of their twins, in the same order; "" for none.
      network: configuration of that training, where `runs` is "".
      twin_skip: skip type of the twins that are trained.
      num_seeds: pairs that are trained; an interval needs three.
      checkpoint: of every run.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      planes: pairs of random directions per network.
      resolution: points per axis.
      extent: the planes reach from -extent to extent, in filter norms.
      test: of the convexity radius, "chords" or "hessian".
      windows: of the roughness, in points.
      threshold: barrier that makes a minimum count, in normal scores, see `lsgeo.geometry.persistence_null`.
      num_fields: random fields of the null.
      neighbours: 8, or 4, of a point in the merge tree.
      steps: step sizes of the gradient smoothness.
      seed: random directions, fields and resamples.
    """

    runs: str = ""
    twins: str = ""
    network: train.Config = own(
        depth=20,
        width=64,
        norm="layer",
        skip="scaled",
        num_train=0,
        max_steps=1000,
        stop_loss=0.01,
        loss_levels=(),
        eval_every=100,
        save_every=0,
    )
    twin_skip: str = "none"
    num_seeds: int = 3
    checkpoint: str = "end"
    num_examples: int = 0
    planes: int = 3
    resolution: int = 21
    extent: float = 1.0
    test: str = "chords"
    windows: tuple[int, ...] = (3, 5, 9)
    threshold: float = 0.1
    num_fields: int = 199
    neighbours: int = 8
    steps: tuple[float, ...] = (1e-4, 1e-3, 1e-2)
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures each plane into arrays/SIDE_K_plane_P.npz; draws figures/terrain.svg and figures/minima.svg.

    Returns:
      The Run. "summary" holds the table, as table.csv does: figure, networks (an arm, or the difference of
      both by pairs), value, lower, upper, between, within, num_censored (convexity radii that reach the edge,
      of which the mean is a lower bound); a plane's file xs, ys, values, every figure, the merge tree of its
      losses and the null; SIDE_K the loss and the smoothness of a network.

    Raises:
      ValueError: for unequal numbers of runs and twins.
    """
    _networks.check(config)
    sides = _networks.load(config, workdir, progress)
    opened = runs.open_run(workdir, config)
    step = Steps(progress, sum(map(len, sides.values())) * config.planes)
    arms = {
        networks[0].arm: _planes.measure(config, opened, side, networks, step)
        for side, networks in sides.items()
    }
    rows = _table.rows(arms, config.windows, jax.random.key(config.seed))
    opened.save("summary", results.columns(rows))
    write_csv(opened.path / "table.csv", rows)
    save_figure(opened, "terrain", _figures.scalars(arms, rows, config.windows))
    save_figure(opened, "minima", _figures.minima(arms))
    table = f"table in {opened.path / 'table.csv'}"
    report(progress, opened, [*map(_table.line, rows), table])
    return opened
