"""The bulk of a spectrum, fitted by a random-matrix law, and what lies outside it."""

import numpy as np

from lsgeo import trees
from lsgeo.checks import check_fraction, check_one_of, check_positive
from lsgeo.interval import Estimate
from lsgeo.spectra.compare.random_matrices import MarchenkoPastur, Semicircle
from lsgeo.spectra.densities.density import SpectralDensity


@trees.frozen
class BulkFit:
    """A law fitted to the bulk of a spectrum, and the numbers of eigenvalues outside.

    `misfit` is the Wasserstein-1 distance between the bulk and the law, in widths of the bulk. A rule of m
    nodes leaves about 1 / (4 m) even where the law is right; well above that the edges mean little.
    """

    law: MarchenkoPastur | Semicircle
    above: Estimate
    below: Estimate
    misfit: float
    num_matvecs: int

    @property
    def edges(self) -> tuple[float, float]:
        """The law's ends, in the units of the operator."""
        return self.law.edges

    def __str__(self) -> str:
        return (
            f"{self.law} (misfit {self.misfit:.2g}); outliers above: {self.above.value:g} in "
            f"[{self.above.lower:g}, {self.above.upper:g}], below: {self.below.value:g} in "
            f"[{self.below.lower:g}, {self.below.upper:g}] ({self.num_matvecs} products)"
        )


def fit_bulk(
    density: SpectralDensity,
    reference: str = "marchenko-pastur",
    *,
    margin: float = 0.05,
    confidence: float = 0.95,
) -> BulkFit:
    """Fits a random-matrix law to the bulk of a spectrum and counts the outliers beyond its edges.

    The law with the mean and variance of the bulk, which is what lies within the edges of the law: nodes
    farther out than `margin` are dropped and the law is fitted again until none is. Mean and variance are
    exact for each probe, and an edge has a relative error of order 1 / sqrt(n * num_probes) besides that of
    the law, which `misfit` shows.

    Args:
      density: spectrum, from `spectral_density`.
      reference: "marchenko-pastur", for a positive semi-definite operator, or "semicircle".
      margin: how far beyond an edge an eigenvalue still counts as bulk, in widths of the bulk; the largest
        eigenvalue of n departs from the edge by a share of order n^(-2/3).
      confidence: of the two counts.

    Returns:
      BulkFit, in the units of the operator.

    Raises:
      ValueError: if the reference is unknown, or the bulk is one point, or not positive where it must be.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from lsgeo import dense, fit_bulk, spectral_density
      >>> values = jnp.concatenate([2 * jnp.cos(jnp.linspace(0, jnp.pi, 90)), jnp.array([9.0])])
      >>> density = spectral_density(dense(jnp.diag(values)), key=jax.random.key(0), num_steps=30)
      >>> fit_bulk(density, "semicircle").above.value
      1.0
    """
    if not isinstance(density, SpectralDensity):
        raise ValueError(f"`density` must be a SpectralDensity; got {type(density).__name__}.")
    check_one_of(reference, "reference", _LAWS)
    check_positive(margin, "margin")
    check_fraction(confidence, "confidence")
    nodes, weights = density.nodes.ravel(), density.weights.ravel()
    while True:
        law = _LAWS[reference](*_mean_and_variance(nodes, weights))
        low, high = _reach(law, margin)
        inside = (nodes >= low) & (nodes <= high)
        if inside.all():
            break
        nodes, weights = nodes[inside], weights[inside]
    return BulkFit(
        law,
        density.count_above(high, confidence),
        density.count_below(low, confidence),
        _misfit(law, nodes, weights, (low, high)),
        density.num_matvecs,
    )


def _mean_and_variance(nodes, weights):
    share = weights / weights.sum()
    mean = np.sum(share * nodes)
    return mean, np.sum(share * (nodes - mean) ** 2)


def _reach(law, margin):
    low, high = law.edges
    if getattr(law, "atom", 0):
        low = 0.0
    width = high - low
    return low - margin * width, high + margin * width


def _misfit(law, nodes, weights, reach):
    order = np.argsort(nodes)
    sums = np.concatenate([[0.0], np.cumsum(weights[order])]) / weights.sum()
    x = np.linspace(*reach, 2000)
    apart = np.abs(sums[np.searchsorted(nodes[order], x, side="right")] - law.cumulative(x))
    return float(np.mean(apart))


def _semicircle(mean, variance):
    _check_width(mean, variance)
    return Semicircle(2 * float(np.sqrt(variance)), float(mean))


def _marchenko_pastur(mean, variance):
    _check_width(mean, variance)
    if mean <= 0:
        raise ValueError(
            f"`density` has a bulk of mean {mean:.4g}, and Marchenko and Pastur's law needs a positive "
            'one. Pass reference="semicircle", or the density of a Gauss-Newton operator.'
        )
    return MarchenkoPastur(float(variance / mean**2), float(mean))


def _check_width(mean, variance):
    if variance <= (1e-6 * mean) ** 2:
        raise ValueError(
            f"`density` has a bulk that is one point, {mean:.4g}: there is no edge to fit."
        )


_LAWS = {"marchenko-pastur": _marchenko_pastur, "semicircle": _semicircle}
