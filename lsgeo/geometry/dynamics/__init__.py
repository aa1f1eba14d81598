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
from lsgeo.geometry.dynamics.flow import FlowState, follow_flow
from lsgeo.geometry.dynamics.flow_distance import FlowDistance, flow_distance
from lsgeo.geometry.dynamics.limits import stability_limit
from lsgeo.geometry.dynamics.stable_rates import LargestStableRate, largest_stable_rate
from lsgeo.geometry.dynamics.top_subspace import TopSubspace, top_subspace

__all__ = [
    "DescentState",
    "EdgeOfStability",
    "FlowDistance",
    "FlowState",
    "LargestStableRate",
    "TopSubspace",
    "descend",
    "edge_of_stability",
    "flow_distance",
    "follow_flow",
    "largest_stable_rate",
    "stability_limit",
    "top_subspace",
]
