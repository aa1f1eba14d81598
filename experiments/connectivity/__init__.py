"""Looks for paths of low loss between two runs of one configuration that differ in their seed.

The straight line before and after the units of one network are matched to the other's, a fitted curve
before and after, a nudged elastic band, and the curvature along the matched curve.

python -m experiments.connectivity --config=configs/connectivity.py --config.run=runs/a \
  --config.other=runs/b --workdir=runs/connectivity
"""

import dataclasses
import functools
import os

from experiments.common.steps import Progress, Steps
from experiments.connectivity._pair import Pair
from experiments.connectivity._paths import PATHS, draw
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """Paths between two networks.

    Attributes:
      run: directory of a run of experiments.train.
      other: directory of another run, of the same configuration but for the seed.
      checkpoint: "init", "loss_LEVEL" or "end".
      num_examples: training examples of the loss, the first ones; 0 takes all.
      matching: "weights" or "activations", by what units are matched.
      num_starts: starts of the weight matching.
      curve: "bezier" or "polygonal".
      num_bends: inner control points of the curve.
      curve_steps: updates of the curve.
      curve_learning_rate: of Adam.
      batch_size: examples of an update of the curve; 0 takes all.
      num_pivots: networks of the elastic band between the ends.
      band_steps: updates of the band, each with one gradient of all examples per pivot.
      band_learning_rate: of Adam.
      num_points: points of every path, both ends included.
      curvature_points: points of the matched curve whose curvature is measured.
      seed: of matching, curve and curvature.
    """

    run: str = ""
    other: str = ""
    checkpoint: str = "end"
    num_examples: int = 0
    matching: str = "weights"
    num_starts: int = 10
    curve: str = "bezier"
    num_bends: int = 1
    curve_steps: int = 1000
    curve_learning_rate: float = 1e-2
    batch_size: int = 100
    num_pivots: int = 9
    band_steps: int = 100
    band_learning_rate: float = 3e-3
    num_points: int = 25
    curvature_points: int = 5
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures every path into arrays/NAME.npz and draws figures/connectivity.svg.

    Returns:
      The Run. "matching" has the permutations, distances and sizes of the groups. Each of the paths "line",
      "line_matched", "curve", "curve_matched" and "band_matched" has ts, losses, lengths, distance,
      above_mean, above_chord, resolution, num_evaluations, message. "curvature" has ts, lowest, highest,
      residuals.

    Raises:
      ValueError: for runs that differ in more than the seed.
    """
    _check(config)
    pair = Pair(config)
    opened = runs.open_run(workdir, config)
    stages = ("matching", *PATHS, "curvature")
    step = Steps(progress, len(stages))
    for name in stages:
        told = step.during(f"{name}: step {{}} of {{}}".format)
        measure = functools.partial(pair.measure, name, opened, told)
        found = opened.stage(name, pair.sha256, measure)
        step(found["message"])
    draw(opened, pair.one.arm)
    return opened


def _check(config):
    if config.matching not in ("weights", "activations"):
        raise ValueError(f"`matching` must be 'weights' or 'activations'; got {config.matching!r}.")
    for name in ("run", "other"):
        if not getattr(config, name):
            raise ValueError(f"`{name}` must be the directory of a training run; got nothing.")
    one, other = runs.load_config(config.run), runs.load_config(config.other)
    for field in sorted(one.keys() | other.keys()):
        if field != "seed" and one.get(field) != other.get(field):
            raise ValueError(
                f"`other` must be a run of the same configuration as `run` but for the seed; `{field}` is "
                f"{one.get(field)!r} in {config.run} and {other.get(field)!r} in {config.other}."
            )
    if one.get("seed") == other.get("seed"):
        raise ValueError(f"`run` and `other` have the same seed, {one.get('seed')}.")
