"""The plane that holds most of a training trajectory, and how far the trajectory is from it.

A trajectory moves almost at right angles to random directions, so that a random plane shows a point. Li et
al. (2018, section 7) therefore look at its first two principal components. Such a picture is no evidence that
training is two-dimensional: a random walk in many dimensions has the same look, with 61 % of its variance in
the first component and 15 % in the second (`random_walk_shares`), and its coordinates are cosines.

Example:
  >>> import jax.numpy as jnp
  >>> from lsgeo.geometry import principal_plane
  >>> corner = jnp.array([[3.0, 4.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
  >>> plane = principal_plane(corner)
  >>> plane.errors.round(6).tolist(), round(float(plane.shares.sum()), 6)
  ([0.0, 0.0, 0.0], 1.0)
"""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_same
from lsgeo.trees import PyTree

BLOCK = 2**18  # Columns that are in float64 at a time.


@trees.frozen
class PrincipalPlane:
    """The principal plane of T points, moved through one of them; see `principal_plane`.

    Attributes:
      centre: the point that the plane goes through, a pytree.
      directions: k orthonormal pytrees like the centre, in its dtypes; take the first two for `surface`.
      coordinates: (T, k) places of the points' projections, from the centre, in units of the parameters.
      distances: (T,) of the points from the plane, in units of the parameters.
      errors: (T,) the same relative to the points' distance from the centre, 0 to 1; 0 at the centre.
      shares: (T - 1,) of the variance, for all principal components, in descending order.
    """

    centre: PyTree
    directions: tuple[PyTree, ...]
    coordinates: np.ndarray  # (T, k)
    distances: np.ndarray  # (T,)
    errors: np.ndarray  # (T,)
    shares: np.ndarray  # (T - 1,)

    @property
    def explained(self) -> float:
        """Share of the variance that the k directions hold together."""
        return float(np.sum(self.shares[: len(self.directions)]))

    def project(self, params: PyTree) -> np.ndarray:
        """Coordinates [k] of the projection of any parameters."""
        step = jax.tree.map(jnp.subtract, params, self.centre)
        return np.array([float(trees.vdot(step, direction)) for direction in self.directions])

    def point(self, coordinates: np.ndarray) -> PyTree:
        """The parameters at coordinates [k] of the plane."""
        moved = self.centre
        for place, direction in zip(coordinates, self.directions, strict=True):
            step = float(place)
            moved = jax.tree.map(lambda w, d, s=step: (w + s * d).astype(w.dtype), moved, direction)
        return moved

    def __str__(self) -> str:
        return (
            f"{len(self.directions)} directions hold {self.explained:.1%} of the variance of "
            f"{len(self.coordinates)} points (of a random walk, "
            f"{np.sum(random_walk_shares(len(self.coordinates))[: len(self.directions)]):.1%}); "
            f"a point is up to {np.max(self.errors):.2%} of its distance off the plane"
        )


