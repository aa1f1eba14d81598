"""Draws: the ways from a key to random numbers that do not depend on order, process or device."""

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.checks import check_key


def named(key: jax.Array, name: str) -> jax.Array:
    """The random key of a name: the same in every process, wherever the name stands among others.

    >>> import jax
    >>> bool((named(jax.random.key(0), "a") == named(jax.random.key(0), "a")).all())
    True
    """
    # Unlike hash() of a string, which each process salts anew.
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def random_direction(params: Any, *, key: jax.Array) -> Any:
    """Draws a standard normal direction, leaf by leaf, from the key and each leaf's path.

    Args:
      params: pytree of real floating arrays.
      key: typed random key.

    Returns:
      A pytree like params; entries are independent and standard normal, in each leaf's dtype.

    Raises:
      ValueError: as filter_normalized_directions.
    """
    check_draw(params, key, 1)

    def draw(path, leaf):
        # Drawn flat: XLA's CPU backend takes seconds to compile the sampler of a four-axis kernel.
        leaf_key = named(key, jax.tree_util.keystr(path))
        return jax.random.normal(leaf_key, (leaf.size,), leaf.dtype).reshape(leaf.shape)

    return jax.tree_util.tree_map_with_path(draw, params)


def generator(key: jax.Array) -> np.random.Generator:
    """NumPy's generator seeded by a key, for draws on the host that nothing is compiled for."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


def check_draw(params: Any, key: jax.Array, count: int) -> None:
    """Raises a ValueError unless `count` directions like `params` can be drawn with `key`."""
    check_key(key)
    if count < 1:
        raise ValueError(f"`count` must be at least 1; got {count}.")
    leaves = jax.tree_util.tree_leaves_with_path(params)
    if not leaves:
        raise ValueError("`params` must hold at least one array; got an empty tree.")
    for path, leaf in leaves:
        kind = getattr(leaf, "dtype", None)
        if kind is None or not jnp.issubdtype(kind, jnp.floating):
            raise ValueError(
                f"`params` must be real floating arrays; got {kind or type(leaf).__name__} at "
                f"{jax.tree_util.keystr(path)}. Keep counters and flags out of the parameters."
            )
