"""The command `python -m experiments.signals`."""

from experiments.common.launch import launch
from experiments.signals import run

launch(run, config_file="configs/signals.py")
