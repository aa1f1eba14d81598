"""Spectra of linear operators."""

from lsgeo.spectra.bulk import BulkFit, fit_bulk
from lsgeo.spectra.certificates import NegativeCurvature, negative_curvature
from lsgeo.spectra.chebyshev import ChebyshevDensity, chebyshev_density
from lsgeo.spectra.comparison import wasserstein_1
from lsgeo.spectra.density import SpectralDensity
from lsgeo.spectra.eigenpairs import EigenPairs, extreme_eigenpairs
from lsgeo.spectra.estimate import Estimate
from lsgeo.spectra.interval import Interval
from lsgeo.spectra.quadrature import spectral_density
from lsgeo.spectra.random_matrices import (
    MarchenkoPastur,
    PenningtonBahri,
    Semicircle,
    critical_energy,
    marchenko_pastur,
    pennington_bahri,
    semicircle,
)
from lsgeo.spectra.trace import trace

__all__ = [
    "BulkFit",
    "ChebyshevDensity",
    "EigenPairs",
    "Estimate",
    "Interval",
    "MarchenkoPastur",
    "NegativeCurvature",
    "PenningtonBahri",
    "Semicircle",
    "SpectralDensity",
    "chebyshev_density",
    "critical_energy",
    "extreme_eigenpairs",
    "fit_bulk",
    "marchenko_pastur",
    "negative_curvature",
    "pennington_bahri",
    "semicircle",
    "spectral_density",
    "trace",
    "wasserstein_1",
]
