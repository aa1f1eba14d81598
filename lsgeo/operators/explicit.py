"""Operators from a matrix or from a function."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.operators import checks
from lsgeo.operators.base import Keeps, LinearOperator, operator_class


@operator_class(meta=("space",))
class Dense(LinearOperator):
    """A matrix that is held in memory."""

    matrix: jax.Array
    noise: jax.Array
    space: trees.Space

    def matvec(self, v: jax.Array) -> jax.Array:
        """Multiplies with the matrix."""
        return jnp.matmul(self.matrix, v, precision=trees.HIGHEST)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Function(LinearOperator):
    """A product given by any Python function; called as it is, never traced."""

    function: Callable[[Any], Any]
    space: trees.Space
    noise: jax.Array

    @property
    def traceable(self) -> bool:
        """False: the function is Python's."""
        return False

    def keeps(self) -> Keeps:
        """Nothing but the noise: what a Python function holds is its own."""
        return Keeps([self.noise], [])

    def matvec(self, v: Any) -> Any:
        """Calls the function."""
        return self.function(v)


def dense(matrix: Any) -> LinearOperator:
    """Returns a symmetric matrix as an operator on flat vectors.

    Args:
      matrix: array [n, n], real floating point, symmetric to rounding.

    Raises:
      ValueError: if it is not square, not finite, not real floating point or not symmetric.
    """
    try:
        matrix = jnp.asarray(matrix)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`matrix` must be an array of real floating-point numbers; got {type(matrix).__name__} that "
            "is none. Pass rows of equal length."
        ) from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"`matrix` must be square and not empty; got shape {matrix.shape}.")
    trees.space_of(matrix, "matrix")
    trees.check_finite(matrix, "matrix")
    eps = jnp.finfo(matrix.dtype).eps
    asymmetry = float(jnp.max(jnp.abs(matrix - matrix.T)))
    largest = float(jnp.max(jnp.abs(matrix)))
    if asymmetry > 100 * float(eps) * largest:
        raise ValueError(
            f"`matrix` must be symmetric; |A - A'| reaches {asymmetry:.2e} where |A| is at most "
            f"{largest:.2e}. Pass (A + A') / 2 if that is what you mean."
        )
    space = trees.space_of(jax.ShapeDtypeStruct(matrix.shape[:1], matrix.dtype))
    return Dense(matrix, jnp.asarray(eps, matrix.dtype), space)


def from_matvec(matvec: Callable[[Any], Any], like: Any) -> LinearOperator:
    """Returns the operator whose product is `matvec`.

    Args:
      matvec: maps a pytree like `like` to another one; linear and symmetric. It runs as it is, outside
        `jit`, so it may use NumPy, read from disk or count its calls.
      like: pytree of floating-point arrays (or `jax.ShapeDtypeStruct`) that shows the structure.

    Raises:
      ValueError: if the product has another structure, or is not finite, repeatable and symmetric.
    """
    if not callable(matvec):
        raise ValueError(f"`matvec` must be callable; got {type(matvec).__name__}.")
    space = trees.space_of(like, "like")
    probe = jax.tree.map(lambda leaf: jnp.ones(leaf.shape, leaf.dtype), space.like)
    result = matvec(probe)
    same = jax.tree.structure(result) == space.treedef
    if not same or tuple(np.shape(leaf) for leaf in jax.tree.leaves(result)) != space.shapes:
        raise ValueError(
            f"`matvec` must return the structure and shapes of `like`; got "
            f"{jax.tree.map(np.shape, result)} for {jax.tree.map(jnp.shape, probe)}."
        )
    op = Function(matvec, space, jnp.asarray(space.eps, space.dtype))
    return dataclasses.replace(op, noise=checks.measure_noise(op, source="`matvec`"))
