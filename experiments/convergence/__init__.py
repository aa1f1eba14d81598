"""Measures how fast networks train, each at its own best learning rate, and how large a rate they bear.

Every arm is trained to one loss with every learning rate of a grid and several seeds. One that does not get
there is censored, not dropped; a best rate at the edge of the grid is flagged. Beside it stand the largest
learning rate with which training is stable, narrowed down by bisection, and the one that the curvature gives
(2 / lambda_max for gradient descent), at initialisation and at the loss. The arm "identity-biased" has no skip
but starts near the identity: if it is as fast as the skip, the start deserves the credit.

python -m experiments.convergence --config=configs/convergence.py --workdir=runs/convergence
"""

import dataclasses
import math
import os

import numpy as np

from experiments import train
from experiments._convergence import Entrant
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from lsgeo import plotting, runs, study


def _trained():
    return train.Config(
        depth=8, width=16, norm="layer", num_train=400, optimizer="sgd", max_steps=300
    )


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

    network: train.Config = dataclasses.field(default_factory=_trained)
    arms: str = "plain,residual,scaled,identity-biased"
    learning_rates: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    num_seeds: int = 5
    target: float = 0.5
    num_bisections: int = 3
    tol: float = 1e-3
    figure: bool = True


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Trains arm by arm and rate by rate into arrays/ARM_rate_K.npz; what is there is left alone.

    Args:
      config: Config.
      workdir: the run's directory; it gets figures/convergence.svg.
      progress: progress(done, total, text).

    Returns:
      The Run. "ARM_rate_K" has learning_rate and, one per seed, steps (infinite where censored), stable, first,
      highest and last loss; "ARM_limits" has, one per seed, stable_rate and unstable_rate (the largest stable
      rate lies between them), holes, lambda_init and lambda_target (NaN where the loss was never reached) with
      their residuals, and factor: a rate of factor / lambda is the limit on a quadratic (NaN for Adam, whose
      limit is not the Hessian's). "speeds" has, one per arm, arms, rate, steps, lower, upper, num_reached and
      at_edge, see `lsgeo.study.Speed`; "speed_ups" has, one per pair, slow, fast, ratio, lower, upper, bound,
      see `lsgeo.study.SpeedUp`.

    Raises:
      ValueError: for a bad field, or the directory of another configuration.
    """
    arms = _check(config)
    dataset = train.load_data(config.network)
    opened = runs.open_run(workdir, config, provenance={"data_sha256": dataset.sha256})
    stages = [*range(len(config.learning_rates)), "limits"]
    total, done = len(arms) * len(stages), 0
    for arm in arms:
        entrants = [Entrant(config, arm, seed) for seed in range(config.num_seeds)]
        for stage in stages:
            if stage == "limits":
                _limits(opened, config, arm, entrants)
            else:
                _races(opened, config, arm, entrants, stage)
            done += 1
            if progress is not None:
                progress(done, total, f"{arm.label}, {_stage_text(config, stage)}")
    _save_speeds(opened, config, arms)
    if config.figure:
        _draw(opened, config, arms)
    if progress is not None:
        _report(opened, config, arms)
    return opened


def load_grid(convergence_run: runs.Run, config: Config, arm: str) -> dict[str, np.ndarray]:
    """Reads the grid of an arm: steps, stable, first, highest and last, each [rates, seeds]."""
    rows = [convergence_run.load(_rate_name(arm, k)) for k in range(len(config.learning_rates))]
    names = ("steps", "stable", "first", "highest", "last")
    return {name: np.stack([row[name] for row in rows]) for name in names}


def _check(config):
    arms = [study.ARMS[name] for name in study.parse_arms(config.arms)]
    study.check_rates(config.learning_rates, "learning_rates")
    for name, least in (("num_seeds", 1), ("num_bisections", 0)):
        if getattr(config, name) < least:
            raise ValueError(f"`{name}` must be at least {least}; got {getattr(config, name)}.")
    for name in ("target", "tol"):
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"`{name}` must be positive; got {getattr(config, name)}.")
    if config.network.skip:
        raise ValueError(
            f"`network` has skip={config.network.skip!r}, which `arms` choose. Leave it out."
        )
    train.make_recipe(config.network)
    for arm in arms:
        Entrant(config, arm, 0).check()
    return arms


def _rate_name(arm, k):
    return f"{arm}_rate_{k}"


def _stage_text(config, stage):
    return "limits" if stage == "limits" else f"learning rate {config.learning_rates[stage]:g}"


def _races(opened, config, arm, entrants, k):
    if opened.has(_rate_name(arm, k)):
        return
    rate = float(config.learning_rates[k])
    found = [entrant.race(rate) for entrant in entrants]
    names = ("steps", "stable", "first", "highest", "last")
    columns = {name: [getattr(one, name) for one in found] for name in names}
    opened.save(_rate_name(arm, k), {"learning_rate": rate, **columns})


def _limits(opened, config, arm, entrants):
    name = f"{arm}_limits"
    if opened.has(name):
        return
    stable = load_grid(opened, config, arm.name)["stable"]
    best = _speed(opened, config, arm).rate
    rows = [
        entrant.limits(config.learning_rates, stable[:, i], best)
        for i, entrant in enumerate(entrants)
    ]
    opened.save(name, {key: np.array([row[key] for row in rows]) for key in rows[0]})


def _save_speeds(opened, config, arms):
    speeds = [_speed(opened, config, arm) for arm in arms]
    names = ("rate", "steps", "lower", "upper", "num_reached", "at_edge")
    columns = {name: [getattr(one, name) for one in speeds] for name in names}
    opened.save("speeds", {"arms": [arm.name for arm in arms], **columns})
    pairs = _pairs(arms)
    ratios = [_speed_up(opened, config, *pair) for pair in pairs]
    names = ("ratio", "lower", "upper", "bound")
    columns = {name: [getattr(one, name) for one in ratios] for name in names}
    slow, fast = ([pair[i].name for pair in pairs] for i in (0, 1))
    opened.save("speed_ups", {"slow": slow, "fast": fast, **columns})


def _pairs(arms):
    # All against the first, and skips against the start that stands in for them.
    starts = [arm for arm in arms[1:] if arm.initializer]
    skips = [arm for arm in arms[1:] if not arm.initializer]
    return [(arms[0], arm) for arm in arms[1:]] + [(one, arm) for one in starts for arm in skips]


def _speed(opened, config, arm):
    steps = load_grid(opened, config, arm.name)["steps"]
    return study.best_speed(config.learning_rates, steps, budget=config.network.max_steps)


def _speed_up(opened, config, slow, fast):
    grids = [load_grid(opened, config, arm.name)["steps"] for arm in (slow, fast)]
    return study.speed_up(config.learning_rates, *grids, budget=config.network.max_steps)


def _draw(opened, config, arms):
    figure, axes = plotting.new_figure(height=6.4, rows=2)
    plotting.steps_by_rate(
        config.learning_rates,
        {arm.label: load_grid(opened, config, arm.name)["steps"] for arm in arms},
        axes[0],
        budget=config.network.max_steps,
        target=config.target,
        best={arm.label: _speed(opened, config, arm).rate for arm in arms},
    )
    limits = {arm.label: opened.load(f"{arm}_limits") for arm in arms}
    plotting.stable_rates(limits, axes[1], among=axes[0])
    save_figure(opened, "convergence", figure)


def _report(opened, config, arms):
    for arm in arms:
        limits = opened.load(f"{arm}_limits")
        low, high = (limits[f"{side}_rate"] for side in ("stable", "unstable"))
        first, last = (_by_curvature(limits, place) for place in ("init", "target"))
        edge = "; the grid does not hold it: extend the grid" if _at_edge(low, high) else ""
        print(f"{arm.label}: {_speed(opened, config, arm)}")
        print(
            f"  largest stable learning rate from {low.min():.3g} to {high.max():.3g} over the seeds{edge}; "
            f"by the curvature {first} at initialisation, {last} at the loss {config.target:g}"
        )
    for slow, fast in _pairs(arms):
        found = _speed_up(opened, config, slow, fast)
        print(f"{fast.label} against {slow.label}: speed-up {found}")
    print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")


def _by_curvature(limits, place):
    rates = limits["factor"] / limits[f"lambda_{place}"]
    there = rates[np.isfinite(rates)]
    return f"{np.median(there):.3g} ({there.size} seeds)" if there.size else "unknown"


def _at_edge(low, high):
    return np.any(low == 0) or np.any(np.isinf(high))


if __name__ == "__main__":
    launch(run, config_file="configs/convergence.py")
