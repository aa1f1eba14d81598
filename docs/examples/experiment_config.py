"""Distance from initialisation of one training run; save as configs/distance.py.

Paper: Nagarajan and Kolter 2019, Generalization in deep networks: the role of distance from initialization.
Command: python -m experiments.distance --config.run=runs/train --workdir=runs/distance
Expected: a distance that grows as the loss falls.
Run time: 5 s on two CPU cores.
"""

from experiments.distance import Config


def get_config() -> Config:
    """Returns the configuration."""
    return Config()
