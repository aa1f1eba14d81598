"""Variables of a model: initial values, their number, and batch statistics of given images."""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

PyTree = Any


def init(model: nn.Module, images: jax.Array, *, key: jax.Array) -> dict[str, PyTree]:
    """Initialises a model.

    The weights depend on the key and on each parameter's place in the model alone, so that models
    which differ in the skip have the same ones. They are drawn in float32 and then converted.

    Args:
      model: a Flax Linen module.
      images: floating array [N, ...]; only the example's shape and the dtype matter.
      key: typed random key.

    Returns:
      {"params": ...} and, with batch norm, "batch_stats"; every leaf has the dtype of `images`.

    Raises:
      ValueError: if `images` is not a floating array.
    """
    dtype = jnp.dtype(images.dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            f"`images` must be a floating array, whose dtype the parameters take; got {dtype}. "
            "Convert it first, e.g. with astype(np.float32)."
        )
    # Not under jit: XLA takes seconds for the samplers of each model in one program, but one by one
    # they are compiled once for each shape, for all models.
    variables = model.init(key, jnp.zeros((1, *images.shape[1:]), jnp.float32))
    return jax.tree.map(lambda leaf: leaf.astype(dtype), variables)


def count_parameters(tree: PyTree) -> int:
    """Counts the numbers in a pytree of arrays or of `jax.ShapeDtypeStruct`."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def reestimate_batch_stats(
    model: nn.Module, variables: dict[str, PyTree], images: jax.Array
) -> dict[str, PyTree]:
    """Computes the batch norm statistics of exactly these images, the policy "re-estimated".

    One pass in training mode in which nothing of the old running statistics is kept. With the
    result, evaluation mode on the same images equals training mode on them as one batch.

    Args:
      model: a module from `create`.
      variables: {"params": ..., "batch_stats": ...}; the old statistics have no influence.
      images: [N, ...], all of them at once.

    Returns:
      {"batch_stats": ...} for the `constants` of a loss; {} for a model without batch norm.
    """
    if not variables.get("batch_stats"):
        return {}
    return _reestimate(model.clone(momentum=0.0), variables, images)


@functools.partial(jax.jit, static_argnums=0)
def _reestimate(model, variables, images):
    _, updated = model.apply(variables, images, train=True, mutable=["batch_stats"])
    return updated
