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

from experiments import _augmentation, _main, _measure, _options, _tokens
from lsgeo import data, models, runs, training
from lsgeo.models import spelling


@dataclasses.dataclass
class Config:
    """One training run.

    Attributes:
      dataset: name of the data, see `lsgeo.data`; or "digits-tokens", for a decoder.
      root: folder of the data's files; "" where they are bundled or synthetic.
      data_options: what only one dataset has, "option=value, ...".
      subset: "balanced" over the classes, or the "first" examples.
      random_labels: share of the training labels that are replaced by random ones.
      num_train: training examples; 0 takes all.
      num_test: test examples; 0 takes all.
      model: a family ("mlp", "resnet", ...) or a published network ("resnet-20", ...) of `lsgeo.models`.
      depth: blocks or layers, as the family counts them; 0 is the model's default.
      width: units per block, or channels of the first stage; 0 is the model's default.
      skip: a skip type with its options, "gated(gate=0.5)"; "" is the model's default, as below.
      norm: normalisation.
      activation: nonlinearity.
      initializer: initial weights.
      options: what only one family has, "option=value, ...".
      loss: "cross_entropy" or "squared_error" (1/2 ||f - onehot||^2, averaged over examples only).
      label_smoothing: of the cross-entropy, in every measured loss too.
      augment: "none", "crop-flip" (zero padding of 4, random crop, flip) or "reflect-flip"; in training alone.
      mixup: alpha of mixup; 0 is none.
      optimizer: "sgd", "momentum" (heavy ball), "nesterov", "adam" or "adamw".
      learning_rate: of the constant schedule, and the peak of the others.
      momentum: of "momentum" and "nesterov".
      weight_decay: 0 is none.
      decay: "loss" (in every measured loss and in the landscape), "gradient" (as SGD in the papers) or
        "decoupled"; see `lsgeo.training.Recipe`.
      decay_leaves: globs over the parameters that decay; "**" is all.
      schedule: "constant", "piecewise" or "cosine".
      boundaries: steps at which the piecewise rate changes.
      factors: what it is multiplied by there.
      warmup_steps: linear warm-up; 0 is none.
      clip_norm: largest global norm of the gradient; 0 does not clip.
      ema: decay of the moving average of the weights, kept as the checkpoint "average"; 0 is none.
      rate_leaves: globs over the parameters with a learning rate of their own.
      rate_factors: what it is multiplied by, one for each glob.
      batch_size: 0 is the full batch.
      eval_batch_size: examples per part of a measurement on all of them, for data that does not fit in
        one; 0 is one part, exact also for batch statistics, which in parts take `stats_passes`.
      stats_passes: passes over the parts in which batch statistics are re-estimated, see
        `lsgeo.models.reestimate_batch_stats`.
      max_steps: updates at most.
      loss_levels: training losses at whose first crossing a checkpoint is written.
      snapshot_steps: steps at which one is written.
      snapshot_epochs: epochs after which one is written.
      stop_loss: end at the first training loss that is no higher; 0 means never.
      eval_every: steps between two lines of metrics.jsonl; with mini-batches, between two
        measurements of the training loss.
      checkpoints: whether checkpoints are written.
      save_every: steps between two resume states; 0 means none.
      tensorboard: whether metrics are written as TensorBoard event files too.
      seed: initial weights and order of the examples.
      data_seed: split and subset of the data.
    """

    dataset: str = "digits"
    root: str = ""
    data_options: str = ""
    subset: str = "balanced"
    random_labels: float = 0.0
    num_train: int = 1000
    num_test: int = 0
    model: str = "mlp"
    depth: int = 0
    width: int = 0
    skip: str = ""
    norm: str = ""
    activation: str = ""
    initializer: str = ""
    options: str = ""
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    augment: str = "none"
    mixup: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay: str = "gradient"
    decay_leaves: tuple[str, ...] = ("**",)
    schedule: str = "constant"
    boundaries: tuple[int, ...] = ()
    factors: tuple[float, ...] = ()
    warmup_steps: int = 0
    clip_norm: float = 0.0
    ema: float = 0.0
    rate_leaves: tuple[str, ...] = ()
    rate_factors: tuple[float, ...] = ()
    batch_size: int = 0
    eval_batch_size: int = 0
    stats_passes: int = 2
    max_steps: int = 1000
    loss_levels: tuple[float, ...] = (1.0, 0.5, 0.1)
    snapshot_steps: tuple[int, ...] = ()
    snapshot_epochs: tuple[int, ...] = ()
    stop_loss: float = 0.0
    eval_every: int = 50
    checkpoints: bool = True
    save_every: int = 500
    tensorboard: bool = False
    seed: int = 0
    data_seed: int = 0


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
    recipe = make_recipe(config)
    dataset = load_data(config)
    _check_task(config, dataset)
    recipe.check_size(len(dataset.train["image"]))
    model = _options.create_model(config, dataset)
    _measure.data_loss(config, model, {})
    changes = {
        "augment": _augmentation.augment(config.augment),
        "mix": _augmentation.mix(config.mixup, dataset.num_classes),
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
    constants = functools.partial(_measure.constants, config, model, variables, batch)
    measure = functools.partial(_measure.measure, config, model, constants)
    measured = config.batch_size or any(changes.values())
    result = training.fit_run(
        opened,
        _measure.data_loss(config, model, variables, train=True),
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


def load_data(config: Config) -> data.Dataset:
    """Loads the data of a configuration."""
    sizes = (config.num_train or None, config.num_test or None, config.data_seed)
    if config.dataset == _tokens.NAME:
        return _load_data(_tokens.load, config.dataset, *sizes)
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in spelling.options(config.data_options).items()
    }
    options |= {"subset": config.subset, "random_labels": config.random_labels}
    try:
        return _load_data(data.load, config.dataset, *sizes, root=config.root or None, **options)
    except ImportError as error:  # A library of an extra, which the text names.
        raise ValueError(str(error)) from error


@functools.lru_cache(4)
def _load_data(load, name, num_train, num_test, seed, **options):
    return load(name, num_train=num_train, num_test=num_test, seed=seed, **options)


def _check_task(config, dataset):
    if dataset.num_classes:
        for part in (dataset.train, dataset.test):
            models.check_labels(part["label"], dataset.num_classes)
    elif config.loss != "squared_error" or config.mixup:
        raise ValueError(
            f"`dataset` {config.dataset} is a regression, which `loss` {config.loss!r} and `mixup` "
            f"{config.mixup} do not fit. Set loss='squared_error' and mixup=0."
        )


def create_loss(config: Config, model, constants):
    """Creates the loss in evaluation mode whose landscape a configuration trains on."""
    return make_recipe(config).objective(_measure.data_loss(config, model, constants))


def make_recipe(config: Config) -> training.Recipe:
    """Takes the recipe out of a configuration."""
    names = [field.name for field in dataclasses.fields(training.Recipe)]
    return training.Recipe(**{name: getattr(config, name) for name in names})


def _summary(config, result, measure, dataset):
    recipe = make_recipe(config)
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
    _main.launch(run, config_file="configs/train.py")
