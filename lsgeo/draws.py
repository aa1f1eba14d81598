"""Draws: the ways from a key to random numbers that do not depend on order, process or device."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np


def random_direction(params, *, key):
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
        leaf_key = jax.random.fold_in(key, _path_hash(path))
        return jax.random.normal(leaf_key, (leaf.size,), leaf.dtype).reshape(leaf.shape)

    return jax.tree_util.tree_map_with_path(draw, params)


def named(key: jax.Array, name: str) -> jax.Array:
    """The random key of a name: the same in every process, wherever the name stands among others.

    >>> import jax
    >>> bool((named(jax.random.key(0), "a") == named(jax.random.key(0), "a")).all())
    True
    """
    # Unlike hash() of a string, which each process salts anew.
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def generator(key: jax.Array) -> np.random.Generator:
    """NumPy's generator seeded by a key, for draws on the host that nothing is compiled for."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


def check_draw(params, key, count):
    typed = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not typed or key.shape != ():
        raise ValueError(f"`key` must be one typed key, as from jax.random.key(0); got {key!r}.")
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


def _path_hash(path):
    # zlib.crc32 is the same in every process, unlike hash() of a string.
    return zlib.crc32(jax.tree_util.keystr(path).encode())
