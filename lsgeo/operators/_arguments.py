"""Boundary checks of the algebra of operators."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees

MAX_DENSE_BYTES = 2**31


def shapes_of(space: trees.Space) -> Any:
    """Describes a space in a message: its leaves' dtypes and shapes."""
    return jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", space.like)


def check_real(v: Any) -> None:
    """Raises a ValueError unless the vector `v` is real."""
    for leaf in jax.tree.leaves(v):
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if not (jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)):
            raise ValueError(
                f"`v` must be real; got {dtype}. Multiply its real and imaginary parts one by one."
            )


def as_scalar(value: Any, name: str, dtype: np.dtype, *, keep: bool = False) -> jax.Array:
    """Returns a real scalar in a dtype.

    Args:
      value: a number, of Python or NumPy, or an array of shape (); it may be traced.
      name: how messages call it.
      dtype: the operator's.
      keep: whether it may not become 0 there, which would make zero of an operator.

    Raises:
      ValueError: if it is another thing, or leaves the range of the dtype.
    """
    traced = isinstance(value, jax.core.Tracer)
    try:
        number = value if traced else np.asarray(value)
    except (TypeError, ValueError):
        number = np.asarray(None)
    real = jnp.issubdtype(number.dtype, jnp.floating) or jnp.issubdtype(number.dtype, jnp.integer)
    if number.ndim or not real or not (traced or np.isfinite(number)):
        got = f"shape {number.shape}" if number.ndim else repr(value)
        hint = " A vector is multiplied by `op @ v`." if number.ndim else ""
        raise ValueError(f"`{name}` must be a finite real scalar; got {got}.{hint}")
    with np.errstate(over="ignore"):
        scalar = jnp.asarray(number, dtype)
    if not traced:
        _check_range(number, np.asarray(scalar), name, dtype, keep)
    return scalar


def _check_range(number, scalar, name, dtype, keep):
    if not np.isfinite(scalar) or (keep and number and not scalar):
        raise ValueError(
            f"`{name}` must lie in the range of {dtype}, the operator's dtype; got {number}. Use float64 "
            "parameters, or rescale the loss."
        )


def inverse(value: Any, name: str, dtype: np.dtype) -> jax.Array:
    """Returns 1 / value in a dtype, see `as_scalar`; also refuses 0."""
    scalar = as_scalar(value, name, dtype, keep=True)
    if isinstance(scalar, jax.core.Tracer):
        return 1 / scalar
    if not scalar:
        raise ValueError(f"`{name}` must not be 0; got {value!r}.")
    with np.errstate(over="ignore"):
        one = 1 / np.asarray(scalar, np.float64)
        narrow = one.astype(dtype)
    _check_range(one, narrow, f"1 / {name}", dtype, keep=True)
    return jnp.asarray(narrow)


def check_same_space(op: Any, other: Any) -> None:
    """Raises a ValueError unless `other` is an operator on the space of `op`."""
    space = getattr(other, "space", None)
    if isinstance(space, trees.Space) and space == op.space:
        return
    got = type(other).__name__ if space is None else f"{other} on {shapes_of(space)}"
    raise ValueError(
        f"`other` must be an operator on the same parameters (structure, shapes and dtypes) as {op} on "
        f"{shapes_of(op.space)}; got {got}. Make both at one `params`; for op + s * identity take op.shift(s)."
    )


def check_diagonal(space: trees.Space, diagonal: Any) -> None:
    """Raises a ValueError unless `diagonal` is a positive pytree like those of the space."""
    given = trees.space_of(diagonal, "diagonal")
    if given.treedef != space.treedef or given.shapes != space.shapes:
        raise ValueError(
            "`diagonal` must have the structure and shapes of the parameters; got "
            f"{jax.tree.map(np.shape, diagonal)} in place of {shapes_of(space)}."
        )
    leaves = (jnp.asarray(leaf, space.dtype) for leaf in jax.tree.leaves(diagonal))
    # A bool for each leaf comes to the host, not the leaf.
    if not all(bool(jnp.all((leaf > 0) & jnp.isfinite(leaf))) for leaf in leaves):
        raise ValueError(
            "`diagonal` must be positive and finite everywhere; add a small damping first."
        )


def check_dense(n: int, dtype: np.dtype) -> None:
    """Raises a ValueError if a matrix of `n` rows would take more than 2 GiB."""
    if n * n * dtype.itemsize > MAX_DENSE_BYTES:
        raise ValueError(
            f"`op` has {n} rows: its dense matrix would take {n * n * dtype.itemsize / 2**30:.1f}"
            " GiB. Use `extreme_eigenpairs` or `spectral_density`, or restrict it to a layer first."
        )
