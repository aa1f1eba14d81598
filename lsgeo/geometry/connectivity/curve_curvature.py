"""The ends of the Hessian's spectrum along a curve."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_key
from lsgeo.geometry.connectivity.barriers import Loss
from lsgeo.geometry.connectivity.curves import Curve
from lsgeo.operators import hessian
from lsgeo.spectra import extreme_eigenpairs


@trees.frozen
class CurveCurvature:
    """The lowest and the highest eigenvalue along a curve; see `curvature_along`.

    Attributes:
      ts: (m,) places on the curve, 0 to 1.
      lowest: (m,) in the units of the Hessian.
      highest: (m,)
      residuals: (m, 2) of both; an eigenvalue lies within so much of each.
      converged: (m, 2)
      num_matvecs: Hessian products, over all points.
    """

    ts: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    residuals: np.ndarray
    converged: np.ndarray
    num_matvecs: int

    def __str__(self) -> str:
        done = "" if np.all(self.converged) else ", not all converged"
        return (
            f"CurveCurvature at {len(self.ts)} points: highest {np.min(self.highest):.4g} to "
            f"{np.max(self.highest):.4g}, lowest {np.min(self.lowest):.3g} to "
            f"{np.max(self.lowest):.3g} ({self.num_matvecs} products{done})"
        )


def curvature_along(
    loss: Loss,
    curve: Curve,
    batch: Any = None,
    *,
    key: jax.Array,
    num_points: int = 5,
    tol: float = 1e-2,
    at: Callable[[Any], Loss] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CurveCurvature:
    """Finds the lowest and the highest Hessian eigenvalue at points of a curve.

    Thick-restarted Lanczos at each point, started from the eigenvectors of the point before.

    Args:
      loss: `loss(params, batch) -> scalar`, the mean over the examples.
      curve: from `fit_curve`, `nudged_elastic_band` or `Curve`.
      batch: pytree handed to the loss.
      key: typed random key of the start vectors.
      num_points: points at equal steps of t, both ends included.
      tol: bound on the residuals relative to the largest |lambda|.
      at: as `barrier_along`.
      progress: progress(points done, points).

    Returns:
      CurveCurvature.

    Raises:
      ValueError: if `num_points` < 2, or as `hessian` and `extreme_eigenpairs`.
    """
    check_key(key)
    check_count(num_points, "num_points", 2)
    ts, found, start = np.linspace(0, 1, num_points), [], None
    for i, t in enumerate(ts):
        point = curve(float(t))
        op = hessian(loss if at is None else at(point), point, batch)
        pairs = extreme_eigenpairs(op, key=jax.random.fold_in(key, i), tol=tol, start=start)
        start = pairs.vectors
        found.append(pairs)
        if progress is not None:
            progress(i + 1, num_points)
    ends = [[0, -1]]
    values = np.concatenate([pairs.values[ends] for pairs in found])
    return CurveCurvature(
        ts,
        values[:, 0],
        values[:, 1],
        np.concatenate([pairs.residuals[ends] for pairs in found]),
        np.concatenate([pairs.converged[ends] for pairs in found]),
        sum(pairs.num_matvecs for pairs in found),
    )
