"""Index against loss: the curve of Pennington and Bahri."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import optimize

from lsgeo import trees
from lsgeo.checks import check_positive
from lsgeo.spectra import pennington_bahri

GRID = np.logspace(-4, 4, 33)  # units tried at first, relative to the median loss


@trees.frozen
class IndexLaw:
    """The share of negative eigenvalues at a critical point as a function of its loss.

    Attributes:
      ratio: parameters over rows of the Jacobian (examples times outputs).
      unit: the loss at which epsilon is 1.
      threshold: an eigenvalue counts as negative below -threshold * max|lambda|, as in a measurement.
      misfit: root mean square of the share's error over the fitted points; NaN where nothing was fitted.
    """

    ratio: float
    unit: float
    threshold: float
    misfit: float

    def __call__(self, losses: float | Sequence[float]) -> np.ndarray:
        """Returns the share at each loss, of the shape of `losses`; 0 where a loss is not positive."""
        losses = np.asarray(losses, np.float64)
        shares = [self._share(loss / self.unit) for loss in losses.ravel()]
        return np.array(shares).reshape(losses.shape)

    def _share(self, epsilon):
        if not epsilon > 0:
            return 0.0 if epsilon <= 0 else np.nan
        law = pennington_bahri(self.ratio, epsilon)
        return float(law.cumulative(-self.threshold * max(map(abs, law.edges))))

    def __str__(self) -> str:
        return f"index law of ratio {self.ratio:.4g}, unit of loss {self.unit:.3g}, misfit {self.misfit:.2g}"


def index_law(ratio: float, *, unit: float = 1.0, threshold: float = 0.0) -> IndexLaw:
    """Returns the index fraction of Pennington and Bahri (2017) as a function of the loss.

    The Hessian at a critical point of loss epsilon is taken for a Wishart matrix (J'J / m, entries of unit
    variance) plus a free Wigner matrix of variance 2 epsilon (the residuals' part); the share of negative
    eigenvalues is the mass of that law below zero. For ratio < 1 it is zero up to `critical_energy(ratio)` and
    grows as the power 3/2 of the excess just above it; for ratio > 1 the kernel of J'J is split at once.

    Args:
      ratio: parameters over rows of the Jacobian.
      unit: the loss at which epsilon is 1: the law knows the loss in units of the Jacobian's scale squared.
      threshold: share of max|lambda| below zero from which an eigenvalue counts, as measurements have it.

    Raises:
      ValueError: if `ratio` or `unit` is not positive, or `threshold` not in [0, 1).

    Example:
      >>> from lsgeo import critical_energy
      >>> from lsgeo.geometry import index_law
      >>> shares = index_law(0.5)([0.9 * critical_energy(0.5), 2 * critical_energy(0.5)])
      >>> shares.round(3).tolist()
      [0.0, 0.02]
    """
    check_positive(ratio, "ratio")
    check_positive(unit, "unit")
    if not 0 <= threshold < 1:
        raise ValueError(f"`threshold` must be at least 0 and below 1; got {threshold!r}.")
    return IndexLaw(float(ratio), float(unit), float(threshold), float("nan"))


def fit_index_law(
    losses: Sequence[float], fractions: Sequence[float], *, ratio: float, threshold: float = 0.0
) -> IndexLaw:
    """Fits the unit of loss of an `index_law` of a given ratio to critical points, by least squares.

    Args:
      losses: [k] losses of critical points; pass no gradient-flat ones.
      fractions: [k] their shares of negative eigenvalues.
      ratio: as `index_law`; it is known, so that it is not fitted.
      threshold: as `index_law`; that of the measurement.

    Raises:
      ValueError: as `index_law`, if lengths differ, a loss is not positive, there are fewer than three
        points, or none has a negative eigenvalue: they leave the unit open.
    """
    law = index_law(ratio, threshold=threshold)
    x, y = np.asarray(losses, np.float64), np.asarray(fractions, np.float64)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 3:
        raise ValueError(
            "`losses` and `fractions` must be lists of one length, of at least three points; got "
            f"{x.shape} and {y.shape}."
        )
    if not np.all((x > 0) & np.isfinite(x) & np.isfinite(y)):
        raise ValueError(
            "`losses` must be positive and `fractions` finite; leave out other points."
        )
    if not np.any(y > 0):
        raise ValueError(
            "`fractions` are all 0, which fits every unit of loss that is large enough. Pass saddles as well."
        )

    def misfit(log_unit):
        return float(np.mean((dataclasses.replace(law, unit=np.exp(log_unit))(x) - y) ** 2))

    logs = np.log(GRID * np.median(x))
    values = [misfit(log) for log in logs]
    best = int(np.argmin(values))
    low, high = logs[max(best - 1, 0)], logs[min(best + 1, len(logs) - 1)]
    found = optimize.minimize_scalar(misfit, bounds=(low, high), method="bounded")
    log_unit, error = min(
        ((found.x, found.fun), (logs[best], values[best])), key=lambda pair: pair[1]
    )
    return dataclasses.replace(law, unit=float(np.exp(log_unit)), misfit=float(np.sqrt(error)))
