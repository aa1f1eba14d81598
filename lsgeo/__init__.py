"""lsgeo: how skip connections change the geometry of the loss landscape, measured in JAX.

The spectral tools work on any pure `loss(params, batch)`:

    op = hessian(loss, params, batch)
    spectral_density(op, key=key), extreme_eigenpairs(op, key=key), trace(op, key=key, num_matvecs=60)
"""

from lsgeo import operators, spectra
from lsgeo.geometry import (
    CriticalPoint,
    Surface,
    classify_critical_point,
    filter_normalized_directions,
    surface,
)
from lsgeo.operators import *
from lsgeo.spectra import *

__version__ = "0.2.0"

__all__ = [
    "CriticalPoint",
    "Surface",
    "classify_critical_point",
    "filter_normalized_directions",
    "surface",
    *operators.__all__,
    *spectra.__all__,
]
