"""Directions in parameter space whose length means the same in every network.

A ReLU network computes the same function after a layer is doubled and the next one halved, so a
step of fixed length says nothing about the function. Li et al. (2018) therefore give every filter
of a direction the norm of the filter it perturbs: at distance 1 along such a direction, each filter
has moved by its own length.

A filter is the set of weights that produce one output unit. Flax keeps output units on the last
axis of a kernel (Dense: (in, out), Conv: (h, w, in, out)), PyTorch and Equinox on the first; a wrong
axis cannot be seen in a figure. With `loss` and `batch` the axes are read off the computation.

Example:
  >>> import jax
  >>> from lsgeo.geometry import filter_normalized_directions
  >>> params = {"kernel": jax.numpy.ones((4, 3)), "bias": jax.numpy.ones((3,))}
  >>> dx, dy = filter_normalized_directions(params, key=jax.random.key(0))
  >>> jax.numpy.linalg.norm(dx["kernel"], axis=0).round(3).tolist()
  [2.0, 2.0, 2.0]
  >>> loss = lambda w, x: jax.numpy.mean((x @ w.T) ** 2)  # outputs first, as PyTorch has them
  >>> weight, x = jax.numpy.ones((3, 4)), jax.numpy.ones((2, 4))
  >>> dx, _ = filter_normalized_directions(weight, key=jax.random.key(0), loss=loss, batch=x)
  >>> jax.numpy.linalg.norm(dx, axis=1).round(3).tolist()
  [2.0, 2.0, 2.0]
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_one_of, check_same
from lsgeo.draws import check_draw, random_direction
from lsgeo.geometry.surfaces._filters import Filter, Rule, filters_of
from lsgeo.trees import PyTree

NORMALIZATIONS = ("filter", "layer", "global", "raw")
SMALL_LEAVES = ("zero", "keep")


@accepts(params=as_params, batch=as_arrays)
def filter_normalized_directions(
    params: PyTree,
    *,
    key: jax.Array,
    count: int = 2,
    loss: Callable | None = None,
    batch: PyTree = None,
    axes: str | Rule | None = None,
) -> tuple[PyTree, ...]:
    """Draws random directions in which every filter has the norm of the parameters' filter.

    `random_directions` with its defaults.

    Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018),
    section 4, with their option "biasbn": biases, normalisation parameters and every leaf of rank
    <= 1 do not move.

    Args:
      params: pytree of real floating arrays.
      key: typed random key. A leaf's draw depends on the key and on the leaf's path and shape
        alone, so that twins with one parameter tree get the same raw directions.
      count: number of independent directions.
      loss: what is computed, for where the filters lie; see `normalize_direction`.
      batch: handed to loss.
      axes: where the filters lie, said; see `normalize_direction`.

    Returns:
      A tuple of `count` pytrees with the structure, shapes and dtypes of params.

    Raises:
      ValueError: if `key` is not one typed key, `count` < 1, `params` is empty or has a leaf
        that is not real and floating, or the filters of a leaf cannot be told.
    """
    return random_directions(params, key=key, count=count, loss=loss, batch=batch, axes=axes)


@accepts(params=as_params, batch=as_arrays)
def random_directions(
    params: PyTree,
    *,
    key: jax.Array,
    count: int = 2,
    normalization: str = "filter",
    small_leaves: str = "zero",
    loss: Callable | None = None,
    batch: PyTree = None,
    axes: str | Rule | None = None,
) -> tuple[PyTree, ...]:
    """Draws random directions and scales them to the parameters: see `normalize_direction`.

    Two of them are at right angles on average, and almost so in many dimensions.

    Args:
      params: pytree of real floating arrays.
      key: typed random key. A leaf's draw depends on the key and on the leaf's path and shape
        alone, so that twins get the same raw directions wherever their trees agree.
      count: number of independent directions.
      normalization: "filter", "layer", "global" or "raw".
      small_leaves: "zero" or "keep".
      loss: what is computed, for where the filters lie.
      batch: handed to loss.
      axes: where the filters lie, said.

    Returns:
      A tuple of `count` pytrees with the structure, shapes and dtypes of params.

    Raises:
      ValueError: as filter_normalized_directions, or for an unknown `normalization` or
        `small_leaves`.
    """
    check_draw(params, key, count)
    _check_options(normalization, small_leaves)
    filters = _filters(params, normalization, small_leaves, loss, batch, axes)
    return tuple(
        _normalized(random_direction(params, key=one), params, filters, normalization, small_leaves)
        for one in jax.random.split(key, count)
    )


def normalize_direction(
    direction: PyTree,
    params: PyTree,
    *,
    normalization: str = "filter",
    small_leaves: str = "zero",
    loss: Callable | None = None,
    batch: PyTree = None,
    axes: str | Rule | None = None,
) -> PyTree:
    """Scales a direction to the parameters that it is to perturb.

    Not for eigenvectors or differences of networks: scaled leaf by leaf, they are neither orthogonal
    nor what they were.

    With `loss`, filters are read off what it computes, at the cost of tracing it: where a leaf meets
    data in a product or a convolution, a filter extends over the axes that are summed over, and those
    that stay number the filters. So each (head, unit) of attention is one, a feature of an embedding
    (whose rows the batch looks up), each channel of a depthwise convolution; layers that a loop takes from a
    stack are taken one by one. A leaf that is used in several ways has the filters of its first use on
    data: a tied embedding those of the lookup. A leaf that is only added to data or multiplied with
    it entry by entry has no filters, nor has a vector (Li et al.'s rule).

    Without `loss` and `axes`, filters are those of Flax where its names leave no doubt: "kernel" and
    "embedding" of rank 2; kernels that have a bias for each entry of the last axis, a square window, or
    a module called conv, query, key, value or out; and what a scanned module called "blocks" or
    "..._blocks" stacks. "bias", "scale", "positions" and, beside kernels, leaves that only broadcast
    have none. Anything else of rank 2 or more is refused.

    Args:
      direction: pytree like params, for example a Gaussian draw.
      params: pytree of real floating arrays.
      normalization: "filter" gives every filter the norm of the parameters' filter, "layer" every leaf
        that of the parameters' leaf, "global" the whole direction that of all parameters that move;
        "raw" scales nothing. A filter, or leaf, of zeros stays zero.
      small_leaves: what becomes of leaves without filters. "zero", the option "biasbn" of Li et al.
        (2018): they do not move; or "keep": each is a filter as a whole. (Li et al.'s own code,
        without that option, moves them along themselves.)
      loss: loss(params, batch), or any function of them, such as predict.
      batch: pytree of arrays handed to loss. None takes the arrays that loss closes over for the data.
      axes: goes before `loss`. A convention: "flax" (also NNX), units on the last axis of any leaf
        but those above, on the last two of query, key and value of rank 3; "haiku", of "w" and
        "embeddings" on the last axis, the last but one in transposed convolutions; "equinox" and
        "pytorch", of "weight" on the first axis, the last one in tables whose module's name has "emb"
        in it. Or a function of a leaf's path, such as "Dense_0/kernel", that gives the axes that one filter
        extends over, None for a leaf without filters, or ... for one that it says nothing of.

    Returns:
      A pytree like params.

    Raises:
      ValueError: if `direction` has not the structure and shapes of params, an option is unknown, or
        the filters of a leaf cannot be told: the text names the leaf.
    """
    _check_options(normalization, small_leaves)
    check_same(direction, params, "direction", "params")
    filters = _filters(params, normalization, small_leaves, loss, batch, axes)
    return _normalized(direction, params, filters, normalization, small_leaves)


def normalize_filters(
    direction: PyTree,
    params: PyTree,
    *,
    loss: Callable | None = None,
    batch: PyTree = None,
    axes: str | Rule | None = None,
) -> PyTree:
    """Gives every filter of a direction the norm of the parameters' filter, and zeroes the rest.

    That is `normalize_direction` with its defaults.
    """
    return normalize_direction(direction, params, loss=loss, batch=batch, axes=axes)


def scale_to_filters(direction: PyTree, params: PyTree, filters: tuple[Filter, ...]) -> PyTree:
    """What `normalize_filters` does, with filters that are known."""
    return _normalized(direction, params, filters, "filter", "zero")


def _check_options(normalization, small_leaves):
    check_one_of(normalization, "normalization", NORMALIZATIONS)
    check_one_of(small_leaves, "small_leaves", SMALL_LEAVES)


def _filters(params, normalization, small_leaves, loss, batch, axes):
    if small_leaves == "keep" and normalization in ("global", "raw"):
        # Everything moves, and nothing is scaled by itself.
        return (Filter(None),) * len(jax.tree.leaves(params))
    return filters_of(params, loss, batch, axes)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _normalized(direction, params, filters, normalization, small_leaves):
    leaves, structure = jax.tree.flatten(params)
    parts = zip(filters, leaves, structure.flatten_up_to(direction), strict=True)
    moved = [_move_leaf(normalization, small_leaves, *part) for part in parts]
    if normalization == "global":
        still = small_leaves == "zero"
        pairs = zip(filters, leaves, strict=True)
        moved = _globally(
            moved, [jnp.zeros_like(w) if still and f.axes is None else w for f, w in pairs]
        )
    return jax.tree.unflatten(structure, moved)


def _move_leaf(normalization, small_leaves, found, leaf, direction):
    axes, direction = found.axes, jnp.asarray(direction, leaf.dtype)
    if not leaf.size or (axes is None and small_leaves == "zero"):
        return jnp.zeros_like(leaf)
    if normalization in ("raw", "global"):
        return direction
    if axes is None or normalization == "layer":
        axes = tuple(i for i in range(leaf.ndim) if i not in found.stack)
    wide = trees.common_dtype(leaf.dtype, jnp.float32)
    raw = _norm(direction.astype(wide), axes)
    unit = direction.astype(wide) / jnp.where(raw == 0, jnp.ones_like(raw), raw)
    return (unit * _norm(leaf.astype(wide), axes)).astype(leaf.dtype)


def _globally(direction, moves):
    raw, wanted = trees.norm(direction), trees.norm(moves)
    factor = wanted / jnp.where(raw == 0, jnp.ones_like(raw), raw)
    return [(factor * leaf).astype(leaf.dtype) for leaf in direction]


def _norm(array, axes):
    # Divided by the largest entry first: squares of float32 weights under 1e-19 would vanish.
    largest = jnp.max(jnp.abs(array), axis=axes, keepdims=True, initial=0)
    safe = jnp.where(largest == 0, jnp.ones_like(largest), largest)
    return safe * jnp.sqrt(jnp.sum(jnp.square(array / safe), axis=axes, keepdims=True))
