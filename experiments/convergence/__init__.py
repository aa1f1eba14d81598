"""Measures how fast networks train, each at its own best learning rate, and how large a rate they bear.

Every arm is trained to one loss with every learning rate of a grid and several seeds. One that does not get
there is censored, not dropped; a best rate at the edge of the grid is flagged. Beside it stand the largest
learning rate with which training is stable, narrowed down by bisection, and the one that the curvature gives
(2 / lambda_max for gradient descent), at initialisation and at the loss. The arm "identity-biased" has no skip
but starts near the identity: if it is as fast as the skip, the start deserves the credit.

python -m experiments.convergence --config=configs/convergence.py --workdir=runs/convergence
"""

import dataclasses
import functools
import os

from experiments import train
from experiments.common import twins
from experiments.common.data import load_data
from experiments.common.figures import save_figure
from experiments.common.steps import Progress, Steps, report
from experiments.convergence._race import Race, check
from experiments.convergence._race import load_grid as load_grid
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """A race of arms to one training loss.

    Attributes:
      network: configuration of the trainings; the arms choose its skip, the grid its learning rate, and its
        seed is the first one. Its checkpoints, loss levels and stop loss are not used.
      arms: names of `lsgeo.study.ARMS`; the others' speed is compared with the first's.
      learning_rates: the grid, ascending.
      num_seeds: seeds of each arm; they decide the initial weights and the order of the examples.
      target: training loss.
      num_bisections: trainings per arm and seed that narrow down the largest stable learning rate.
      tol: bound on the residual of the largest eigenvalue, relative to the largest |lambda|.
      figure: whether figures/convergence.svg is drawn.
    """

    network: train.Config = twins.own(
        depth=8, width=16, norm="layer", num_train=400, optimizer="sgd", max_steps=300
    )
    arms: str = "plain,residual,scaled,identity-biased"
    learning_rates: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    num_seeds: int = 5
    target: float = 0.5
    num_bisections: int = 3
    tol: float = 1e-3
    figure: bool = True


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Trains arm by arm and rate by rate into arrays/ARM_rate_K.npz, and draws figures/convergence.svg.

    Returns:
      The Run. "ARM_rate_K" has learning_rate and, one per seed, steps (infinite where censored), stable, first,
      highest and last loss; "ARM_limits" has, one per seed, stable_rate and unstable_rate (the largest stable
      rate lies between them), holes, lambda_init and lambda_target (NaN where the loss was never reached) with
      their residuals, and factor: a rate of factor / lambda is the limit on a quadratic (NaN for Adam, whose
      limit is not the Hessian's). "speeds" has, one per arm, arms, rate, steps, lower, upper, num_reached and
      at_edge, see `lsgeo.study.Speed`; "speed_ups" has, one per pair, slow, fast, ratio, lower, upper, bound,
      see `lsgeo.study.SpeedUp`.
    """
    arms = check(config)
    dataset = load_data(config.network)
    opened = runs.open_run(workdir, config, provenance={"data_sha256": dataset.sha256})
    race = Race(config, opened, arms)
    step = Steps(progress, len(arms) * (len(config.learning_rates) + 1))
    for arm in arms:
        for k, rate in enumerate(config.learning_rates):
            opened.stage(f"{arm}_rate_{k}", "", functools.partial(race.rate, arm, rate))
            step(f"{arm.label}, learning rate {rate:g}")
        opened.stage(f"{arm}_limits", "", functools.partial(race.limits, arm))
        step(f"{arm.label}, limits")
    opened.save("speeds", race.speeds())
    opened.save("speed_ups", race.speed_ups())
    if config.figure:
        save_figure(opened, "convergence", race.draw())
    report(progress, opened, race.lines())
    return opened
