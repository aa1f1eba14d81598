"""The command `python -m experiments.connectivity`."""

from experiments.common.launch import launch
from experiments.connectivity import run

launch(run, config_file="configs/connectivity.py")
