"""The command `python -m experiments.representations`."""

from experiments.common.launch import launch
from experiments.representations import run

launch(run, config_file="configs/representations.py", shorthands=("run", "twin"))
