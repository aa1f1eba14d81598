"""The command `python -m experiments.trajectory`."""

from experiments.common.launch import launch
from experiments.trajectory import run

launch(run, config_file="configs/trajectory.py")
