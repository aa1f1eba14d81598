"""Examples with weights: how a mean over a batch is taken apart and put together again.

A loss that is a mean over its batch equals the mean of its values on batches of one example. That is all
that weights, padding and per-example gradients need.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import is_key


@trees.frozen
class Examples:
    """A batch with a weight for each example and its place in the data.

    The weights sum to one over the data, of which this may be a part; padding has weight zero.
    """

    batch: Any
    weights: jax.Array  # (N,)
    index: jax.Array  # (N,)


def whole(batch: Any, dtype: np.dtype, weights: np.ndarray | None = None) -> Examples:
    """Returns all the data as Examples; `weights` [N] of sum one, equal if not given."""
    num = num_examples(batch)
    weights = normalized(None, num) if weights is None else weights
    return Examples(batch, weights.astype(dtype), np.arange(num))


def sound(examples: Examples) -> Examples:
    """Returns the same sum without its idle examples: 0 times the loss of a masked one would be NaN."""
    weights = np.asarray(examples.weights)
    if weights.all():
        return examples
    batch, index = _taken((examples.batch, examples.index), _order(weights, len(weights)))
    return Examples(batch, examples.weights, index)


def padded(batch: Any, weights: np.ndarray, start: int, size: int) -> Examples:
    """Returns Examples of `size` rows: one with a weight fills up, and stands in for idle ones."""
    order = _order(weights, size)
    if len(order) > len(weights) or not weights.all():
        batch = _taken(batch, order)
    missing = np.zeros(size - len(weights), weights.dtype)
    return Examples(batch, np.r_[weights, missing], start + order)


def _order(weights, size):
    # Which rows `size` rows are made of; weights that are all zero keep what they have.
    num, there = len(weights), np.flatnonzero(weights)
    order = np.full(size, there[0] if len(there) else 0)
    order[:num] = np.arange(num)
    if len(there):
        order[:num][weights == 0] = there[0]
    return order


def _taken(batch, order):
    def take(leaf):
        values = on_host(leaf)[order]
        if not is_key(leaf):
            return values
        return jax.random.wrap_key_data(values, impl=jax.random.key_impl(leaf))

    return jax.tree.map(take, batch)


def num_examples(batch: Any) -> int:
    """Returns the length of the leading axis that all arrays of a batch share.

    Raises:
      ValueError: if there is no array, an array has no axis, or lengths differ.
    """
    lengths = {jnp.shape(leaf)[0] if jnp.ndim(leaf) else None for leaf in jax.tree.leaves(batch)}
    if len(lengths) != 1 or None in lengths or 0 in lengths:
        shapes = jax.tree.map(jnp.shape, batch)
        raise ValueError(
            "every array of `batch`, or of each of the `batches`, must have the examples, at least one, on "
            f"its leading axis, and equally many; got shapes {shapes}."
        )
    return lengths.pop()


def on_host(leaf: Any) -> np.ndarray:
    """Returns an array of a batch as a NumPy array; of random keys, their data."""
    return np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)


def normalized(weights: Any, num: int) -> np.ndarray:
    """Returns weights [num] that sum to one, in float64; equal ones for None.

    Raises:
      ValueError: if `weights` are not one non-negative number for each example, or all zero.
    """
    if weights is None:
        return np.full(num, 1 / num)
    values = np.asarray(weights, np.float64)
    if values.shape != (num,):
        raise ValueError(
            f"`weights` must hold one number for each example, shape ({num},); got {values.shape}."
        )
    largest = values.max()
    if not np.isfinite(values).all() or values.min() < 0 or largest == 0:
        raise ValueError(
            "`weights` must be finite, at least zero, and not all zero; got values from "
            f"{values.min()} to {largest}."
        )
    scaled = values / largest
    return scaled / scaled.sum()


def per_example(loss: Callable, params: Any, batch: Any) -> jax.Array:
    """Returns the losses of the single examples, shape [N]."""

    def one(example):
        return loss(params, jax.tree.map(lambda leaf: leaf[None], example))

    return jax.vmap(one)(batch)


def weighted_loss(loss: Callable, params: Any, examples: Examples) -> jax.Array:
    """Returns sum_i w_i loss_i; with `loss` bound, a loss like any other."""
    losses = per_example(loss, params, examples.batch)
    return jnp.sum(examples.weights.astype(losses.dtype) * losses)


def predict_examples(predict: Callable, params: Any, examples: Examples) -> Any:
    """Returns the outputs of a batch with weights."""
    return predict(params, examples.batch)


def weighted_criterion(criterion: Callable, outputs: Any, examples: Examples) -> jax.Array:
    """Returns sum_i w_i criterion_i; with `criterion` bound, a criterion like any other."""

    def one(output, example):
        single = jax.tree.map(lambda leaf: leaf[None], (output, example))
        return criterion(*single)

    losses = jax.vmap(one)(outputs, examples.batch)
    return jnp.sum(examples.weights.astype(losses.dtype) * losses)
