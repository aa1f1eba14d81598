"""Geometry of a loss around a point: what needs no more than `loss(params, batch)`."""

from lsgeo.geometry.critical_points import CriticalPoint, classify_critical_point
from lsgeo.geometry.directions import (
    filter_normalized_directions,
    normalize_filters,
    random_direction,
)
from lsgeo.geometry.surfaces import Surface, surface

__all__ = [
    "CriticalPoint",
    "Surface",
    "classify_critical_point",
    "filter_normalized_directions",
    "normalize_filters",
    "random_direction",
    "surface",
]
