from experiments.gate import run
from experiments.common.launch import launch

launch(run, config_file="configs/gate.py")
