"""Zero modes of the Hessian that symmetries of the network force, tested one by one and counted."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_positive
from lsgeo.geometry.singularities.symmetries import Symmetry, count_members, leaf_shapes
from lsgeo.operators import value_gradient_hessian

POWER_STEPS = 6


@trees.frozen
class SymmetryModes:
    """What the symmetries' directions v = A w are to gradient and Hessian; see `symmetry_modes`."""

    count: int  # independent directions among those that hold
    holds: np.ndarray  # (m,), bool: v'g = 0 and Hv = -Ag but for rounding
    gradient: np.ndarray  # (m,), |v'g| / (||v|| ||Ag||)
    residuals: np.ndarray  # (m,), ||Hv + Ag|| / (||v|| max|lambda|)
    rayleigh: np.ndarray  # (m,), v'Hv / v'v, in units of the Hessian; 0 at a critical point
    largest: float  # max |lambda|, from below
    noise: float  # relative rounding of a product
    size: int  # number of parameters
    num_matvecs: int

    def __str__(self) -> str:
        return (
            f"{self.count} independent zero modes by symmetry, {self.count / self.size:.1%} of {self.size} "
            f"parameters; {int(self.holds.sum())} of {len(self.holds)} symmetries hold (largest residual "
            f"{self.residuals.max(initial=0):.1g}, noise {self.noise:.1g}; {self.num_matvecs} products)"
        )


@accepts(params=as_params, batch=as_arrays)
def symmetry_modes(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any = None,
    *,
    symmetries: Sequence[Symmetry],
    slack: float = 100.0,
    batches: Iterable | None = None,
    count: Callable[[Any], Any] | None = None,
) -> SymmetryModes:
    """Tests which rescalings are symmetries of the loss, and counts the zero modes that they force.

    A rescaling with v = A w is a symmetry to first order where v'g = 0, and its derivative is H v = -A g: for
    a ReLU unit, v = (w_in, -w_out) and Hv = (-g_in, +g_out); for weights w that feed a normalisation, v = w and
    H w = -g on them, 0 elsewhere. Both are exact, wherever the network is, and at a critical point v is a zero
    mode. These are the counted part of what Orhan and Pitkow (2018) call singularities. A block x + relu(Wx)
    has none; a plain ReLU net has one for each hidden unit.

    A unit that is dead on all examples passes with zeros on both sides, and has more zero modes than this one.
    Independent are as many of the directions as their Gram matrix has rank. Units with an input that is exactly
    zero sit on a kink, where neither identity is defined.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      params: pytree of floating-point arrays.
      batch: pytree of arrays with the examples on the leading axis.
      symmetries: from `rescaling`, `normalized` or `dense_chain`.
      slack: a symmetry holds where both residuals are below `slack` times the rounding of a product.
      batches: instead of `batch`, batches that can be iterated again and again.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      SymmetryModes, one entry for each member of each symmetry, in order.

    Raises:
      ValueError: as `hessian`, or if a symmetry does not fit the parameters, or there is none.
    """
    check_positive(slack, "slack")
    shapes = leaf_shapes(params)
    counts = [count_members(symmetry, shapes) for symmetry in symmetries]
    if not counts:
        raise ValueError(
            "`symmetries` is empty. Make one with rescaling, normalized or dense_chain."
        )
    _, gradient, op = value_gradient_hessian(loss, params, batch, batches=batches, count=count)
    largest = _largest(op)
    weights, slope = (_ravel(op.space, tree) for tree in (params, gradient))
    rows = []
    for symmetry, count in zip(symmetries, counts, strict=True):
        for member in range(count):
            signs = jnp.asarray(_signs(symmetry, shapes, member), op.dtype)
            hv = op.flat_product(_times(signs, weights))
            rows.append(np.asarray(_figures(signs, weights, slope, hv), np.float64))
    length, along, size, miss, form = np.array(rows).T
    safe = np.where(length > 0, length, 1)
    relative = np.abs(along) / np.where(size > 0, safe * size, 1)
    residuals = miss / (safe * largest) if largest else np.zeros(len(rows))
    noise = float(op.noise)
    holds = (relative <= slack * noise) & (residuals <= slack * noise) & (length > 0)
    gram = _gram(symmetries, counts, params)[np.ix_(holds, holds)]
    return SymmetryModes(
        _rank(gram),
        holds,
        relative,
        residuals,
        form / safe**2,
        largest,
        noise,
        op.shape[0],
        len(rows) + POWER_STEPS,
    )


def _largest(op):
    w = jnp.asarray(np.random.default_rng(0).standard_normal(op.shape[0]), op.dtype)
    for _ in range(POWER_STEPS):
        w, size = _unit(op.flat_product(w))
    return float(size)


@jax.jit
def _unit(w):
    size = trees.norm(w)
    return w / jnp.where(size > 0, size, 1), size


@jax.jit
def _figures(signs, weights, slope, hv):
    v, moved = signs * weights, signs * slope
    parts = trees.norm(v), trees.vdot(v, slope), trees.norm(moved), trees.norm(hv + moved)
    return jnp.stack([*parts, trees.vdot(v, hv)])


def _signs(symmetry, shapes, member):
    # The diagonal of A for one member, flat.
    leaves = {path: np.zeros(shape, np.int8) for path, shape in shapes.items()}
    for path, axis, sign in symmetry.parts:
        place = ... if axis is None else (*[slice(None)] * (axis % leaves[path].ndim), member)
        leaves[path][place] += sign
    return np.concatenate([leaf.reshape(-1) for leaf in leaves.values()])


_times = jax.jit(jnp.multiply)
_ravel = jax.jit(trees.ravel, static_argnums=0)


def _gram(symmetries, counts, params):
    # Inner products of all directions: of every leaf, its squares summed over all but two axes.
    starts = np.cumsum([0, *counts])
    total = np.zeros((starts[-1], starts[-1]))
    uses = {}
    for symmetry, start, count in zip(symmetries, starts, counts, strict=False):
        for path, axis, sign in symmetry.parts:
            uses.setdefault(path, []).append((slice(start, start + count), axis, sign))
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        squares = np.asarray(leaf, np.float64) ** 2
        for rows, p, s in uses.get(trees.path_name(path), ()):
            for columns, q, t in uses[trees.path_name(path)]:
                total[rows, columns] += s * t * _marginal(squares, p, q)
    return total


def _marginal(squares, p, q):
    p, q = (None if axis is None else axis % squares.ndim for axis in (p, q))
    kept = [axis for axis in (p, q) if axis is not None]
    summed = squares.sum(axis=tuple(i for i in range(squares.ndim) if i not in kept))
    if p is not None and p == q:
        return np.diag(summed)
    if p is not None and q is not None:
        return summed if p < q else summed.T
    return summed.reshape(-1, 1) if q is None else summed.reshape(1, -1)


def _rank(gram):
    if not len(gram):
        return 0
    # Of directions of length one: units may differ in size by orders of magnitude.
    lengths = np.sqrt(np.diag(gram))
    values = np.linalg.eigvalsh(gram / np.outer(lengths, lengths))
    return int(np.sum(values > len(values) * np.finfo(np.float64).eps * values[-1]))
