"""Evaluates the loss on planes, or lines, through a trained network, and through its twin.

python -m experiments.surface --config=configs/surface.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/surface
"""

import dataclasses
import functools
import os

from experiments.common.steps import Progress
from experiments.surface._layouts import UNITS as UNITS
from experiments.surface._layouts import check, check_arms, num_planes
from experiments.surface._side import Side, draw
from experiments.surface._side import load_lines as load_lines
from lsgeo import runs
from lsgeo.study.stored import load_surfaces as load_surfaces


@dataclasses.dataclass
class Config:
    """Surfaces of one checkpoint, or of two.

    Attributes:
      run: directory of a run of experiments.train.
      twin: directory of its twin's, measured along the same draws; "" for none.
      checkpoint: "init", "loss_LEVEL" or "end".
      directions: random ones, scaled by "filter" (Li et al. 2018), by "layer", by "global" norm, or "raw";
        Hessian "eigenvectors" (plane k of the k-th highest and the k-th lowest, lines in turn); the
        "gradient"; towards the "other" network, or the plane through "three"; the principal components of
        the run's checkpoints, "pca". What has one direction takes a random one at right angles, of the
        same length, as its second.
      other: directory of the other network's run, for "other" and "three".
      third: directory of the third network's run, for "three".
      small_leaves: biases and norm parameters in random directions: "zero" holds them still, "keep"
        scales each of them as one filter.
      dimensions: 2 for planes, 1 for lines along the first direction.
      x_min: first coordinate; in units of the directions, such as filter norms: 1 moves every filter by
        its own length. 1 is the other network, or the farthest checkpoint.
      x_max: last coordinate along the first direction.
      y_min: first coordinate along the second direction.
      y_max: last coordinate along the second direction.
      resolution: points per axis; an odd number on a symmetric range includes the network itself.
      nx: points along the first direction, if not `resolution`.
      ny: points along the second direction, if not `resolution`.
      planes: pairs of directions, or lines. Where neither direction is drawn or counted, there is one.
      batch_stats: batch norm statistics at every point: "frozen" at the network's, those of the examples as
        one "batch" in training mode, or "re-estimated" from them for evaluation mode.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      chunk: points per compiled call; more help networks whose loss takes less than a millisecond.
      figure: whether figures/surface_K.svg, or figures/lines.svg, is drawn.
      seed: random directions.
    """

    run: str = ""
    twin: str = ""
    checkpoint: str = "end"
    directions: str = "filter"
    other: str = ""
    third: str = ""
    small_leaves: str = "zero"
    dimensions: int = 2
    x_min: float = -1.0
    x_max: float = 1.0
    y_min: float = -1.0
    y_max: float = 1.0
    resolution: int = 25
    nx: int = 0
    ny: int = 0
    planes: int = 3
    batch_stats: str = "frozen"
    num_examples: int = 0
    chunk: int = 1
    figure: bool = False
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Evaluates every plane into `workdir`, row by row, and continues there after a kill.

    Returns:
      The Run; its "summary" has non_convex_fraction (of planes), basin_area (share of the plane with a loss
      below chance), finite_fraction, max_loss, one entry per plane each, each with NAME_mean and the ends
      NAME_lower, NAME_upper of its 95 % interval over planes (Student; NaN where planes are no sample); and
      centre_loss, chance_loss (NaN without cross-entropy), checkpoint_step, num_examples, arm, batch_stats
      (the policy, or "none"). "plane_K" has xs, ys, values [ny, nx] ("line_K" xs, values [nx]), points
      (where networks lie, the centre first) and what the directions have: eigenvalues, slope or distance.
      The twin's are called twin_....

    Raises:
      ValueError: for networks of different architectures on one plane.
    """
    check(config)
    paths = {"": config.run, **({"twin_": config.twin} if config.twin else {})}
    sides = [Side(config, path, prefix) for prefix, path in paths.items()]
    check_arms(config, [side.network for side in sides])
    digest = " ".join(side.sha256 for side in sides)
    opened = runs.open_run(workdir, config, provenance={"network_sha256": digest})
    for index, side in enumerate(sides):
        report = progress and functools.partial(_rows, progress, config, index, len(sides))
        opened.stage(f"{side.prefix}summary", "", lambda s=side, r=report: s.measure(opened, r))
    if config.figure:
        draw(opened, config, list(paths))
    return opened


def _rows(progress, config, index, sides, plane, done, rows):
    planes = num_planes(config)
    text = f"rows, plane {plane + 1} of {planes}" + (", twin" if index else "")
    progress((index * planes + plane) * rows + done, sides * planes * rows, text)
