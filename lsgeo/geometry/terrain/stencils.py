"""Differences on a rectangular grid, each with what rounding alone can make of it.

All are exact on quadratics. Rounding is that of the values, in their own precision; a difference within it
has no sign.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from lsgeo import trees
from lsgeo.geometry.surfaces._grids import second_difference


@trees.frozen
class PlaneHessian:
    """The 2 x 2 Hessian of a surface at its interior points, [ny - 2, nx - 2] each; see `plane_hessian`.

    Attributes:
      lowest: the lower eigenvalue, in loss / coordinate^2; NaN where a value of the nine is not finite.
      highest: the higher one.
      rounding: bound on the error of both.
    """

    lowest: np.ndarray
    highest: np.ndarray
    rounding: np.ndarray

    def non_convex_fraction(self) -> float:
        """Share of interior points that curve downwards in some direction of the plane.

        Where a negative Laplacian (`Surface.non_convex_fraction`) asks for the mean over directions. NaN if any
        point is not known.
        """
        if np.any(np.isnan(self.lowest)):
            return float("nan")
        return float(np.mean(self.lowest < -self.rounding))

    def ratio(self) -> np.ndarray:
        """|lambda_min / lambda_max| where lambda_min is negative beyond rounding, else 0, [ny - 2, nx - 2].

        As Li et al. (2018, section 6), but of the plane's Hessian and at most 1: where the negative
        curvature is the larger one, the ratio stays 1. NaN stays NaN.
        """
        negative = np.where(self.lowest < -self.rounding, -self.lowest, 0.0)
        size = np.maximum(np.abs(self.lowest), np.abs(self.highest))
        ratio = np.divide(negative, size, out=np.zeros_like(size), where=size > 0)
        return np.where(np.isnan(self.lowest), np.nan, ratio)

    def __str__(self) -> str:
        return (
            f"PlaneHessian at {self.lowest.size} points: lowest from {np.nanmin(self.lowest):.3g}, highest to "
            f"{np.nanmax(self.highest):.3g}, mean |lambda_min / lambda_max| {np.mean(self.ratio()):.3g}"
        )


def plane_hessian(surface: Any) -> PlaneHessian:
    """Computes the 2 x 2 Hessian of a surface from differences of neighbouring values.

    Second differences along both axes and the mixed one of the four corners. A convex function with kinks can
    give it a negative eigenvalue (|x - y| does): chords (`convexity_radius`) never do.

    Args:
      surface: a Surface, or anything with xs [nx], ys [ny] and values [ny, nx].

    Returns:
      PlaneHessian.

    Raises:
      ValueError: if the grid has no interior point.
    """
    xs, ys, values, eps = grid_of(surface)
    xx, floor_x = second_difference(values[1:-1], xs, eps)
    yy, floor_y = second_difference(values[:, 1:-1].T, ys, eps)
    yy, floor_y = yy.T, floor_y.T
    area = (xs[2:] - xs[:-2])[None, :] * (ys[2:] - ys[:-2])[:, None]
    corners = values[2:, 2:], values[2:, :-2], values[:-2, 2:], values[:-2, :-2]
    with np.errstate(invalid="ignore"):
        xy = (corners[0] - corners[1] - corners[2] + corners[3]) / area
        floor_xy = 2 * eps * sum(np.abs(corner) for corner in corners) / area
        centre, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        rounding = np.maximum(floor_x, floor_y) + floor_xy
    known = np.isfinite(centre) & np.isfinite(spread)
    lowest, highest = (np.where(known, end, np.nan) for end in (centre - spread, centre + spread))
    return PlaneHessian(lowest, highest, rounding)


def grid_of(surface: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Returns xs, ys, values in float64 and the machine epsilon of the values as they were.

    Raises:
      ValueError: if the grid has no interior point.
    """
    xs, ys = np.asarray(surface.xs, np.float64), np.asarray(surface.ys, np.float64)
    if min(len(xs), len(ys)) < 3:
        raise ValueError(
            f"`surface` must have at least 3 by 3 points to have curvature; got {len(xs)} by {len(ys)}."
        )
    values = np.asarray(surface.values)
    return xs, ys, values.astype(np.float64), float(jnp.finfo(values.dtype).eps)
