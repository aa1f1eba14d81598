"""The loss of a training configuration, measured on all examples at once or in parts."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from lsgeo import models
from lsgeo.training import Description


def data_loss(config, model, constants, train=False):
    """Creates the loss of a configuration, without weight decay.

    Raises:
      ValueError: for an unknown `loss`, or label smoothing of one that has none.
    """
    if config.loss == "cross_entropy":
        return models.CrossEntropy(model, constants, train, config.label_smoothing)
    if config.loss != "squared_error":
        raise ValueError(
            f"Unknown `loss`: {config.loss!r}. Choose one of: cross_entropy, squared_error."
        )
    if config.label_smoothing:
        raise ValueError(
            f"`label_smoothing` is {config.label_smoothing}, but `loss` is 'squared_error', which has none."
        )
    return models.SquaredError(model, constants, train)


def create_loss(config: Description, model: Any, constants: dict[str, Any]) -> Any:
    """Creates the loss in evaluation mode whose landscape a description trains on."""
    return config.recipe().objective(data_loss(config, model, constants))


def parts(batch, size):
    """Splits a batch into parts of `size` examples and a last smaller one; 0 is one part."""
    count = len(batch["image"])
    size = size or count
    for first in range(0, count, size):
        yield {name: array[first : first + size] for name, array in batch.items()}


@functools.partial(jax.jit, static_argnums=(3, 4))
def evaluate(predict, params, batch, loss="cross_entropy", smoothing=0.0):
    """Loss and accuracy of a batch."""
    logits = predict(params, batch)
    if "label" not in batch:  # A regression has no accuracy.
        return models.squared_error(logits, batch), jnp.nan
    if loss == "squared_error":
        return models.squared_error(logits, batch), models.accuracy(logits, batch)
    value = models.cross_entropy(logits, batch, smoothing=smoothing)
    return value, models.accuracy(logits, batch)


def measure(config, model, constants, params, batch):
    """Loss and accuracy of all examples, in parts weighted by their sizes; constants(params)."""
    predict = models.Logits(model, constants(params))
    count = len(batch["image"])
    totals = [0.0, 0.0]
    for part in parts(batch, config.eval_batch_size):
        values = evaluate(predict, params, part, config.loss, config.label_smoothing)
        share = len(part["image"]) / count
        totals = [total + share * float(value) for total, value in zip(totals, values, strict=True)]
    return totals


def constants(config, model, variables, batch, params):
    """Batch statistics of all training images ("re-estimated"); {} without batch norm."""
    images = [part["image"] for part in parts(batch, config.eval_batch_size)]
    stats = models.reestimate_batch_stats(
        model,
        {"params": params, **variables},
        images[0] if len(images) == 1 else images,
        passes=config.stats_passes,
    )
    return {**variables, **stats}
