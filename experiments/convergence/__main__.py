"""The command `python -m experiments.convergence`."""

from experiments.common.launch import launch
from experiments.convergence import run

launch(run, config_file="configs/convergence.py")
