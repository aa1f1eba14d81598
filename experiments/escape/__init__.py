"""Measures how often, and how soon, training gets away from a bad minimum, a plateau and a saddle.

Each of them is built into networks with and without skips, which start as one function at one loss, many
seeds each, with gradient descent and mini-batches, with and without momentum.

python -m experiments.escape --config=configs/escape.py --workdir=runs/escape
"""

import dataclasses
import functools
import os

from experiments.common.steps import Progress, Steps, report
from experiments.escape import _runs, _starts
from experiments.escape._runs import load_escapes as load_escapes
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """Escapes of twins from constructed points.

    Attributes:
      arms: names of arms, separated by commas; the first is what the others are compared with.
      starts: "minimum" (the best linear classifier, built into the network with all ReLUs active), "plateau"
        (a layer of dead ReLUs) and "saddle" (small parameters about zero, in a network with tanh).
      depth: blocks.
      width: units per block.
      dataset: name of the data, see `lsgeo.data`.
      num_train: examples; 0 takes all.
      pool: side of the squares of pixels that are averaged into one; 1 leaves them.
      modulo: labels are taken modulo this: 2 asks whether a digit is odd; 0 leaves them. The data must be such
        that a linear classifier cannot tell them apart, or it has no minimum.
      num_seeds: runs of each kind; a seed chooses the start and the mini-batches, the same for all arms.
      momenta: of heavy-ball momentum; 0 is none.
      batch_sizes: examples of an update; 0 is gradient descent on all of them.
      num_steps: updates that a run is given.
      every: updates between two looks at the loss of all examples.
      fraction: of its loss at the start below which a run has escaped.
      minimum_rate: learning rate from the minimum. With momentum m, 1 - m times that.
      plateau_rate: from the plateau.
      saddle_rate: from the saddle.
      margin: distance of all ReLUs from zero at the minimum and on the plateau.
      scale: standard deviation of the parameters at the saddle.
      seed: starts and mini-batches.
      data_seed: subset of the data.
    """

    arms: str = "plain,residual,scaled"
    starts: tuple[str, ...] = ("minimum", "plateau", "saddle")
    depth: int = 4
    width: int = 12
    dataset: str = "digits"
    num_train: int = 300
    pool: int = 2
    modulo: int = 2
    num_seeds: int = 20
    momenta: tuple[float, ...] = (0.0, 0.9)
    batch_sizes: tuple[int, ...] = (16, 0)
    num_steps: int = 2000
    every: int = 10
    fraction: float = 0.9
    minimum_rate: float = 0.012
    plateau_rate: float = 0.015
    saddle_rate: float = 0.1
    margin: float = 0.5
    scale: float = 1e-2
    seed: int = 0
    data_seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Runs each kind of training into arrays/START_ARM_OPTIMISER.npz and draws figures/escape_OPTIMISER.svg.

    Returns:
      The Run. An entry has times [seeds] (infinite where trapped to the end), diverged, steps, losses
      [seeds, steps], thresholds, num_steps, rate with lower and upper (95 %), median with its ends, barriers
      (rise of the loss on the line from the start to where a run got), text, seconds; compared with the first
      arm: difference with its ends, overlap, p_value. START_ARM has what kind of point the start is.
    """
    arms = _starts.check(config)
    problem = _starts.load(config)
    opened = runs.open_run(workdir, config, provenance={"data_sha256": problem.sha256})
    kinds = _runs.kinds(config, arms)
    step = Steps(progress, len(kinds))
    for kind in kinds:
        describe = functools.partial(_starts.describe, config, problem, kind.start, kind.arm)
        opened.stage(kind.card, "", describe)
        told = step.during(f"{kind}, step {{}} of {{}}".format)
        measure = functools.partial(_runs.measure, config, problem, opened, kind, arms[0], told)
        step(f"{kind}: {opened.stage(str(kind), '', measure)['text']}")
    for batch_size in config.batch_sizes:
        _runs.draw(opened, config, [kind for kind in kinds if kind.batch_size == batch_size])
    report(progress, opened, _runs.lines(opened, kinds))
    return opened
