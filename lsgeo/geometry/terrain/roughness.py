"""What is left of a surface, scale by scale, after a smooth patch is fitted to each window."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.signal import convolve2d

from lsgeo import trees
from lsgeo.geometry.terrain.stencils import grid_of


@trees.frozen
class Roughness:
    """Root mean square residuals of local quadratic fits; see `roughness`.

    Attributes:
      windows: (k,) width of the windows in points.
      scales: (k, 2) their width along x and y in the surface's coordinates.
      values: (k,) in units of the loss; NaN where a value of the surface is not finite.
      relative: (k,) as a share of the standard deviation of the surface; 0 for a constant.
      rounding: (k,) what rounding of the values alone gives.
    """

    windows: np.ndarray
    scales: np.ndarray
    values: np.ndarray
    relative: np.ndarray
    rounding: np.ndarray

    def __str__(self) -> str:
        parts = [f"{w} points {v:.2g}" for w, v in zip(self.windows, self.relative, strict=True)]
        return f"relative roughness: {', '.join(parts)}"


def roughness(surface: Any, *, windows: Sequence[int] = (3, 5, 9)) -> Roughness:
    """Measures how much of a surface is not locally a quadratic, for windows of several widths.

    To each window of m x m points a quadratic in x and y is fitted by least squares; the residual at its
    middle counts (Savitzky and Golay 1964, in two dimensions). So a bowl of any steepness or shape has no
    roughness at all, and ripples count fully at windows that are wider than they are.

    Args:
      surface: a Surface, or anything with xs [nx], ys [ny] and values [ny, nx], with equal steps per axis.
      windows: odd numbers of points, at least 3, at most the grid's.

    Returns:
      Roughness.

    Raises:
      ValueError: for a bad window, or a grid with unequal steps.
    """
    xs, ys, values, eps = grid_of(surface)
    for name, grid in (("xs", xs), ("ys", ys)):
        steps = np.diff(grid)
        if np.ptp(steps) > 1e-9 * steps.mean():
            raise ValueError(
                f"`{name}` of the surface must have equal steps, so that a window is one scale; got steps of "
                f"{steps.min():.3g} to {steps.max():.3g}."
            )
    rms, rounding = [], []
    for window in windows:
        _check_window(window, min(values.shape))
        kernel = -_smoother(window)
        kernel[window // 2, window // 2] += 1
        # A value that is not finite spoils the scale as a whole, as it would any mean.
        with np.errstate(invalid="ignore"):
            rms.append(_rms(convolve2d(values, kernel, mode="valid")))
            rounding.append(eps * _rms(values) * np.sqrt(np.sum(kernel**2)))
    spread = np.std(values) if np.all(np.isfinite(values)) else np.nan
    rms = np.where(np.isfinite(rms), rms, np.nan)
    relative = rms / spread if spread > 0 else np.where(np.isnan(rms), np.nan, 0.0)
    widths = np.asarray(windows)
    scales = (widths - 1)[:, None] * np.array([[xs[1] - xs[0], ys[1] - ys[0]]])
    return Roughness(widths, scales, rms, relative, np.asarray(rounding))


def _check_window(window, most):
    whole = isinstance(window, int | np.integer) and not isinstance(window, bool)
    if not whole or window % 2 == 0 or not 3 <= window <= most:
        raise ValueError(
            f"`windows` must hold odd numbers from 3 to {most}, the shorter side of the grid; got {window!r}."
        )


def _smoother(window):
    """Weights [m, m] whose sum with the values is the fitted quadratic at the middle."""
    place = np.arange(window) - window // 2
    x, y = (np.ravel(part) for part in np.meshgrid(place, place))
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1).astype(np.float64)
    return np.linalg.pinv(design)[0].reshape(window, window)


def _rms(values):
    return float(np.sqrt(np.mean(np.square(values))))
