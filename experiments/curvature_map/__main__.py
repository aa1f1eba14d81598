"""The command `python -m experiments.curvature_map`."""

from experiments.common.launch import launch
from experiments.curvature_map import run

launch(run, config_file="configs/curvature_map.py")
