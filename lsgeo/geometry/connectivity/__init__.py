"""Paths between networks: barriers, curves, elastic bands."""

from lsgeo.geometry.connectivity.barriers import Barrier, barrier_along, linear_barrier
from lsgeo.geometry.connectivity.connecting_curves import FittedCurve, fit_curve
from lsgeo.geometry.connectivity.curve_curvature import CurveCurvature, curvature_along
from lsgeo.geometry.connectivity.curves import Curve
from lsgeo.geometry.connectivity.elastic_band import ElasticBand, nudged_elastic_band

__all__ = [
    "Barrier",
    "Curve",
    "CurveCurvature",
    "ElasticBand",
    "FittedCurve",
    "barrier_along",
    "curvature_along",
    "fit_curve",
    "linear_barrier",
    "nudged_elastic_band",
]
