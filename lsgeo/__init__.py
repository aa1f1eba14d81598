"""lsgeo: how skip connections change the geometry of the loss landscape, measured in JAX.

The spectral tools work on any pure `loss(params, batch)`:

    op = hessian(loss, params, batch)
    spectral_density(op, key=key), extreme_eigenpairs(op, key=key), trace(op, key=key, num_matvecs=60)
"""

from lsgeo.geometry import (
    CriticalPoint,
    Surface,
    classify_critical_point,
    filter_normalized_directions,
    surface,
)
from lsgeo.operators import (
    LinearOperator,
    adam_diagonal,
    dense,
    empirical_fisher,
    fisher,
    from_matvec,
    gauss_newton,
    gradient_covariance,
    hessian,
    ntk,
    split_hessian,
)
from lsgeo.spectra import (
    BulkFit,
    ChebyshevDensity,
    EigenPairs,
    Estimate,
    Interval,
    MarchenkoPastur,
    NegativeCurvature,
    PenningtonBahri,
    Semicircle,
    SpectralDensity,
    chebyshev_density,
    critical_energy,
    extreme_eigenpairs,
    fit_bulk,
    marchenko_pastur,
    negative_curvature,
    pennington_bahri,
    semicircle,
    spectral_density,
    trace,
    wasserstein_1,
)

__version__ = "0.1.0"

__all__ = [
    "BulkFit",
    "ChebyshevDensity",
    "CriticalPoint",
    "EigenPairs",
    "Estimate",
    "Interval",
    "LinearOperator",
    "MarchenkoPastur",
    "NegativeCurvature",
    "PenningtonBahri",
    "Semicircle",
    "SpectralDensity",
    "Surface",
    "adam_diagonal",
    "chebyshev_density",
    "classify_critical_point",
    "critical_energy",
    "dense",
    "empirical_fisher",
    "extreme_eigenpairs",
    "filter_normalized_directions",
    "fisher",
    "fit_bulk",
    "from_matvec",
    "gauss_newton",
    "gradient_covariance",
    "hessian",
    "marchenko_pastur",
    "negative_curvature",
    "ntk",
    "pennington_bahri",
    "semicircle",
    "spectral_density",
    "split_hessian",
    "surface",
    "trace",
    "wasserstein_1",
]
