"""Geometry of a loss around a point: what needs no more than `loss(params, batch)`."""

from lsgeo.geometry.activation_matching import match_activations
from lsgeo.geometry.barriers import Barrier, barrier_along, linear_barrier
from lsgeo.geometry.confusion import GradientConfusion, gradient_confusion
from lsgeo.geometry.connecting_curves import FittedCurve, fit_curve
from lsgeo.geometry.correlation_maps import relu_correlations, tanh_gradient_growth
from lsgeo.geometry.critical_points import CriticalPoint, classify_critical_point
from lsgeo.geometry.curve_curvature import CurveCurvature, curvature_along
from lsgeo.geometry.curves import Curve
from lsgeo.geometry.directions import (
    filter_normalized_directions,
    normalize_filters,
    random_direction,
)
from lsgeo.geometry.dynamics import (
    DescentState,
    EdgeOfStability,
    FlowDistance,
    FlowState,
    LargestStableRate,
    TopSubspace,
    descend,
    edge_of_stability,
    flow_distance,
    follow_flow,
    largest_stable_rate,
    stability_limit,
    top_subspace,
)
from lsgeo.geometry.elastic_band import ElasticBand, nudged_elastic_band
from lsgeo.geometry.gradient_norms import GradientNorms, gradient_norms
from lsgeo.geometry.jacobians import JacobianSpectrum, jacobian_spectrum
from lsgeo.geometry.path_lengths import PathEnergies, gradient_path_energies, path_length_law
from lsgeo.geometry.permutation_groups import PermutationGroups, permutation_groups
from lsgeo.geometry.rank_collapse import rank_one_residual
from lsgeo.geometry.sharpness import (
    AverageSharpness,
    FilterRadius,
    FisherRaoNorm,
    HessianSharpness,
    KeskarSharpness,
    LearningCoefficient,
    PACBayesSigma,
    SAMSharpness,
    WorstSharpness,
    average_sharpness,
    filter_radius,
    fisher_rao_norm,
    hessian_sharpness,
    keskar_sharpness,
    learning_coefficient,
    pac_bayes_sigma,
    sam_sharpness,
    worst_sharpness,
)
from lsgeo.geometry.shattering import InputGradients, input_gradients
from lsgeo.geometry.singularities import (
    LinearDependence,
    Symmetry,
    SymmetryModes,
    UnitElimination,
    UnitOverlap,
    dense_chain,
    linear_dependence,
    normalized,
    rescaling,
    symmetry_modes,
    unit_elimination,
    unit_overlap,
)
from lsgeo.geometry.surfaces import Surface, surface
from lsgeo.geometry.trajectories import PrincipalPlane, principal_plane, random_walk_shares
from lsgeo.geometry.weight_matching import Matching, match_weights

__all__ = [
    "AverageSharpness",
    "Barrier",
    "CriticalPoint",
    "Curve",
    "CurveCurvature",
    "DescentState",
    "EdgeOfStability",
    "ElasticBand",
    "FilterRadius",
    "FisherRaoNorm",
    "FittedCurve",
    "FlowDistance",
    "FlowState",
    "GradientConfusion",
    "GradientNorms",
    "HessianSharpness",
    "InputGradients",
    "JacobianSpectrum",
    "KeskarSharpness",
    "LargestStableRate",
    "LearningCoefficient",
    "LinearDependence",
    "Matching",
    "PACBayesSigma",
    "PathEnergies",
    "PermutationGroups",
    "PrincipalPlane",
    "SAMSharpness",
    "Surface",
    "Symmetry",
    "SymmetryModes",
    "TopSubspace",
    "UnitElimination",
    "UnitOverlap",
    "WorstSharpness",
    "average_sharpness",
    "barrier_along",
    "classify_critical_point",
    "curvature_along",
    "dense_chain",
    "descend",
    "edge_of_stability",
    "filter_normalized_directions",
    "filter_radius",
    "fisher_rao_norm",
    "fit_curve",
    "flow_distance",
    "follow_flow",
    "gradient_confusion",
    "gradient_norms",
    "gradient_path_energies",
    "hessian_sharpness",
    "input_gradients",
    "jacobian_spectrum",
    "keskar_sharpness",
    "largest_stable_rate",
    "learning_coefficient",
    "linear_barrier",
    "linear_dependence",
    "match_activations",
    "match_weights",
    "normalize_filters",
    "normalized",
    "nudged_elastic_band",
    "pac_bayes_sigma",
    "path_length_law",
    "permutation_groups",
    "principal_plane",
    "random_direction",
    "random_walk_shares",
    "rank_one_residual",
    "relu_correlations",
    "rescaling",
    "sam_sharpness",
    "stability_limit",
    "surface",
    "symmetry_modes",
    "tanh_gradient_growth",
    "top_subspace",
    "unit_elimination",
    "unit_overlap",
    "worst_sharpness",
]
