"""Examples with weights: how a mean over a batch is taken apart and put together again.

A loss that is a mean over its batch equals the mean of its values on batches of one example. That is all
that weights, padding and per-example gradients need.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import is_key
from lsgeo.operators import checks
from lsgeo.operators.evaluation import evaluate


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class Examples:
    """A batch with a weight for each example and its place in the data.

    The weights sum to one over the data, of which this may be a part; padding has weight zero.
    """

    batch: Any
    weights: jax.Array  # (N,)
    index: jax.Array  # (N,)


def whole(batch: Any, dtype: np.dtype, weights: Any = None) -> Examples:
    """Returns all the data as Examples; `weights` [N] of any sum, equal if not given."""
    num = num_examples(batch)
    return Examples(batch, normalized(weights, num).astype(dtype), np.arange(num))


def padded(batch: Any, weights: np.ndarray, start: int, size: int) -> Examples:
    """Returns Examples of `size` rows: the first example fills up, with weight zero."""
    missing = size - len(weights)

    def fill(leaf):
        values = on_host(leaf)
        filled = np.concatenate([values, np.repeat(values[:1], missing, axis=0)])
        return (
            jax.random.wrap_key_data(filled, impl=jax.random.key_impl(leaf))
            if is_key(leaf)
            else filled
        )

    batch = jax.tree.map(fill, batch) if missing else batch
    index = np.r_[start : start + len(weights), np.full(missing, start)]
    return Examples(batch, np.r_[weights, np.zeros(missing, weights.dtype)], index)


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


def check_mean(loss: Callable, params: Any, batch: Any, name: str = "loss") -> None:
    """Raises a ValueError unless the loss of a batch is the mean of the losses of its halves."""
    num = num_examples(batch)
    if num == 1:
        return
    cut = num // 2
    head = jax.tree.map(lambda leaf: leaf[:cut], batch)
    tail = jax.tree.map(lambda leaf: leaf[cut:], batch)
    together, first, second = (np.asarray(evaluate(loss, params, b)) for b in (batch, head, tail))
    checks.check_value(together, name)
    mean = (cut * first + (num - cut) * second) / num
    tolerance = np.sqrt(float(jnp.finfo(together.dtype).eps)) * max(abs(first), abs(second))
    if not abs(together - mean) <= tolerance:
        raise ValueError(
            f"`{name}` is not a mean over examples, so that it cannot be streamed, weighted or taken apart: "
            f"a batch of {num} has {together:.6g}, its halves together {mean:.6g}. Likely causes: batch "
            "normalisation in training mode, a sum in place of a mean, a mean over unmasked tokens."
        )


def check_rowwise(predict: Callable, params: Any, batch: Any) -> None:
    """Raises a ValueError unless an example's outputs are the same whatever comes with it."""
    num = num_examples(batch)
    if num == 1:
        return
    head = jax.tree.map(lambda leaf: leaf[: num // 2], batch)
    together, alone = (np.asarray(evaluate(predict, params, b)) for b in (batch, head))
    gap = np.abs(together[: num // 2] - alone).max()
    if not gap <= np.sqrt(float(jnp.finfo(together.dtype).eps)) * np.abs(together).max():
        raise ValueError(
            f"`predict` gives an example other outputs (by {gap:.2g}) when others come with it, so that it "
            "cannot be streamed. Likely cause: batch normalisation in training mode."
        )


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
