"""What a surface says: where it is convex, how rough it is, which minima it has, how it curves.

Each figure is of one surface, or of one point. `nested_interval` says how far to trust its mean over
several planes of several networks.

  convexity_radius     distance to the first point that curves downwards
  plane_hessian        eigenvalues of the plane's own Hessian, and their ratio
  hull_deficit         height above the largest convex function underneath
  roughness            what local quadratics leave over, by scale
  gradient_smoothness  how fast the gradient turns along itself
  merge_tree           minima, the barriers between them, and which joins which
  persistence_null     are they more than those of a random field?
  curvature_map        both ends of the full Hessian's spectrum over the plane
"""

from lsgeo.geometry.terrain.convexity import (
    ConvexityRadius,
    HullDeficit,
    convexity_radius,
    hull_deficit,
)
from lsgeo.geometry.terrain.curvature_map import CurvatureMap, curvature_map
from lsgeo.geometry.terrain.gradient_smoothness import GradientSmoothness, gradient_smoothness
from lsgeo.geometry.terrain.intervals import NestedInterval, nested_interval
from lsgeo.geometry.terrain.merge_tree import MergeTree, merge_tree
from lsgeo.geometry.terrain.random_fields import PersistenceNull, persistence_null
from lsgeo.geometry.terrain.roughness import Roughness, roughness
from lsgeo.geometry.terrain.stencils import PlaneHessian, plane_hessian

__all__ = [
    "ConvexityRadius",
    "CurvatureMap",
    "GradientSmoothness",
    "HullDeficit",
    "MergeTree",
    "NestedInterval",
    "PersistenceNull",
    "PlaneHessian",
    "Roughness",
    "convexity_radius",
    "curvature_map",
    "gradient_smoothness",
    "hull_deficit",
    "merge_tree",
    "nested_interval",
    "persistence_null",
    "plane_hessian",
    "roughness",
]
