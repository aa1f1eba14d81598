"""Spectra laid beside each other, beside laws of random matrices, and beside the layers."""

from lsgeo.spectra.compare.alignment import Overlap, layer_mass, principal_overlap, subspace_overlap
from lsgeo.spectra.compare.blocks import block_diagonal_share
from lsgeo.spectra.compare.bulk import BulkFit, fit_bulk
from lsgeo.spectra.compare.comparison import wasserstein_1
from lsgeo.spectra.compare.random_matrices import (
    MarchenkoPastur,
    PenningtonBahri,
    Semicircle,
    critical_energy,
    marchenko_pastur,
    pennington_bahri,
    semicircle,
)

__all__ = [
    "BulkFit",
    "MarchenkoPastur",
    "Overlap",
    "PenningtonBahri",
    "Semicircle",
    "block_diagonal_share",
    "critical_energy",
    "fit_bulk",
    "layer_mass",
    "marchenko_pastur",
    "pennington_bahri",
    "principal_overlap",
    "semicircle",
    "subspace_overlap",
    "wasserstein_1",
]
