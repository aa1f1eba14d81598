"""Measures the sharpness of a trained network, and of its twin, in every way of the literature.

python -m experiments.sharpness --config=configs/sharpness.py --config.run=runs/skip
  --config.twin=runs/no-skip --workdir=runs/sharpness
"""

import dataclasses
import functools
import os

from experiments.common import twins
from experiments.common.fields import check_names
from experiments.common.network import load_network
from experiments.common.steps import Progress, Steps, report
from experiments.sharpness import _measures
from experiments.sharpness._figures import draw, lines
from experiments.sharpness._figures import load_rows as load_rows
from experiments.sharpness._measures import Row as Row
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """Sharpness of the checkpoints of one training run, or of two.

    Attributes:
      run: directory of a run of experiments.train.
      twin: directory of its twin's, measured with the same draws; "" for none.
      checkpoints: names such as "init", "loss_0.5", "end"; () takes all. With a twin, those that both have.
      stages: what is measured: "hessian" (lambda_max, trace), "average", "worst" (and Keskar's), "sam",
        "pac_bayes", "filter_radius", "fisher_rao" (with cross-entropy), "learning_coefficient",
        "singularities" (of MLPs with ReLU); () takes all. The file of one that does not apply says why.
      num_examples: training examples of the loss, the first ones; 0 takes all.
      radius: of the ball of "worst" and "sam", in units of the parameters.
      relative_radius: the same where the perturbation is in proportion to |w|.
      noise: standard deviation of the noise of "average", in units of the parameters.
      relative_noise: the same in proportion to |w|.
      rise: increase of the loss that "pac_bayes" and "filter_radius" look for, in nats.
      num_pairs: pairs of perturbations of "average" and "pac_bayes".
      num_starts: starts of the gradient ascent of "worst".
      num_steps: its steps.
      num_directions: directions of "filter_radius".
      num_draws: steps of each of four chains of "learning_coefficient", after half as many to settle.
      figure: whether figures/sharpness_CHECKPOINT.svg is drawn.
      seed: draws.
    """

    run: str = ""
    twin: str = ""
    checkpoints: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    num_examples: int = 256
    radius: float = 0.05
    relative_radius: float = 0.5
    noise: float = 0.01
    relative_noise: float = 0.1
    rise: float = 0.1
    num_pairs: int = 16
    num_starts: int = 4
    num_steps: int = 20
    num_directions: int = 20
    num_draws: int = 200
    figure: bool = True
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT_STAGE.npz and draws figures/sharpness_CHECKPOINT.svg.

    Returns:
      The Run. An entry has measures, values, lowers, uppers and invariances, one per figure of sharpness
      (the larger, the sharper), text, loss, step, arm, seconds; of a stage that does not apply no figures,
      "applies", false, and why in text. Those of the twin are called twin_....
    """
    check_names(config, stages=_measures.STAGES)
    stages = tuple(config.stages) or tuple(_measures.STAGES)
    names = twins.common_checkpoints(config)
    opened = runs.open_run(workdir, config)
    sides = {"twin_" if side == "twin" else "": path for side, path in twins.given(config).items()}
    points = [(name, prefix, path) for name in names for prefix, path in sides.items()]
    step = Steps(progress, len(points) * len(stages))
    for name, prefix, path in points:
        network = load_network(path, name, config.num_examples)
        for stage in stages:
            measure = functools.partial(_measures.measure, config, network, stage)
            opened.stage(f"{prefix}{name}_{stage}", network.sha256, measure)
            step(f"{stage} of {name}, {network.arm}")
    if config.figure:
        for name in names:
            draw(opened, name, sides)
    report(progress, opened, (line for point in points for line in lines(opened, *point[:2])))
    return opened
