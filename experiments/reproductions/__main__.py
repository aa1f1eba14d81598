"""The command `python -m experiments.reproductions`."""

from experiments.common.launch import launch
from experiments.reproductions import run

launch(run, config_file="configs/reproductions.py")
