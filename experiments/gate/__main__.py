"""The command `python -m experiments.gate`."""

from experiments.common.launch import launch
from experiments.gate import run

launch(run, config_file="configs/gate.py")
