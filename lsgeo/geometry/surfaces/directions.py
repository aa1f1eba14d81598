"""Directions in parameter space whose length means the same in every network.

A ReLU network computes the same function after a layer is doubled and the next one halved, so a
step of fixed length says nothing about the function. Li et al. (2018) therefore give every filter
of a direction the norm of the filter it perturbs: at distance 1 along such a direction, each filter
has moved by its own length.

A filter is the set of weights that produce one output unit. Flax keeps output units on the last
axis of a kernel (Dense: (in, out), Conv: (h, w, in, out)), PyTorch on the first; a wrong axis
cannot be seen in a figure.

Example:
  >>> import jax
  >>> from lsgeo.geometry import filter_normalized_directions
  >>> params = {"kernel": jax.numpy.ones((4, 3)), "bias": jax.numpy.ones((3,))}
  >>> dx, dy = filter_normalized_directions(params, key=jax.random.key(0))
  >>> jax.numpy.linalg.norm(dx["kernel"], axis=0).round(3).tolist()
  [2.0, 2.0, 2.0]
"""

import functools
import re

import jax
import jax.numpy as jnp

from lsgeo import trees
from lsgeo.checks import check_one_of, check_same
from lsgeo.draws import check_draw, random_direction
from lsgeo.trees import PyTree

NORMALIZATIONS = ("filter", "layer", "global", "raw")
SMALL_LEAVES = ("zero", "keep")
_STACK = re.compile(r"(.*_)?blocks")
_NOT_FILTERS = ("bias", "scale", "positions")
_PROJECTIONS = ("query", "key", "value")


def filter_normalized_directions(
    params: PyTree, *, key: jax.Array, count: int = 2
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

    Returns:
      A tuple of `count` pytrees with the structure, shapes and dtypes of params.

    Raises:
      ValueError: if `key` is not one typed key, `count` < 1, or `params` is empty or has a leaf
        that is not real and floating.
    """
    return random_directions(params, key=key, count=count)


def random_directions(
    params: PyTree,
    *,
    key: jax.Array,
    count: int = 2,
    normalization: str = "filter",
    small_leaves: str = "zero",
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

    Returns:
      A tuple of `count` pytrees with the structure, shapes and dtypes of params.

    Raises:
      ValueError: as filter_normalized_directions, or for an unknown `normalization` or
        `small_leaves`.
    """
    check_draw(params, key, count)
    return tuple(
        normalize_direction(
            random_direction(params, key=one),
            params,
            normalization=normalization,
            small_leaves=small_leaves,
        )
        for one in jax.random.split(key, count)
    )


def normalize_direction(
    direction: PyTree, params: PyTree, *, normalization: str = "filter", small_leaves: str = "zero"
) -> PyTree:
    """Scales a direction to the parameters that it is to perturb.

    Not for eigenvectors or differences of networks: scaled leaf by leaf, they are neither orthogonal
    nor what they were.

    Norms of filters are taken over all axes of a leaf but the last; over the first one alone in the
    three-axis kernels of attention projections named query, key and value, where each (head, unit)
    is a filter. An embedding [tokens, features] is a dense kernel on one-hot tokens: a filter is one
    feature. Parameters of scanned blocks, stacked under a name that ends with "blocks", are taken
    block by block.

    Small leaves are those without filters: of rank <= 1, named bias or scale, learned positions, and
    leaves that only broadcast (all axes but the last of size 1, not named kernel).

    Args:
      direction: pytree like params, for example a Gaussian draw.
      params: pytree of real floating arrays.
      normalization: "filter" gives every filter the norm of the parameters' filter, "layer" every leaf
        that of the parameters' leaf, "global" the whole direction that of all parameters that move;
        "raw" scales nothing. A filter, or leaf, of zeros stays zero.
      small_leaves: "zero", the option "biasbn" of Li et al. (2018): they do not move; or "keep": each
        is a filter as a whole. (Li et al.'s own code, without that option, moves them along
        themselves.)

    Returns:
      A pytree like params.

    Raises:
      ValueError: if `direction` has not the structure and shapes of params, or an option is unknown.
    """
    check_one_of(normalization, "normalization", NORMALIZATIONS)
    check_one_of(small_leaves, "small_leaves", SMALL_LEAVES)
    check_same(direction, params, "direction", "params")
    return _normalized(direction, params, normalization, small_leaves)


def normalize_filters(direction: PyTree, params: PyTree) -> PyTree:
    """Gives every filter of a direction the norm of the parameters' filter, and zeroes the rest.

    That is `normalize_direction` with its defaults.
    """
    return normalize_direction(direction, params)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _normalized(direction, params, normalization, small_leaves):
    move = functools.partial(_move_leaf, normalization, small_leaves)
    moved = jax.tree_util.tree_map_with_path(move, params, direction)
    return moved if normalization != "global" else _globally(moved, params, small_leaves)


def _move_leaf(normalization, small_leaves, path, leaf, direction):
    axes, direction = summed_axes(path, leaf), jnp.asarray(direction, leaf.dtype)
    if axes is None and small_leaves == "zero":
        return jnp.zeros_like(leaf)
    if normalization in ("raw", "global"):
        return direction
    if axes is None or normalization == "layer":
        axes = tuple(range(_is_stacked(path), leaf.ndim))
    wide = trees.common_dtype(leaf.dtype, jnp.float32)
    raw = _norm(direction.astype(wide), axes)
    unit = direction.astype(wide) / jnp.where(raw == 0, jnp.ones_like(raw), raw)
    return (unit * _norm(leaf.astype(wide), axes)).astype(leaf.dtype)


def _globally(direction, params, small_leaves):
    moves = jax.tree_util.tree_map_with_path(
        lambda path, leaf: (
            leaf
            if small_leaves == "keep" or summed_axes(path, leaf) is not None
            else jnp.zeros_like(leaf)
        ),
        params,
    )
    raw, wanted = trees.norm(direction), trees.norm(moves)
    factor = wanted / jnp.where(raw == 0, jnp.ones_like(raw), raw)
    return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), direction)


def summed_axes(path: tuple, leaf: jax.Array) -> tuple[int, ...] | None:
    """Axes of a leaf that one filter extends over; `normalize_direction` says which leaves have none.

    Args:
      path: of the leaf, as jax.tree_util gives it.
      leaf: array.

    Returns:
      A tuple of axes, or None for a leaf without filters.
    """
    name, parent = _names(path)
    stacked = _is_stacked(path)
    shape = leaf.shape[1:] if stacked else leaf.shape
    broadcasts = name != "kernel" and all(size == 1 for size in shape[:-1])
    if len(shape) <= 1 or name in _NOT_FILTERS or broadcasts:
        return None
    count = 1 if len(shape) == 3 and name == "kernel" and parent in _PROJECTIONS else len(shape) - 1
    return tuple(range(stacked, stacked + count))


def _is_stacked(path):
    # Equal blocks in one loop have their parameters stacked, under a name such as "blocks".
    return any(_STACK.fullmatch(jax.tree_util.keystr((e,), simple=True)) for e in path)


def _names(path):
    names = [jax.tree_util.keystr((entry,), simple=True) for entry in path]
    return ["", "", *names][:-3:-1]


def _norm(array, axes):
    # Divided by the largest entry first: squares of float32 weights under 1e-19 would vanish.
    largest = jnp.max(jnp.abs(array), axis=axes, keepdims=True, initial=0)
    safe = jnp.where(largest == 0, jnp.ones_like(largest), largest)
    return safe * jnp.sqrt(jnp.sum(jnp.square(array / safe), axis=axes, keepdims=True))
