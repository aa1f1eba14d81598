"""One jitted update, shared by all runs that differ in values alone."""

import functools
from typing import Any

import jax

from lsgeo.training.recipes import OPTIMIZERS

PyTree = Any


@functools.partial(jax.jit, static_argnums=0)
def init_optimizer(optimizer: str, params: PyTree) -> PyTree:
    """Returns the optimiser's state before the first step."""
    return OPTIMIZERS[optimizer]().init(params)


@functools.cache
def update_function(optimizer: str, batch_size: int):
    """Returns the jitted update of an optimiser; equal arguments give the same function.

    The loss is an argument: a pytree, so that its arrays are traced and its module is static. The
    optimiser's state is donated; the parameters are not, because a loss that arrives later may
    show that they are the ones to keep.

    Args:
      optimizer: a name of `OPTIMIZERS`.
      batch_size: 0 for all examples.

    Returns:
      update(params, opt_state, loss, data, learning_rate, order, start) -> (params, opt_state,
      loss before the update). With mini-batches, the batch is data[order[start:start + size]].
    """

    def update(params, opt_state, loss, data, learning_rate, order, start):
        if batch_size:
            index = jax.lax.dynamic_slice_in_dim(order, start, batch_size)
            data = jax.tree.map(lambda leaf: leaf[index], data)
        value, gradient = jax.value_and_grad(loss)(params, data)
        direction, opt_state = OPTIMIZERS[optimizer]().update(gradient, opt_state, params)
        params = jax.tree.map(lambda p, d: p - learning_rate.astype(p.dtype) * d, params, direction)
        return params, opt_state, value

    return jax.jit(update, donate_argnums=1)


@functools.partial(jax.jit, static_argnums=1)
def epoch_order(key: jax.Array, num_examples: int, epoch: jax.Array) -> jax.Array:
    """Returns the permutation of the examples in an epoch; it depends on the key and the epoch."""
    return jax.random.permutation(jax.random.fold_in(key, epoch), num_examples)
