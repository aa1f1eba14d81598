"""The command `python -m experiments.sharpness`."""

from experiments.common.launch import launch
from experiments.sharpness import run

launch(run, config_file="configs/sharpness.py")
