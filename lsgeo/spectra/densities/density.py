"""Spectral densities as quadrature rules with error bars."""

import numpy as np

from lsgeo import trees
from lsgeo.checks import check_count, check_fraction, check_positive
from lsgeo.interval import Estimate, bracketed
from lsgeo.spectra.densities import _brackets, _linear, _tails
from lsgeo.spectra.krylov import _spherical


@trees.frozen
class SpectralDensity:
    """A quadrature rule for the eigenvalue distribution of an n x n operator, one row per probe.

    The distribution is (1/n) sum_i delta(x - lambda_i). `noise` is the absolute size under which the
    operator's rounding makes an eigenvalue indistinguishable from zero.

    Every interval has two parts. What each probe's rule leaves open is bounded for certain, from its moments
    (Chebyshev, Markov and Stieltjes). The spread over probes is not measured but known: a probe uniform on
    the sphere has a share in a spectral subspace that follows a Beta distribution. So the intervals hold for
    few probes as for many, and for one.
    """

    nodes: np.ndarray  # (num_probes, num_steps), ascending; padding repeats the last node
    weights: np.ndarray  # (num_probes, num_steps), rows sum to 1; padding is 0
    size: int
    noise: float
    num_matvecs: int
    # False where the Lanczos vectors were not kept: then eigenvalues may come in several copies per row.
    orthogonal: bool = trees.static(default=True)

    def density(self, grid: np.ndarray, *, bandwidth: float | None = None) -> np.ndarray:
        """Smooths the nodes with a Gaussian, for pictures.

        Args:
          grid: points, any shape, in the units of the operator.
          bandwidth: standard deviation of the Gaussian; by default 1 % of the range of the nodes, so that
            the density of c * H is that of H, rescaled.

        Returns:
          The density at `grid`, averaged over probes, of the shape of `grid`; it integrates to 1.
        """
        if bandwidth is None:
            bandwidth = 0.01 * (np.ptp(self.nodes) or np.abs(self.nodes).max() or 1.0)
        else:
            check_positive(bandwidth, "bandwidth")
        z = (np.asarray(grid)[..., None] - self.nodes.reshape(1, -1)) / bandwidth
        kernel = np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * bandwidth)
        return kernel @ self.weights.reshape(-1) / len(self.weights)

    def cumulative(
        self, x: np.ndarray, confidence: float = 0.95
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bounds the fraction of eigenvalues <= x.

        Each probe's moments bound the distribution that it sees; the mean of these bounds over probes is
        then inverted through the law of a mean share. Eigenvalues within `noise` of x count on both sides.

        Args:
          x: points, any shape.
          confidence: probability that the interval at one point covers; it is larger where the quadrature's
            part of the interval is not small.

        Returns:
          (lower, estimate, upper), each of the shape of x.
        """
        check_fraction(confidence, "confidence")
        x = np.asarray(x, np.float64)
        points = np.where(np.isnan(x), np.inf, x).reshape(-1)
        found = self.rules()
        bounds = np.mean([_brackets.bounds(one, points, self.noise) for one in found], axis=0)
        value = np.mean([_brackets.shares(one, points, strict=False) for one in found], axis=0)
        low, high = self._fraction_bounds(*bounds, confidence)
        sides = low, np.clip(value, low, high), high
        return tuple(np.where(np.isnan(x), x, side.reshape(x.shape)) for side in sides)

    def fraction_within(self, low: float, high: float, confidence: float = 0.95) -> Estimate:
        """Estimates the fraction of eigenvalues in [low, high], with an interval like `cumulative`'s."""
        if not low <= high:
            raise ValueError(f"`low` must not exceed `high`; got {low!r} and {high!r}.")
        return self._fraction(np.array([low, high], np.float64), self.noise, confidence)

    def negative_fraction(self, confidence: float = 0.95) -> Estimate:
        """Estimates the fraction of eigenvalues below -noise, with an interval like `cumulative`'s."""
        threshold = np.nextafter(-self.noise, -np.inf)
        return self._fraction(np.array([-np.inf, threshold]), 0.0, confidence)

    def negative_mass(self, confidence: float = 0.95) -> Estimate:
        """Estimates sum |lambda < -noise| / sum |lambda|.

        The interval inverts Student's test of the mean of |lambda| ([lambda < 0] - r) for the ratio r (Fieller
        1954), its variance known up to the spectrum; each probe's moments bound both sums.
        """
        return _linear.negative_mass(self, confidence)

    def moment(self, k: int, confidence: float = 0.95) -> Estimate:
        """Estimates tr(H^k) / n; per probe exact up to k = 2 * num_steps - 1, biased beyond."""
        check_count(k, "k", 0)
        return _linear.mean(self, lambda x: x**k, confidence)

    def largest(self, confidence: float = 0.95) -> Estimate:
        """Brackets the largest eigenvalue: a Ritz value and what random starts can have missed."""
        return _tails.largest(self, confidence)

    def smallest(self, confidence: float = 0.95) -> Estimate:
        """Brackets the smallest eigenvalue, as `largest` does the largest."""
        return _tails.smallest(self, confidence)

    def count_above(self, x: float, confidence: float = 0.95) -> Estimate:
        """Counts the eigenvalues > x, for an x beyond the bulk.

        `lower` is the larger of a certain bound, the Ritz values beyond x of one probe, of which there are no
        more than eigenvalues, and a statistical one. That one and `upper` come from the probes' share beyond
        x, because a repeated eigenvalue appears once in each probe. With x
        in a gap of the spectrum `value` is the number of Ritz values, each a distinct eigenvalue.

        Raises:
          ValueError: if the density is of a recurrence without a basis, whose copies would count.
        """
        return _tails.count_above(self, x, confidence)

    def count_below(self, x: float, confidence: float = 0.95) -> Estimate:
        """Counts the eigenvalues < x, as `count_above` does those > x."""
        return _tails.count_below(self, x, confidence)

    def rules(self) -> list[_brackets.Rule]:
        """Each probe's rule, without padding and with distinct nodes."""
        pairs = zip(self.nodes, self.weights, strict=True)
        return [_brackets.rule(*map(np.asarray, pair), self.noise) for pair in pairs]

    def _fraction(self, ends, noise, confidence):
        check_fraction(confidence, "confidence")
        samples = np.mean([_share_between(one, ends, noise) for one in self.rules()], axis=0)
        low, high = self._fraction_bounds(samples[0], samples[2], confidence)
        value = float(np.clip(samples[1], low, high))
        error = _spherical.standard_error(value * (1 - value), self.size, len(self.nodes))
        return bracketed(value, error, self.num_matvecs, float(low), float(high), confidence, 1.0)

    def _fraction_bounds(self, lower, upper, confidence):
        return _spherical.fraction_bounds(
            lower, upper, size=self.size, num_probes=len(self.nodes), confidence=confidence
        )

    def __str__(self) -> str:
        probes, steps = self.nodes.shape
        return (
            f"SpectralDensity: {self.size} eigenvalues, {probes} probes x {steps} steps, nodes in "
            f"[{self.nodes.min():.4g}, {self.nodes.max():.4g}] ({self.num_matvecs} products)"
        )


def _share_between(found, ends, noise):
    lower, upper = _brackets.bounds(found, ends, noise)
    up_to = _brackets.shares(found, ends[1:], strict=False)[0]
    value = max(up_to - _brackets.shares(found, ends[:1], strict=True)[0], 0.0)
    return min(max(lower[1] - upper[0], 0.0), value), value, max(upper[1] - lower[0], value)
