from experiments.convergence import run
from experiments.common.launch import launch

launch(run, config_file="configs/convergence.py")
