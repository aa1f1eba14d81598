"""python -m experiments.study."""

from experiments import _main
from experiments.study import run

if __name__ == "__main__":
    _main.launch(run, config_file="configs/study_quick.py", shorthands=("only", "shard", "dry_run"))
