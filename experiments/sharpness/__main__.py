from experiments.sharpness import run
from experiments.common.launch import launch

launch(run, config_file="configs/sharpness.py")
