"""The bulk of a spectrum, fitted by a random-matrix law, and what lies outside it."""

import dataclasses

import numpy as np

from lsgeo import trees
from lsgeo.checks import check_fraction, check_one_of, check_positive
from lsgeo.interval import Estimate, bracketed
from lsgeo.results import DoesNotApplyError
from lsgeo.spectra.compare.random_matrices import MarchenkoPastur, Semicircle
from lsgeo.spectra.densities.density import SpectralDensity

# A law of the bulk leaves out a few eigenvalues that a perturbation of low rank has moved, no more.
MOST_OUTSIDE = 0.1
# What `misfit` may be where the law is right: of rules of m nodes, and of num_probes shares of n eigenvalues.
# Their sum is about twice what drawn matrices have in the median; the tests hold the rates of error.
OF_NODES, OF_PROBES = 0.4, 0.2


@trees.frozen
class BulkFit:
    """A law fitted to the bulk of a spectrum, and the numbers of eigenvalues outside.

    `misfit` is the Wasserstein-1 distance between the bulk and the law, in widths of the bulk. A rule of m
    nodes leaves about 1 / (4 m) even where the law is right; `allowed` is the most that it is taken for right
    with. Where it is more, or more than a tenth of the spectrum, `outside`, lies beyond the edges, or below
    zero where the law cannot, no law `fits`: `law` is what was tried, `above` and `below` are NaN in [0, n].
    """

    law: MarchenkoPastur | Semicircle
    above: Estimate
    below: Estimate
    misfit: float
    allowed: float
    outside: float
    num_matvecs: int

    @property
    def edges(self) -> tuple[float, float]:
        """The law's ends, in the units of the operator; of the bulk only where it `fits`."""
        return self.law.edges

    @property
    def fits(self) -> bool:
        """Whether the law describes the bulk, so that what lies beyond its edges is an outlier."""
        return self.misfit <= self.allowed and self.outside <= MOST_OUTSIDE

    def __str__(self) -> str:
        if not self.fits:
            return (
                f"no law fits, no outliers: {self.law} was tried (misfit {self.misfit:.2g}, at most "
                f"{self.allowed:.2g} where it holds; {self.outside:.0%} of the eigenvalues beyond it, at most "
                f"{MOST_OUTSIDE:.0%}); `count_above(x)` of the density takes an x of your own "
                f"({self.num_matvecs} products)"
            )
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
    the law, which `misfit` shows. A law that does not describe the bulk names no outliers: `fits` says so.

    Args:
      density: spectrum, from `spectral_density`.
      reference: "marchenko-pastur", for a positive semi-definite operator, or "semicircle".
      margin: how far beyond an edge an eigenvalue still counts as bulk, in widths of the bulk; the largest
        eigenvalue of n departs from the edge by a share of order n^(-2/3).
      confidence: of the two counts.

    Returns:
      BulkFit, in the units of the operator; look at `fits` first.

    Raises:
      ValueError: if the reference is unknown; a `lsgeo.results.DoesNotApplyError`, if the bulk is one point, or
        not positive where it must be.

    Example:
      >>> import jax, numpy as np
      >>> from lsgeo import dense, fit_bulk, spectral_density
      >>> noise = np.random.default_rng(0).standard_normal((100, 100))
      >>> matrix = (noise + noise.T) / np.sqrt(200)
      >>> matrix[0, 0] = 9.0
      >>> density = spectral_density(dense(matrix), key=jax.random.key(0), num_steps=30)
      >>> fit = fit_bulk(density, "semicircle")
      >>> fit.fits, fit.above.value
      (True, 1.0)
    """
    if not isinstance(density, SpectralDensity):
        raise ValueError(f"`density` must be a SpectralDensity; got {type(density).__name__}.")
    check_one_of(reference, "reference", _LAWS)
    check_positive(margin, "margin")
    check_fraction(confidence, "confidence")
    probes = density.weights
    there = probes.ravel() > 0  # rules of fewer nodes are padded
    nodes, weights = density.nodes.ravel()[there], probes.ravel()[there]
    while True:
        law = _LAWS[reference](*_mean_and_variance(nodes, weights))
        low, high = _reach(law, margin)
        inside = (nodes >= low) & (nodes <= high)
        if inside.all():
            break
        nodes, weights = nodes[inside], weights[inside]
    misfit = _misfit(law, nodes, weights, (low, high))
    # A rule that ended early has met every eigenvalue.
    exact = all(one.exact for one in density.rules())
    of_bulk = density.size if exact else len(nodes) / len(probes)
    allowed = OF_NODES / of_bulk + OF_PROBES / np.sqrt(density.size * len(probes))
    inside = weights[nodes >= -density.noise] if reference == "marchenko-pastur" else weights
    outside = max(0.0, 1 - float(inside.sum()) / len(probes))
    found = BulkFit(
        law,
        density.count_above(high, confidence),
        density.count_below(low, confidence),
        misfit,
        float(allowed),
        outside,
        density.num_matvecs,
    )
    if found.fits:
        return found
    unknown = bracketed(
        np.nan, np.nan, density.num_matvecs, 0.0, float(density.size), confidence, density.size
    )
    return dataclasses.replace(found, above=unknown, below=unknown)


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
        raise DoesNotApplyError(
            f"`density` has a bulk of mean {mean:.4g}, and Marchenko and Pastur's law needs a positive "
            'one. Pass reference="semicircle".'
        )
    return MarchenkoPastur(float(variance / mean**2), float(mean))


def _check_width(mean, variance):
    if variance <= (1e-6 * mean) ** 2:
        raise DoesNotApplyError(
            f"`density` has a bulk that is one point, {mean:.4g}: there is no edge to fit."
        )


_LAWS = {"marchenko-pastur": _marchenko_pastur, "semicircle": _semicircle}
