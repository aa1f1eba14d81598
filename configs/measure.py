"""One metric of the study, of the checkpoints of a training run.

Paper: each metric names its own, see `lsgeo.study.measures`.
Command: python -m experiments.measure --config=configs/measure.py --metric=confusion --config.run=runs/train
  --workdir=runs/measure
Expected: one line for each checkpoint with the metric's figures.
Run time: seconds to a minute on two CPU cores.
"""

from experiments.measure import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()
