"""Figures: functions (result, ax) -> None that draw results on given axes, without I/O.

`new_figure` makes axes without touching pyplot's global state, `to_svg` turns a figure into text
whose ink and arm colours follow the page that embeds it:

>>> from lsgeo.plotting import metric_by_depth, new_figure, to_svg
>>> figure, ax = new_figure()
>>> sharpness = {"skip": {8: [1.0, 2.0]}, "no skip": {8: [9.0, 8.0]}}
>>> metric_by_depth(sharpness, ax, label="largest eigenvalue", unit="nats / parameter²")
>>> to_svg(figure)[:4]
'<svg'

A label has one colour, one marker and one line style in every figure: those that `ARMS` names for it,
or spare ones.
"""

from lsgeo.plotting.critical import index_against_loss, kinds_of_points
from lsgeo.plotting.curves import TrainingCurve, metric_by_depth, training_curves
from lsgeo.plotting.densities import spectral_densities
from lsgeo.plotting.dynamics import dynamics_panels
from lsgeo.plotting.effects import EffectRow, effect_forest, effect_forests
from lsgeo.plotting.escape import trapped
from lsgeo.plotting.gates import gate_sweep
from lsgeo.plotting.landscape.connections import curvature_profile, loss_profiles
from lsgeo.plotting.landscape.curvature_maps import curvature_maps
from lsgeo.plotting.landscape.lines import loss_lines
from lsgeo.plotting.landscape.planes import surface_pair
from lsgeo.plotting.landscape.terrain import (
    merge_tree_branches,
    minima_against_null,
    nested_values,
    persistence_diagram,
)
from lsgeo.plotting.landscape.trajectories import (
    Trajectory,
    trajectory_losses,
    trajectory_planes,
    variance_shares,
)
from lsgeo.plotting.paths import deletions, lesions, path_shares
from lsgeo.plotting.representations import (
    branch_strength,
    layer_map,
    lesion_shares,
    representation_panels,
    reuse_map,
    reuse_panels,
)
from lsgeo.plotting.sharpness import sharpness_battery
from lsgeo.plotting.speeds import stable_rates, steps_by_rate
from lsgeo.plotting.style import ARMS, Style, arm_style, css_variable, new_figure, save_svg, to_svg

__all__ = [
    "ARMS",
    "EffectRow",
    "Style",
    "TrainingCurve",
    "Trajectory",
    "arm_style",
    "branch_strength",
    "css_variable",
    "curvature_maps",
    "curvature_profile",
    "deletions",
    "dynamics_panels",
    "effect_forest",
    "effect_forests",
    "gate_sweep",
    "index_against_loss",
    "kinds_of_points",
    "layer_map",
    "lesion_shares",
    "lesions",
    "loss_lines",
    "loss_profiles",
    "merge_tree_branches",
    "metric_by_depth",
    "minima_against_null",
    "nested_values",
    "new_figure",
    "path_shares",
    "persistence_diagram",
    "representation_panels",
    "reuse_map",
    "reuse_panels",
    "save_svg",
    "sharpness_battery",
    "spectral_densities",
    "stable_rates",
    "steps_by_rate",
    "surface_pair",
    "to_svg",
    "training_curves",
    "trajectory_losses",
    "trajectory_planes",
    "trapped",
    "variance_shares",
]
