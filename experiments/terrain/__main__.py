from experiments.terrain import run
from experiments.common.launch import launch

launch(run, config_file="configs/terrain.py")
