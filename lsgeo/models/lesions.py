"""Branches cut in the backward pass: the network computes the same, its gradient goes other ways."""

import collections
import itertools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from lsgeo.models.skips import Skip
from lsgeo.trees import PyTree


def branch_names(model: nn.Module, variables: dict[str, PyTree], images: jax.Array) -> list[str]:
    """Lists the branches of a network from the bottom up, called by their blocks: "block_0".

    A branch is what a skip joins to its shortcut, also where the stream changes its shape; in a network
    without skips it is all of the block. Two branches of one block are "block_0/0" and "block_0/1".

    Args:
      model: a module from `create` that is not scanned.
      variables: all its collections.
      images: array or `jax.ShapeDtypeStruct` [N, ...]; only its shape matters.

    Raises:
      ValueError: if there is no branch that can be told from the others, as in a scanned network.
    """
    found = []

    def record(call, args, kwargs, context):
        if _is_skip(context):
            found.append(context.module.path[0])
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        jax.eval_shape(lambda v, x: model.apply(v, x, train=False), variables, images)
    if not found or any(name.endswith("blocks") for name in found):
        raise ValueError(
            "`model` has no branches that can be cut one by one. A scanned network has to be created with "
            "scan=False and its variables unstacked (models.unstack); a DenseNet has no sums."
        )
    number = {name: itertools.count() for name in found}
    count = collections.Counter(found)
    return [name if count[name] == 1 else f"{name}/{next(number[name])}" for name in found]


def lesioned_gradient(
    loss: Callable[[PyTree, Any], jax.Array], params: PyTree, batch: Any, passed: jax.Array
) -> jax.Array:
    """Gradient of a loss with respect to the stream below all branches, through some branches only.

    The loss and all activations are those of the whole network.

    Args:
      loss: a callable pytree of this package, `CrossEntropy`.
      params: parameters of the network.
      batch: handed to loss.
      passed: [L], what the gradient is multiplied by on its way through each branch, in the order of
        `branch_names`; 1 is the ordinary gradient, 0 cuts the branch. It may be traced.

    Returns:
      [N, ...], like the stream.
    """
    streams = []

    def at(added):
        numbers = itertools.count()

        def step(call, args, kwargs, context):
            if not _is_skip(context):
                return call(*args, **kwargs)
            (x, branch, *rest), number = args, next(numbers)
            if number == 0:
                streams.append((x.shape, x.dtype, context.module.streams > 1))
                x = x if added is None else x + added
            return call(x, _scaled(branch, passed[number]), *rest, **kwargs)

        with nn.intercept_methods(step):
            return loss(params, batch)

    jax.eval_shape(lambda: at(None))
    shape, dtype, several = streams[0]
    gradient = jax.grad(at)(jnp.zeros(shape, dtype))
    return jnp.moveaxis(gradient, 1, 0) if several else gradient


def _is_skip(context):
    return isinstance(context.module, Skip) and context.method_name == "__call__"


def _scaled(branch, factor):
    def scaled(x):
        out = branch(x)
        fixed = jax.lax.stop_gradient(out)
        return fixed + jnp.asarray(factor, out.dtype) * (out - fixed)

    return scaled
