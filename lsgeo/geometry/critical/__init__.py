"""Searches for critical points, and the law of their index.

    found = newton_mr(loss, params, batch)
    classify_critical_point(loss, found.params, batch, key=key).kind

A search ends where the gradient norm ends falling, which may be a gradient-flat point: classify each one.
"""

from lsgeo.geometry.critical.classification import CriticalPoint, classify_critical_point
from lsgeo.geometry.critical.gradient_norm import minimize_gradient_norm
from lsgeo.geometry.critical.index_law import IndexLaw, fit_index_law, index_law
from lsgeo.geometry.critical.newton_mr import newton_mr
from lsgeo.geometry.critical.saddle_free import saddle_free_newton
from lsgeo.geometry.critical.search import FoundPoint

__all__ = [
    "CriticalPoint",
    "FoundPoint",
    "IndexLaw",
    "classify_critical_point",
    "fit_index_law",
    "index_law",
    "minimize_gradient_norm",
    "newton_mr",
    "saddle_free_newton",
]
