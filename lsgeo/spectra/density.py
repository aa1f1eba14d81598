"""Spectral densities as quadrature rules with error bars."""

import dataclasses

import numpy as np
from scipy import stats

from lsgeo import trees
from lsgeo.spectra.arguments import check_count
from lsgeo.spectra.estimate import Estimate


@trees.register_dataclass
@dataclasses.dataclass(frozen=True)
class SpectralDensity:
    """A quadrature rule for the eigenvalue distribution of an n x n operator, one row per probe.

    The distribution is (1/n) sum_i delta(x - lambda_i). `noise` is the absolute size under which the
    operator's rounding makes an eigenvalue indistinguishable from zero.
    """

    nodes: np.ndarray  # (num_probes, num_steps), ascending; padding repeats the last node
    weights: np.ndarray  # (num_probes, num_steps), rows sum to 1; padding is 0
    size: int
    noise: float
    num_matvecs: int

    def density(self, grid: np.ndarray, *, bandwidth: float | None = None) -> np.ndarray:
        """Smooths the nodes with a Gaussian, for pictures.

        Args:
          grid: points [k] in the units of the operator.
          bandwidth: standard deviation of the Gaussian; by default 1 % of the range of the nodes, so that
            the density of c * H is that of H, rescaled.

        Returns:
          The density at `grid`, averaged over probes, shape [k]; it integrates to 1.
        """
        if bandwidth is None:
            bandwidth = 0.01 * (np.ptp(self.nodes) or np.abs(self.nodes).max() or 1.0)
        elif not bandwidth > 0:
            raise ValueError(f"`bandwidth` must be positive; got {bandwidth!r}.")
        z = (np.asarray(grid)[:, None] - self.nodes.reshape(1, -1)) / bandwidth
        kernel = np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * bandwidth)
        return kernel @ self.weights.reshape(-1) / len(self.weights)

    def cumulative(
        self, x: np.ndarray, confidence: float = 0.95
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bounds the fraction of eigenvalues <= x.

        For each probe the Chebyshev-Markov-Stieltjes inequalities bound the distribution it sees by the
        weights up to the node before x and up to the node after x (Szego 1939, section 3.41); Student's
        interval over probes is added to both bounds.

        Args:
          x: points, any shape.
          confidence: probability that the interval is to cover.

        Returns:
          (lower, estimate, upper), each of the shape of x. One probe gives no spread: its interval is
          [0, 1].
        """
        if not 0 < confidence < 1:
            raise ValueError(f"`confidence` must lie between 0 and 1; got {confidence!r}.")
        x = np.asarray(x, np.float64)
        flat = x.reshape(-1)
        bounds = [
            _cumulative_bounds(n, w, flat) for n, w in zip(self.nodes, self.weights, strict=True)
        ]
        lower, middle, upper = np.stack(bounds, axis=1)  # each (num_probes, points)
        low = lower.mean(0) - _half_width(lower, confidence)
        high = upper.mean(0) + _half_width(upper, confidence)
        sides = np.clip(low, 0, 1), middle.mean(0), np.clip(high, 0, 1)
        return tuple(side.reshape(x.shape) for side in sides)

    def moment(self, k: int) -> Estimate:
        """Estimates tr(H^k) / n; per probe exact up to k = 2 * num_steps - 1."""
        check_count(k, "k", 0)
        return self._estimate(np.sum(self.weights * self.nodes**k, axis=1))

    def fraction_within(self, low: float, high: float) -> Estimate:
        """Estimates the fraction of eigenvalues in [low, high]."""
        inside = (self.nodes >= low) & (self.nodes <= high)
        return self._estimate(np.sum(self.weights * inside, axis=1))

    def negative_mass(self) -> Estimate:
        """Estimates sum |lambda < 0| / sum |lambda|; the error is the delete-one jackknife's."""
        total = np.sum(self.weights * np.abs(self.nodes), axis=1)
        negative = np.sum(self.weights * np.maximum(-self.nodes, 0), axis=1)
        if not total.sum():
            return Estimate(0.0, 0.0, self.num_matvecs)
        value = negative.sum() / total.sum()
        count = len(total)
        if count == 1:
            return Estimate(float(value), float("nan"), self.num_matvecs)
        without = (negative.sum() - negative) / (total.sum() - total)
        error = np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2))
        return Estimate(float(value), float(error), self.num_matvecs)

    def _estimate(self, per_probe: np.ndarray) -> Estimate:
        count = len(per_probe)
        error = per_probe.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
        return Estimate(float(per_probe.mean()), float(error), self.num_matvecs)

    def __str__(self) -> str:
        probes, steps = self.nodes.shape
        return (
            f"SpectralDensity: {self.size} eigenvalues, {probes} probes x {steps} steps, nodes in "
            f"[{self.nodes.min():.4g}, {self.nodes.max():.4g}] ({self.num_matvecs} products)"
        )


def _cumulative_bounds(nodes, weights, x):
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    sums[-1] = 1.0
    below = np.searchsorted(nodes, x, side="right")  # nodes <= x
    lower = sums[np.maximum(below - 1, 0)]
    upper = sums[np.minimum(below + 1, len(nodes))]
    return lower, sums[below], upper


def _half_width(samples, confidence):
    count = len(samples)
    if count == 1:
        return np.inf
    quantile = stats.t.ppf(0.5 + confidence / 2, count - 1)
    return quantile * samples.std(axis=0, ddof=1) / np.sqrt(count)
