"""Trains one network and keeps it at initialisation, at given training losses and at the end.

python -m experiments.train --config=configs/train.py --workdir=runs/train
"""

import functools
import math
import os

import numpy as np

from experiments.common.data import load_data as load_data
from experiments.common.launch import launch
from experiments.common.losses import create_loss as create_loss
from experiments.common.steps import Progress
from experiments.common.trainee import Trainee
from lsgeo import models, runs, training
from lsgeo.results import entries
from lsgeo.training import Description

# The fields of a training, whose names and defaults its config.json keeps.
Config = Description
make_recipe = Description.recipe


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Trains into `workdir`, or continues there; it gets checkpoints/ and metrics.jsonl.

    Returns:
      The Run; its "summary" has status ("trained", "stopped", or "diverged": it failed to train), message,
      step, reached (one step per level, -1 where the level was never met), levels, train_loss,
      train_accuracy, test_loss, test_accuracy, penalty (of weight decay in the loss, a part of both
      losses), with `ema` the same of the average as average_train_loss and so on, fit_loss (the last that was
      heard), num_parameters, num_classes (0 in a regression), seconds (of this process), data_sha256.
    """
    trainee = Trainee(config)
    trainee.check()
    opened = runs.open_run(workdir, config, provenance={"data_sha256": trainee.dataset.sha256})
    opened.stage("summary", "", functools.partial(_train, config, opened, trainee, progress))
    training.delete_states(opened.path)
    return opened


def _train(config, opened, trainee, progress):
    result = training.fit_run(
        opened,
        trainee.loss,
        trainee.start[0],
        trainee.batch,
        config.recipe(),
        key=trainee.order_key,
        constants=trainee.constants,
        save_checkpoints=config.checkpoints,
        progress=progress,
        tensorboard=config.tensorboard,
        **trainee.options(),
    )
    return _summary(config, result, trainee)


def _summary(config, result, trainee):
    recipe = config.recipe()
    diverged, measured = result.status == "diverged", {}
    for prefix, params in {"": result.params, "average_": result.average}.items():
        if params is None:
            continue
        penalty = recipe.penalty(params)
        for part in ("train", "test"):
            data = getattr(trainee.dataset, part)
            values = (math.nan, math.nan) if diverged else trainee.measure(params, data)
            measured[f"{prefix}{part}_loss"] = values[0] + penalty
            measured[f"{prefix}{part}_accuracy"] = values[1]
        measured[f"{prefix}penalty"] = penalty
    return {
        **entries(result, ("status", "step")),
        "message": str(result),
        "fit_loss": result.loss,
        "levels": np.asarray(recipe.levels, np.float64),
        "reached": np.asarray(result.reached, np.int64),
        "num_parameters": models.count_parameters(result.params),
        "num_classes": trainee.dataset.num_classes or 0,
        **measured,
        "data_sha256": trainee.dataset.sha256,
    }


if __name__ == "__main__":
    launch(run, config_file="configs/train.py")
