"""The command `python -m experiments.terrain`."""

from experiments.common.launch import launch
from experiments.terrain import run

launch(run, config_file="configs/terrain.py")
