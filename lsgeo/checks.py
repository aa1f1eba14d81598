"""Boundary checks that all floors share: a ValueError names the argument, what came, and what to do."""

from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees


def check_key(key: Any, name: str = "key") -> None:
    """Raises a ValueError unless `key` is one typed random key."""
    if not (isinstance(key, jax.Array) and is_key(key)) or key.shape != ():
        raise ValueError(
            f"`{name}` must be one typed random key; got {type(key).__name__}"
            f"{getattr(key, 'shape', '')}. Pass jax.random.key(seed)."
        )


def is_key(value: Any) -> bool:
    """Says whether an array is one of typed random keys."""
    dtype = getattr(value, "dtype", np.float32)
    return jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)


def check_count(value: Any, name: str, minimum: int = 1) -> None:
    """Raises a ValueError unless `value` is an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"`{name}` must be an integer of at least {minimum}; got {value!r}.")


def check_fraction(value: Any, name: str) -> None:
    """Raises a ValueError unless 0 < value < 1."""
    if not _between(value, 0, 1):
        raise ValueError(f"`{name}` must lie strictly between 0 and 1; got {value!r}.")


def check_one_of(value: Any, name: str, known: Collection[str]) -> None:
    """Raises a ValueError unless `value` is one of the known texts."""
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(known)}; got {value!r}.")


def check_positive(value: Any, name: str) -> None:
    """Raises a ValueError unless `value` is positive and finite."""
    if not _between(value, 0, float("inf")):
        raise ValueError(f"`{name}` must be positive and finite; got {value!r}.")


def check_same(one: Any, other: Any, name: str, other_name: str) -> None:
    """Raises a ValueError that names both trees unless they have one structure and the same shapes."""
    if jax.tree.structure(one) != jax.tree.structure(other):
        raise ValueError(
            f"`{name}` and `{other_name}` must be parameters of one network; their structures are "
            f"{jax.tree.structure(one)} and {jax.tree.structure(other)}."
        )
    leaves = jax.tree_util.tree_leaves_with_path(one)
    for (path, leaf), part in zip(leaves, jax.tree.leaves(other), strict=True):
        if np.shape(leaf) != np.shape(part):
            raise ValueError(
                f"`{name}` and `{other_name}` must be parameters of one network; {trees.path_name(path)} "
                f"has shape {np.shape(leaf)} in the one and {np.shape(part)} in the other."
            )


def whole_labels(value: Any, shape: tuple[int, ...]) -> jax.Array:
    """Returns labels as int32, in which no number of a class wraps around, as it does in uint8.

    Args:
      value: whole numbers or truth values.
      shape: what they must have; another one would be broadcast against the outputs.

    Raises:
      ValueError: for another type or shape.
    """
    labels = jnp.asarray(value)
    if labels.dtype.kind not in "iub" or labels.shape != tuple(shape):
        raise ValueError(
            f"`label` must be whole numbers {list(shape)}, one for each example; got {labels.dtype} "
            f"{list(labels.shape)}. Reshape or convert the labels."
        )
    return labels.astype(jnp.int32)


def _between(value, low, high):
    try:
        return bool(low < value < high)
    except (TypeError, ValueError):  # no number, or several
        return False
