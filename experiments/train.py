"""Trains one network and keeps it at initialisation, at given training losses and at the end.

python -m experiments.train --config=configs/train.py --workdir=runs/train
"""

import functools
import math
import os
import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common import augmentation, losses
from experiments.common.data import check_task
from experiments.common.data import load_data as load_data
from experiments.common.launch import launch
from experiments.common.losses import create_loss as create_loss
from experiments.common.options import create_model
from lsgeo import models, runs, training
from lsgeo.training import Description

# The fields of a training, whose names and defaults its config.json keeps.
Config = Description
make_recipe = Description.recipe


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Trains into `workdir`, or continues there; does nothing if the run has ended.

    Args:
      config: Config.
      workdir: the run's directory; it gets checkpoints/, metrics.jsonl and arrays/summary.npz.
      progress: progress(step, max_steps, text).

    Returns:
      The Run; its "summary" has status ("trained", "stopped", or "diverged": it failed to train), message,
      step, reached (one step per level, -1 where the level was never met), levels, train_loss,
      train_accuracy, test_loss, test_accuracy, penalty (of weight decay in the loss, a part of both
      losses), with `ema` the same of the average as average_train_loss and so on, num_parameters, seconds
      (of this process), data_sha256.

    Raises:
      ValueError: for a bad field, or a directory of another configuration.
    """
    recipe = config.recipe()
    dataset = load_data(config)
    check_task(config, dataset)
    recipe.check_size(len(dataset.train["image"]))
    model = create_model(config, dataset)
    losses.data_loss(config, model, {})
    changes = {
        "augment": augmentation.augment(config.augment),
        "mix": augmentation.mix(config.mixup, dataset.num_classes),
        "random": models.is_random(model),
    }
    opened = runs.open_run(workdir, config, provenance={"data_sha256": dataset.sha256})
    if opened.has("summary"):
        return opened
    started = time.monotonic()
    weights_key, order_key = jax.random.split(jax.random.key(config.seed))
    batch = jax.tree.map(jnp.asarray, dataset.train)
    variables = models.init(model, batch["image"], key=weights_key)
    params = variables.pop("params")
    constants = functools.partial(losses.constants, config, model, variables, batch)
    measure = functools.partial(losses.measure, config, model, constants)
    measured = config.batch_size or any(changes.values())
    result = training.fit_run(
        opened,
        losses.data_loss(config, model, variables, train=True),
        params,
        batch,
        recipe,
        key=order_key,
        evaluate=(lambda p: measure(p, batch)[0]) if measured else None,
        constants=constants,
        save_checkpoints=config.checkpoints,
        progress=progress,
        tensorboard=config.tensorboard,
        **changes,
    )
    summary = _summary(config, result, measure, dataset)
    seconds = time.monotonic() - started
    opened.save("summary", {**summary, "seconds": seconds, "data_sha256": dataset.sha256})
    training.delete_states(opened.path)
    return opened


def _summary(config, result, measure, dataset):
    recipe = config.recipe()
    networks = {"": result.params} | (
        {} if result.average is None else {"average_": result.average}
    )
    measured = {}
    for prefix, params in networks.items():
        diverged = result.status == "diverged"
        penalty = recipe.penalty(params)
        for part in ("train", "test"):
            values = (math.nan, math.nan) if diverged else measure(params, getattr(dataset, part))
            measured[f"{prefix}{part}_loss"] = values[0] + penalty
            measured[f"{prefix}{part}_accuracy"] = values[1]
        measured[f"{prefix}penalty"] = penalty
    return {
        "status": result.status,
        "message": str(result),
        "step": result.step,
        "fit_loss": result.loss,
        "levels": np.asarray(recipe.levels, np.float64),
        "reached": np.asarray(result.reached, np.int64),
        "num_parameters": models.count_parameters(result.params),
        **measured,
    }


if __name__ == "__main__":
    launch(run, config_file="configs/train.py")