def principal_plane(
    points: Iterable[PyTree | Callable[[], PyTree]], *, centre: int = -1, count: int = 2
) -> PrincipalPlane:
    """Finds the directions of largest variance of a trajectory, and its distance from their plane.

    Principal component analysis as of Li, Xu, Taylor, Studer and Goldstein (2018, section 7): the variance is
    around the points' mean, the plane goes through one of them. It comes from the T x T matrix of inner
    products, in float64, never from a covariance of parameters; directions are then made orthonormal, and
    distances from the plane are measured, not had from a difference of squares.

    What it cannot tell: the shares of a random walk are nearly as large as those of training (Antognini and
    Sohl-Dickstein 2018). Compare `shares` with `random_walk_shares`. And the loss of a point that is off the
    plane is not the plane's at its coordinates: draw `errors`, and the true loss beside the surface.

    Args:
      points: T pytrees of one structure, or functions without arguments that return them, such as readers of
        checkpoints; each is called once. All are kept in host memory in their own dtype, T P numbers.
      centre: which of them the plane goes through, and coordinates are measured from; -1 is the last.
      count: number of directions k.

    Returns:
      PrincipalPlane.

    Raises:
      ValueError: if there are fewer than count + 1 points, they differ in structure or shape, one is not
        finite, or they lie in a smaller space than count directions span, such as all on a line.
    """
    check_count(count, "count")
    space, rows = _load(points)
    _check(len(rows), centre, count)
    gram = sum(block @ block.T for _, block in _differences(rows, centre))
    values, weights = _components(gram)
    _check_rank(values, count, rows, space)
    directions = np.empty((count, space.size))
    for columns, block in _differences(rows, centre):
        directions[:, columns] = weights[:, :count].T @ block
    directions = np.linalg.qr(directions.T)[0].T
    coordinates = sum(b @ directions[:, columns].T for columns, b in _differences(rows, centre))
    signs = np.sign(coordinates[np.argmax(np.abs(coordinates), axis=0), range(count)])
    directions, coordinates = directions * signs[:, None], coordinates * signs[None, :]
    squares = sum(
        np.sum((block - coordinates @ directions[:, columns]) ** 2, axis=1)
        for columns, block in _differences(rows, centre)
    )
    distances, lengths = np.sqrt(squares), np.sqrt(np.diag(gram))
    return PrincipalPlane(
        trees.unravel(space, jnp.asarray(rows[centre])),
        tuple(trees.unravel(space, jnp.asarray(direction)) for direction in directions),
        coordinates,
        distances,
        np.divide(distances, lengths, out=np.zeros_like(lengths), where=lengths > 0),
        values[: len(rows) - 1] / np.sum(values),
    )


def random_walk_shares(num_points: int) -> np.ndarray:
    """Shares of the variance of a random walk's principal components, in very many dimensions.

    Antognini and Sohl-Dickstein, "PCA of high dimensional random walks with comparison to neural network
    training" (2018): component k of T points has a variance in proportion to 1 / sin(pi k / 2 T)^2, which
    tends to shares of 6 / (pi k)^2, .61 and .15. The limit is that of dimensions over points; steps are
    independent and of one size.

    Args:
      num_points: T, the start counted.

    Returns:
      The shares [T - 1], in descending order.

    Raises:
      ValueError: if there are fewer than 2 points.
    """
    check_count(num_points, "num_points", 2)
    angles = np.pi * np.arange(1, num_points) / (2 * num_points)
    return 1.5 / ((num_points**2 - 1) * np.sin(angles) ** 2)


def _load(points):
    space, first, rows = None, None, []
    for number, point in enumerate(points):
        point, name = point() if callable(point) else point, f"points[{number}]"
        if space is None:
            space, first = trees.space_of(point, name), point
        check_same(first, point, "points[0]", name)
        trees.check_finite(point, name)
        leaves = [np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(point)]
        rows.append(np.concatenate(leaves).astype(space.dtype, copy=False))
    return space, rows


def _check(num_points, centre, count):
    if num_points <= count:
        raise ValueError(
            f"`points` must be at least {count + 1} for `count`={count} directions; got {num_points}."
        )
    if centre not in range(-num_points, num_points):
        raise ValueError(
            f"`centre` must be one of the {num_points} points, {-num_points} to {num_points - 1}; got "
            f"{centre!r}."
        )


def _differences(rows, centre):
    for start in range(0, len(rows[0]), BLOCK):
        columns = slice(start, start + BLOCK)
        block = np.stack([row[columns] for row in rows]).astype(np.float64)
        yield columns, block - block[centre][None, :]


def _components(gram):
    mean = gram.mean(axis=0)
    centred = gram - mean[:, None] - mean[None, :] + mean.mean()
    values, vectors = np.linalg.eigh(centred)
    vectors = vectors - vectors.mean(axis=0)[None, :]
    return np.maximum(values[::-1], 0), vectors[:, ::-1]


def _check_rank(values, count, rows, space):
    rounding = space.eps * max(float(np.linalg.norm(row)) for row in rows)
    floor = max(rounding**2, 10 * len(rows) * np.finfo(np.float64).eps * values[0])
    rank = int(np.sum(values > floor))
    if rank < count:
        raise ValueError(
            f"`points` must span {count} directions; their {rank} first principal components hold all that "
            f"is not rounding. Pass points that lie on no smaller space, or at most `count`={rank}."
        )
