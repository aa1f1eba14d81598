"""The command `python -m experiments.paths`."""

from experiments.common.launch import launch
from experiments.paths import run

launch(run, config_file="configs/paths.py", shorthands=("run", "twin"))
