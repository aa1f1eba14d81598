"""The loss of a training configuration, measured on all examples at once or in parts."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from experiments.common.fields import check_choice
from lsgeo import models
from lsgeo.training import Description


def data_loss(
    config: Description, model: Any, constants: dict[str, Any], train: bool = False
) -> Any:
    """Creates the loss of a configuration, without weight decay.

    Raises:
      ValueError: for an unknown `loss`, or label smoothing of one that has none.
    """
    if config.loss == "cross_entropy":
        return models.CrossEntropy(model, constants, train, config.label_smoothing)
    check_choice(config, loss=("cross_entropy", "squared_error"))
    if config.label_smoothing:
        raise ValueError(
            f"`label_smoothing` is {config.label_smoothing}, but `loss` is 'squared_error', which has none."
        )
    return models.SquaredError(model, constants, train)


def create_loss(config: Description, model: Any, constants: dict[str, Any]) -> Any:
    """Creates the loss in evaluation mode whose landscape a description trains on."""
    return config.recipe().objective(data_loss(config, model, constants))


def reestimated(loss: Any, params: Any, batch: Any) -> Any:
    """A loss of `data_loss` with the batch statistics that these parameters have on these examples."""
    variables = {"params": params, **loss.constants}
    stats = models.reestimate_batch_stats(loss.model, variables, batch["image"])
    return dataclasses.replace(loss, constants={**loss.constants, **stats})


def parts(batch: dict[str, jax.Array], size: int) -> Iterator[dict[str, jax.Array]]:
    """Splits a batch into parts of `size` examples and a last smaller one; 0 is one part."""
    count = len(batch["image"])
    size = size or count
    for first in range(0, count, size):
        yield {name: array[first : first + size] for name, array in batch.items()}


@functools.partial(jax.jit, static_argnums=(3, 4))
def evaluate(
    predict: Any, params: Any, batch: Any, loss: str = "cross_entropy", smoothing: float = 0.0
) -> tuple[jax.Array, jax.Array | float]:
    """Loss and accuracy of a batch."""
    logits = predict(params, batch)
    if "label" not in batch:  # A regression has no accuracy.
        return models.squared_error(logits, batch), jnp.nan
    if loss == "squared_error":
        return models.squared_error(logits, batch), models.accuracy(logits, batch)
    value = models.cross_entropy(logits, batch, smoothing=smoothing)
    return value, models.accuracy(logits, batch)
