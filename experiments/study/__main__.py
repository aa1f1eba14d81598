"""python -m experiments.study."""

from experiments.common.launch import launch
from experiments.study import run

if __name__ == "__main__":
    launch(run, config_file="configs/study_quick.py", shorthands=("only", "shard", "dry_run"))
