"""Measures one metric of the study on a training run's checkpoints.

python -m experiments.measure --config=configs/measure.py --config.run=runs/train --workdir=runs/measure
"""

import dataclasses
import functools
import os
import time
import zlib

import jax
import jax.numpy as jnp

from experiments import train
from experiments.common.launch import launch
from experiments.common.network import choose_checkpoints, load_network
from lsgeo import runs, training
from lsgeo.study import metrics

FURTHER_SEEDS = 1000  # Networks from other initial weights have the seeds seed + 1000 k.


@dataclasses.dataclass
class Config:
    """One metric of one training run.

    Attributes:
      run: directory of a run of experiments.train.
      metric: name of a metric of `lsgeo.study.metrics.METRICS`.
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


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Measures each checkpoint into arrays/CHECKPOINT.npz; what is there is left alone.

    Args:
      config: Config.
      workdir: the run's directory; further networks that a metric asks for are trained in its others/.
      progress: progress(done, total, text).

    Returns:
      The Run. An entry has the metric's columns, reading, loss, step, seconds.

    Raises:
      ValueError: for a bad field, a model that the metric does not suit, a run without these checkpoints, or
        another configuration's directory.
    """
    metric = metrics.METRICS.get(config.metric)
    if metric is None:
        raise ValueError(
            f"Unknown `metric`: {config.metric!r}. Choose one of: {', '.join(metrics.METRICS)}."
        )
    names = [
        name
        for name in choose_checkpoints(config.run, tuple(config.checkpoints))
        if reading_of(name) in metric.readings
    ]
    if not names:
        raise ValueError(
            f"`metric` {metric.name} is read at {', '.join(metric.readings)}, and none of `checkpoints` "
            f"{', '.join(config.checkpoints) or '(any)'} of {config.run} is one of these."
        )
    opened = runs.open_run(workdir, config)
    for done, name in enumerate(names):
        if progress is not None:
            progress(done, len(names), f"{metric.name} of {name}")
        if not opened.has(name):
            _measure(config, metric, name, opened)
    if progress is not None:
        progress(len(names), len(names), metric.name)
        for name in names:
            found = opened.load(name)
            print(f"{name}: " + ", ".join(f"{c} {found[c]:.4g}" for c in metric.columns))
    return opened


def reading_of(checkpoint: str) -> str:
    """The reading that a checkpoint is: "init", "end", and "matched" for one at a training loss."""
    return "matched" if checkpoint.startswith("loss_") else checkpoint


def _measure(config, metric, name, opened):
    started = time.monotonic()
    network = load_network(config.run, name, config.num_examples)
    if not metric.suits(network.model):
        raise ValueError(
            f"`metric` {metric.name} cannot be taken of {network.config.model} with the options of "
            f"{config.run}."
        )
    data = train.load_data(network.config)
    key = jax.random.fold_in(jax.random.key(config.seed), zlib.crc32(metric.name.encode()))
    subject = metrics.Subject(
        model=network.model,
        constants=network.constants,
        params=network.params,
        loss=network.loss,
        batch=network.batch,
        test={name: jnp.asarray(part) for name, part in data.test.items()},
        num_classes=network.num_classes,
        reading=reading_of(name),
        key=key,
        retrained=functools.partial(_retrained, config, network.config, name, opened),
    )
    found = metric.measure(subject)
    if set(found) != set(metric.columns):
        raise RuntimeError(f"{metric.name} returned {sorted(found)}, not {metric.columns}.")
    opened.save(
        name,
        {
            **found,
            "reading": reading_of(name),
            "step": network.step,
            "seconds": time.monotonic() - started,
        },
    )


def _retrained(config, trained, checkpoint, opened, number):
    other = dataclasses.replace(trained, seed=trained.seed + FURTHER_SEEDS * number)
    place = opened.path / "others" / str(number)
    train.run(other, place)
    if checkpoint not in training.checkpoints(place):
        return None
    network = load_network(place, checkpoint, config.num_examples)
    return network.params, network.constants


if __name__ == "__main__":
    launch(run, config_file="configs/measure.py", shorthands=("metric",))
