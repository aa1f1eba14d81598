"""Measures one metric of the study on a training run's checkpoints.

python -m experiments.measure --config=configs/measure.py --config.run=runs/train --workdir=runs/measure
"""

import dataclasses
import functools
import math
import os

import jax
import jax.numpy as jnp

from experiments import train
from experiments.common.data import load_data
from experiments.common.fields import check_choice
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network
from experiments.common.steps import Progress, Steps
from lsgeo import draws, geometry, runs, study, training
from lsgeo.results import entries

FURTHER_SEEDS = 1000  # Networks from other initial weights have the seeds seed + 1000 k.


@dataclasses.dataclass
class Config:
    """One metric of one training run.

    Attributes:
      run: directory of a run of experiments.train.
      metric: name of a metric of `lsgeo.study.METRICS`.
      checkpoints: names such as "init", "loss_0.5", "end"; () takes all. One that the run never reached is
        left out.
      num_examples: training examples, the first ones; 0 takes all.
      seed: of the metric's random numbers; twins are measured with the same ones.
    """

    run: str = ""
    metric: str = "confusion"
    checkpoints: tuple[str, ...] = ()
    num_examples: int = 0
    seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT.npz.

    Returns:
      The Run. An entry has the metric's columns, reading, loss, step, seconds; further networks that a metric
      asks for are trained in others/.

    Raises:
      ValueError: for a model that the metric does not suit.
    """
    check_choice(config, metric=study.METRICS)
    metric = study.METRICS[config.metric]
    there = choose_checkpoints(config.run, tuple(config.checkpoints))
    names = [name for name in there if reading_of(name) in metric.readings]
    if not names:
        raise ValueError(
            f"`metric` {metric.name} is read at {', '.join(metric.readings)}, and none of `checkpoints` "
            f"{', '.join(config.checkpoints) or '(any)'} of {config.run} is one of these."
        )
    opened, step, found = runs.open_run(workdir, config), Steps(progress, len(names)), {}
    for name in names:
        measure = functools.partial(_measure, config, metric, name, opened)
        found[name] = opened.stage(name, "", measure)
        step(f"{metric.name} of {name}")
    for name, entry in found.items() if progress is not None else ():
        print(f"{name}: " + ", ".join(f"{c} {entry[c]:.4g}" for c in metric.names))
    return opened


def reading_of(checkpoint: str) -> str:
    """The reading that a checkpoint is: "init", "end", and "matched" for one at a training loss."""
    return "matched" if checkpoint.startswith("loss_") else checkpoint


def _measure(config, metric, name, opened):
    network = load_network(config.run, name, config.num_examples)
    if not metric.suits(network.model):
        raise ValueError(
            f"`metric` {metric.name} cannot be taken of {network.config.model} with the options of "
            f"{config.run}."
        )
    subject = study.Subject(
        **entries(network, ("model", "constants", "params", "loss", "batch", "num_classes")),
        test=jax.tree.map(jnp.asarray, load_data(network.config).test),
        reading=reading_of(name),
        key=draws.named(jax.random.key(config.seed), metric.name),
        retrained=functools.partial(_retrained, config, network.config, name, opened),
        limit=_limit(network.config),
        at_rate=functools.partial(_at_rate, config, network.config, name, opened),
        initial=lambda: load_network(config.run, "init", config.num_examples).params,
    )
    found = metric.measure(subject)
    if set(found) != set(metric.names):
        raise RuntimeError(f"{metric.name} returned {sorted(found)}, not {metric.names}.")
    return {**found, "reading": reading_of(name), "step": network.step}


def _retrained(config, trained, checkpoint, opened, number):
    other = dataclasses.replace(trained, seed=trained.seed + FURTHER_SEEDS * number)
    network = _trained(config, other, checkpoint, opened.path / "others" / str(number))
    return network and (network.params, network.constants)


def _at_rate(config, trained, checkpoint, opened, share):
    # As many steps more as each is smaller; what comes after the checkpoint is not needed.
    if share == 1:
        network = load_network(config.run, checkpoint, config.num_examples)
        return network.params, _limit(trained)
    other = dataclasses.replace(
        trained,
        learning_rate=share * trained.learning_rate,
        max_steps=math.ceil(trained.max_steps / share),
        **_ending(checkpoint),
        save_every=0,
    )
    network = _trained(config, other, checkpoint, opened.path / "others" / f"rate-{share:g}")
    return network and (network.params, _limit(other))


def _trained(config, other, checkpoint, place):
    train.run(other, place)
    if checkpoint not in training.checkpoints(place):
        return None
    return load_network(place, checkpoint, config.num_examples)


def _ending(checkpoint):
    if not checkpoint.startswith("loss_"):
        return {}
    level = float(checkpoint.removeprefix("loss_"))
    return {"loss_levels": (level,), "stop_loss": level}


def _limit(config):
    # Adam's is one of another matrix; a schedule has no one limit.
    steady = config.schedule == "constant" and not config.warmup_steps
    if config.optimizer not in ("sgd", "momentum", "nesterov") or not steady:
        return math.nan
    rate, momentum = config.learning_rate, config.momentum
    return geometry.stability_limit(config.optimizer, rate, momentum=momentum)


if __name__ == "__main__":
    launch(run, config_file="configs/measure.py", shorthands=("metric",))
