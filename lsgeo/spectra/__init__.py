"""Spectra of linear operators."""

from lsgeo.spectra.certificates import NegativeCurvature, negative_curvature
from lsgeo.spectra.density import SpectralDensity
from lsgeo.spectra.eigenpairs import EigenPairs, extreme_eigenpairs
from lsgeo.spectra.estimate import Estimate
from lsgeo.spectra.interval import Interval
from lsgeo.spectra.quadrature import spectral_density
from lsgeo.spectra.trace import trace

__all__ = [
    "EigenPairs",
    "Estimate",
    "Interval",
    "NegativeCurvature",
    "SpectralDensity",
    "extreme_eigenpairs",
    "negative_curvature",
    "spectral_density",
    "trace",
]
