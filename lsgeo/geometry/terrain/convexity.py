"""How far around the network its surface could still be that of a convex function."""

import math
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from lsgeo import trees
from lsgeo.geometry.surfaces._grids import second_difference
from lsgeo.geometry.terrain.stencils import grid_of, plane_hessian

TESTS = ("chords", "hessian")


@trees.frozen
class ConvexityRadius:
    """See `convexity_radius`.

    Attributes:
      value: in the surface's coordinates; NaN where a hole in the surface hides it.
      resolution: distance between neighbouring points, the larger of both axes; the surface tells no more.
      censored: whether no point curves downwards: the radius is at least `value`, where the grid ends.
    """

    value: float
    resolution: float
    censored: bool

    def __str__(self) -> str:
        least = "at least " if self.censored else ""
        return f"convexity radius {least}{self.value:.3g} (points {self.resolution:.2g} apart)"


@trees.frozen
class HullDeficit:
    """Mean height of a surface above its lower convex hull; see `hull_deficit`.

    Attributes:
      value: in units of the loss; NaN where a value is not finite.
      relative: as a share of the mean height above the lowest point, 0 (convex) to 1; 0 for a constant.
      heights: (ny, nx) of every point.
    """

    value: float
    relative: float
    heights: np.ndarray

    def __str__(self) -> str:
        return f"hull deficit {self.value:.3g}, {self.relative:.2%} of the height above the lowest point"


def convexity_radius(
    surface: Any, *, centre: tuple[float, float] = (0.0, 0.0), test: str = "chords"
) -> ConvexityRadius:
    """Finds the distance from the centre to the nearest interior point that curves downwards.

    "chords" takes the second difference along rows, columns and, on a grid with equal steps, both diagonals:
    one that is negative beyond rounding proves that the loss is not convex. It can miss a narrow cone of
    downward directions between them, which "hessian", the lower eigenvalue of the 2 x 2 discrete Hessian,
    sees; that one is exact on quadratics, but negative beside the kinks of some convex functions.

    Args:
      surface: a Surface, or anything with xs [nx], ys [ny] and values [ny, nx].
      centre: coordinates that distances are measured from, inside the grid.
      test: "chords" or "hessian".

    Returns:
      ConvexityRadius. The value is NaN if a point whose curvature is not known (NaN, infinity) is nearer
      than the first one that curves downwards.

    Raises:
      ValueError: for another test, a centre outside of the grid, or a grid without interior points.
    """
    if test not in TESTS:
        raise ValueError(f"Unknown `test`: {test!r}. Choose one of: {', '.join(TESTS)}.")
    xs, ys, values, eps = grid_of(surface)
    x, y = centre
    if not (xs[0] <= x <= xs[-1] and ys[0] <= y <= ys[-1]):
        raise ValueError(
            f"`centre` must lie in the grid, {xs[0]:g} to {xs[-1]:g} by {ys[0]:g} to {ys[-1]:g}; got {centre}."
        )
    if test == "hessian":
        found = plane_hessian(surface)
        negative, unknown = found.lowest < -found.rounding, np.isnan(found.lowest)
    else:
        negative, unknown = _chords(xs, ys, values, eps)
    distances = np.hypot(xs[None, 1:-1] - x, ys[1:-1, None] - y)
    step = max(np.max(np.diff(xs)), np.max(np.diff(ys)))
    first, hole = (np.min(distances[at], initial=math.inf) for at in (negative, unknown))
    border = float(min(x - xs[0], xs[-1] - x, y - ys[0], ys[-1] - y))
    if hole <= min(first, border):
        return ConvexityRadius(math.nan, float(step), False)
    return ConvexityRadius(float(min(first, border)), float(step), bool(first > border))


def hull_deficit(surface: Any) -> HullDeficit:
    """Measures how far a surface lies above the largest convex function under it.

    The lower hull of the points (x, y, loss) of the grid. The deficit is zero, to rounding, exactly where the
    values are those of some convex function.

    Args:
      surface: a Surface, or anything with xs [nx], ys [ny] and values [ny, nx].

    Returns:
      HullDeficit; means are over the grid's points.

    Raises:
      ValueError: if the grid has no interior point.
    """
    xs, ys, values, _ = grid_of(surface)
    if not np.all(np.isfinite(values)):
        return HullDeficit(math.nan, math.nan, np.full(values.shape, math.nan))
    low, span = values.min(), np.ptp(values)
    if span == 0:
        return HullDeficit(0.0, 0.0, np.zeros(values.shape))
    heights = (values - low) / span
    deficit = np.maximum(heights - _lower_hull(xs, ys, heights), 0.0)
    value = float(span * deficit.mean())
    return HullDeficit(value, float(deficit.mean() / heights.mean()), span * deficit)


def _chords(xs, ys, values, eps):
    diagonals = _equal_steps(xs) and _equal_steps(ys)
    if diagonals:
        xs, ys = xs / (xs[1] - xs[0]), ys / (ys[1] - ys[0])
    rows = second_difference(values[1:-1], xs, eps)
    columns = tuple(part.T for part in second_difference(values[:, 1:-1].T, ys, eps))
    lines = [rows, columns]
    if diagonals:
        middle, inside = values[1:-1, 1:-1], np.array([-1.0, 0.0, 1.0])
        for one, other in (
            (values[:-2, :-2], values[2:, 2:]),
            (values[:-2, 2:], values[2:, :-2]),
        ):
            line = second_difference(np.stack([one, middle, other], axis=-1), inside, eps)
            curvature, rounding = (part[..., 0] for part in line)
            # Rounded coordinates also tilt it by the slopes across.
            lines.append((curvature, rounding + rows[1] + columns[1]))
    negative = np.any([curvature < -rounding for curvature, rounding in lines], axis=0)
    finite = np.all([np.isfinite(curvature) for curvature, _ in lines], axis=0)
    return negative & finite, ~finite


def _equal_steps(xs):
    steps = np.diff(xs)
    return np.ptp(steps) <= 1e-9 * steps.mean()


def _lower_hull(xs, ys, heights):
    x, y = (np.ravel(part) for part in np.meshgrid(_unit(xs), _unit(ys)))
    # A point high above the middle keeps the hull of a plane from being flat.
    points = np.r_[np.stack([x, y, heights.ravel()], axis=1), [[0.5, 0.5, 2.0]]]
    facets = ConvexHull(points).equations
    facets = facets[facets[:, 2] < -1e-12]
    planes = -(facets[:, :2] @ np.stack([x, y]) + facets[:, 3:]) / facets[:, 2:3]
    return np.max(planes, axis=0).reshape(heights.shape)


def _unit(xs):
    return (xs - xs[0]) / (xs[-1] - xs[0])
