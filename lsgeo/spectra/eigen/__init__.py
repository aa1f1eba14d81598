"""Single eigenvalues: extreme pairs, certificates, counts."""

from lsgeo.spectra.eigen.certificates import NegativeCurvature, negative_curvature
from lsgeo.spectra.eigen.eigenpairs import EigenPairs, extreme_eigenpairs
from lsgeo.spectra.eigen.index import IndexEstimate, index_estimate

__all__ = [
    "EigenPairs",
    "IndexEstimate",
    "NegativeCurvature",
    "extreme_eigenpairs",
    "index_estimate",
    "negative_curvature",
]
