from experiments.paths import run
from experiments.common.launch import launch

launch(run, config_file="configs/paths.py", shorthands=("run", "twin"))
