"""Axes of arrays read off a traced program, and the permutations that match two networks."""

from lsgeo.matching import axes as axes
from lsgeo.matching.activation_matching import match_activations
from lsgeo.matching.permutation_groups import PermutationGroups, permutation_groups
from lsgeo.matching.traced_axes import trace_axes as trace_axes
from lsgeo.matching.unit_axes import unit_axes as unit_axes
from lsgeo.matching.weight_matching import Matching, match_weights

__all__ = [
    "Matching",
    "PermutationGroups",
    "match_activations",
    "match_weights",
    "permutation_groups",
]
