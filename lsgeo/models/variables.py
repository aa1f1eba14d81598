"""Variables of a model: initial values, their number, and batch statistics of given images."""

import functools
import math
from collections.abc import Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.models import depth
from lsgeo.trees import PyTree

_MOMENTS = ("mean", "var")


def init(
    model: nn.Module, images: jax.Array, *, key: jax.Array, dtype: Any = None
) -> dict[str, PyTree]:
    """Initialises a model.

    The weights depend on the key and on each parameter's place in the model alone, so that models
    which differ in the skip have the same ones. They are drawn in float32 and then converted.

    Args:
      model: a Flax Linen module.
      images: floating array [N, ...], or tokens [N, T] for a model that takes those; only the example's
        shape and the dtype matter.
      key: typed random key.
      dtype: of every parameter; by default that of `images`, and float32 with tokens.

    Returns:
      {"params": ...} and, with batch norm, "batch_stats", which are float32 at least.

    Raises:
      ValueError: if `images` is not a floating array, or for tokens not of whole numbers.
    """
    tokens = getattr(model, "takes_tokens", False)
    if not tokens and not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"`images` must be a floating array, whose dtype the parameters take; got {images.dtype}. "
            "Convert it first, e.g. with astype(np.float32)."
        )
    dtype = np.dtype(dtype or (jnp.float32 if tokens else images.dtype))
    # Not under jit: XLA takes seconds for the samplers of each model in one program, but one by one
    # they are compiled once for each shape, for all models.
    example = jnp.zeros((1, *images.shape[1:]), images.dtype if tokens else jnp.float32)
    single = model.clone(scan=False) if getattr(model, "scan", False) else model
    variables = dict(single.init(key, example))
    if single is not model:
        variables = depth.stack(variables, shapes(model, images))
    wide = trees.common_dtype(dtype, jnp.float32)
    kinds = {name: wide if name == "batch_stats" else dtype for name in variables}
    return {
        name: jax.tree.map(lambda leaf, to=kinds[name]: leaf.astype(to), tree)
        for name, tree in variables.items()
    }


def shapes(model: nn.Module, images: Any) -> dict[str, PyTree]:
    """The variables of a model as `jax.ShapeDtypeStruct`, at no cost however large it is.

    Args:
      model: a Flax Linen module.
      images: array or `jax.ShapeDtypeStruct` [N, ...].

    >>> from lsgeo import models
    >>> image = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    >>> models.count_parameters(models.shapes(models.create("vit-b-16"), image)["params"])
    86567656
    """
    example = jax.ShapeDtypeStruct((1, *images.shape[1:]), _drawn_for(images))
    return dict(jax.eval_shape(lambda x: model.init(jax.random.key(0), x), example))


def _drawn_for(images):
    # Initial weights are float32.
    return jnp.float32 if jnp.issubdtype(images.dtype, jnp.floating) else images.dtype


def in_dtype_of(params: PyTree, images: jax.Array) -> jax.Array:
    """Returns images in the dtype of a network's parameters, and tokens as they are."""
    if not jnp.issubdtype(images.dtype, jnp.floating):
        return images
    return jnp.asarray(images, trees.common_dtype(*jax.tree.leaves(params)))


def set_gates(constants: dict[str, PyTree], value: float | jax.Array) -> dict[str, PyTree]:
    """Sets every gate of a network with the skip type "gated".

    Args:
      constants: collections beside the parameters, as `Logits` and `CrossEntropy` hold them.
      value: the new gate, 0 for no skip and 1 for the whole; a number, or a traced scalar.

    Returns:
      The constants with the new gates. For block by block change {"gates": ...} by hand.

    Raises:
      ValueError: if there are no gates.
    """
    if not constants.get("gates"):
        raise ValueError(
            "`constants` hold no gates. Create the model with skip='gated', and pass all collections "
            "of `models.init` but the parameters."
        )
    gates = jax.tree.map(lambda leaf: jnp.full_like(leaf, value), constants["gates"])
    return {**constants, "gates": gates}


def activations(
    model: nn.Module, variables: dict[str, PyTree], images: jax.Array, *, train: bool = False
) -> dict[str, jax.Array]:
    """Runs a model and returns what its blocks leave on the way, by name.

    Args:
      model: a module from `create`.
      variables: all its collections.
      images: [N, ...].
      train: whether batch norm uses the statistics of these images.

    Returns:
      {"block_0/stream": ..., "block_0/branch": ..., "block_0/preactivation": ...}: the stream after
      the block, the branch's output, the input of each nonlinearity; and "logits". A scanned network
      gives the names of its unrolled twin.
    """
    mutable = ["intermediates", *(["batch_stats"] if train else [])]
    images = in_dtype_of(variables["params"], images)
    logits, updated = model.apply(variables, images, train=train, mutable=mutable)
    tree = depth.unstack({"all": updated["intermediates"]})["all"]
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        # The last entry counts the calls of `sow`; every name is written once.
        found["/".join(str(key.key) for key in path[:-1])] = leaf
    return found | {"logits": logits}


