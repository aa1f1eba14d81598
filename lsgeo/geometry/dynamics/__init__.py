"""What full-batch training does to the curvature, and the curvature to training.

stability_limit      sharpness at which an optimiser is unstable, in closed form
largest_stable_rate  the learning rate at which training blows up, by training
descend              full-batch training, stopped at every k-th step to be looked at
edge_of_stability    sharpness along training against its limit
top_subspace         top eigenvectors at a step, and the gradient's share in them
follow_flow          the gradient flow
flow_distance        how far training strays from it
"""

from lsgeo.geometry.dynamics.descent import DescentState, descend
from lsgeo.geometry.dynamics.edge import EdgeOfStability, edge_of_stability
from lsgeo.geometry.dynamics.escape_times import EscapeComparison, Escapes, compare_escapes
from lsgeo.geometry.dynamics.escapes import escape, perturbed_starts
from lsgeo.geometry.dynamics.flow import FlowState, follow_flow
from lsgeo.geometry.dynamics.flow_distance import FlowDistance, flow_distance
from lsgeo.geometry.dynamics.limits import stability_limit
from lsgeo.geometry.dynamics.stable_rates import LargestStableRate, largest_stable_rate
from lsgeo.geometry.dynamics.top_subspace import TopSubspace, top_subspace

__all__ = [
    "DescentState",
    "EdgeOfStability",
    "EscapeComparison",
    "Escapes",
    "FlowDistance",
    "FlowState",
    "LargestStableRate",
    "TopSubspace",
    "compare_escapes",
    "descend",
    "edge_of_stability",
    "escape",
    "flow_distance",
    "follow_flow",
    "largest_stable_rate",
    "perturbed_starts",
    "stability_limit",
    "top_subspace",
]
