from experiments.dynamics import run
from experiments.common.launch import launch

launch(run, config_file="configs/dynamics.py")
