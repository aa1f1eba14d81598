"""The command `python -m experiments.escape`."""

from experiments.common.launch import launch
from experiments.escape import run

launch(run, config_file="configs/escape.py")
