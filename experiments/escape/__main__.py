from experiments.escape import run
from experiments.common.launch import launch

launch(run, config_file="configs/escape.py")
