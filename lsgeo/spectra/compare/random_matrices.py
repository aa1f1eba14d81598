"""Limiting spectra of random matrices: what the bulk of a Hessian is compared with."""

import itertools
import math

import numpy as np

from lsgeo import trees
from lsgeo.checks import check_positive

QUADRATURE = (
    100  # Gauss points between two edges; the density is smooth in the angle that they divide
)


@trees.frozen
class Semicircle:
    """Eigenvalues of a Wigner matrix (Wigner 1955): 2 sqrt(R^2 - (x - c)^2) / (pi R^2)."""

    radius: float
    centre: float

    @property
    def edges(self) -> tuple[float, float]:
        """The least and the largest eigenvalue."""
        return self.centre - self.radius, self.centre + self.radius

    def density(self, x: np.ndarray) -> np.ndarray:
        """The density of eigenvalues at `x`, any shape."""
        z = (np.asarray(x, np.float64) - self.centre) / self.radius
        return 2 * np.sqrt(np.maximum(1 - z**2, 0)) / (np.pi * self.radius)

    def cumulative(self, x: np.ndarray) -> np.ndarray:
        """The share of eigenvalues up to `x`, any shape."""
        z = np.clip((np.asarray(x, np.float64) - self.centre) / self.radius, -1, 1)
        return 0.5 + (z * np.sqrt(1 - z**2) + np.arcsin(z)) / np.pi

    def __str__(self) -> str:
        return f"semicircle on [{self.edges[0]:.4g}, {self.edges[1]:.4g}]"


@trees.frozen
class MarchenkoPastur:
    """Eigenvalues of scale * X'X / N for N x p independent unit entries, ratio = p / N.

    Where ratio > 1 there is an atom of mass 1 - 1 / ratio at zero; `density` is the rest.
    """

    ratio: float
    scale: float

    @property
    def edges(self) -> tuple[float, float]:
        """The least and the largest eigenvalue."""
        root = math.sqrt(self.ratio)
        return self.scale * (1 - root) ** 2, self.scale * (1 + root) ** 2

    @property
    def atom(self) -> float:
        """Mass at zero."""
        return max(0.0, 1 - 1 / self.ratio)

    def density(self, x: np.ndarray) -> np.ndarray:
        """The density of eigenvalues at `x`, any shape."""
        x = np.asarray(x, np.float64)
        low, high = self.edges
        inside = (x > low) & (x < high)
        root = np.sqrt(np.where(inside, (high - x) * (x - low), 0))
        return root / (2 * np.pi * self.ratio * self.scale * np.where(inside, x, 1))

    def cumulative(self, x: np.ndarray) -> np.ndarray:
        """The share of eigenvalues up to `x`, any shape."""
        x = np.asarray(x, np.float64)
        low, high = self.edges
        y = np.clip(x, low, high)
        root = np.sqrt((high - y) * (y - low))
        first = np.arcsin(np.clip((2 * y - low - high) / (high - low), -1, 1))
        second = ((low + high) * y - 2 * low * high) / np.where(y > 0, y * (high - low), np.inf)
        second = np.arcsin(np.clip(second, -1, 1))
        integral = root + (low + high) / 2 * (first + np.pi / 2)
        integral = integral - math.sqrt(low * high) * (second + np.pi / 2)
        mass = integral / (2 * np.pi * self.ratio * self.scale)
        return np.where(x < 0, 0, self.atom + np.where(x < low, 0, mass))

    def __str__(self) -> str:
        return f"Marchenko-Pastur, ratio {self.ratio:.4g}, on [{self.edges[0]:.4g}, {self.edges[1]:.4g}]"


