"""Figures: functions (result, ax) -> None that draw results on given axes, without I/O.

`new_figure` makes axes without touching pyplot's global state, `to_svg` turns a figure into text
whose ink and arm colours follow the page that embeds it:

>>> from lsgeo.plotting import metric_by_depth, new_figure, to_svg
>>> figure, ax = new_figure()
>>> sharpness = {"skip": {8: [1.0, 2.0]}, "no skip": {8: [9.0, 8.0]}}
>>> metric_by_depth(sharpness, ax, label="largest eigenvalue", unit="nats / parameter²")
>>> to_svg(figure)[:4]
'<svg'

A label is any text. It has one colour, one marker and one line style in every figure of a session: those that
`ARMS` names for it, or spare ones, in the order in which labels are first drawn. The looks of the study's arms
("skip", "no skip" and so on) come with `import lsgeo.study`.
"""

from lsgeo.plotting.answers.laws import law as law
from lsgeo.plotting.answers.laws import law_panels as law_panels
from lsgeo.plotting.critical import index_against_loss as index_against_loss
from lsgeo.plotting.critical import kinds_of_points as kinds_of_points
from lsgeo.plotting.curves import TrainingCurve as TrainingCurve
from lsgeo.plotting.curves import metric_by_depth as metric_by_depth
from lsgeo.plotting.curves import training_curves as training_curves
from lsgeo.plotting.densities import spectral_densities as spectral_densities
from lsgeo.plotting.dynamics import dynamics_panels as dynamics_panels
from lsgeo.plotting.effects import EffectRow as EffectRow
from lsgeo.plotting.effects import effect_forest as effect_forest
from lsgeo.plotting.effects import effect_forests as effect_forests
from lsgeo.plotting.escape import trapped as trapped
from lsgeo.plotting.gates import gate_sweep as gate_sweep
from lsgeo.plotting.landscape.connections import curvature_profile as curvature_profile
from lsgeo.plotting.landscape.connections import loss_profiles as loss_profiles
from lsgeo.plotting.landscape.curvature_maps import curvature_maps as curvature_maps
from lsgeo.plotting.landscape.lines import loss_lines as loss_lines
from lsgeo.plotting.landscape.planes import surface_pair as surface_pair
from lsgeo.plotting.landscape.terrain import merge_tree_branches as merge_tree_branches
from lsgeo.plotting.landscape.terrain import minima_against_null as minima_against_null
from lsgeo.plotting.landscape.terrain import nested_values as nested_values
from lsgeo.plotting.landscape.terrain import persistence_diagram as persistence_diagram
from lsgeo.plotting.landscape.trajectories import Trajectory as Trajectory
from lsgeo.plotting.landscape.trajectories import trajectory_losses as trajectory_losses
from lsgeo.plotting.landscape.trajectories import trajectory_planes as trajectory_planes
from lsgeo.plotting.landscape.trajectories import variance_shares as variance_shares
from lsgeo.plotting.landscape.twins import Extremes as Extremes
from lsgeo.plotting.landscape.twins import depth_strip as depth_strip
from lsgeo.plotting.landscape.twins import loss_ramp as loss_ramp
from lsgeo.plotting.landscape.twins import twin_landscapes as twin_landscapes
from lsgeo.plotting.paths import deletions as deletions
from lsgeo.plotting.paths import lesions as lesions
from lsgeo.plotting.paths import path_shares as path_shares
from lsgeo.plotting.representations import branch_strength as branch_strength
from lsgeo.plotting.representations import layer_map as layer_map
from lsgeo.plotting.representations import lesion_shares as lesion_shares
from lsgeo.plotting.representations import representation_panels as representation_panels
from lsgeo.plotting.representations import reuse_map as reuse_map
from lsgeo.plotting.representations import reuse_panels as reuse_panels
from lsgeo.plotting.sharpness import sharpness_battery as sharpness_battery
from lsgeo.plotting.speeds import stable_rates as stable_rates
from lsgeo.plotting.speeds import steps_by_rate as steps_by_rate
from lsgeo.plotting.style import ARMS as ARMS
from lsgeo.plotting.style import Style as Style
from lsgeo.plotting.style import arm_style as arm_style
from lsgeo.plotting.style import css_variable as css_variable
from lsgeo.plotting.style import new_figure as new_figure
from lsgeo.plotting.style import save_svg as save_svg
from lsgeo.plotting.style import to_png as to_png
from lsgeo.plotting.style import to_svg as to_svg
