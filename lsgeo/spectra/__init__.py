"""Spectra of linear operators."""

from lsgeo.interval import Estimate, Interval
from lsgeo.spectra import compare, densities, eigen, krylov, traces
from lsgeo.spectra.compare import *
from lsgeo.spectra.densities import *
from lsgeo.spectra.eigen import *
from lsgeo.spectra.krylov import *
from lsgeo.spectra.traces import *

__all__ = [
    "Estimate",
    "Interval",
    *compare.__all__,
    *densities.__all__,
    *eigen.__all__,
    *krylov.__all__,
    *traces.__all__,
]