def count_parameters(tree: PyTree) -> int:
    """Counts the numbers in a pytree of arrays or of `jax.ShapeDtypeStruct`."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def reestimate_batch_stats(
    model: nn.Module,
    variables: dict[str, PyTree],
    images: jax.Array | Iterable[jax.Array],
    *,
    passes: int = 2,
) -> dict[str, PyTree]:
    """Computes the batch norm statistics of exactly these images, the policy "re-estimated".

    All images at once: one pass in training mode in which nothing of the old running statistics is
    kept. With the result, evaluation mode on the same images equals training mode on them as one batch.

    In batches that is out of reach of one pass, because what enters a norm depends on the statistics of
    all norms before it. The first pass normalises each batch by its own statistics and pools, for each
    norm, the mean and the mean square of what enters it over all examples; this is exact for the first
    norm only. Each further pass runs in evaluation mode with the statistics of the one before and pools
    again, which makes them exact for one more norm in the order of evaluation. After as many passes as
    there are norms the result is that of one batch, to rounding.

    Args:
      model: a module from `create`.
      variables: {"params": ..., "batch_stats": ...}; the old statistics have no influence.
      images: array [N, ...], all of them at once; or a list (or another object that can be iterated
        again) of such arrays, of any sizes.
      passes: passes over the batches, at least 1; unused with one array.

    Returns:
      {"batch_stats": ...} for the `constants` of a loss; {} for a model without batch norm.

    Raises:
      ValueError: if `passes` is below 1, or there is no batch (on a later pass: a generator).
    """
    if not variables.get("batch_stats"):
        return {}
    if hasattr(images, "shape"):
        return _reestimate(model.clone(momentum=0.0), variables, images)
    if passes < 1:
        raise ValueError(f"`passes` must be at least 1; got {passes}.")
    for index in range(passes):
        variables = {**variables, "batch_stats": _pooled(model, variables, images, index == 0)}
    return {"batch_stats": variables["batch_stats"]}


@functools.partial(jax.jit, static_argnums=0)
def _reestimate(model, variables, images):
    images = in_dtype_of(variables["params"], images)
    _, updated = model.apply(variables, images, train=True, mutable=["batch_stats"])
    return updated


def _pooled(model, variables, batches, train):
    # Moments over all examples, from those of each batch.
    total, count = None, 0
    for images in batches:
        moments = _moments(model, variables, images, len(images), train)
        total = moments if total is None else jax.tree.map(jnp.add, total, moments)
        count += len(images)
    if not count:
        raise ValueError(
            "`images` gave no batch; a generator is empty on the second pass. Pass an array, a list, or an "
            "object with __iter__."
        )
    return _statistics(total, count, variables["batch_stats"])


@functools.partial(jax.jit, static_argnums=(0, 4))
def _moments(model, variables, images, count, train):
    # What enters each norm, as {"mean", "var": mean of squares} in the place of its statistics, times the
    # number of examples.
    def keep(call, args, kwargs, context):
        outputs = call(*args, **kwargs)
        norm = context.module
        if isinstance(norm, nn.BatchNorm) and context.method_name == "__call__":
            inputs = args[0]  # at least float32, see `norms.Norm`
            axes = tuple(range(inputs.ndim - 1))
            norm.put_variable("batch_stats", "mean", inputs.mean(axes))
            norm.put_variable("batch_stats", "var", (inputs**2).mean(axes))
        return outputs

    images = in_dtype_of(variables["params"], images)
    with nn.intercept_methods(keep):
        _, updated = model.apply(variables, images, train=train, mutable=["batch_stats"])
    return jax.tree.map(lambda leaf: leaf * jnp.asarray(count, leaf.dtype), updated["batch_stats"])


@jax.jit
def _statistics(total, count, like):
    def one_norm(moments):
        mean, square = (
            moments[name] / jnp.asarray(count, moments[name].dtype) for name in _MOMENTS
        )
        return {"mean": mean, "var": jnp.maximum(square - mean**2, 0)}

    def is_norm(tree):
        return isinstance(tree, dict) and set(tree) == set(_MOMENTS)

    statistics = jax.tree.map(one_norm, total, is_leaf=is_norm)
    return jax.tree.map(lambda leaf, old: leaf.astype(old.dtype), statistics, like)
