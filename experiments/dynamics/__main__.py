"""The command `python -m experiments.dynamics`."""

from experiments.common.launch import launch
from experiments.dynamics import run

launch(run, config_file="configs/dynamics.py")
