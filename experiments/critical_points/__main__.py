"""The command `python -m experiments.critical_points`."""

from experiments.common.launch import launch
from experiments.critical_points import run

launch(run, config_file="configs/critical_points.py")
