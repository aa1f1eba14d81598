"""Directions with a meaning, and the places of known points in the plane that they span.

Unlike random ones, a Hessian eigenvector, a gradient or the way to another network is never scaled leaf by
leaf: that would turn it (an eigenvector scaled per tensor had lost a third of its curvature, and its right
angle to the next).

Example:
  >>> import jax.numpy as jnp
  >>> from lsgeo.geometry import plane_through
  >>> plane = plane_through(jnp.zeros(3), jnp.array([2.0, 0, 0]), jnp.array([1.0, 1, 0]))
  >>> plane.corners.round(6).tolist()
  [[0.0, 0.0], [2.0, 0.0], [1.0, 1.0]]
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_same
from lsgeo.geometry.surfaces._grids import check_directions
from lsgeo.operators import evaluation, hessian
from lsgeo.operators.checks import check_loss
from lsgeo.operators.products import means, streaming
from lsgeo.spectra import EigenPairs, extreme_eigenpairs
from lsgeo.trees import PyTree

Loss = Callable[[PyTree, PyTree], jax.Array]


@trees.frozen
class Plane:
    """The plane through three points; see `plane_through`.

    Attributes:
      directions: two orthonormal pytrees like the points.
      corners: (3, 2) coordinates of the three points, from the first, in units of the parameters.
    """

    directions: tuple[PyTree, PyTree]
    corners: np.ndarray

    def __str__(self) -> str:
        places = ", ".join(f"({x:.3g}, {y:.3g})" for x, y in self.corners)
        return f"Plane through {places}"


def plane_through(first: PyTree, second: PyTree, third: PyTree) -> Plane:
    """Lays a plane through three networks: params at its corners.

    Garipov et al. (2018, section 4): the first direction leads from the first point to the second, the
    second is at right angles to it, on the side of the third. A surface around `first` along the directions
    passes through all three, to rounding of the parameters.

    Args:
      first: pytree of floating arrays, the origin.
      second: pytree like it.
      third: pytree like it.

    Returns:
      Plane.

    Raises:
      ValueError: if the points differ in structure or shape, two are the same, or the three lie on one
        line, as far as their dtype can tell.
    """
    towards = direction_towards(first, second, name="second")
    aside = direction_towards(first, third, name="third")
    along = _scaled(towards, 1 / trees.norm(towards))
    up = orthogonal(aside, along)
    height, length = float(trees.norm(up)), float(trees.norm(aside))
    eps = trees.space_of(first).eps
    if not height > 4 * eps * (length + float(trees.norm(first))):
        raise ValueError(
            f"`first`, `second` and `third` must not lie on one line; the third point is {height:.3g} off "
            f"the line, at a distance of {length:.3g} from the first. Use `direction_towards` and a slice "
            "along one direction, or another third point."
        )
    directions = along, _scaled(up, 1 / trees.norm(up))
    corners = [project(point, first, directions)[0] for point in (first, second, third)]
    return Plane(directions, np.array(corners))


def direction_towards(params: PyTree, other: PyTree, *, name: str = "other") -> PyTree:
    """Returns other - params: 0 is the one network and 1 the other.

    Args:
      params: pytree of floating arrays.
      other: pytree like params.
      name: how messages call `other`.

    Raises:
      ValueError: if they differ in structure or shape, or are the same.
    """
    check_same(params, other, "params", name)
    step = jax.tree.map(lambda a, b: jnp.asarray(b, jnp.asarray(a).dtype) - a, params, other)
    if not float(trees.norm(step)):
        raise ValueError(f"`{name}` must differ from `params`; all weights are the same.")
    return step


@accepts(params=as_params, batch=as_arrays)
def gradient_direction(
    loss: Loss,
    params: PyTree,
    batch: PyTree = None,
    *,
    batches: Iterable | None = None,
    count: Callable[[PyTree], Any] | None = None,
) -> tuple[PyTree, float]:
    """Returns the unit direction of steepest ascent, and the slope along it.

    Args:
      loss: loss(params, batch) -> scalar.
      params: pytree of floating arrays.
      batch: pytree handed to loss.
      batches: instead of `batch`, batches that can be iterated again and again.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      (direction, slope): a pytree of norm 1, and the norm of the gradient, in the units of loss per
      parameter.

    Raises:
      ValueError: if the loss returns no real scalar or, streamed, is no mean over examples or what `count`
        counts, or the gradient is zero or not finite.
    """
    data = None if batches is None else streaming.Batches.of(batches, batch, count)
    batch = batch if data is None else data.first()
    params, batch = jax.tree.map(jnp.asarray, (params, batch))
    trees.space_of(params)
    loss = programs.traced(loss, "loss", params, batch)
    check_loss(loss, params, batch)
    if data is None:
        gradient = evaluation.gradient(loss, params, batch)
    else:
        means.check_mean(loss, params, data.telling, count=count)
        gradient = streaming.streamed_gradient(loss, params, data)[1]
    slope = float(trees.norm(gradient))
    if not 0 < slope < np.inf:
        raise ValueError(
            f"`loss` must have a gradient at `params` to give a direction; its norm is {slope}. Use another "
            "checkpoint, or other directions."
        )
    return _scaled(gradient, 1 / slope), slope


@accepts(params=as_params, batch=as_arrays)
def eigenvector_directions(
    loss: Loss,
    params: PyTree,
    batch: PyTree = None,
    *,
    key: jax.Array,
    top: int = 1,
    bottom: int = 1,
    tol: float = 1e-3,
    batches: Iterable | None = None,
    count: Callable[[PyTree], Any] | None = None,
) -> tuple[tuple[PyTree, ...], EigenPairs]:
    """Returns Hessian eigenvectors as directions: the highest first, then the lowest.

    They are orthonormal, and the loss along one of them curves by its eigenvalue.

    Args:
      loss: loss(params, batch) -> scalar.
      params: pytree of floating arrays.
      batch: pytree handed to loss.
      key: typed random key.
      top: eigenvectors of the highest eigenvalues, in descending order.
      bottom: of the lowest ones, in ascending order.
      tol: see `lsgeo.extreme_eigenpairs`.
      batches: instead of `batch`, batches that can be iterated again and again.
      count: what the loss of a batch is a mean over, as in `lsgeo.hessian`.

    Returns:
      (directions, pairs): pytrees of norm 1, and all that is known about them, in ascending order.

    Raises:
      ValueError: for more eigenvectors than there are parameters, or as `lsgeo.hessian` and
        `lsgeo.extreme_eigenpairs`.
    """
    op = hessian(loss, params, batch, batches=batches, count=count)
    pairs = extreme_eigenpairs(op, key=key, top=top, bottom=bottom, tol=tol)
    if len(pairs.values) < top + bottom:
        raise ValueError(
            f"`top` and `bottom` must be at most {len(pairs.values)} together, the number of parameters; got "
            f"{top} and {bottom}."
        )
    last = len(pairs.values) - 1
    chosen = [last - k for k in range(top)] + list(range(bottom))
    take = [jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), pairs.vectors) for i in chosen]
    return tuple(take), pairs


def orthogonal(direction: PyTree, other: PyTree) -> PyTree:
    """Returns the part of a direction that is at right angles to another one.

    Args:
      direction: pytree.
      other: pytree like it, not zero.
    """
    # Twice: the first pass leaves rounding in proportion to what it took away.
    return _without(_without(direction, other), other)


def project(
    point: PyTree, params: PyTree, directions: Sequence[PyTree]
) -> tuple[np.ndarray, float]:
    """Finds the point of the grid's plane that is nearest to any parameters.

    Args:
      point: pytree like params, for example another checkpoint.
      params: pytree of floating arrays, the centre of the grid.
      directions: its directions, independent; of any length and angle.

    Returns:
      (coordinates, distance): [number of directions] in units of the directions, so that params + a d has
      the coordinate a; and how far the point is from the plane, in units of the parameters. The loss at a
      point off the plane is not that of the surface at its coordinates.

    Raises:
      ValueError: if `point` or `directions` do not match params, or directions are zero or dependent.
    """
    check_same(params, point, "params", "point")
    check_directions(directions, params)
    step = _flat(
        jax.tree.map(lambda a, b: np.asarray(b, float) - np.asarray(a, float), params, point)
    )
    columns = np.stack([_flat(direction) for direction in directions], axis=1)
    lengths = np.linalg.norm(columns, axis=0)
    found, _, rank, _ = np.linalg.lstsq(columns / lengths[None], step, rcond=1e-6)
    if rank < len(directions):
        raise ValueError(
            f"`directions` must be independent; these {len(directions)} span {rank} dimensions, and a "
            "point has many coordinates."
        )
    return found / lengths, float(np.linalg.norm(step - columns @ (found / lengths)))


def _flat(tree):
    return np.concatenate(
        [np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)]
    )


def _scaled(tree, factor):
    return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), tree)


def _without(direction, other):
    share = trees.vdot(direction, other) / trees.vdot(other, other)
    return jax.tree.map(lambda a, b: (a - share * b).astype(a.dtype), direction, other)
