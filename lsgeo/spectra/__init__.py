"""Spectra of linear operators."""

from lsgeo.spectra.alignment import Overlap, layer_mass, principal_overlap, subspace_overlap
from lsgeo.spectra.batched import spectral_densities
from lsgeo.spectra.blocks import block_diagonal_share
from lsgeo.spectra.bulk import BulkFit, fit_bulk
from lsgeo.spectra.certificates import NegativeCurvature, negative_curvature
from lsgeo.spectra.chebyshev import ChebyshevDensity, chebyshev_density
from lsgeo.spectra.comparison import wasserstein_1
from lsgeo.spectra.density import SpectralDensity
from lsgeo.spectra.diagonal import Diagonal, diagonal
from lsgeo.spectra.eigenpairs import EigenPairs, extreme_eigenpairs
from lsgeo.spectra.estimate import Estimate
from lsgeo.spectra.index import IndexEstimate, index_estimate
from lsgeo.spectra.interval import Interval
from lsgeo.spectra.layers import layer_spectra
from lsgeo.spectra.log_determinant import log_determinant
from lsgeo.spectra.memory import MemoryPlan, memory_plan
from lsgeo.spectra.norms import frobenius_norm
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
    "Diagonal",
    "EigenPairs",
    "Estimate",
    "IndexEstimate",
    "Interval",
    "MarchenkoPastur",
    "MemoryPlan",
    "NegativeCurvature",
    "Overlap",
    "PenningtonBahri",
    "Semicircle",
    "SpectralDensity",
    "block_diagonal_share",
    "chebyshev_density",
    "critical_energy",
    "diagonal",
    "extreme_eigenpairs",
    "fit_bulk",
    "frobenius_norm",
    "index_estimate",
    "layer_mass",
    "layer_spectra",
    "log_determinant",
    "marchenko_pastur",
    "memory_plan",
    "negative_curvature",
    "pennington_bahri",
    "principal_overlap",
    "semicircle",
    "spectral_densities",
    "spectral_density",
    "subspace_overlap",
    "trace",
    "wasserstein_1",
]
