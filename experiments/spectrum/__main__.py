"""The command `python -m experiments.spectrum`."""

from experiments.common.launch import launch
from experiments.spectrum import run

launch(run, config_file="configs/spectrum.py", shorthands=("problem",))
