from experiments.trajectory import run
from experiments.common.launch import launch

launch(run, config_file="configs/trajectory.py")
