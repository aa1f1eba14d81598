"""Densities of eigenvalues, and the traces of functions that they give."""

from lsgeo.spectra.densities.batched import spectral_densities
from lsgeo.spectra.densities.chebyshev import ChebyshevDensity, chebyshev_density
from lsgeo.spectra.densities.density import SpectralDensity
from lsgeo.spectra.densities.layers import layer_spectra
from lsgeo.spectra.densities.log_determinant import log_determinant
from lsgeo.spectra.densities.quadrature import spectral_density
from lsgeo.spectra.densities.spectral_sum import spectral_sum

__all__ = [
    "ChebyshevDensity",
    "SpectralDensity",
    "chebyshev_density",
    "layer_spectra",
    "log_determinant",
    "spectral_densities",
    "spectral_density",
    "spectral_sum",
]
