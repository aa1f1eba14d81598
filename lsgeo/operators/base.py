"""Symmetric linear operators over pytrees, and their algebra."""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.operators import _arguments, _selection
from lsgeo.operators._keeps import Keeps, kept_by_parts
from lsgeo.progress import expect, tick, watched

MAX_BATCHED_SIZE = 2**20


class LinearOperator(abc.ABC):
    """A real symmetric linear operator on the space of pytrees like the parameters.

    `op @ v` takes a pytree of that structure, or a flat vector [n], and returns the same kind.
    Operators form an algebra: `2 * op`, `op / 2`, `-op`, `op1 + op2`, `op1 - op2`, `op.shift(s)`,
    `op.restrict(pattern)`, `op.precondition(diagonal)`.

    Attributes:
      space: description of the vector space.
      noise: relative rounding noise of one product. Eigenvalues below `noise * max|lambda|` cannot be
        told from zero.
      traceable: whether a product can run inside `jit`.
    """

    space: trees.Space
    noise: float
    # So that NumPy leaves `array * op` to the operator.
    __array_ufunc__ = None

    @abc.abstractmethod
    def matvec(self, v: Any) -> Any:
        """Multiplies with a pytree `v` of the operator's space, without checks."""

    @property
    def traceable(self) -> bool:
        """Whether a product can run inside `jit`."""
        return True

    def keeps(self) -> Keeps:
        """What the operator keeps and runs, which a memory plan counts.

        An operator whose products run on the host says so itself; one made from such operators adds theirs.
        """
        if self.traceable:
            vector = jax.ShapeDtypeStruct(self.shape[:1], self.dtype)
            return Keeps(jax.tree.leaves(self), [(_flat_product, (self, vector))])
        return kept_by_parts(self)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return (self.space.size, self.space.size)

    @property
    def dtype(self) -> np.dtype:
        """That of flat vectors."""
        return self.space.dtype

    def __matmul__(self, v: Any) -> Any:
        if getattr(v, "shape", None) == (self.space.size,) and hasattr(v, "dtype"):
            _arguments.check_real(v)
            return self.flat_product(jnp.asarray(v, self.dtype))
        if jax.tree.structure(v) != self.space.treedef or self.space.shapes != tuple(
            np.shape(leaf) for leaf in jax.tree.leaves(v)
        ):
            raise ValueError(
                f"`v` must have the structure and shapes of the parameters, or be a flat vector of "
                f"shape ({self.space.size},); got {jax.tree.map(np.shape, v)}."
            )
        _arguments.check_real(v)
        return _unravel(self.space, self.flat_product(_ravel(self.space, v)))

    def flat_product(self, v: jax.Array) -> jax.Array:
        """Multiplies with a flat vector [n]; compiled once for all operators of this structure."""
        product = _flat_product(self, v) if self.traceable else self._flat_matvec(v)
        tick()
        return product

    def block_product(self, vs: jax.Array) -> jax.Array:
        """Multiplies with each row of `vs` [k, n]: in one batched product where that is faster."""
        # On CPU a batched product takes longer than its parts (1.3x dense, 2-4x convolutional).
        small = self.space.size <= MAX_BATCHED_SIZE and jax.default_backend() != "cpu"
        if self.traceable and small:
            tick(len(vs))
            return _block_product(self, vs)
        return _stack([self.flat_product(_row(vs, i)) for i in range(len(vs))])

    @watched
    def to_dense(self) -> np.ndarray:
        """Forms the matrix, shape [n, n], from n products.

        Raises:
          ValueError: if the matrix would take more than 2 GiB.
        """
        n = self.space.size
        _arguments.check_dense(n, self.dtype)
        expect(n)
        identity = np.eye(n, dtype=self.dtype)
        step = max(1, min(64, 2**24 // n))
        blocks = [identity[i : i + step] for i in range(0, n, step)]
        rows = np.concatenate([np.asarray(self.block_product(jnp.asarray(b))) for b in blocks])
        return (rows + rows.T) / 2

    def __add__(self, other: "LinearOperator") -> "LinearOperator":
        _arguments.check_same_space(self, other)
        return Sum(self, other)

    def __sub__(self, other: "LinearOperator") -> "LinearOperator":
        _arguments.check_same_space(self, other)
        return self + (-1.0) * other

    def __neg__(self) -> "LinearOperator":
        return (-1.0) * self

    def __mul__(self, factor: float) -> "LinearOperator":
        factor = _arguments.as_scalar(factor, "factor", self.dtype, keep=True)
        return Affine(self, factor, jnp.zeros((), self.dtype))

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "LinearOperator":
        return self * _arguments.inverse(divisor, "divisor", self.dtype)

    def shift(self, s: float) -> "LinearOperator":
        """Returns op + s * identity.

        Raises:
          ValueError: if `s` is not a finite real scalar.
        """
        s = _arguments.as_scalar(s, "s", self.dtype)
        return Affine(self, jnp.ones((), self.dtype), s)

    def restrict(self, pattern: str | Sequence[str]) -> "LinearOperator":
        """Returns the diagonal block of the parameters whose path matches `pattern`.

        Args:
          pattern: glob over paths such as 'Dense_0/kernel'; `*` stays inside one name, `**` crosses.
            A list of globs takes what matches any of them.

        Returns:
          An operator on dictionaries {path: leaf} of the selected leaves.

        Raises:
          ValueError: if a pattern matches no path, or none with an entry, or is no text.
        """
        return Restricted(self, *_selection.select(self.space, pattern))

    def precondition(self, diagonal: Any) -> "LinearOperator":
        """Returns P^(-1/2) op P^(-1/2) for a positive diagonal P.

        Args:
          diagonal: pytree like the parameters, all entries positive, e.g. from `adam_diagonal`.

        Raises:
          ValueError: if the structure differs or an entry is not positive and finite.
        """
        _arguments.check_diagonal(self.space, diagonal)
        return Preconditioned(self, jax.lax.rsqrt(_ravel(self.space, diagonal)))

    def _flat_matvec(self, v: jax.Array) -> jax.Array:
        return trees.ravel(self.space, self.matvec(trees.unravel(self.space, v)))

    def __repr__(self) -> str:
        mode = f", {self.mode}" if hasattr(self, "mode") else ""
        return f"{type(self).__name__}({self.space.size} x {self.space.size}, {self.dtype}{mode})"


_flat_product = jax.jit(lambda op, v: op._flat_matvec(v))
_block_product = jax.jit(lambda op, vs: jax.vmap(op._flat_matvec)(vs))
_row = jax.jit(lambda vs, i: vs[i])
_stack = jax.jit(jnp.stack)
_ravel = jax.jit(trees.ravel, static_argnums=0)
_unravel = jax.jit(trees.unravel, static_argnums=0)


def operator_class(*, meta: tuple[str, ...] = ()) -> Callable[[type], type]:
    """Makes a class a frozen dataclass and a pytree; the fields in `meta` are static."""

    def wrap(cls):
        frozen = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
        return trees.register_dataclass(frozen, meta=meta)

    return wrap


class _Derived(LinearOperator):
    """What a one-operand expression takes over from its operand."""

    operand: LinearOperator

    @property
    def space(self):
        return self.operand.space

    @property
    def noise(self):
        return self.operand.noise

    @property
    def traceable(self):
        return self.operand.traceable


@operator_class()
class Affine(_Derived):
    """factor * operand + offset * identity."""

    operand: LinearOperator
    factor: jax.Array
    offset: jax.Array

    def matvec(self, v: Any) -> Any:
        """Multiplies in the dtype of flat vectors."""

        def combine(h, x):
            wide = self.factor * h.astype(self.dtype) + self.offset * x.astype(self.dtype)
            return wide.astype(h.dtype)

        return jax.tree.map(combine, self.operand.matvec(v), v)


@operator_class()
class Sum(LinearOperator):
    """left + right."""

    left: LinearOperator
    right: LinearOperator

    @property
    def space(self) -> trees.Space:
        """That of both."""
        return self.left.space

    @property
    def noise(self) -> jax.Array:
        """The larger one."""
        return jnp.maximum(self.left.noise, self.right.noise)

    @property
    def traceable(self) -> bool:
        """Whether both are."""
        return self.left.traceable and self.right.traceable

    def matvec(self, v: Any) -> Any:
        """Adds the products of both."""
        return jax.tree.map(jnp.add, self.left.matvec(v), self.right.matvec(v))


@operator_class(meta=("index", "restricted_space"))
class Restricted(_Derived):
    """The diagonal block of some leaves of the parameters."""

    operand: LinearOperator
    index: tuple[int, ...]
    restricted_space: trees.Space

    @property
    def space(self) -> trees.Space:
        """That of dictionaries {path: leaf}."""
        return self.restricted_space

    def matvec(self, v: Any) -> Any:
        """Multiplies with `v` beside zeros, and takes its part of the product."""
        whole = self.operand.space
        leaves = [jnp.zeros(s, d) for s, d in zip(whole.shapes, whole.dtypes, strict=True)]
        for i, leaf in zip(self.index, jax.tree.leaves(v), strict=True):
            leaves[i] = leaf
        hv = jax.tree.leaves(self.operand.matvec(jax.tree.unflatten(whole.treedef, leaves)))
        return jax.tree.unflatten(self.space.treedef, [hv[i] for i in self.index])


@operator_class()
class Preconditioned(_Derived):
    """P^(-1/2) operand P^(-1/2); `inverse_root` is the flat P^(-1/2)."""

    operand: LinearOperator
    inverse_root: jax.Array

    def matvec(self, v: Any) -> Any:
        """Scales before and after the product."""
        scale = trees.unravel(self.space, self.inverse_root)
        hv = self.operand.matvec(jax.tree.map(jnp.multiply, scale, v))
        return jax.tree.map(jnp.multiply, scale, hv)
