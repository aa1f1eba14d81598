"""The command `python -m experiments.surface`."""

from experiments.common.launch import launch
from experiments.surface import run

launch(run, config_file="configs/surface.py")
