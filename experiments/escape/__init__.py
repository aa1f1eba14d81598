"""Measures how often, and how soon, training gets away from a bad minimum, a plateau and a saddle.

Each of them is built into networks with and without skips, which start as one function at one loss, many
seeds each, with gradient descent and mini-batches, with and without momentum.

python -m experiments.escape --config=configs/escape.py --workdir=runs/escape
"""

import dataclasses
import itertools
import os
import time

import jax
import numpy as np

from experiments import _escape
from experiments._escape import STARTS
from experiments.common.figures import save_figure
from experiments.common.launch import launch
from lsgeo import geometry, plotting, runs, study


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


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Runs each kind of training into arrays/START_ARM_OPTIMISER.npz; those that are there are left alone.

    Args:
      config: Config.
      workdir: the run's directory; it gets figures/escape_OPTIMISER.svg.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has times [seeds] (infinite where trapped to the end), diverged, steps, losses
      [seeds, steps], thresholds, num_steps, rate with lower and upper (95 %), median with its ends, barriers
      (rise of the loss on the line from the start to where a run got), text, seconds; compared with the first
      arm: difference with its ends, overlap, p_value. START_ARM has what kind of point the start is.

    Raises:
      ValueError: for a bad field, or another configuration's directory.
    """
    arms = _check(config)
    problem = _escape.load(config)
    opened = runs.open_run(workdir, config, provenance={"data_sha256": problem.sha256})
    kinds = list(itertools.product(config.starts, arms, config.batch_sizes, config.momenta))
    for done, (start, arm, batch_size, momentum) in enumerate(kinds):
        card, name = f"{start}_{arm}", _name(start, arm, batch_size, momentum)
        if not opened.has(card):
            opened.save(card, _escape.describe(config, problem, start, arm))
        if not opened.has(name):
            report = _report(progress, done, len(kinds), name)
            entry = _measure(config, problem, start, arm, batch_size, momentum, report)
            opened.save(name, entry | _compared(opened, entry, (start, arms, batch_size, momentum)))
        if progress is not None:
            progress(done + 1, len(kinds), f"{name}: {opened.load(name)['text']}")
    for batch_size in config.batch_sizes:
        _draw(opened, config, arms, batch_size)
    if progress is not None:
        _print(opened, config, arms)
    return opened


def load_escapes(escape_run: runs.Run, name: str) -> geometry.Escapes:
    """Reads the runs of one entry, START_ARM_OPTIMISER, without the parameters that they ended with."""
    entry = escape_run.load(name)
    fields = [field.name for field in dataclasses.fields(geometry.Escapes) if field.name != "ends"]
    return geometry.Escapes(**{field: entry[field] for field in fields})


def _check(config):
    arms = study.parse_arms(config.arms)
    for field, known in (("starts", tuple(STARTS)), ("momenta", None), ("batch_sizes", None)):
        values = getattr(config, field)
        if not values or len(set(values)) < len(values):
            raise ValueError(f"`{field}` must name at least one, each once; got {values!r}.")
        for value in values if known else ():
            if value not in known:
                raise ValueError(
                    f"Unknown name in `{field}`: {value!r}. Choose from: {', '.join(known)}."
                )
    for momentum in config.momenta:
        if not 0 <= momentum < 1:
            raise ValueError(f"`momenta` must be at least 0 and below 1; got {momentum}.")
    for field in ("minimum_rate", "plateau_rate", "saddle_rate"):
        if not getattr(config, field) > 0:
            raise ValueError(f"`{field}` must be positive; got {getattr(config, field)}.")
    for field in ("num_seeds", "depth", "width", "pool"):
        if getattr(config, field) < 1:
            raise ValueError(f"`{field}` must be at least 1; got {getattr(config, field)}.")
    for field in ("batch_sizes", "num_steps", "every"):
        least = 0 if field == "batch_sizes" else 1
        for value in np.atleast_1d(getattr(config, field)):
            if value < least:
                raise ValueError(f"`{field}` must be at least {least}; got {value}.")
    if config.num_steps % config.every:
        raise ValueError(
            f"`num_steps` {config.num_steps} must be a multiple of `every`, {config.every}."
        )
    if config.modulo == 1 or config.modulo < 0:
        raise ValueError(f"`modulo` must be 0, or at least 2; got {config.modulo}.")
    return arms


def _measure(config, problem, start, arm, batch_size, momentum, progress):
    started = time.monotonic()
    loss = _escape.loss_of(config, problem, start, arm)
    points = _escape.starts_of(config, problem, start, arm)
    found = geometry.escape(
        loss,
        points,
        problem.batch,
        key=jax.random.fold_in(jax.random.key(config.seed), 1),
        optimizer=_escape.optimizer_of(config, start, momentum),
        num_steps=config.num_steps,
        fraction=config.fraction,
        batch_size=batch_size,
        every=config.every,
        progress=progress,
    )
    fields = [field.name for field in dataclasses.fields(found) if field.name != "ends"]
    lower, upper = found.interval()
    median, median_lower, median_upper = found.median()
    return {
        **{field: getattr(found, field) for field in fields},
        "rate": found.rate,
        "lower": lower,
        "upper": upper,
        "median": median,
        "median_lower": median_lower,
        "median_upper": median_upper,
        "barriers": _escape.barriers(loss, points, found, problem.batch, count=5),
        "text": str(found),
        "seconds": time.monotonic() - started,
    }


def _compared(opened, entry, kind):
    start, arms, batch_size, momentum = kind
    name = _name(start, arms[0], batch_size, momentum)
    if not opened.has(name):
        return {}
    fields = [field.name for field in dataclasses.fields(geometry.Escapes) if field.name != "ends"]
    found = geometry.Escapes(**{field: entry[field] for field in fields})
    pair = geometry.compare_escapes(found, load_escapes(opened, name))
    return {
        "difference": pair.difference,
        "lower_difference": pair.lower,
        "upper_difference": pair.upper,
        "overlap": pair.overlap,
        "p_value": pair.p_value,
    }


def _name(start, arm, batch_size, momentum):
    return f"{start}_{arm}_{_optimizer(batch_size)}_{momentum:g}"


def _optimizer(batch_size):
    return f"sgd{batch_size}" if batch_size else "gd"


def _report(progress, done, total, name):
    if progress is None:
        return None
    return lambda step, steps: progress(done, total, f"{name}, step {step} of {steps}")


def _draw(opened, config, arms, batch_size):
    rows, columns = len(config.momenta), len(config.starts)
    figure, axes = plotting.new_figure(
        width=1.2 + 3.2 * columns, height=0.4 + 2.6 * rows, rows=rows, columns=columns
    )
    grid = np.array(axes, object).reshape(rows, columns)
    for (i, momentum), (j, start) in itertools.product(
        enumerate(config.momenta), enumerate(config.starts)
    ):
        found = {
            study.ARMS[arm].label: load_escapes(opened, _name(start, arm, batch_size, momentum))
            for arm in arms
        }
        plotting.trapped(found, grid[i, j], title=f"{STARTS[start]}, momentum {momentum:g}")
    save_figure(opened, f"escape_{_optimizer(batch_size)}", figure)


def _print(opened, config, arms):
    print(
        '"undecided": no eigenvalue below -1 % of the largest, but the loss falls along flat directions. '
        "Rates with 95 %."
    )
    for start, arm in itertools.product(config.starts, arms):
        card = opened.load(f"{start}_{arm}")
        print(
            f"{STARTS[start]}, {study.ARMS[arm].label}: {card['kind']}, loss {card['loss']:.4g}, gradient "
            f"{card['gradient_norm']:.2g}, lowest eigenvalue {card['lambda_min']:.3g} (at least "
            f"{card['lambda_min_bound']:.3g}), learning rate x largest / 2: {card['stability']:.2g}"
        )
        for batch_size, momentum in itertools.product(config.batch_sizes, config.momenta):
            entry = opened.load(_name(start, arm, batch_size, momentum))
            line = f"  {_optimizer(batch_size)}, momentum {momentum:g}: {entry['text']}"
            if "difference" in entry:
                line += (
                    f"; less {arms[0]} {entry['difference']:+.2f} [{entry['lower_difference']:+.2f}, "
                    f"{entry['upper_difference']:+.2f}], intervals "
                    f"{'overlap' if entry['overlap'] else 'apart'}, log-rank p {entry['p_value']:.2g}"
                )
            print(line)
    print(f"results in {opened.path / 'arrays'}, figures in {opened.path / 'figures'}")


if __name__ == "__main__":
    launch(run, config_file="configs/escape.py")
