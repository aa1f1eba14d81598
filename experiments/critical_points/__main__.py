from experiments.critical_points import run
from experiments.common.launch import launch

launch(run, config_file="configs/critical_points.py")
