from experiments.representations import run
from experiments.common.launch import launch

launch(run, config_file="configs/representations.py", shorthands=("run", "twin"))