@trees.frozen
class PenningtonBahri:
    """Free sum of a Wishart and a Wigner matrix: the Hessian J'J / N + residual part of a random network.

    The Stieltjes transform G solves z = 1 / G + 2 epsilon G + 1 / (1 - ratio G) (Pennington and Bahri
    2017): a cubic in G. `epsilon` is the loss, in units in which the Wigner part has variance 2 epsilon.
    """

    ratio: float
    epsilon: float

    @property
    def edges(self) -> tuple[float, float]:
        """The least and the largest eigenvalue."""
        ends = self._ends()
        return float(ends[0]), float(ends[-1])

    @property
    def index(self) -> float:
        """Fraction of negative eigenvalues."""
        return float(self.cumulative(0.0))

    def density(self, x: np.ndarray) -> np.ndarray:
        """The density of eigenvalues at `x`, any shape."""
        x = np.asarray(x, np.float64)
        lead = 2 * self.epsilon * self.ratio
        b, c, d = (
            part / lead for part in (-(2 * self.epsilon + self.ratio * x), x - 1 + self.ratio, -1.0)
        )
        p, q = c - b**2 / 3, 2 * b**3 / 27 - b * c / 3 + d
        # Cardano: a positive discriminant means one real root and a conjugate pair.
        discriminant = (q / 2) ** 2 + (p / 3) ** 3
        root = np.sqrt(np.maximum(discriminant, 0))
        apart = np.abs(np.cbrt(-q / 2 + root) - np.cbrt(-q / 2 - root))
        return np.where(discriminant > 0, math.sqrt(3) / 2 * apart / np.pi, 0)

    def cumulative(self, x: np.ndarray) -> np.ndarray:
        """The share of eigenvalues up to `x`, any shape."""
        x = np.asarray(x, np.float64)
        ends = self._ends()
        points, weights = np.polynomial.legendre.leggauss(QUADRATURE)
        angles = (points + 1) * np.pi / 2
        total = np.zeros(x.shape)
        for low, high in itertools.pairwise(ends):
            half = (np.clip(x, low, high) - low)[..., None] / 2
            # Square roots at both ends are smooth in the angle.
            at = low + half * (1 - np.cos(angles))
            total += np.sum(self.density(at) * half * np.sin(angles) * weights * np.pi / 2, axis=-1)
        return np.minimum(total, 1.0)

    def _ends(self):
        # Edges are where dz / dG = 0: (2 epsilon G^2 - 1) (1 - ratio G)^2 + ratio G^2 = 0.
        square = np.polynomial.Polynomial([1, -self.ratio]) ** 2
        slope = np.polynomial.Polynomial([-1, 0, 2 * self.epsilon]) * square
        roots = (slope + np.polynomial.Polynomial([0, 0, self.ratio])).roots()
        g = roots[np.abs(roots.imag) <= 1e-9 * np.abs(roots)].real
        return np.sort(1 / g + 2 * self.epsilon * g + 1 / (1 - self.ratio * g))

    def __str__(self) -> str:
        return (
            f"Pennington-Bahri, ratio {self.ratio:.4g}, epsilon {self.epsilon:.4g}, on "
            f"[{self.edges[0]:.4g}, {self.edges[1]:.4g}]"
        )


def semicircle(radius: float, centre: float = 0.0) -> Semicircle:
    """Returns the semicircle law.

    Args:
      radius: half its width; twice the standard deviation.
      centre: its mean.

    Raises:
      ValueError: if `radius` is not positive.

    Example:
      >>> from lsgeo import semicircle
      >>> semicircle(2.0).edges, float(semicircle(2.0).cumulative(0.0))
      ((-2.0, 2.0), 0.5)
    """
    check_positive(radius, "radius")
    return Semicircle(float(radius), float(centre))


def marchenko_pastur(ratio: float, scale: float = 1.0) -> MarchenkoPastur:
    """Returns the law of Marchenko and Pastur (1967).

    Args:
      ratio: parameters over data.
      scale: variance of an entry: the mean eigenvalue.

    Raises:
      ValueError: if an argument is not positive.

    Example:
      >>> from lsgeo import marchenko_pastur
      >>> marchenko_pastur(4.0).edges, marchenko_pastur(4.0).atom
      ((1.0, 9.0), 0.75)
    """
    check_positive(ratio, "ratio")
    check_positive(scale, "scale")
    return MarchenkoPastur(float(ratio), float(scale))


def pennington_bahri(ratio: float, epsilon: float) -> PenningtonBahri:
    """Returns the spectrum of Wishart plus Wigner (Pennington and Bahri 2017).

    Args:
      ratio: parameters over data.
      epsilon: loss; the Wigner part has variance 2 * epsilon.

    Raises:
      ValueError: if an argument is not positive.

    Example:
      >>> from lsgeo import critical_energy, pennington_bahri
      >>> below, above = (pennington_bahri(0.5, e * critical_energy(0.5)).index for e in (0.9, 1.1))
      >>> below, above > 0
      (0.0, True)
    """
    check_positive(ratio, "ratio")
    check_positive(epsilon, "epsilon")
    return PenningtonBahri(float(ratio), float(epsilon))


def critical_energy(ratio: float) -> float:
    """Returns the loss above which a Pennington-Bahri spectrum has negative eigenvalues.

    Pennington and Bahri 2017: (1 - 20 f - 8 f^2 + (1 + 8 f)^(3/2)) / 16 for f = ratio < 1. Above
    it the index grows as the power 3/2 of the excess.

    Args:
      ratio: parameters over data, under 1.

    Raises:
      ValueError: if `ratio` does not lie between 0 and 1.

    Example:
      >>> from lsgeo import critical_energy
      >>> round(critical_energy(0.5), 6)
      0.011271
    """
    if not 0 < ratio < 1:
        raise ValueError(
            f"`ratio` must lie strictly between 0 and 1; got {ratio!r}. With more parameters than data "
            "every positive loss has negative eigenvalues."
        )
    return (1 - 20 * ratio - 8 * ratio**2 + (1 + 8 * ratio) ** 1.5) / 16
