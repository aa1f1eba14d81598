"""The lowest and the highest eigenvalue of the whole Hessian over a plane."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo import programs, trees
from lsgeo.batches import accepts, as_arrays, as_params
from lsgeo.checks import check_fraction, check_key
from lsgeo.geometry.surfaces._grids import check_directions, check_grid, check_pair
from lsgeo.operators import hessian
from lsgeo.operators.checks import NonFiniteProduct
from lsgeo.operators.evaluation import evaluate
from lsgeo.spectra import extreme_eigenpairs

COLUMNS = ("loss", "lowest", "highest", "residual_low", "residual_high", "converged", "products")


@trees.frozen
class CurvatureMap:
    """Both ends of the Hessian's spectrum on a grid; see `curvature_map`.

    Attributes:
      xs: (nx,) coordinates along the first direction.
      ys: (ny,) along the second.
      losses: (ny, nx)
      lowest: (ny, nx) signed, in loss / parameter^2; NaN where the loss or the Hessian is not finite.
      highest: (ny, nx) signed.
      residuals: (ny, nx, 2) of both: an eigenvalue lies within so much of each.
      converged: (ny, nx) whether both are within the tolerance.
      num_matvecs: Hessian products, over all points.
    """

    xs: np.ndarray
    ys: np.ndarray
    losses: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray
    num_matvecs: int

    @classmethod
    def of_rows(cls, xs: np.ndarray, ys: np.ndarray, rows: Any) -> "CurvatureMap":
        """Builds the map of all rows that `curvature_map` gave to `on_row`, [ny, nx, 7]."""
        values, low, high, *residuals, converged, products = np.moveaxis(np.asarray(rows), -1, 0)
        both = np.stack(residuals, axis=-1)
        return cls(xs, ys, values, low, high, both, converged == 1, int(np.sum(products)))

    def ratio(self) -> np.ndarray:
        """|lambda_min / lambda_max| (ny, nx) of Li et al.

        It is 0 where lambda_min is not negative, and infinite where lambda_max is not positive either.
        """
        negative = np.maximum(-self.lowest, 0.0)
        positive = np.maximum(self.highest, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(negative > 0, negative / positive, 0.0)
        return np.where(np.isnan(self.lowest), np.nan, ratio)

    def __str__(self) -> str:
        ratio = self.ratio()
        known = ratio[~np.isnan(ratio)]
        middle = f"{np.median(known):.3g}" if known.size else "unknown"
        done = "" if np.all(self.converged) else f", {np.mean(~self.converged):.0%} not converged"
        return (
            f"CurvatureMap({len(self.xs)} x {len(self.ys)} points, median |lambda_min / lambda_max| {middle}, "
            f"{self.num_matvecs} products{done})"
        )


@accepts(params=as_params, batch=as_arrays)
def curvature_map(
    loss: Callable[[Any, Any], jax.Array],
    params: Any,
    batch: Any,
    directions: Any,
    *,
    xs: Any,
    ys: Any,
    key: jax.Array,
    tol: float = 1e-2,
    finished: Mapping[int, np.ndarray] | None = None,
    on_row: Callable[[int, np.ndarray], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CurvatureMap:
    """Finds lambda_min and lambda_max of the full Hessian at every point of a coarse grid.

    Li et al. (2018, section 6). Both ends come from one Krylov basis, each with its residual: their code
    takes lambda_min from a shifted operator, relative to whose norm a tolerance says little about an
    eigenvalue near zero. A point starts from the eigenvectors of its left neighbour; rows do not depend
    on each other. Nothing is compiled for a point.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples; a function, or a callable pytree.
      params: pytree of floating arrays, the centre.
      batch: pytree handed to the loss.
      directions: two pytrees like params.
      xs: coordinates along the first, strictly increasing, [nx].
      ys: along the second, [ny].
      key: typed random key of the start vectors.
      tol: bound on the residuals relative to the largest |lambda| of the point.
      finished: mapping from rows j to what `on_row` got, [nx, 7], which are not computed again.
      on_row: called as on_row(j, row) with every new row.
      progress: called as progress(points done, points).

    Returns:
      CurvatureMap.

    Raises:
      ValueError: if an argument does not fit, or as `hessian` and `extreme_eigenpairs`.
    """
    check_key(key)
    check_fraction(tol, "tol")
    xs, ys = check_grid(xs, "xs"), check_grid(ys, "ys")
    check_pair(directions)
    check_directions(directions, params)
    params, batch, directions = jax.tree.map(jnp.asarray, (params, batch, tuple(directions)))
    loss = programs.traced(loss, "loss", params, batch)
    rows = dict(finished or {})
    _check_finished(rows, xs, ys)
    for j, y in enumerate(ys):
        if j not in rows:
            line = _Line(loss, batch, jax.random.fold_in(key, j), tol)
            row = []
            for i, x in enumerate(xs):
                row.append(line.at(_point(params, directions, float(x), float(y)), i))
                if progress is not None:
                    progress(j * len(xs) + i + 1, len(xs) * len(ys))
            rows[j] = np.asarray(row, np.float64)
            if on_row is not None:
                on_row(j, rows[j].copy())
        elif progress is not None:
            progress((j + 1) * len(xs), len(xs) * len(ys))
    return CurvatureMap.of_rows(xs, ys, [rows[j] for j in range(len(ys))])


class _Line:
    # One row of the grid; a point starts where the last one ended.

    def __init__(self, loss, batch, key, tol):
        self._loss, self._batch, self._key, self._tol = loss, batch, key, tol
        self._start = None

    def at(self, point, i):
        value = float(evaluate(self._loss, point, self._batch))
        if not np.isfinite(value):
            return (value, *[np.nan] * 4, False, 0)
        key = jax.random.fold_in(self._key, i)
        try:
            op = hessian(self._loss, point, self._batch)
            pairs = extreme_eigenpairs(op, key=key, tol=self._tol, start=self._start)
        except NonFiniteProduct:
            return (value, *[np.nan] * 4, False, 0)
        self._start = pairs.vectors
        ends = [0, -1]
        done = bool(np.all(pairs.converged[ends]))
        return (value, *pairs.values[ends], *pairs.residuals[ends], done, pairs.num_matvecs)


@jax.jit
def _point(params, directions, x, y):
    def move(leaf, along_x, along_y):
        return leaf + (x * along_x).astype(leaf.dtype) + (y * along_y).astype(leaf.dtype)

    return jax.tree.map(move, params, *directions)


def _check_finished(rows, xs, ys):
    shape = (len(xs), len(COLUMNS))
    for j, row in rows.items():
        if j not in range(len(ys)) or np.shape(row) != shape:
            raise ValueError(
                f"`finished` must map rows 0 to {len(ys) - 1} to arrays {list(shape)}; got row {j} of shape "
                f"{np.shape(row)}. It belongs to another grid: start afresh."
            )
