"""Slices of a loss along directions, and the directions."""

from lsgeo.draws import random_direction
from lsgeo.geometry.surfaces.directions import (
    filter_normalized_directions,
    normalize_direction,
    normalize_filters,
    random_directions,
)
from lsgeo.geometry.surfaces.planes import (
    Plane,
    direction_towards,
    eigenvector_directions,
    gradient_direction,
    orthogonal,
    plane_through,
    project,
)
from lsgeo.geometry.surfaces.slices import Slice, slice_along
from lsgeo.geometry.surfaces.surface import Surface, surface
from lsgeo.geometry.surfaces.trajectories import PrincipalPlane, principal_plane, random_walk_shares

__all__ = [
    "Plane",
    "PrincipalPlane",
    "Slice",
    "Surface",
    "direction_towards",
    "eigenvector_directions",
    "filter_normalized_directions",
    "gradient_direction",
    "normalize_direction",
    "normalize_filters",
    "orthogonal",
    "plane_through",
    "principal_plane",
    "project",
    "random_direction",
    "random_directions",
    "random_walk_shares",
    "slice_along",
    "surface",
]
