"""Trains one network and keeps it at initialisation, at given training losses and at the end.

python -m experiments.train --config=configs/train.py --workdir=runs/train
"""

import dataclasses
import functools
import math
import os
import time

import jax
import jax.numpy as jnp
import numpy as np

from experiments import _main
from lsgeo import data, models, runs, training


@dataclasses.dataclass
class Config:
    """One training run.

    Attributes:
      dataset: name of the data, see `lsgeo.data`.
      num_train: training examples; 0 takes all.
      num_test: test examples; 0 takes all.
      model: "mlp" or "resnet".
      depth: blocks of an MLP; 6 n + 2 for a ResNet.
      width: units per block, or channels of the first stage.
      skip: "none", "identity" or "scaled".
      norm: "none", "layer" (MLP) or "batch".
      activation: "relu" or "tanh" for an MLP; a ResNet has "relu".
      optimizer: "adam", "momentum" or "sgd".
      learning_rate: constant.
      batch_size: 0 is the full batch.
      max_steps: updates at most.
      loss_levels: training losses at whose first crossing a checkpoint is written.
      stop_loss: end at the first training loss that is no higher; 0 means never.
      eval_every: steps between two lines of metrics.jsonl; with mini-batches, between two
        measurements of the training loss.
      checkpoints: whether checkpoints are written.
      save_every: steps between two resume states; 0 means none.
      seed: initial weights and order of the examples.
      data_seed: split and subset of the data.
    """

    dataset: str = "digits"
    num_train: int = 1000
    num_test: int = 0
    model: str = "mlp"
    depth: int = 16
    width: int = 32
    skip: str = "identity"
    norm: str = "layer"
    activation: str = "relu"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 0
    max_steps: int = 1000
    loss_levels: tuple[float, ...] = (1.0, 0.5, 0.1)
    stop_loss: float = 0.0
    eval_every: int = 50
    checkpoints: bool = True
    save_every: int = 500
    seed: int = 0
    data_seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress=None) -> runs.Run:
    """Trains into `workdir`, or continues there; does nothing if the run has ended.

    Args:
      config: Config.
      workdir: the run's directory; it gets checkpoints/, metrics.jsonl and arrays/summary.npz.
      progress: progress(step, max_steps, text).

    Returns:
      The Run; its "summary" has status ("trained", "stopped", "diverged"), message, step, reached
      (one step per level, -1 where the level was never met), levels, train_loss, train_accuracy,
      test_loss, test_accuracy, num_parameters, seconds (of this process), data_sha256.

    Raises:
      ValueError: for a bad field, or a directory of another configuration.
    """
    recipe = _recipe(config)
    dataset = load_data(config)
    recipe.check_size(len(dataset.train["label"]))
    model = create_model(config, dataset)
    opened = runs.open_run(workdir, config, provenance={"data_sha256": dataset.sha256})
    if opened.has("summary"):
        return opened
    started = time.monotonic()
    weights_key, order_key = jax.random.split(jax.random.key(config.seed))
    batch = jax.tree.map(jnp.asarray, dataset.train)
    variables = models.init(model, batch["image"], key=weights_key)
    params = variables.pop("params")
    constants = functools.partial(evaluation_constants, model, variables, batch)
    evaluate = None
    if config.batch_size:
        evaluate = lambda p: _evaluate(models.Logits(model, constants(p)), p, batch)[0]  # noqa: E731
    result = training.fit_run(
        opened,
        models.CrossEntropy(model, variables, train=True),
        params,
        batch,
        recipe,
        key=order_key,
        evaluate=evaluate,
        constants=constants,
        save_checkpoints=config.checkpoints,
        progress=progress,
    )
    predict = models.Logits(model, constants(result.params))
    summary = _summary(result, recipe, predict, dataset)
    seconds = time.monotonic() - started
    opened.save("summary", {**summary, "seconds": seconds, "data_sha256": dataset.sha256})
    training.delete_states(opened.path)
    return opened


def load_data(config: Config) -> data.Dataset:
    """Loads the data of a configuration."""
    return _load_data(
        config.dataset, config.num_train or None, config.num_test or None, config.data_seed
    )


@functools.lru_cache(4)
def _load_data(name, num_train, num_test, seed):
    return data.load(name, num_train=num_train, num_test=num_test, seed=seed)


def create_model(config: Config, dataset: data.Dataset):
    """Creates the model of a configuration."""
    options = {name: getattr(config, name) for name in ("depth", "width", "skip", "norm")}
    if config.model == "mlp":
        options["activation"] = config.activation
    elif config.activation != "relu":
        raise ValueError(
            f"`activation` must be 'relu' for the model {config.model}; got {config.activation!r}."
        )
    return models.create(config.model, num_classes=dataset.num_classes, **options)


def evaluation_constants(model, variables, batch, params):
    """Batch statistics of all training images ("re-estimated"); {} without batch norm."""
    return models.reestimate_batch_stats(model, {"params": params, **variables}, batch["image"])


def _recipe(config):
    names = [field.name for field in dataclasses.fields(training.Recipe)]
    return training.Recipe(**{name: getattr(config, name) for name in names})


@jax.jit
def _evaluate(predict, params, batch):
    logits = predict(params, batch)
    return models.cross_entropy(logits, batch), models.accuracy(logits, batch)


def _summary(result, recipe, predict, dataset):
    parts = {"train": (math.nan, math.nan), "test": (math.nan, math.nan)}
    if result.status != "diverged":
        for part in parts:
            parts[part] = _evaluate(predict, result.params, getattr(dataset, part))
    measured = {
        f"{part}_{name}": float(value)
        for part, values in parts.items()
        for name, value in zip(("loss", "accuracy"), values, strict=True)
    }
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
    _main.launch(run, config_file="configs/train.py")
